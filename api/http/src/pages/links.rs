//! Where links in mails lead: an address is verified, or a new password is chosen.

use daybook_core::{
    identity::{codes::IdentityCode, passwords::Password},
    values::Email,
};
use daybook_domain::{Code, account::AccountCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    forms::{Field, Form},
    visit::{LOG_IN, Visit, send, show},
};
use crate::{
    answer::Answer,
    body::{Sent, filled},
    problem::Problem,
    route::Route,
};

const VERIFICATION: &str = "/account/verification";
const FORGOTTEN: &str = "/account/forgotten";
const RESET: &str = "/account/reset";
const VERIFY_TITLE: &str = "Verify your e-mail address";
const FORGOTTEN_TITLE: &str = "Forgotten password";
const RESET_TITLE: &str = "Choose a new password";

const NOT_VERIFIED: &[Code] = &[
    IdentityCode::InvalidLink.code(),
    IdentityCode::AddressTaken.code(),
    AccountCode::AddressNotPending.code(),
];
const NOT_RESET: &[Code] = &[IdentityCode::InvalidLink.code(), IdentityCode::WeakPassword.code()];
const ELSEWHERE: &[Code] = &[IdentityCode::AccountsElsewhere.code()];

pub fn routes() -> Vec<Route> {
    vec![
        show(
            "verification_page.show",
            VERIFICATION,
            "Where the link in a mail leads that verifies an address.",
            |visit| async move { visit.page(VERIFY_TITLE, &verification_form(&Sent::default(), None)) },
        ),
        send::<(), Token, _>(
            "verification_page.send",
            VERIFICATION,
            "Verifies an e-mail address with the token of a link.",
            NOT_VERIFIED,
            |visit, (), sent| verify(visit, sent),
        ),
        show("forgotten_page.show", FORGOTTEN, "The form for a forgotten password.", |visit| async move {
            visit.page(FORGOTTEN_TITLE, &forgotten_form(&Sent::default(), None))
        }),
        send::<(), Address, _>(
            "forgotten_page.send",
            FORGOTTEN,
            "Sends a link to choose a new password. The answer is the same whether there is such an account or not.",
            ELSEWHERE,
            |visit, (), sent| forget(visit, sent),
        ),
        show(
            "reset_page.show",
            RESET,
            "Where the link in a mail leads that a new password is chosen with.",
            |visit| async move { visit.page(RESET_TITLE, &reset_form(&Sent::default(), None)) },
        ),
        send::<(), NewPassword, _>(
            "reset_page.send",
            RESET,
            "Sets a new password with the token of a link. All sessions end.",
            NOT_RESET,
            |visit, (), sent| reset(visit, sent),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LinkForm)]
pub struct Token {
    #[schema(max_length = 200, examples("dlt_0a1b2c3d_019b0000000070008000000000000001_AAAA"))]
    pub token: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ForgottenForm)]
struct Address {
    email: Email,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewPasswordForm)]
struct NewPassword {
    #[schema(max_length = 200, examples("dlt_0a1b2c3d_019b0000000070008000000000000001_AAAA"))]
    token: String,
    password: Password,
}

async fn verify(visit: Visit, sent: Sent) -> Answer {
    let verified = async {
        let Token { token } = filled(&sent)?;
        visit.app().identity.accounts.verify(&visit.stranger(), &token).await.map_err(Problem::from)
    };
    match verified.await {
        Ok(()) => visit.page(
            "Your e-mail address is verified",
            "<p>It is yours from now on. <a href=\"/account\">Go on to your account</a></p>",
        ),
        Err(problem) => visit.again(&problem, VERIFY_TITLE, &verification_form(&sent, Some(&problem))),
    }
}

fn verification_form(sent: &Sent, problem: Option<&Problem>) -> String {
    let fields = vec![Field::token(sent.value("token"))];
    let form = Form { action: VERIFICATION, fixed: &[], fields, button: "Verify", problem };
    format!(
        "<p>We have sent a link to the address that is to be verified. Open it, and press the button.</p>{}",
        form.html()
    )
}

async fn forget(visit: Visit, sent: Sent) -> Answer {
    let forgotten = async {
        let Address { email } = filled(&sent)?;
        visit.app().identity.registering.forgot(&visit.stranger(), email.0).await.map_err(Problem::from)
    };
    match forgotten.await {
        Ok(()) => visit.go(RESET),
        Err(problem) => visit.again(&problem, FORGOTTEN_TITLE, &forgotten_form(&sent, Some(&problem))),
    }
}

fn forgotten_form(sent: &Sent, problem: Option<&Problem>) -> String {
    let fields = vec![Field::email(sent.value("email"))];
    let form = Form { action: FORGOTTEN, fixed: &[], fields, button: "Send me a link", problem };
    format!(
        "<p>We send a link to choose a new password with, if there is an account with this address.</p>{}\
         <p><a href=\"{LOG_IN}\">Log in</a></p>",
        form.html()
    )
}

async fn reset(visit: Visit, sent: Sent) -> Answer {
    let done = async {
        let NewPassword { token, password } = filled(&sent)?;
        let registering = &visit.app().identity.registering;
        registering.reset(&visit.stranger(), &token, &password).await.map_err(Problem::from)
    };
    match done.await {
        Ok(()) => visit.page(
            "Your password is changed",
            &format!(
                "<p>You are logged out everywhere. <a href=\"{LOG_IN}\">Log in</a> with the new one.</p>"
            ),
        ),
        Err(problem) => visit.again(&problem, RESET_TITLE, &reset_form(&sent, Some(&problem))),
    }
}

fn reset_form(sent: &Sent, problem: Option<&Problem>) -> String {
    let fields = vec![Field::token(sent.value("token")), Field::new_password()];
    let form = Form { action: RESET, fixed: &[], fields, button: "Change the password", problem };
    format!(
        "<p>If there is an account with your address, a link is on its way to it. Open it to go on.</p>{}",
        form.html()
    )
}
