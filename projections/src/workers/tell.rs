//! Errors as the admin API tells them: without SQL, paths, addresses and secrets. The log has the whole text.

use std::error::Error;

/// Longer messages are cut.
const MAX_CHARS: usize = 300;

/// What failed, in words that may be read over the network.
pub trait Tell {
    fn tell(&self) -> String;
}

impl Tell for sqlx::Error {
    /// Messages of the database may quote statements and values, so they are left out.
    fn tell(&self) -> String {
        match self {
            Self::Database(error) => match error.code() {
                Some(code) => format!("{} (SQLSTATE {code})", meaning(&code)),
                None => "the database refused a statement".to_owned(),
            },
            Self::Io(error) => format!("the database can't be reached: {}", error.kind()),
            Self::Tls(_) => "there is no encrypted connection to the database".to_owned(),
            Self::PoolTimedOut => "no connection to the database became free in time".to_owned(),
            Self::Protocol(_) | Self::PoolClosed | Self::WorkerCrashed => {
                "the connection to the database was lost".to_owned()
            }
            _ => "the database answered something that can't be read".to_owned(),
        }
    }
}

/// What an operator can do something about. The codes are those of PostgreSQL's manual, appendix A.
fn meaning(code: &str) -> &'static str {
    match code {
        "53100" => "the disk of the database is full",
        "53300" => "the database takes no more connections",
        "55P03" => "another session holds a lock for too long",
        "57014" => "a statement took too long",
        "57P01" | "57P02" | "57P03" => "the database starts or stops",
        "25006" => "the database can only be read, as a standby can",
        "28P01" => "the database refused the password",
        _ => "the database refused a statement",
    }
}

impl Tell for Box<dyn Error + Send + Sync> {
    fn tell(&self) -> String {
        match self.downcast_ref::<sqlx::Error>() {
            Some(error) => error.tell(),
            None => without_places(&self.to_string()),
        }
    }
}

impl Tell for String {
    fn tell(&self) -> String {
        without_places(self)
    }
}

/// Leaves out every word that may be a path, or a URL with a password in it.
fn without_places(message: &str) -> String {
    let words = message.split_whitespace().map(|word| if word.contains('/') { "…" } else { word });
    words.collect::<Vec<_>>().join(" ").chars().take(MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    type Failure = Box<dyn Error + Send + Sync>;

    #[test]
    fn a_message_names_no_places() {
        let error: Failure = "can't open /etc/keys/nats.pem of nats://daybook:secret@10.0.0.7:4222".into();
        assert_eq!(error.tell(), "can't open … of …");
        assert_eq!("x ".repeat(1_000).tell().chars().count(), MAX_CHARS);
    }

    #[test]
    fn the_database_is_not_quoted() {
        let io = io::Error::new(io::ErrorKind::ConnectionRefused, "10.0.0.7:5432 refused it");
        let error: Failure = sqlx::Error::Io(io).into();
        assert_eq!(error.tell(), "the database can't be reached: connection refused");
        assert_eq!(
            (meaning("53100"), meaning("42P01")),
            ("the disk of the database is full", "the database refused a statement")
        );
        let error = sqlx::Error::Protocol("SELECT payload FROM events".into());
        assert_eq!(error.tell(), "the connection to the database was lost");
    }
}
