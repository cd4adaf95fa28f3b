//! Where the link in a mail leads that makes a guest's order an account's own.

use daybook_core::identity::codes::IdentityCode;
use daybook_domain::Code;

use super::{
    forms::{Field, Form},
    links::Token,
    visit::{LOG_IN, Visit, send, show},
};
use crate::{
    answer::Answer,
    body::{Sent, filled},
    html::escape,
    problem::Problem,
    route::Route,
};

const CLAIM: &str = "/account/order-claims";
const TITLE: &str = "Is this order yours?";
const NOT_CLAIMED: &[Code] = &[IdentityCode::InvalidLink.code(), IdentityCode::AccountsElsewhere.code()];

pub fn routes() -> Vec<Route> {
    vec![
        show(
            "order_claim_page.show",
            CLAIM,
            "Where the link in a mail leads that makes a guest's order an account's own.",
            |visit| async move { visit.page(TITLE, &form(&Sent::default(), None)) },
        ),
        send::<(), Token, _>(
            "order_claim_page.send",
            CLAIM,
            "Makes a guest's order one's own with the token of a link.",
            NOT_CLAIMED,
            |visit, (), sent| claim(visit, sent),
        ),
    ]
}

async fn claim(mut visit: Visit, sent: Sent) -> Answer {
    let Some(asker) = visit.visitor().await? else {
        let content = format!(
            "<p><a href=\"{LOG_IN}\">Log in</a> to the account that you asked for the order with. Then open the link in \
             our mail once more.</p>"
        );
        return visit.page("Please log in first", &content);
    };
    let claimed = async {
        let Token { token } = filled(&sent)?;
        visit.app().identity.order_claims.confirm(&asker, &token).await.map_err(Problem::from)
    };
    match claimed.await {
        Ok(order) => {
            let order = escape(&order.to_string());
            let content = format!(
                "<p>It is in your account: {order}. <a href=\"/account\">Go on to your account</a></p>"
            );
            visit.page("The order is yours", &content)
        }
        Err(problem) => visit.again(&problem, TITLE, &form(&sent, Some(&problem))),
    }
}

fn form(sent: &Sent, problem: Option<&Problem>) -> String {
    let fields = vec![Field::token(sent.value("token"))];
    let form = Form { action: CLAIM, fixed: &[], fields, button: "Make it mine", problem };
    format!("<p>An order that was placed by a guest becomes your account's own.</p>{}", form.html())
}
