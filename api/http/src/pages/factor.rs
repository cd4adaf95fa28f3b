//! The second factor: an authenticator app, recovery codes, and the proof that is asked for before either changes.

use daybook_core::identity::{
    accounts::AccountView, asker::Asker, codes::IdentityCode, factors::Begun, passwords::Password,
};
use daybook_domain::{Code, account::AccountCode, code::GeneralCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    forms::{Field, Form, button},
    visit::{self, LOG_IN, Visit, send, show},
};
use crate::{
    answer::Answer,
    body::{Sent, filled},
    html::escape,
    problem::Problem,
    route::Route,
};

const SECOND_FACTOR: &str = "/account/second-factor";
const CONFIRMATION: &str = "/account/confirmation";
/// What a form says that leads back to the page of log-ins elsewhere.
const IDENTITIES: &str = "identities";
const TITLE: &str = "Second factor";
pub const CONFIRMATION_TITLE: &str = "Show that it is you";

const REFUSED: &[Code] = &[
    IdentityCode::ConfirmationRequired.code(),
    IdentityCode::InvalidCode.code(),
    AccountCode::FactorExists.code(),
    IdentityCode::AccountsElsewhere.code(),
    GeneralCode::NotFound.code(),
];
const NOT_CONFIRMED: &[Code] = &[
    IdentityCode::InvalidCredentials.code(),
    IdentityCode::SecondFactorRequired.code(),
    IdentityCode::AccountsElsewhere.code(),
    GeneralCode::NotFound.code(),
];

pub fn routes() -> Vec<Route> {
    vec![
        show("second_factor_page.show", SECOND_FACTOR, "The state of one's second factor.", overview),
        send::<(), Change, _>(
            "second_factor_page.send",
            SECOND_FACTOR,
            "Begins, confirms or takes away a second factor, or makes new recovery codes.",
            REFUSED,
            |visit, (), sent| change(visit, sent),
        ),
        send::<(), Confirmation, _>(
            "confirmation_page.send",
            CONFIRMATION,
            "Shows once more who one is, which is needed for what is dangerous.",
            NOT_CONFIRMED,
            |visit, (), sent| confirm(visit, sent),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SecondFactorForm)]
struct Change {
    step: Step,
    /// The code that the app with the secret shows.
    #[schema(max_length = 64, examples("287082"))]
    code: Option<String>,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[schema(as = SecondFactorStep)]
enum Step {
    #[serde(rename = "begin")]
    Begin,
    #[serde(rename = "confirm")]
    Confirm,
    #[serde(rename = "remove")]
    Remove,
    #[serde(rename = "codes")]
    Codes,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConfirmationForm, examples(json!({ "password": "correct horse battery staple" })))]
struct Confirmation {
    password: Password,
    /// The code that an authenticator app shows, or a recovery code.
    #[schema(max_length = 64, examples("287082"))]
    code: Option<String>,
    /// Which page it was asked for by; without it, that of the second factor.
    then: Option<Then>,
}

/// The page that is shown once it is known who it is.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[schema(as = ConfirmationThen)]
pub enum Then {
    #[serde(rename = "second_factor")]
    SecondFactor,
    #[serde(rename = "identities")]
    Identities,
}

async fn overview(mut visit: Visit) -> Answer {
    let Some(asker) = visit.visitor().await? else { return visit.go(LOG_IN) };
    let account = visit.app().identity.accounts.me(&asker).await?;
    let content = if account.has_second_factor {
        format!(
            "<p>It is on: a log-in needs a code of your authenticator app.</p>\
             <div class=\"actions\">{}{}</div>",
            step("codes", "New recovery codes"),
            step("remove", "Turn it off"),
        )
    } else {
        format!(
            "<p>It is off: a password is enough to log in. With an authenticator app, a log-in needs a code of the \
             app, too.</p>{}",
            step("begin", "Turn it on"),
        )
    };
    visit.page(TITLE, &format!("{content}{BACK}"))
}

async fn change(mut visit: Visit, sent: Sent) -> Answer {
    let Some(asker) = visit.visitor().await? else { return visit.go(LOG_IN) };
    let Change { step, code } = filled(&sent)?;
    let done = match step {
        Step::Begin => begin(&visit, &asker).await,
        Step::Confirm => {
            let codes =
                visit.app().identity.factors.confirm_totp(&asker, code.as_deref().unwrap_or_default());
            codes.await.map(|codes| Some(recovery_codes(&codes))).map_err(Problem::from)
        }
        Step::Remove => remove(&visit, &asker).await,
        Step::Codes => make_codes(&visit, &asker).await,
    };
    match done {
        Ok(Some((title, content))) => visit.page(title, &content),
        Ok(None) => visit.go(SECOND_FACTOR),
        Err(problem) if problem.code() == IdentityCode::ConfirmationRequired.code() => {
            let account = visit.app().identity.accounts.me(&asker).await?;
            let form = confirmation_form(&account, Then::SecondFactor, Some(&problem));
            visit.again(&problem, CONFIRMATION_TITLE, &form)
        }
        Err(problem) if problem.code() == IdentityCode::InvalidCode.code() => {
            let content = format!("{}{}", code_form(Some(&problem)), step_anew());
            visit.again(&problem, TITLE, &content)
        }
        Err(problem) => Err(problem),
    }
}

/// A title, and what is below it.
type Shown = Option<(&'static str, String)>;

async fn begin(visit: &Visit, asker: &Asker) -> Result<Shown, Problem> {
    let identity = &visit.app().identity;
    identity.sessions.demand_confirmation(asker).await?;
    let Begun { secret, uri } = identity.factors.begin_totp(asker).await?;
    let content = format!(
        "<p>Type this secret into your authenticator app, or <a href=\"{uri}\">open it with an app on this \
         device</a>:</p><p>{}</p><details><summary>As an address, for programs that read one</summary>\
         <p><code>{uri}</code></p></details>{}",
        in_groups(&secret),
        code_form(None),
        uri = escape(&uri),
    );
    Ok(Some((TITLE, content)))
}

/// In groups of four, which are easier to read and to type. Copied, it has no gaps.
fn in_groups(secret: &str) -> String {
    let letters: Vec<char> = secret.chars().collect();
    let group = |letters: &[char]| format!("<span>{}</span>", escape(&letters.iter().collect::<String>()));
    format!("<code class=\"secret\">{}</code>", letters.chunks(4).map(group).collect::<String>())
}

async fn remove(visit: &Visit, asker: &Asker) -> Result<Shown, Problem> {
    let identity = &visit.app().identity;
    identity.sessions.demand_confirmation(asker).await?;
    identity.factors.remove_totp(asker).await?;
    Ok(None)
}

async fn make_codes(visit: &Visit, asker: &Asker) -> Result<Shown, Problem> {
    let identity = &visit.app().identity;
    identity.sessions.demand_confirmation(asker).await?;
    Ok(Some(recovery_codes(&identity.factors.make_recovery_codes(asker).await?)))
}

fn recovery_codes(codes: &[String]) -> (&'static str, String) {
    let codes: String = codes.iter().map(|code| format!("<li><code>{}</code></li>", escape(code))).collect();
    let content = format!(
        "<p>Your second factor is on. Each of these codes is good once, in the place of a code of the app, for when \
         you don't have it. They are not shown again: keep them where you find them.</p>\
         <ol class=\"codes\">{codes}</ol><p><a class=\"button\" href=\"/account\">I have kept them</a></p>"
    );
    ("Recovery codes", content)
}

async fn confirm(mut visit: Visit, sent: Sent) -> Answer {
    let Some(asker) = visit.visitor().await? else { return visit.go(LOG_IN) };
    let confirmed = async {
        let Confirmation { password, code, then } = filled(&sent)?;
        let sessions = &visit.app().identity.sessions;
        sessions.confirm(&asker, &password, code.as_deref()).await?;
        Ok::<_, Problem>(then.unwrap_or(Then::SecondFactor))
    };
    match confirmed.await {
        Ok(then) => visit.go(then.page()),
        Err(problem) => {
            let then = if sent.value("then") == IDENTITIES { Then::Identities } else { Then::SecondFactor };
            let account = visit.app().identity.accounts.me(&asker).await?;
            let form = confirmation_form(&account, then, Some(&problem));
            visit.again(&problem, CONFIRMATION_TITLE, &form)
        }
    }
}

const BACK: &str = "<p><a href=\"/account\">Your account</a></p>";

impl Then {
    fn page(self) -> &'static str {
        match self {
            Self::SecondFactor => SECOND_FACTOR,
            Self::Identities => visit::IDENTITIES,
        }
    }
}

pub fn confirmation_form(account: &AccountView, then: Then, problem: Option<&Problem>) -> String {
    let fixed: &[_] = match then {
        Then::SecondFactor => &[],
        Then::Identities => &[("then", IDENTITIES)],
    };
    let mut fields = vec![Field::password()];
    if account.has_second_factor {
        fields.push(Field::code());
    }
    let form = Form { action: CONFIRMATION, fixed, fields, button: "Go on", problem };
    format!("{}<p>You have no password? Log out, and log in again.</p>{BACK}", form.html())
}

fn code_form(problem: Option<&Problem>) -> String {
    let fixed = &[("step", "confirm")];
    let form =
        Form { action: SECOND_FACTOR, fixed, fields: vec![Field::app_code()], button: "Turn it on", problem };
    form.html()
}

fn step_anew() -> String {
    step("begin", "Begin again with another secret")
}

fn step(step: &str, text: &str) -> String {
    button(SECOND_FACTOR, &[("step", step)], text, None)
}
