//! Under which subject an event is published: `{prefix}.{room}.{aggregate}.{event}`.

/// What a stream is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Room {
    /// Records, for consumers of this installation.
    Records,
    /// Public events, for other systems.
    Public,
}

pub(crate) fn subject(prefix: &str, room: Room, aggregate: &str, event: &str) -> String {
    format!("{prefix}.{}.{}.{}", room.as_str(), token(aggregate), token(event))
}

/// All subjects of the stream.
pub(crate) fn all(prefix: &str, room: Room) -> String {
    format!("{prefix}.{}.>", room.as_str())
}

impl Room {
    fn as_str(self) -> &'static str {
        match self {
            Self::Records => "events",
            Self::Public => "public",
        }
    }
}

/// A part between dots. Whatever means something to NATS becomes `_`: a strange name must not stop
/// a stream.
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

    #[test]
    fn records_and_public_events_have_no_subject_in_common() {
        assert_eq!(
            subject("daybook", Room::Public, "order", "OrderPlaced"),
            "daybook.public.order.OrderPlaced"
        );
        assert_eq!(
            (all("d", Room::Records), all("d", Room::Public)),
            ("d.events.>".into(), "d.public.>".into())
        );
    }
}
