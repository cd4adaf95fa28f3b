//! Orders, the newest first: all of them, those that the warehouse ships, or a customer's own.

use chrono::{DateTime, TimeDelta, Utc};
use daybook_domain::{Position, order::Status, policy::Action};
use daybook_projections::{Cursor, QueryError, read_models::orders::Filter};
use tokio::time::timeout_at;

use super::{
    access::{Access, Visible},
    error::ReadError,
    found::{Found, Page},
    order::{Order, OrderById},
    read::{Read, Scope},
};

/// A page of orders.
#[derive(Debug)]
pub struct Orders {
    pub status: Option<Status>,
    /// Only orders of this customer. A customer is shown only their own in any case.
    pub customer: Option<String>,
    /// Only orders that were placed then or later.
    pub placed_from: Option<DateTime<Utc>>,
    /// Only orders that were placed before.
    pub placed_before: Option<DateTime<Utc>>,
    /// 1–100.
    pub limit: u16,
    /// `next` of the page before.
    pub after: Option<String>,
}

pub type OrderPage = Page<Order>;

impl Read for Orders {
    const NAME: &'static str = "order.page";
    const ACCESS: Access = Access::Rule {
        all: Action::ListAllOrders,
        part: Some(Action::ReadOrderToShip),
        own: Action::ReadOrder,
    };
    type View = OrderPage;

    async fn find(&self, scope: Scope<'_>) -> Result<Found<OrderPage>, ReadError> {
        let scope = self.own(scope).unwrap_or(scope);
        let customer = self.whose(scope.visible())?;
        let among = (scope.visible() == Visible::Part).then_some(Status::TO_SHIP);
        let place = |after| Cursor::decode(Self::NAME, after)?.number();
        let after = self.after.as_deref().map(place).transpose()?;
        let filter = Filter {
            status: self.status,
            among,
            customer,
            limit: self.limit,
            after: after.map(Position),
            placed_behind: just_before(&scope, self.placed_from).await?,
            placed_up_to: just_before(&scope, self.placed_before).await?,
        };
        scope.page::<OrderById, _>(&filter).await
    }
}

/// The last position of before that time. Times never go back from one position to the next, so what is placed is in
/// the order of its time, too.
async fn just_before(scope: &Scope<'_>, time: Option<DateTime<Utc>>) -> Result<Option<Position>, ReadError> {
    let Some(time) = time else { return Ok(None) };
    let before = time.checked_sub_signed(TimeDelta::microseconds(1)).unwrap_or(DateTime::<Utc>::MIN_UTC);
    let asked = timeout_at(scope.deadline().into(), scope.log().position_at(before)).await;
    Ok(Some(asked.map_err(|_| QueryError::DeadlineExceeded)??))
}

impl Orders {
    /// A customer who works in the warehouse, and names themselves, is shown all of their own.
    fn own<'a>(&self, scope: Scope<'a>) -> Option<Scope<'a>> {
        let own = scope.own_instead::<Self>()?;
        let is_named = |subject| self.customer.as_deref() == Some(subject);
        matches!(own.visible(), Visible::Own(subject) if is_named(subject)).then_some(own)
    }

    fn whose(&self, visible: Visible<'_>) -> Result<Option<String>, ReadError> {
        let named = self.customer.as_deref();
        match visible {
            Visible::All | Visible::Part if named.is_some_and(|named| named.contains('\0')) => {
                Err(ReadError::Invalid("customer has no control characters"))
            }
            Visible::All | Visible::Part => Ok(self.customer.clone()),
            Visible::Own(subject) if named.is_none_or(|named| named == subject) => {
                Ok(Some(subject.to_owned()))
            }
            Visible::Own(_) | Visible::Public | Visible::Nothing => {
                Err(ReadError::Forbidden(Action::ListAllOrders))
            }
        }
    }
}
