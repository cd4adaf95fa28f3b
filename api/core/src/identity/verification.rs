//! Links that show that the one who follows them gets an account's mails.

use async_trait::async_trait;
use daybook_domain::ids::AccountId;
use daybook_projections::EffectError;
use uuid::Uuid;

/// Makes the links that mails have.
#[async_trait]
pub trait VerificationLinks: Send + Sync {
    /// Where the address with this id is verified; `None` if it doesn't wait for that any more. A mail that is sent again
    /// has the same link.
    async fn verification(&self, account: AccountId, address: Uuid) -> Result<Option<String>, EffectError>;
}
