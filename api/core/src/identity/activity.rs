//! What happened around the security of accounts: kept apart from the facts of the business, and for a while only.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use daybook_domain::{schema_of_words, text::Reason, words};
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
        IdentityLinked = "identity_linked",
        IdentityUnlinked = "identity_unlinked",
        RolesChanged = "roles_changed",
        CustomRoleSet = "custom_role_set",
        CustomRoleDeleted = "custom_role_deleted",
        OrderClaimed = "order_claimed",
        Exported = "exported",
        Left = "left",
    }
}

schema_of_words!(ActivityEvent);

/// What is written down of it.
#[derive(Debug)]
pub struct Happened<'a> {
    /// `None`: there is no such account, or it is about none.
    pub account: Option<&'a str>,
    pub event: ActivityEvent,
    pub session: Option<Uuid>,
    /// The role that it is about.
    pub role: Option<&'a str>,
    /// What the role gives from then on.
    pub rules: Option<&'a [String]>,
    /// Why, in the words of the one who did it.
    pub reason: Option<&'a Reason>,
}

impl<'a> Happened<'a> {
    pub fn new(account: Option<&'a str>, event: ActivityEvent) -> Self {
        Self { account, event, session: None, role: None, rules: None, reason: None }
    }
}

/// One line, as it is shown.
#[derive(Debug, Serialize, ToSchema, sqlx::FromRow)]
pub struct ActivityLine {
    pub at: DateTime<Utc>,
    /// Absent if it was an attempt at an account that isn't there, or is about none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, examples("acc_019b0000000070008000000000000001"))]
    pub account: Option<String>,
    #[schema(examples("logged_in"))]
    pub event: String,
    /// Who did it, if it was not the owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub actor: Option<String>,
    /// What that is. Owners are told this, and not who it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<crate::values::ActorKind>)]
    pub actor_kind: Option<String>,
    /// The role that it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, examples("returns-desk"))]
    pub role: Option<String>,
    /// What that role gives from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_items = 1000)]
    pub rules: Option<Vec<String>>,
    /// Why it was done. Owners of accounts are not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<String>,
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

impl ActivityLine {
    /// As it is shown to the owner of the account. What others did is told without who they are, where they were, and
    /// what they said of it.
    #[must_use]
    pub fn shown_to_owner(self) -> Self {
        if self.actor.is_none() {
            return self;
        }
        Self { actor: None, address: None, reason: None, ..self }
    }
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
    let other = asker.actor.as_ref().filter(|actor| Some(actor.subject.as_str()) != happened.account);
    sqlx::query(
        "INSERT INTO activity (account, event, actor, session, address, request_id, actor_kind, role, rules, reason)
         VALUES ($1, $2, $3, $4, $5::inet, $6, $7, $8, $9, $10)",
    )
    .bind(happened.account)
    .bind(happened.event.as_str())
    .bind(other.map(|actor| actor.subject.as_str()))
    .bind(happened.session)
    .bind(asker.address.map(|address: IpAddr| address.to_string()))
    .bind(&asker.request_id)
    .bind(other.map(|actor| actor.kind.as_str()))
    .bind(happened.role)
    .bind(happened.rules)
    .bind(happened.reason.map(Reason::as_str))
    .execute(executor)
    .await?;
    Ok(())
}

/// The newest first.
pub async fn read(pool: &PgPool, lines: &Lines) -> Result<Vec<ActivityLine>, sqlx::Error> {
    sqlx::query_as(
        "SELECT id, at, account, event, actor, actor_kind, session, role, rules, reason, host(address) AS address,
                request_id
           FROM activity
          WHERE ($1::text IS NULL OR account = $1) AND id < $2 ORDER BY id DESC LIMIT $3",
    )
    .bind(&lines.account)
    .bind(lines.before.unwrap_or(i64::MAX))
    .bind(lines.limit)
    .fetch_all(pool)
    .await
}
