//! Logging in at other issuers: the way there, the way back, and as whom there an account can be logged in to.
//!
//! Browsers hold the redirects that follow a form against `form-action`, so the way there is a page that leads on. The
//! session's cookies are not sent with what another site leads to, so the way back ends with such a page, too.

use daybook_core::{
    app::App,
    auth::relying_party::Callback,
    identity::{
        asker::Asker,
        attempts::{Departure, Place},
        codes::IdentityCode,
        error::IdentityError,
        outside::{Arrival, Finished, IdentityView},
        parties::ANSWERS,
    },
    values,
};
use daybook_domain::{
    Code,
    account::{AccountCode, ProviderName},
    code::GeneralCode,
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    factor::{CONFIRMATION_TITLE, Then, confirmation_form},
    forms::{Field, Form, button},
    visit::{IDENTITIES, LOG_IN, Visit, answer, send, show},
};
use crate::{
    answer::Answer,
    arrived::Nothing,
    body::{Sent, filled},
    html::escape,
    problem::Problem,
    route::Route,
};

const OUTSIDE: &str = "/account/outside/{name}";
const CODE: &str = "/account/outside-code";
const TITLE: &str = "Log-ins elsewhere";
const CODE_TITLE: &str = "Second factor";
const BACK: &str = "<p><a href=\"/account\">Your account</a></p>";

const BEGIN: &[Code] = &[IdentityCode::AccountsElsewhere.code()];
const ANSWERED: &[Code] = &[
    IdentityCode::InvalidAttempt.code(),
    IdentityCode::RefusedElsewhere.code(),
    IdentityCode::AddressUnverified.code(),
    IdentityCode::IdentityTaken.code(),
    IdentityCode::AccountsElsewhere.code(),
    AccountCode::TooManyIdentities.code(),
];
const PROVED: &[Code] = &[
    IdentityCode::InvalidAttempt.code(),
    IdentityCode::InvalidCredentials.code(),
    IdentityCode::SecondFactorRequired.code(),
    IdentityCode::AccountsElsewhere.code(),
    GeneralCode::NotFound.code(),
];
const CHANGED: &[Code] = &[
    IdentityCode::ConfirmationRequired.code(),
    AccountCode::LastWayIn.code(),
    IdentityCode::AccountsElsewhere.code(),
    GeneralCode::NotFound.code(),
];

pub fn routes() -> Vec<Route> {
    vec![
        send::<ProviderName, Nothing, _>(
            "outside_page.begin",
            OUTSIDE,
            "Leads to another issuer, to log in there.",
            BEGIN,
            |visit, name, _| begin(visit, name),
        ),
        answer(
            "outside_page.answer",
            OUTSIDE,
            "Where another issuer sends people back to. Logs in, or links, whatever was begun in this browser. Parameters that the issuer adds are passed over.",
            ANSWERED,
            answered,
        ),
        show(
            "outside_code_page.show",
            CODE,
            "The form for the code of a second factor.",
            |visit| async move { visit.page(CODE_TITLE, &code_form(None)) },
        ),
        send::<(), SecondFactor, _>(
            "outside_code_page.send",
            CODE,
            "Logs in with the code of a second factor, after a log-in elsewhere.",
            PROVED,
            |visit, (), sent| prove(visit, sent),
        ),
        show("identities_page.show", IDENTITIES, "As whom elsewhere one can log in.", overview),
        send::<(), Link, _>(
            "identity_page.link",
            IDENTITIES,
            "Leads to another issuer, to log in there from now on, too.",
            CHANGED,
            |visit, (), sent| link(visit, sent),
        ),
        send::<Uuid, Nothing, _>(
            "identity_page.unlink",
            "/account/identities/{id}/end",
            "Takes a log-in elsewhere away.",
            CHANGED,
            |visit, id, _| unlink(visit, id),
        ),
    ]
}

/// What the person comes back with. Issuers add what they like.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Answered {
    #[param(max_length = 512)]
    state: Option<String>,
    #[param(max_length = 4096)]
    code: Option<String>,
    /// RFC 9207.
    #[param(max_length = 512)]
    iss: Option<String>,
    #[param(max_length = 512)]
    error: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OutsideCodeForm)]
struct SecondFactor {
    /// The code that an authenticator app shows, or a recovery code.
    #[schema(max_length = 64, examples("287082"))]
    code: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = IdentityForm)]
struct Link {
    provider: values::ProviderName,
}

/// A button for each issuer at which people can log in.
pub fn buttons(app: &App) -> String {
    let one = |(name, label): (&ProviderName, &str)| {
        button(&format!("{ANSWERS}{name}"), &[], &format!("Log in with {label}"), None)
    };
    let all: String = app.identity.outside.providers().map(one).collect();
    if all.is_empty() { all } else { format!("<div class=\"actions\">{all}</div>") }
}

async fn begin(visit: Visit, name: ProviderName) -> Answer {
    let outside = &visit.app().identity.outside;
    let departure = outside.begin(&visit.stranger(), &name, Place::Pages).await?;
    depart(visit, &departure)
}

fn depart(mut visit: Visit, departure: &Departure) -> Answer {
    visit.keep_attempt(&departure.attempt);
    visit.lead("On to the other issuer", departure.url.as_str(), "Go on to log in there")
}

async fn answered(mut visit: Visit, name: ProviderName, said: Answered) -> Answer {
    let Some(attempt) = visit.attempt().map(str::to_owned) else {
        return Err(IdentityError::InvalidAttempt.into());
    };
    let Answered { state, code, iss, error } = said;
    let callback = Callback { state, code, iss, error };
    let device = visit.device().map(str::to_owned);
    let arrival = Arrival {
        place: Place::Pages,
        provider: Some(&name),
        attempt: &attempt,
        callback: &callback,
        code: None,
        device: device.as_deref(),
    };
    match visit.app().identity.outside.finish(&visit.stranger(), &arrival).await {
        Ok(Finished::LoggedIn(tokens)) => {
            visit.keep(&tokens);
            visit.forget_attempt();
            visit.lead("You are logged in", "/account", "Go on to your account")
        }
        Ok(Finished::Linked) => {
            visit.forget_attempt();
            visit.lead("You can log in there, too", IDENTITIES, "Go on")
        }
        // What the address of this page has in it is left behind.
        Err(IdentityError::SecondFactorRequired) => visit.go(CODE),
        Err(error) => Err(error.into()),
    }
}

fn code_form(problem: Option<&Problem>) -> String {
    let form = Form { action: CODE, fixed: &[], fields: vec![Field::code()], button: "Log in", problem };
    format!("{}<p><a href=\"{LOG_IN}\">Log in another way</a></p>", form.html())
}

async fn prove(mut visit: Visit, sent: Sent) -> Answer {
    let proved = async {
        let SecondFactor { code } = filled(&sent)?;
        let attempt = visit.attempt().ok_or(IdentityError::InvalidAttempt)?;
        let outside = &visit.app().identity.outside;
        outside.prove(&visit.stranger(), attempt, &code, visit.device()).await.map_err(Problem::from)
    };
    match proved.await {
        Ok(tokens) => {
            visit.keep(&tokens);
            visit.forget_attempt();
            visit.go("/account")
        }
        Err(problem) => visit.again(&problem, CODE_TITLE, &code_form(Some(&problem))),
    }
}

async fn overview(mut visit: Visit) -> Answer {
    let Some(asker) = visit.visitor().await? else { return visit.go(LOG_IN) };
    let outside = &visit.app().identity.outside;
    let linked: String = outside.list(&asker).await?.iter().map(row).collect();
    let linked = if linked.is_empty() {
        "<p>You log in here only.</p>".to_owned()
    } else {
        format!("<ul class=\"rows\">{linked}</ul>")
    };
    let one = |(name, label): (&ProviderName, &str)| {
        button(IDENTITIES, &[("provider", name.as_str())], &format!("Link {label}"), None)
    };
    let buttons: String = outside.providers().map(one).collect();
    let content = format!("{linked}<div class=\"actions\">{buttons}</div>{BACK}");
    visit.page(TITLE, &content)
}

fn row(identity: &IdentityView) -> String {
    let IdentityView { id, provider, email, linked_at } = identity;
    let email = email.as_ref().map(|email| format!(", as {email}")).unwrap_or_default();
    format!(
        "<li><div>{}<br><span class=\"quiet\">since {}</span></div>{}</li>",
        escape(&format!("{provider}{email}")),
        linked_at.format("%Y-%m-%d"),
        button(
            &format!("{IDENTITIES}/{id}/end"),
            &[],
            "Take away",
            Some(&format!("Take the log-in at {provider} away"))
        ),
    )
}

async fn link(mut visit: Visit, sent: Sent) -> Answer {
    let Some(asker) = visit.visitor().await? else { return visit.go(LOG_IN) };
    let Link { provider } = filled(&sent)?;
    let outside = &visit.app().identity.outside;
    match outside.begin_link(&asker, &provider.0, Place::Pages).await {
        Ok(departure) => depart(visit, &departure),
        Err(IdentityError::ConfirmationRequired) => confirm_first(visit, &asker).await,
        Err(error) => Err(error.into()),
    }
}

async fn unlink(mut visit: Visit, id: Uuid) -> Answer {
    let Some(asker) = visit.visitor().await? else { return visit.go(LOG_IN) };
    match visit.app().identity.outside.unlink(&asker, id).await {
        Ok(()) => visit.go(IDENTITIES),
        Err(IdentityError::ConfirmationRequired) => confirm_first(visit, &asker).await,
        Err(error) => Err(error.into()),
    }
}

async fn confirm_first(visit: Visit, asker: &Asker) -> Answer {
    let problem = Problem::from(IdentityError::ConfirmationRequired);
    let account = visit.app().identity.accounts.me(asker).await?;
    let form = confirmation_form(&account, Then::Identities, Some(&problem));
    visit.again(&problem, CONFIRMATION_TITLE, &form)
}
