//! Sessions: logging in, staying logged in, and logging out.

use actix_web::http::Method;
use chrono::{DateTime, Utc};
use daybook_core::{
    identity::{
        codes::IdentityCode,
        passwords::Password,
        session_list::SessionView,
        sessions::{Credentials, Tokens},
    },
    values::{Email, NoticedReason},
};
use daybook_domain::{Code, account::SessionsEnd, ids::AccountId, policy::Action};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    act::{Empty, Made, act, show},
    arrived::{NoQuery, Nothing},
    problem::Problem,
    route::{Did, Door, Route},
};

const REFUSED: &[Code] = &[
    IdentityCode::InvalidCredentials.code(),
    IdentityCode::SecondFactorRequired.code(),
    IdentityCode::AccountsElsewhere.code(),
];
const ELSEWHERE: &[Code] = &[IdentityCode::AccountsElsewhere.code()];
const OWN: Door = Door::Action(Action::ManageAccount);

#[rustfmt::skip]
pub fn routes() -> Vec<Route> {
    vec![
        act("session.begin", Method::POST, "/v1/sessions", "Logs in with an e-mail address and a password, and a code if the account has a second factor. Whatever is wrong, the refusal is the same.", Door::Open, REFUSED,
            |app, asker, (), LogIn { email, password, code, device }| async move {
                let said = Credentials { email: &email.0, password: &password, code: code.as_deref(), device: device.as_deref() };
                Ok(Made(Session::from(app.identity.sessions.log_in(&asker, &said).await?)))
            }),
        act("session.refresh", Method::POST, "/v1/sessions/refresh", "The next tokens of a session. A refresh token that was used brings the same next ones again as long as the next refresh token was not used, and for 30 s after it was; later it is taken for stolen, and the session ends.", Door::Open, ELSEWHERE,
            |app, asker, (), Refresh { refresh_token }| async move {
                Ok(Did(Session::from(app.identity.sessions.refresh(&asker, &refresh_token).await?)))
            }),
        show("sessions.list", "/v1/sessions", "Your sessions that have not ended, the newest first. At most 100 of them.", Action::ManageAccount,
            |app, asker, (), NoQuery {}| async move {
                let sessions = app.identity.sessions.list(&asker).await?;
                Ok::<_, Problem>(Sessions::from(sessions))
            }),
        act("session.confirm", Method::POST, "/v1/sessions/current/confirmation", "Shows once more who you are, which is needed for what is dangerous.", OWN, REFUSED,
            |app, asker, (), Confirmation { password, code }| async move {
                app.identity.sessions.confirm(&asker, &password, code.as_deref()).await?;
                Ok(Did(Empty {}))
            }),
        act("session.end_current", Method::DELETE, "/v1/sessions/current", "Logs out: this session and its tokens end, in every process within a second.", OWN, &[],
            |app, asker, (), Nothing {}| async move {
                app.identity.sessions.end_current(&asker).await?;
                Ok(Did(Empty {}))
            }),
        act("session.end", Method::DELETE, "/v1/sessions/{id}", "Ends one of your sessions, and its tokens.", OWN, &[],
            |app, asker, id: Uuid, Nothing {}| async move {
                app.identity.sessions.end_one(&asker, id).await?;
                Ok(Did(Empty {}))
            }),
        act("session.end_all", Method::DELETE, "/v1/sessions", "Logs out everywhere: all your sessions end, this one included, and their tokens.", OWN, &[],
            |app, asker, (), Nothing {}| async move {
                let account = asker.subject().unwrap_or_default().to_owned();
                app.identity.sessions.end_all(&asker, &account, SessionsEnd::LoggedOut, None).await?;
                Ok(Did(Empty {}))
            }),
        show("account_sessions.list", "/v1/accounts/{id}/sessions", "The sessions of an account that have not ended, the newest first. At most 100 of them. Those of administrators need account.grant_roles.", Action::EndSessions,
            |app, asker, id: AccountId, NoQuery {}| async move {
                let sessions = app.identity.sessions.list_others(&asker, &id.to_string()).await?;
                Ok::<_, Problem>(Sessions::from(sessions))
            }),
        act("account_sessions.end", Method::DELETE, "/v1/accounts/{id}/sessions", "Ends all sessions of an account, and their tokens: in this process at once, in every other one within a second. Its owner is told by mail. Those of administrators need account.grant_roles.", Door::Action(Action::EndSessions), &[],
            |app, asker, id: AccountId, EndOthers { reason }| async move {
                app.identity.sessions.end_others(&asker, &id.to_string(), &reason.0).await?;
                Ok(Did(Empty {}))
            }),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "email": "alice@example.com", "password": "correct horse battery staple" })))]
struct LogIn {
    email: Email,
    password: Password,
    /// The code that an authenticator app shows, or a recovery code.
    #[schema(max_length = 64, examples("287082"))]
    code: Option<String>,
    /// `device` of a log-in before: strangers can't use up what is left of its tries.
    #[schema(max_length = 200)]
    device: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RefreshSession)]
struct Refresh {
    #[schema(max_length = 200, examples("drt_0a1b2c3d_019b0000000070008000000000000001_1_AAAA"))]
    refresh_token: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConfirmSession)]
struct Confirmation {
    password: Password,
    /// The code that an authenticator app shows, or a recovery code.
    #[schema(max_length = 64, examples("287082"))]
    code: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EndSessions, examples(json!({ "reason": "The phone was stolen." })))]
struct EndOthers {
    reason: NoticedReason,
}

/// What a log-in or a refresh brings.
#[derive(Serialize, ToSchema)]
#[schema(as = SessionTokens)]
pub struct Session {
    /// To be sent as `Authorization: Bearer`.
    access_token: String,
    #[schema(examples("Bearer"))]
    token_type: &'static str,
    /// How long the access token is good, in seconds.
    #[schema(minimum = 1)]
    expires_in: u64,
    /// Brings the next tokens.
    #[schema(examples("drt_0a1b2c3d_019b0000000070008000000000000001_1_AAAA"))]
    refresh_token: String,
    session: Uuid,
    /// To be kept on this device, and sent with its next log-in.
    device: String,
    /// The session ends then at the latest.
    ends_at: DateTime<Utc>,
}

impl From<Tokens> for Session {
    fn from(tokens: Tokens) -> Self {
        Self {
            access_token: tokens.access_token,
            token_type: "Bearer",
            expires_in: tokens.expires_in,
            refresh_token: tokens.refresh_token,
            session: tokens.session,
            device: tokens.device,
            ends_at: tokens.until,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = SessionList)]
pub struct Sessions {
    #[schema(max_items = 100)]
    data: Vec<OneSession>,
}

impl From<Vec<SessionView>> for Sessions {
    fn from(sessions: Vec<SessionView>) -> Self {
        Self { data: sessions.into_iter().map(Into::into).collect() }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
struct OneSession {
    id: Uuid,
    /// Whether it is the one that you ask with.
    current: bool,
    created_at: DateTime<Utc>,
    last_used: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    /// Where it was begun.
    #[schema(required, examples("192.0.2.1"))]
    address: Option<String>,
    /// What the program called itself that it was begun with.
    #[schema(required)]
    user_agent: Option<String>,
}

impl From<SessionView> for OneSession {
    fn from(view: SessionView) -> Self {
        let (address, user_agent) =
            view.device.map(|device| (device.address, device.user_agent)).unwrap_or_default();
        Self {
            id: view.id,
            current: view.is_current,
            created_at: view.created_at,
            last_used: view.last_used,
            ends_at: view.until,
            address,
            user_agent,
        }
    }
}
