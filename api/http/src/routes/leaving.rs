//! Leaving: what is still under way has to be over first.

use daybook_core::{
    app::App,
    identity::{
        asker::{Asker, system},
        error::IdentityError,
    },
    reads::{Conditions, Orders},
};
use daybook_domain::order::Status;

use crate::{context, problem::Problem};

/// Erases the caller's account, unless an order of theirs is on its way.
pub async fn leave(app: &App, asker: &Asker) -> Result<(), Problem> {
    let subject = asker.subject().ok_or(IdentityError::Unauthenticated)?;
    let open = [Status::Placed, Status::Confirmed, Status::PartlyShipped, Status::Shipped];
    // Another process may have taken an order that this one hasn't heard of.
    let head = context::in_time(asker.deadline, app.log.head()).await?;
    for status in open {
        let orders = Orders { status: Some(status), ..Orders::of(subject.to_owned(), 1) };
        let conditions = Conditions { min_position: Some(head), deadline: asker.deadline, now: asker.now };
        let found = app.reads.find(&orders, Some(&system()), conditions).await?;
        if !found.kept.view.data.is_empty() {
            return Err(IdentityError::OrdersOpen.into());
        }
    }
    Ok(app.identity.accounts.leave(asker).await?)
}
