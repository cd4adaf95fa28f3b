//! How a browser stays logged in at the console. The refresh token is in a cookie that no script sees, and that is sent to
//! these routes only; the page has the access token, in its memory. Another site can't use the cookie: browsers don't
//! send it along, and a request that doesn't come from this listener's own page is refused.

use std::future::Future;

use actix_web::{
    HttpResponse,
    http::{
        Method, StatusCode,
        header::{self, HeaderMap},
    },
};
use chrono::{DateTime, Utc};
use daybook_core::{
    app::App,
    identity::{
        asker::Asker,
        codes::IdentityCode,
        error::IdentityError,
        passwords::Password,
        sessions::{Credentials, Tokens},
    },
    values::Email,
};
use daybook_domain::{Code, policy::PolicyCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    about::{About, Kind},
    act::{self, Empty},
    answer::{self, Answer},
    arrived::{Arrived, Body, NoQuery, Nothing},
    context,
    pages::{find_cookie, refuse_foreign},
    route::{Door, JSON, Route},
};

const SESSION: &str = "/console/session";
const REFRESH: &str = "/console/session/refresh";
/// The listener's own name. Over https, it has a prefix with which browsers take only what came over https.
const COOKIE: &str = "daybook-console";

const LOG_IN: &[Code] = &[
    PolicyCode::Forbidden.code(),
    IdentityCode::InvalidCredentials.code(),
    IdentityCode::SecondFactorRequired.code(),
    IdentityCode::AccountsElsewhere.code(),
];
const GO_ON: &[Code] = &[PolicyCode::Forbidden.code(), IdentityCode::AccountsElsewhere.code()];

pub fn routes() -> Vec<Route> {
    vec![
        route::<LogIn, Session, _>(
            "console_session.begin",
            Method::POST,
            SESSION,
            "Logs in at the console. The refresh token is left with the browser, in a cookie of the path of this route.",
            LOG_IN,
            log_in,
        ),
        route::<Nothing, Refreshed, _>(
            "console_session.refresh",
            Method::POST,
            REFRESH,
            "The next tokens of the session that the cookie has; none, if there is no cookie, or the session is over.",
            GO_ON,
            refresh,
        ),
        route::<Nothing, Empty, _>(
            "console_session.end",
            Method::DELETE,
            SESSION,
            "Ends the session that the cookie has, and takes the cookie away.",
            GO_ON,
            log_out,
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConsoleLogIn, examples(json!({ "email": "oscar@example.com", "password": "correct horse battery staple" })))]
struct LogIn {
    email: Email,
    password: Password,
    /// The code that an authenticator app shows, or a recovery code.
    #[schema(max_length = 64, examples("287082"))]
    code: Option<String>,
}

/// What the page keeps in its memory.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleSession)]
struct Session {
    /// To be sent as `Authorization: Bearer`.
    access_token: String,
    /// How long the access token is good, in seconds.
    #[schema(minimum = 1)]
    expires_in: u64,
    session: Uuid,
    /// The session ends then at the latest.
    ends_at: DateTime<Utc>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RefreshedConsoleSession)]
struct Refreshed {
    /// Null, if there is none.
    #[schema(required)]
    session: Option<Session>,
}

/// A request of the console's own page.
struct Visit {
    arrived: Arrived,
    /// People reach the listener over https.
    is_secure: bool,
}

/// `refusals` are the codes of rules that may refuse it.
fn route<B, V, F>(
    name: &'static str,
    method: Method,
    path: &'static str,
    text: &str,
    refusals: &'static [Code],
    act: fn(Visit, B) -> F,
) -> Route
where
    B: Body,
    V: Serialize + ToSchema + 'static,
    F: Future<Output = Answer> + 'static,
{
    let status = if name.ends_with(".begin") { StatusCode::CREATED } else { StatusCode::OK };
    let about = About::new(name, path, text, Kind::Identity { needs_token: false, refusals })
        .body::<B>(&method)
        .answer::<V>(status.as_u16())
        .with_cookies();
    let run = move |mut arrived: Arrived| async move {
        arrived.query::<NoQuery>()?;
        let is_secure = is_secure(arrived.request.headers());
        refuse_foreign(arrived.request.headers(), arrived.request.uri(), is_secure)?;
        let (body, _) = arrived.body::<B>().await?;
        let deadline = arrived.context.deadline;
        let mut answer = context::in_time(deadline, act(Visit { arrived, is_secure }, body)).await?;
        *answer.status_mut() = status;
        Ok(answer)
    };
    Route::new(method, path, Door::Open, JSON, about, run)
}

/// A proxy may be in between, so the browser says it, in a header that no script can set.
fn is_secure(headers: &HeaderMap) -> bool {
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    origin.is_some_and(|origin| origin.starts_with("https://"))
}

async fn log_in(visit: Visit, LogIn { email, password, code }: LogIn) -> Answer {
    let said = Credentials { email: &email.0, password: &password, code: code.as_deref(), device: None };
    let sessions = &visit.app().identity.sessions;
    let tokens = sessions.log_in(&visit.stranger(), &said).await?;
    Ok(visit.keep(answer::json(&Session::of(&tokens)), &tokens))
}

/// The cookie goes only if the session is known to be over.
async fn refresh(visit: Visit, Nothing {}: Nothing) -> Answer {
    let nobody = || answer::json(&Refreshed { session: None });
    let Some(token) = visit.token() else { return Ok(nobody()) };
    match visit.app().identity.sessions.refresh(&visit.stranger(), &token).await {
        Ok(tokens) => {
            Ok(visit.keep(answer::json(&Refreshed { session: Some(Session::of(&tokens)) }), &tokens))
        }
        Err(IdentityError::Unauthenticated) => Ok(visit.forget(nobody())),
        Err(error) => Err(error.into()),
    }
}

async fn log_out(visit: Visit, Nothing {}: Nothing) -> Answer {
    if let Some(token) = visit.token() {
        let sessions = &visit.app().identity.sessions;
        match sessions.refresh(&visit.stranger(), &token).await {
            Ok(tokens) => {
                if let Some((actor, log_in)) = act::owner(&visit.arrived, &tokens.access_token).await? {
                    let owner = Asker { actor: Some(actor), log_in: Some(log_in), ..visit.stranger() };
                    sessions.end_current(&owner).await?;
                }
            }
            Err(IdentityError::Unauthenticated) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(visit.forget(answer::json(&Empty {})))
}

impl Visit {
    fn app(&self) -> &App {
        &self.arrived.app
    }

    fn stranger(&self) -> Asker {
        act::stranger(&self.arrived)
    }

    fn name(&self) -> String {
        let prefix = if self.is_secure { "__Secure-" } else { "" };
        format!("{prefix}{COOKIE}")
    }

    /// The refresh token that the browser has.
    fn token(&self) -> Option<String> {
        find_cookie(self.arrived.request.headers(), &self.name())
    }

    fn keep(&self, answer: HttpResponse, tokens: &Tokens) -> HttpResponse {
        let left_s = (tokens.until - self.app().clock.now()).num_seconds();
        self.set(answer, &tokens.refresh_token, left_s)
    }

    fn forget(&self, answer: HttpResponse) -> HttpResponse {
        self.set(answer, "", 0)
    }

    fn set(&self, mut answer: HttpResponse, value: &str, seconds: i64) -> HttpResponse {
        let secure = if self.is_secure { "; Secure" } else { "" };
        let name = self.name();
        let cookie =
            format!("{name}={value}; Path={SESSION}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
        if let Ok(cookie) = cookie.parse() {
            answer.headers_mut().append(header::SET_COOKIE, cookie);
        }
        answer
    }
}

impl Session {
    fn of(tokens: &Tokens) -> Self {
        Self {
            access_token: tokens.access_token.clone(),
            expires_in: tokens.expires_in,
            session: tokens.session,
            ends_at: tokens.until,
        }
    }
}
