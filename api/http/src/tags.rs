//! The groups of the document, by the first segment of a path that names something.

/// Segment, name, and what the group is about.
const TAGS: &[(&str, &str, &str)] = &[
    ("products", "products", "The catalogue: what is for sale, and for how much."),
    ("stock", "stock", "How much there is of each product."),
    ("orders", "orders", "Orders, from placing to delivery."),
    ("quotes", "orders", "Orders, from placing to delivery."),
    ("sales", "sales", "What was sold, added up."),
    ("tax", "taxes", "Which taxes are on what is sold."),
    ("accounts", "accounts", "People who can log in, and what they do with their accounts."),
    ("roles", "accounts", "People who can log in, and what they do with their accounts."),
    ("activity", "accounts", "People who can log in, and what they do with their accounts."),
    ("sessions", "sessions", "Logging in, staying logged in, and logging out."),
    ("api-keys", "API keys", "Keys of programs, which act for an account."),
    ("account", "account pages", "Pages for people who have an account, in HTML, for browsers."),
    ("events", "events", "What happened, in order: the log of public events."),
    ("event-types", "events", "What happened, in order: the log of public events."),
    ("projections", "projections", "The read models and other followers of the log, and how far they are."),
    ("rebuilds", "projections", "The read models and other followers of the log, and how far they are."),
    ("verifications", "log", "The log itself, and whether all that is made of it agrees with it."),
    ("log", "log", "The log itself, and whether all that is made of it agrees with it."),
    ("log-levels", "log levels", "Which lines this process writes to its own log."),
    ("dead-letters", "dead letters", "What could not be done, and what should become of it."),
    ("workers", "workers", "What the process does in the background."),
    ("effects", "effects", "What has to be done because of events, such as mails, and what was done."),
    ("audit", "audit", "Who did what to the running system, and who was refused."),
    ("features", "features", "What the database may hold that the release before can't read."),
    ("configuration", "process", "This process: its settings, and its last hour in numbers."),
    ("measures", "process", "This process: its settings, and its last hour in numbers."),
    ("console", "console", "The page for operators, and its log-in."),
    ("revocations", "tokens", "Tokens that end before their time."),
];
/// Everything else.
const ABOUT: (&str, &str) = ("about", "The server itself: is it well, who may do what, and this document.");

/// The group of a path.
pub fn of(path: &str) -> &'static str {
    let mut segments = path.split('/').filter(|segment| !matches!(*segment, "" | "v1" | "admin"));
    let first = segments.next().unwrap_or_default();
    TAGS.iter().find(|(segment, ..)| *segment == first).map_or(ABOUT.0, |(_, name, _)| name)
}

/// What the group of that name is about.
pub fn description(name: &str) -> &'static str {
    TAGS.iter().find(|(_, other, _)| *other == name).map_or(ABOUT.1, |(.., description)| description)
}
