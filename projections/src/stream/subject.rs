//! Under which subject an event is published: `{prefix}.events.{aggregate}.{event}`.

use daybook_domain::Record;

pub(crate) fn subject(prefix: &str, record: &Record) -> String {
    format!("{prefix}.events.{}.{}", token(&record.aggregate_type), token(&record.event_type))
}

/// All subjects of the stream.
pub(crate) fn all(prefix: &str) -> String {
    format!("{prefix}.events.>")
}

/// A part between dots. Whatever means something to NATS becomes `_`: a strange name must not stop
/// the relay.
fn token(name: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') { c } else { '_' };
    if name.is_empty() { "_".to_owned() } else { name.chars().map(allowed).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_become_wildcards_or_parts() {
        assert_eq!(token("OrderPlaced"), "OrderPlaced");
        assert_eq!(token("a.b >*\r\n"), "a_b_____");
        assert_eq!(token(""), "_");
    }
}
