//! Logging in and out, and registering.

use daybook_core::{
    app::App,
    identity::{
        codes::IdentityCode,
        passwords::Password,
        sessions::{Credentials, Tokens},
    },
    values::{Email, Line200},
};
use daybook_domain::{Code, code::GeneralCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    browser::DEVICE_DAYS,
    forms::{Field, Form},
    outside::buttons,
    visit::{LOG_IN, Visit, send, show},
};
use crate::{
    answer::Answer,
    arrived::Nothing,
    body::{Sent, filled},
    problem::Problem,
    route::Route,
};

const REGISTER: &str = "/account/register";
const REFUSED: &[Code] = &[
    IdentityCode::InvalidCredentials.code(),
    IdentityCode::SecondFactorRequired.code(),
    IdentityCode::AccountsElsewhere.code(),
];
const WEAK: &[Code] = &[IdentityCode::WeakPassword.code(), IdentityCode::AccountsElsewhere.code()];
const GONE: &[Code] = &[IdentityCode::AccountsElsewhere.code(), GeneralCode::NotFound.code()];

pub fn routes() -> Vec<Route> {
    vec![
        show("log_in_page.show", LOG_IN, "The form to log in with.", |visit| async move {
            let form = log_in_form(visit.app(), &Sent::default(), None);
            visit.page("Log in", &form)
        }),
        send::<(), LogIn, _>(
            "log_in_page.send",
            LOG_IN,
            "Logs in, and goes on to the account.",
            REFUSED,
            |visit, (), sent| log_in(visit, sent),
        ),
        send::<(), Nothing, _>("log_out_page.send", "/account/log-out", "Logs out.", GONE, |visit, (), _| {
            log_out(visit)
        }),
        show("register_page.show", REGISTER, "The form to register with.", |visit| async move {
            visit.page("Register", &registration_form(&Sent::default(), None))
        }),
        send::<(), Registration, _>(
            "register_page.send",
            REGISTER,
            "Registers someone. The answer is the same whether there is an account with that address or not.",
            WEAK,
            |visit, (), sent| register(visit, sent),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LogInForm, examples(json!({ "email": "alice@example.com", "password": "correct horse battery staple" })))]
struct LogIn {
    email: Email,
    password: Password,
    /// The code that an authenticator app shows, or a recovery code.
    #[schema(max_length = 64, examples("287082"))]
    code: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RegistrationForm, examples(json!({ "email": "alice@example.com", "password": "correct horse battery staple" })))]
struct Registration {
    email: Email,
    password: Password,
    name: Option<Line200>,
}

async fn log_in(mut visit: Visit, sent: Sent) -> Answer {
    match begin_session(&visit, &sent).await {
        Ok(tokens) => {
            visit.keep(&tokens);
            visit.go("/account")
        }
        Err(problem) => {
            let form = log_in_form(visit.app(), &sent, Some(&problem));
            visit.again(&problem, "Log in", &form)
        }
    }
}

async fn begin_session(visit: &Visit, sent: &Sent) -> Result<Tokens, Problem> {
    let LogIn { email, password, code } = filled(sent)?;
    let (code, device) = (code.as_deref(), visit.device());
    let said = Credentials { email: &email.0, password: &password, code, device };
    Ok(visit.app().identity.sessions.log_in(&visit.stranger(), &said).await?)
}

/// No password is ever in a page: someone who needs a code, too, is asked for both together.
fn log_in_form(app: &App, sent: &Sent, problem: Option<&Problem>) -> String {
    let needs_code =
        problem.is_some_and(|problem| problem.code() == IdentityCode::SecondFactorRequired.code());
    let password = if needs_code { Field::password_again() } else { Field::password() };
    let mut fields = vec![Field::email(sent.value("email")), password];
    if needs_code || sent.has("code") {
        fields.push(Field::code());
    }
    let form = Form { action: LOG_IN, fixed: &[], fields, button: "Log in", problem };
    format!(
        "{}{}<p><a href=\"/account/forgotten\">Forgot your password?</a></p>\
         <p>No account yet? <a href=\"{REGISTER}\">Register</a></p>\
         <p class=\"quiet\">Logging in sets cookies that only this site reads: they say who is logged in, and for \
         {DEVICE_DAYS} days that the account knows this browser. Nothing else is done with them.</p>",
        form.html(),
        buttons(app)
    )
}

async fn log_out(mut visit: Visit) -> Answer {
    if let Some(asker) = visit.visitor().await? {
        visit.app().identity.sessions.end_current(&asker).await?;
    }
    visit.forget();
    visit.go(LOG_IN)
}

async fn register(visit: Visit, sent: Sent) -> Answer {
    let registered = async {
        let Registration { email, password, name } = filled(&sent)?;
        let registering = &visit.app().identity.registering;
        let name = name.map(|name| name.0);
        registering.register(&visit.stranger(), email.0, name, &password).await.map_err(Problem::from)
    };
    match registered.await {
        Ok(()) => visit.go("/account/verification"),
        Err(problem) => visit.again(&problem, "Register", &registration_form(&sent, Some(&problem))),
    }
}

fn registration_form(sent: &Sent, problem: Option<&Problem>) -> String {
    let fields =
        vec![Field::email(sent.value("email")), Field::name(sent.value("name")), Field::new_password()];
    let form = Form { action: REGISTER, fixed: &[], fields, button: "Register", problem };
    format!("{}<p>You have an account? <a href=\"{LOG_IN}\">Log in</a></p>", form.html())
}
