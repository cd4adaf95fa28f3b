//! What Daybook is told about the servers of a place.

use std::{env, path::PathBuf};

use crate::{authority, place::Place};

/// Where the demo shop is.
pub const COUNTRY: &str = "DE";
const ROLES: &str = "api,relay,projections,reactor,publisher";

/// The variables of a `daybook` that runs there.
pub fn of_daybook(place: &Place) -> Vec<(&'static str, String)> {
    let database = format!("127.0.0.1:{}/daybook", place.noted("postgres.port"));
    let url = |role: &str| format!("postgres://daybook_{role}:{}@{database}", place.secret(role));
    let or = |name: &str, default: &str| {
        let given = env::var(name).ok().filter(|value| !value.is_empty());
        given.unwrap_or_else(|| default.to_owned())
    };
    let mut variables = vec![
        ("DAYBOOK_HOME", place.path().display().to_string()),
        ("DAYBOOK_ENVIRONMENT", "development".into()),
        ("DAYBOOK_DATABASE_URL", url("app")),
        ("DAYBOOK_MIGRATE_DATABASE_URL", url("owner")),
        ("DAYBOOK_NATS_URL", nats_url(place)),
        ("DAYBOOK_ROLES", or("DAYBOOK_ROLES", ROLES)),
        ("DAYBOOK_COMMANDS__TAX__HOME", or("DAYBOOK_COMMANDS__TAX__HOME", COUNTRY)),
        ("DAYBOOK_API_LISTEN", place.noted("api.listen")),
        ("DAYBOOK_ADMIN_LISTEN", place.noted("admin.listen")),
        ("DAYBOOK_TELEMETRY_LISTEN", place.noted("telemetry.listen")),
    ];
    // Servers that an earlier release started have none.
    let door = place.noted("door.listen");
    if !door.is_empty() {
        let file = |path: PathBuf| path.display().to_string();
        variables.extend([
            ("DAYBOOK_DOOR__LISTEN", door),
            ("DAYBOOK_DOOR__CERTIFICATE_FILE", file(authority::certificate_file(place))),
            ("DAYBOOK_DOOR__KEY_FILE", file(authority::key_file(place))),
        ]);
    }
    variables
}

/// Where the door of EventStoreDB is. Its certificate has this name, wherever it listens.
pub fn door(place: &Place) -> String {
    let noted = place.noted("door.listen");
    format!("localhost:{}", noted.rsplit_once(':').map_or("", |(_, port)| port))
}

/// Where analysts ask the database.
pub fn analyst_url(place: &Place) -> String {
    let (secret, port) = (place.secret("analyst"), place.noted("postgres.port"));
    format!("postgres://daybook_analyst:{secret}@127.0.0.1:{port}/daybook")
}

pub fn nats_url(place: &Place) -> String {
    format!("nats://127.0.0.1:{}", place.noted("nats.port"))
}

pub fn superuser_url(place: &Place) -> String {
    as_superuser(place, "postgres")
}

/// A database, as one who may do anything there.
pub fn as_superuser(place: &Place, database: &str) -> String {
    let (secret, port) = (place.secret("superuser"), place.noted("postgres.port"));
    format!("postgres://postgres:{secret}@127.0.0.1:{port}/{database}")
}
