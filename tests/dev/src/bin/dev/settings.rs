//! What Daybook is told about the servers of a place.

use std::env;

use crate::place::Place;

const ROLES: &str = "api,relay,projections,reactor,publisher";

/// The variables of a `daybook` that runs there.
pub fn of_daybook(place: &Place) -> Vec<(&'static str, String)> {
    let database = format!("127.0.0.1:{}/daybook", place.noted("postgres.port"));
    let url = |role: &str| format!("postgres://daybook_{role}:{}@{database}", place.secret(role));
    let roles = env::var("DAYBOOK_ROLES").ok().filter(|roles| !roles.is_empty());
    vec![
        ("DAYBOOK_HOME", place.path().display().to_string()),
        ("DAYBOOK_ENVIRONMENT", "development".into()),
        ("DAYBOOK_DATABASE_URL", url("app")),
        ("DAYBOOK_MIGRATE_DATABASE_URL", url("owner")),
        ("DAYBOOK_NATS_URL", nats_url(place)),
        ("DAYBOOK_ROLES", roles.unwrap_or_else(|| ROLES.into())),
        ("DAYBOOK_API_LISTEN", place.noted("api.listen")),
        ("DAYBOOK_ADMIN_LISTEN", place.noted("admin.listen")),
        ("DAYBOOK_TELEMETRY_LISTEN", place.noted("telemetry.listen")),
    ]
}

pub fn nats_url(place: &Place) -> String {
    format!("nats://127.0.0.1:{}", place.noted("nats.port"))
}

pub fn superuser_url(place: &Place) -> String {
    let (secret, port) = (place.secret("superuser"), place.noted("postgres.port"));
    format!("postgres://postgres:{secret}@127.0.0.1:{port}/postgres")
}
