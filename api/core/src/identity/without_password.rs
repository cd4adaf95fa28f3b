//! Sessions of people whom another issuer knows: what is asked of them here all the same.

use uuid::Uuid;

use super::{asker::Asker, error::IdentityError, sessions::Sessions, shared::Loaded};

impl Sessions {
    /// An account to which someone logs in without its password, and who shows its second factor, if it has one.
    pub async fn prove(
        &self,
        asker: &Asker,
        account: &str,
        code: Option<&str>,
        device: Option<&str>,
    ) -> Result<Loaded, IdentityError> {
        let device = match device {
            Some(device) => self.known_device(device, account).await?,
            None => None,
        };
        let loaded = self.shared.load(account).await?;
        let credentials = self.shared.credentials(account).await?;
        self.factors.prove(asker, &loaded, &credentials, code, device).await?;
        Ok(loaded)
    }

    /// Whether this is a session of that account that has not ended.
    pub async fn is_open(&self, asker: &Asker, session: Uuid, account: &str) -> Result<bool, IdentityError> {
        let found = sqlx::query(
            "SELECT FROM sessions
              WHERE id = $1 AND account = $2 AND ended_at IS NULL AND idle_until > $3 AND until > $3",
        )
        .bind(session)
        .bind(account)
        .bind(asker.now)
        .fetch_optional(&self.shared.pool)
        .await?;
        Ok(found.is_some())
    }
}
