//! The account itself: who someone is, where they are logged in, and what happened.

use chrono::{DateTime, Utc};
use daybook_core::identity::{
    accounts::AccountView,
    activity::{ActivityLine, Lines},
    codes::IdentityCode,
    session_list::SessionView,
};
use daybook_domain::{Code, account::SessionsEnd, code::GeneralCode};
use uuid::Uuid;

use super::{
    forms::button,
    programs::known_as,
    visit::{LOG_IN, Visit, send, show},
};
use crate::{answer::Answer, arrived::Nothing, html::escape, route::Route};

const ACCOUNT: &str = "/account";
const LINES: i64 = 20;
const GONE: &[Code] = &[IdentityCode::AccountsElsewhere.code(), GeneralCode::NotFound.code()];

pub fn routes() -> Vec<Route> {
    vec![
        show("account_page.show", ACCOUNT, "The account of whoever has logged in.", overview),
        send::<Uuid, Nothing, _>(
            "session_page.end",
            "/account/sessions/{id}/end",
            "Ends one of one's sessions.",
            GONE,
            |visit, id, _| end_one(visit, id),
        ),
        send::<(), Nothing, _>(
            "sessions_page.end_all",
            "/account/sessions/end-all",
            "Logs out everywhere.",
            GONE,
            |visit, (), _| end_all(visit),
        ),
    ]
}

async fn overview(mut visit: Visit) -> Answer {
    let Some(asker) = visit.visitor().await? else { return visit.go(LOG_IN) };
    let identity = &visit.app().identity;
    let account = identity.accounts.me(&asker).await?;
    let sessions = identity.sessions.list(&asker).await?;
    let lines = Lines { account: Some(account.id.clone()), before: None, limit: LINES };
    let activity = identity.accounts.own_activity(&lines).await?;
    let count = sessions.len();
    let sessions: String =
        sessions.iter().zip(1..).map(|(view, number)| session(view, number, count)).collect();
    let activity: String = activity.iter().map(line).collect();
    let content = format!(
        "{}<div class=\"actions\"><a class=\"button other\" href=\"/account/second-factor\">Second factor</a>\
         <a class=\"button other\" href=\"/account/identities\">Log-ins elsewhere</a>{}</div>\
         <h2>Where you are logged in</h2><ul class=\"rows\">{sessions}</ul>\
         {}<h2>What happened lately</h2><ul class=\"rows\">{activity}</ul>",
        about(&account),
        button("/account/log-out", &[], "Log out", None),
        button("/account/sessions/end-all", &[], "Log out everywhere", None),
    );
    visit.page("Your account", &content)
}

async fn end_one(mut visit: Visit, id: Uuid) -> Answer {
    let Some(asker) = visit.visitor().await? else { return visit.go(LOG_IN) };
    visit.app().identity.sessions.end_one(&asker, id).await?;
    if asker.log_in.and_then(|log_in| log_in.session) == Some(id) {
        visit.forget();
        return visit.go(LOG_IN);
    }
    visit.go(ACCOUNT)
}

async fn end_all(mut visit: Visit) -> Answer {
    let Some(asker) = visit.visitor().await? else { return visit.go(LOG_IN) };
    let account = asker.subject().unwrap_or_default().to_owned();
    visit.app().identity.sessions.end_all(&asker, &account, SessionsEnd::LoggedOut, None).await?;
    visit.forget();
    visit.go(LOG_IN)
}

fn about(account: &AccountView) -> String {
    let mut facts = vec![];
    facts.extend(account.name.as_ref().map(|name| ("Name", name.as_str().to_owned())));
    let email = account.email.as_ref().map_or("not verified yet", |email| email.as_str());
    facts.push(("E-mail address", email.to_owned()));
    facts.extend(account.pending_email.as_ref().map(|email| ("To be verified", email.as_str().to_owned())));
    let factor = if account.has_second_factor { "on" } else { "off" };
    facts.push(("Second factor", factor.to_owned()));
    let fact = |(term, said): &(&str, String)| format!("<dt>{term}</dt><dd>{}</dd>", escape(said));
    format!("<dl>{}</dl>", facts.iter().map(fact).collect::<String>())
}

/// The session with that number, of so many.
fn session(session: &SessionView, number: usize, count: usize) -> String {
    let device = session.device.clone().unwrap_or_default();
    let program = device.user_agent.map_or_else(|| "an unknown program".to_owned(), |name| known_as(&name));
    let address = device.address.unwrap_or_else(|| "an unknown address".to_owned());
    let here = if session.is_current { "<strong>Here</strong>, " } else { "" };
    let label = format!("End session {number} of {count}: {program}, since {}", shown(session.created_at));
    format!(
        "<li><div>{here}{}<br><span class=\"quiet\">from {}, since {}</span></div>{}</li>",
        escape(&program),
        escape(&address),
        time(session.created_at),
        button(&format!("/account/sessions/{}/end", session.id), &[], "End", Some(&label)),
    )
}

fn line(line: &ActivityLine) -> String {
    let event = line.event.replace('_', " ");
    let by = if line.actor_kind.is_some() { " by the shop" } else { "" };
    let from = line.address.as_ref().map(|address| format!(", from {address}")).unwrap_or_default();
    let said = format!("{event}{by}{from}");
    format!("<li><span>{}</span><span class=\"quiet\">{}</span></li>", escape(&said), time(line.at))
}

fn time(at: DateTime<Utc>) -> String {
    format!("<time datetime=\"{}\">{}</time>", at.format("%Y-%m-%dT%H:%M:%SZ"), shown(at))
}

fn shown(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}
