//! The codes of a command that is refused for no reason of the domain, or fails.

use daybook_domain::codes;

codes! {
    "codes",
    pub enum CommandCode {
        StaleVersion = Stale, "stale_version", "Stale version";
        KeyReused = Invalid, "idempotency_key_reused", "Idempotency key reused";
        KeyInFlight = Conflict, "idempotency_in_flight", "Request in flight";
        OutcomeUnknown = Unavailable, "outcome_unknown", "Outcome unknown";
    }
}
