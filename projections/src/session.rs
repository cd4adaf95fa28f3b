//! A connection that one worker keeps for itself: a pool would test it before and after each statement,
//! which costs more than many a statement does.

use std::sync::{Mutex, PoisonError};

use sqlx::{ConnectOptions, PgConnection, postgres::PgConnectOptions};

#[derive(Default)]
pub(crate) struct Session(Mutex<Option<PgConnection>>);

impl Session {
    /// The one that was given back, else a new one. After a failure a connection is not given back.
    pub async fn take(&self, connect: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        match kept {
            Some(connection) => Ok(connection),
            None => connect.connect().await,
        }
    }

    pub fn give_back(&self, connection: PgConnection) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
    }
}
