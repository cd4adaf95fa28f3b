//! Can everything be read that is sealed in the database, or that accounts depend on? Asked of a copy that was restored.

use argon2::password_hash::phc::PasswordHash;
use daybook_domain::reactions::EffectKind;
use futures::TryStreamExt;
use sqlx::{Connection, Executor, FromRow, PgConnection, postgres::PgConnectOptions};
use uuid::Uuid;

use crate::{
    identity::{factors, secrets, shared},
    vault::Vault,
};

/// What was found of one kind of thing.
#[derive(Debug, Clone)]
pub struct Unsealed {
    /// What it is, in the plural.
    pub what: &'static str,
    /// Whether the master key opens it.
    pub is_sealed: bool,
    pub rows: u64,
    pub unreadable: u64,
    /// The id of the first row that can't be read.
    pub first_unreadable: Option<String>,
}

/// Tries all of it. Nothing that is opened is kept or told.
pub async fn unseal_all(connect: &PgConnectOptions, vault: &Vault) -> Result<Vec<Unsealed>, sqlx::Error> {
    let mut connection = PgConnection::connect_with(connect).await?;
    // There may be a key for each of millions of customers.
    connection.execute("SET statement_timeout = 0").await?;
    let persons = "SELECT key_id AS id, owner AS named, wrapped_key AS stored FROM person_keys";
    let computing = "SELECT id, kind AS named, wrapped_key AS stored FROM secret_keys";
    let one_time = "SELECT id, kind AS named, secret AS stored FROM credentials WHERE kind = 'totp'";
    let effects =
        "SELECT event_id AS id, kind AS named, payload AS stored FROM effects WHERE payload IS NOT NULL";
    let passwords = "SELECT id, kind AS named, secret AS stored FROM credentials WHERE kind = 'password'";
    let opens = |context: &[u8], stored| vault.open_secret(context, stored).is_ok();
    Ok(vec![
        look(&mut connection, "keys of persons", true, persons, |row: Row<Uuid>| {
            vault.unwraps(row.id, &row.named, row.stored)
        })
        .await?,
        look(&mut connection, "keys that accounts depend on", true, computing, |row: Row<String>| {
            opens(&secrets::context(&row.named, &row.id), row.stored)
        })
        .await?,
        look(&mut connection, "secrets of one-time passwords", true, one_time, |row: Row<Uuid>| {
            opens(&factors::context(row.id), row.stored)
        })
        .await?,
        look(&mut connection, "sealed effects", true, effects, |row: Row<Uuid>| {
            let kind = row.named.parse::<EffectKind>();
            kind.is_ok_and(|kind| opens(&shared::context(row.id, kind), row.stored))
        })
        .await?,
        look(&mut connection, "passwords", false, passwords, |row: Row<Uuid>| {
            std::str::from_utf8(&row.stored).is_ok_and(|text| PasswordHash::new(text).is_ok())
        })
        .await?,
    ])
}

#[derive(FromRow)]
struct Row<Id> {
    id: Id,
    /// What it is bound to beside its id.
    named: String,
    stored: Vec<u8>,
}

async fn look<Id>(
    connection: &mut PgConnection,
    what: &'static str,
    is_sealed: bool,
    sql: &'static str,
    mut is_readable: impl FnMut(Row<Id>) -> bool,
) -> Result<Unsealed, sqlx::Error>
where
    Id: ToString,
    Row<Id>: for<'r> FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
{
    let mut found = Unsealed { what, is_sealed, rows: 0, unreadable: 0, first_unreadable: None };
    let mut rows = sqlx::query_as::<_, Row<Id>>(sql).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        found.rows += 1;
        let id = row.id.to_string();
        if !is_readable(row) {
            found.unreadable += 1;
            found.first_unreadable.get_or_insert(id);
        }
    }
    Ok(found)
}
