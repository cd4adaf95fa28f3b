//! What happened around the security of accounts: kept apart from the facts of the business, and for a while only.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use daybook_domain::{schema_of_words, words};
use serde::Serialize;
use sqlx::{PgExecutor, PgPool};
use utoipa::ToSchema;
use uuid::Uuid;

use super::asker::Asker;

words! {
    /// Something that its owner should be able to see.
    pub enum ActivityEvent {
        Registered = "registered",
        LoggedIn = "logged_in",
        LogInFailed = "log_in_failed",
        SecondFactorFailed = "second_factor_failed",
        Confirmed = "confirmed",
        LoggedOut = "logged_out",
        SessionEnded = "session_ended",
        SessionsEnded = "sessions_ended",
        /// A refresh token was used a second time, after its successor.
        TokenReused = "token_reused",
        PasswordChanged = "password_changed",
        ResetRequested = "reset_requested",
        PasswordReset = "password_reset",
        AddressChangeRequested = "address_change_requested",
        AddressVerified = "address_verified",
        SecondFactorAdded = "second_factor_added",
        SecondFactorRemoved = "second_factor_removed",
        RecoveryCodeUsed = "recovery_code_used",
        RecoveryCodesMade = "recovery_codes_made",
        KeyIssued = "key_issued",
        KeyRotated = "key_rotated",
        KeyRevoked = "key_revoked",
        RolesChanged = "roles_changed",
        OrderClaimed = "order_claimed",
        Exported = "exported",
        Left = "left",
    }
}

schema_of_words!(ActivityEvent);

/// What is written down of it.
#[derive(Debug)]
pub struct Happened<'a> {
    /// `None`: there is no such account.
    pub account: Option<&'a str>,
    pub event: ActivityEvent,
    pub session: Option<Uuid>,
}

/// One line, as it is shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct ActivityLine {
    pub at: DateTime<Utc>,
    /// Absent if it was an attempt at an account that isn't there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, examples("acc_019b0000000070008000000000000001"))]
    pub account: Option<String>,
    #[schema(examples("logged_in"))]
    pub event: String,
    /// Who did it, if it was not the owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub actor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub session: Option<Uuid>,
    #[schema(required, examples("192.0.2.1"))]
    pub address: Option<String>,
    pub request_id: String,
    /// Its place among all lines.
    #[serde(skip)]
    pub id: i64,
}

/// Which lines.
#[derive(Debug, Clone, Default)]
pub struct Lines {
    /// Only those of this account.
    pub account: Option<String>,
    /// Those in front of this one.
    pub before: Option<i64>,
    pub limit: i64,
}

pub async fn note(
    executor: impl PgExecutor<'_>,
    asker: &Asker,
    happened: &Happened<'_>,
) -> Result<(), sqlx::Error> {
    let actor = asker.actor.as_ref().map(|actor| actor.subject.as_str());
    let actor = actor.filter(|actor| Some(*actor) != happened.account);
    sqlx::query(
        "INSERT INTO activity (account, event, actor, session, address, request_id)
         VALUES ($1, $2, $3, $4, $5::inet, $6)",
    )
    .bind(happened.account)
    .bind(happened.event.as_str())
    .bind(actor)
    .bind(happened.session)
    .bind(asker.address.map(|address: IpAddr| address.to_string()))
    .bind(&asker.request_id)
    .execute(executor)
    .await?;
    Ok(())
}

type Row = (i64, DateTime<Utc>, Option<String>, String, Option<String>, Option<Uuid>, Option<String>, String);

/// The newest first.
pub async fn read(pool: &PgPool, lines: &Lines) -> Result<Vec<ActivityLine>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, at, account, event, actor, session, host(address), request_id FROM activity
          WHERE ($1::text IS NULL OR account = $1) AND id < $2 ORDER BY id DESC LIMIT $3",
    )
    .bind(&lines.account)
    .bind(lines.before.unwrap_or(i64::MAX))
    .bind(lines.limit)
    .fetch_all(pool)
    .await?;
    let line = |(id, at, account, event, actor, session, address, request_id): Row| ActivityLine {
        id,
        at,
        account,
        event,
        actor,
        session,
        address,
        request_id,
    };
    Ok(rows.into_iter().map(line).collect())
}
