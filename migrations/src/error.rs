//! What kind of failure a database error is: that decides who is told what, and whether to try again.

use sqlx::Error;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// Another transaction was faster (unique violation, serialization failure, deadlock). Try again.
    Conflict,
    /// This data can't be stored, however often it is tried (class 22 and the rest of 23).
    Data,
    /// It is not possible now (a limit, a timeout, a lock, a shutdown), and is known not to have happened.
    Busy,
    /// The connection is gone. If a statement was under way, it is unknown whether it was done.
    Gone,
    /// A defect of ours: a wrong statement, a missing table, a missing right.
    Defect,
}

/// The class of `error`, by its SQLSTATE (PostgreSQL, appendix A) where it has one.
pub fn classify(error: &Error) -> ErrorClass {
    match error {
        Error::Database(error) => error.code().map_or(ErrorClass::Defect, |code| classify_state(&code)),
        Error::PoolTimedOut => ErrorClass::Busy,
        Error::Io(_) | Error::Tls(_) | Error::Protocol(_) | Error::PoolClosed | Error::WorkerCrashed => {
            ErrorClass::Gone
        }
        _ => ErrorClass::Defect,
    }
}

fn classify_state(code: &str) -> ErrorClass {
    match code {
        "23505" | "40001" | "40P01" => ErrorClass::Conflict,
        // Sessions that were ended from outside, perhaps while they committed.
        "57P01" | "57P02" | "57P05" | "25P03" => ErrorClass::Gone,
        // What was prepared before the schema changed can't be used on this connection any more.
        "0A000" => ErrorClass::Gone,
        // The server is starting or stopping, or has too many clients; nothing was begun.
        "57P03" | "55P03" | "25006" => ErrorClass::Busy,
        _ => match code.get(..2) {
            Some("22" | "23") => ErrorClass::Data,
            Some("53" | "57") => ErrorClass::Busy,
            Some("08" | "58" | "XX") => ErrorClass::Gone,
            _ => ErrorClass::Defect,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_happened_is_never_called_busy() {
        for gone in ["08006", "0A000", "57P01", "57P02", "XX000", "58030"] {
            assert_eq!(classify_state(gone), ErrorClass::Gone, "{gone}");
        }
        for busy in ["57014", "53300", "53100", "57P03", "55P03"] {
            assert_eq!(classify_state(busy), ErrorClass::Busy, "{busy}");
        }
        assert_eq!(classify_state("22021"), ErrorClass::Data);
        assert_eq!(classify_state("23514"), ErrorClass::Data);
        assert_eq!(classify_state("23505"), ErrorClass::Conflict);
        assert_eq!(classify_state("42P01"), ErrorClass::Defect);
    }
}
