//! What a request is called, in the log and in the audit.

use crate::entropy;

const MAX_BYTES: usize = 128;

/// The client's own name for it, if that can be written in a log line; a new one otherwise.
pub fn of(given: Option<&str>) -> String {
    let is_safe = |id: &&str| {
        (1..=MAX_BYTES).contains(&id.len())
            && id.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.' | b':'))
    };
    given.filter(is_safe).map_or_else(new, str::to_owned)
}

pub fn new() -> String {
    entropy::new_id().simple().to_string()
}
