//! The codes of a query that can't be answered yet, and of what operators can't do now.

use daybook_domain::codes;

codes! {
    "codes",
    pub enum DownstreamCode {
        Conflict = Conflict, "conflict", "Conflict";
        AlreadyRunning = Conflict, "already_running", "Already running";
        ReadModelBehind = Unavailable, "read_model_behind", "Read model behind";
    }
}
