//! A copy of what is known of a person, for themselves: a right of theirs (GDPR, articles 15 and 20), and what they take
//! before they leave.

use daybook_core::{
    app::App,
    identity::{activity::Lines, asker::Asker, error::IdentityError},
    reads::{Conditions, Found, OrderPage, Orders, Turn},
};
use daybook_domain::policy::Action;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::{IntoParams, ToSchema};

use super::{
    accounts::{Account, Activity, activity},
    api_keys::Keys,
    outside::Identities,
    sessions::Sessions,
};
use crate::{act::show, context, problem::Problem, route::Route};

/// Orders, and lines of what happened, in a copy.
const LIMIT: u16 = 100;

#[rustfmt::skip]
pub fn routes() -> Vec<Route> {
    vec![
        show("accounts.copy", "/v1/accounts/me/export", "A copy of what is known of you: your account, your orders, sessions, log-ins elsewhere, keys, and what happened lately. It is complete when `orders.next` is null; until then, ask again with it as `after`.", Action::ManageAccount,
            |app, asker, (), further: Further| async move { copy(&app, &asker, further).await }),
    ]
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Further {
    /// `orders.next` of the copy before.
    #[param(pattern = "^[A-Za-z0-9_-]+$", max_length = 200)]
    after: Option<String>,
}

/// What is known of you.
#[derive(Serialize, ToSchema)]
struct OwnCopy {
    account: Account,
    /// The newest first, 100 of them. If there are more, ask again with `after`.
    #[serde(serialize_with = "view")]
    #[schema(value_type = OrderPage)]
    orders: Found<OrderPage>,
    sessions: Sessions,
    identities: Identities,
    api_keys: Keys,
    /// The newest first, 100 of them. `/v1/accounts/me/activity` has the rest.
    activity: Activity,
}

/// The caller's own, with all that they have done until now.
async fn copy(app: &App, asker: &Asker, Further { after }: Further) -> Result<OwnCopy, Problem> {
    let subject = asker.subject().ok_or(IdentityError::Unauthenticated)?.to_owned();
    let account = app.identity.accounts.me(asker).await?.into();
    let orders = Orders { turn: Turn { after, before: None }, ..Orders::of(subject.clone(), LIMIT) };
    let head = context::in_time(asker.deadline, app.log.head()).await?;
    let conditions = Conditions { min_position: Some(head), deadline: asker.deadline, now: asker.now };
    let orders = app.reads.find(&orders, asker.actor.as_deref(), conditions).await?;
    let sessions = app.identity.sessions.list(asker).await?.into();
    let identities = app.identity.outside.list(asker).await?.into();
    let api_keys = app.identity.keys.list(asker).await?.into();
    let lines = Lines { account: Some(subject), before: None, limit: i64::from(LIMIT) + 1 };
    let activity = activity(app.identity.accounts.own_activity(&lines).await?, LIMIT.into())?;
    Ok(OwnCopy { account, orders, sessions, identities, api_keys, activity })
}

/// Other callers may be shown the same page, so it isn't taken out.
fn view<S: Serializer>(found: &Found<OrderPage>, serializer: S) -> Result<S::Ok, S::Error> {
    found.kept.view.serialize(serializer)
}
