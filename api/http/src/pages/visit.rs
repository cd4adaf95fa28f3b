//! A request for a page: who visits, and how it is answered. Each route of the pages is made here, so none can leave out
//! where a form came from.

use std::future::Future;

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::{Method, StatusCode, header},
};
use daybook_core::{
    app::App,
    identity::{asker::Asker, codes::IdentityCode, error::IdentityError, sessions::Tokens},
};
use daybook_domain::{
    Code,
    code::GeneralCode,
    policy::{Action, may_ever},
};
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::{
    browser::{Cookies, refuse_foreign},
    look,
};
use crate::{
    about::{About, Kind},
    act,
    answer::{Answer, NO_STORE},
    arrived::{Arrived, Body, InPath, NoQuery},
    body::{FORM, Sent},
    context,
    problem::Problem,
    route::{Door, Route},
};

const HTML: &[&str] = &[look::MEDIA_TYPE];
/// What looking up who visits can come to.
const VISITING: &[Code] = &[IdentityCode::AccountsElsewhere.code(), GeneralCode::NotFound.code()];

pub const LOG_IN: &str = "/account/log-in";
pub const IDENTITIES: &str = "/account/identities";

pub struct Visit {
    arrived: Arrived,
    cookies: Cookies,
    /// What the answer sets.
    set: Vec<String>,
}

/// A page that is looked at.
pub fn show<F>(name: &'static str, path: &'static str, text: &str, show: fn(Visit) -> F) -> Route
where
    F: Future<Output = Answer> + 'static,
{
    let about = About::new(name, path, text, Kind::Page { refusals: VISITING })
        .answer_text(look::MEDIA_TYPE, look::BEGINNING)
        .leads_on();
    let run = move |arrived: Arrived| async move {
        arrived.query::<NoQuery>()?;
        let deadline = arrived.context.deadline;
        context::in_time(deadline, show(Visit::new(arrived))).await
    };
    Route::new(Method::GET, path, Door::Open, HTML, about, run)
}

/// A page that another site leads back to, with what it says in the query.
pub fn answer<P, Q, F>(
    name: &'static str,
    path: &'static str,
    text: &str,
    refusals: &'static [Code],
    show: fn(Visit, P, Q) -> F,
) -> Route
where
    P: InPath,
    Q: DeserializeOwned + IntoParams + 'static,
    F: Future<Output = Answer> + 'static,
{
    let about = About::new(name, path, text, Kind::Page { refusals })
        .path::<P>()
        .query::<Q>()
        .answer_text(look::MEDIA_TYPE, look::BEGINNING)
        .leads_on();
    let run = move |arrived: Arrived| async move {
        let (id, query) = (arrived.path::<P>()?, arrived.query::<Q>()?);
        let deadline = arrived.context.deadline;
        context::in_time(deadline, show(Visit::new(arrived), id, query)).await
    };
    Route::new(Method::GET, path, Door::Open, HTML, about, run)
}

/// A form that is sent: its fields are those of `B`. `refusals` are the codes of rules that may refuse it.
pub fn send<P, B, F>(
    name: &'static str,
    path: &'static str,
    text: &str,
    refusals: &'static [Code],
    act: fn(Visit, P, Sent) -> F,
) -> Route
where
    P: InPath,
    B: Body,
    F: Future<Output = Answer> + 'static,
{
    let about = About::new(name, path, text, Kind::Page { refusals })
        .path::<P>()
        .body_as::<B>(&[FORM])
        .answer_text(look::MEDIA_TYPE, look::BEGINNING)
        .leads_on();
    let run = move |mut arrived: Arrived| async move {
        let id = arrived.path::<P>()?;
        arrived.query::<NoQuery>()?;
        let request = &arrived.request;
        refuse_foreign(request.headers(), request.uri(), is_secure(&arrived.app))?;
        let sent = arrived.form().await?;
        let deadline = arrived.context.deadline;
        context::in_time(deadline, act(Visit::new(arrived), id, sent)).await
    };
    Route::new(Method::POST, path, Door::Open, HTML, about, run)
}

/// Whether people reach the pages over https.
fn is_secure(app: &App) -> bool {
    app.identity.shared.url.starts_with("https://")
}

impl Visit {
    fn new(arrived: Arrived) -> Self {
        let cookies = Cookies::of(arrived.request.headers(), is_secure(&arrived.app));
        Self { arrived, cookies, set: vec![] }
    }

    pub fn app(&self) -> &App {
        &self.arrived.app
    }

    /// What a log-in before has left with this browser.
    pub fn device(&self) -> Option<&str> {
        self.cookies.device.as_deref()
    }

    /// The log-in at another issuer that has begun with this browser.
    pub fn attempt(&self) -> Option<&str> {
        self.cookies.attempt.as_deref()
    }

    /// A visitor without a log-in.
    pub fn stranger(&self) -> Asker {
        act::stranger(&self.arrived)
    }

    /// Who has logged in with this browser, if anyone has. The access token is used as long as it is good, so the refresh
    /// token is not used up by looking at pages. Cookies go only if the session is known to be over: the one who loses a race
    /// for the next tokens must not log the winner out.
    pub async fn visitor(&mut self) -> Result<Option<Asker>, Problem> {
        if let Some(access) = self.cookies.access.clone()
            && let Some(asker) = self.known(&access).await?
        {
            return Ok(Some(asker));
        }
        let Some(refresh) = self.cookies.refresh.clone() else { return Ok(None) };
        match self.app().identity.sessions.refresh(&self.stranger(), &refresh).await {
            Ok(tokens) => {
                let asker = self.known(&tokens.access_token).await?;
                self.keep(&tokens);
                Ok(asker)
            }
            Err(IdentityError::Unauthenticated) => {
                self.forget();
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The owner of a token of a session.
    async fn known(&self, token: &str) -> Result<Option<Asker>, Problem> {
        let Some((actor, log_in)) = act::owner(&self.arrived, token).await? else { return Ok(None) };
        let action = Action::ManageAccount;
        may_ever(&actor, action).map_err(|_| Problem::forbidden(action.rule().name))?;
        Ok(Some(Asker { actor: Some(actor), log_in: Some(log_in), ..self.stranger() }))
    }

    /// The answer logs this browser in.
    pub fn keep(&mut self, tokens: &Tokens) {
        let left_s = (tokens.until - self.app().clock.now()).num_seconds();
        self.set.extend(self.cookies.keep(tokens, left_s));
    }

    /// The answer logs this browser out.
    pub fn forget(&mut self) {
        self.set.extend(self.cookies.forget());
    }

    /// The answer leaves a log-in at another issuer with this browser.
    pub fn keep_attempt(&mut self, attempt: &str) {
        self.set.push(self.cookies.keep_attempt(attempt));
    }

    /// The answer takes it away.
    pub fn forget_attempt(&mut self) {
        self.set.push(self.cookies.forget_attempt());
    }

    /// A page.
    pub fn page(self, title: &str, content: &str) -> Answer {
        Ok(look::page(self.begin(HttpResponse::Ok()), title, content))
    }

    /// The same page once more, because of that problem.
    pub fn again(self, problem: &Problem, title: &str, content: &str) -> Answer {
        Ok(look::page(self.begin(problem.begin()), title, content))
    }

    /// A page that leads on to another one.
    pub fn lead(self, title: &str, to: &str, text: &str) -> Answer {
        Ok(look::leading(self.begin(HttpResponse::Ok()), title, to, text))
    }

    /// Another page, which is then looked at.
    pub fn go(self, to: &str) -> Answer {
        let mut response = self.begin(HttpResponse::build(StatusCode::SEE_OTHER));
        Ok(response.insert_header((header::LOCATION, to)).insert_header(NO_STORE).finish())
    }

    fn begin(&self, mut response: HttpResponseBuilder) -> HttpResponseBuilder {
        for cookie in &self.set {
            response.append_header((header::SET_COOKIE, cookie.as_str()));
        }
        response
    }
}
