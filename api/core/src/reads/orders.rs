//! Orders, the newest first: all of them, those that the warehouse ships, or a customer's own.

use chrono::{DateTime, TimeDelta, Utc};
use daybook_domain::{
    Decider, Position,
    external_id::{self, ExternalIdUse},
    order::{self, Status},
    policy::Action,
    text::{CustomerId, ExternalId},
};
use daybook_projections::{QueryError, read_models::orders::Filter};
use tokio::time::timeout_at;

use super::{
    access::{Access, Visible},
    error::ReadError,
    found::{Found, Page},
    order::{Order, OrderById},
    read::{Read, Scope},
    turn::Turn,
};

/// A page of orders.
#[derive(Debug)]
pub struct Orders {
    pub status: Option<Status>,
    /// Only orders of this customer. A customer is shown only their own in any case.
    pub customer: Option<String>,
    /// Only orders that have this id among the customer's own, if a customer is named or shown, or among the shop's; as
    /// ids are compared.
    pub external_id: Option<ExternalId>,
    /// Only orders that were placed then or later.
    pub placed_from: Option<DateTime<Utc>>,
    /// Only orders that were placed before.
    pub placed_before: Option<DateTime<Utc>>,
    /// 1–100.
    pub limit: u16,
    pub turn: Turn,
}

pub type OrderPage = Page<Order>;

impl Orders {
    /// All orders of this customer.
    pub fn of(customer: String, limit: u16) -> Self {
        Self {
            status: None,
            customer: Some(customer),
            external_id: None,
            placed_from: None,
            placed_before: None,
            limit,
            turn: Turn::default(),
        }
    }
}

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
        let place = self.turn.place(Self::NAME)?.try_map(|cursor| cursor.number().map(Position))?;
        let ids = match &self.external_id {
            Some(id) => Some(with_external_id(&scope, customer.as_deref(), id).await?),
            None => None,
        };
        let filter = Filter {
            status: self.status,
            among,
            customer,
            ids,
            limit: self.limit,
            place,
            placed_behind: just_before(&scope, self.placed_from).await?,
            placed_up_to: just_before(&scope, self.placed_before).await?,
        };
        scope.page::<OrderById, _>(&filter).await
    }
}

/// The orders that claim it, one in each scope at most. Claims are streams, which are found by their names; so no
/// index of the read model is needed.
async fn with_external_id(
    scope: &Scope<'_>,
    customer: Option<&str>,
    id: &ExternalId,
) -> Result<Vec<String>, ReadError> {
    let customer: Option<CustomerId> = customer.and_then(|customer| customer.parse().ok());
    let own = customer.as_ref().map(external_id::Scope::Of);
    let scopes = own.into_iter().chain([external_id::Scope::Shop]);
    let mut orders = Vec::new();
    for key in scopes.flat_map(|scope| external_id::keys::<order::Order>(scope, id)) {
        let claim = scope.log().stream_page(ExternalIdUse::KIND, &key, 0, Position(i64::MAX), 1);
        let claim = timeout_at(scope.deadline().into(), claim).await;
        for record in claim.map_err(|_| QueryError::DeadlineExceeded)??.records {
            let external_id::Event::Taken { by } = record.decode()?;
            if !orders.contains(&by) {
                orders.push(by);
            }
        }
    }
    Ok(orders)
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
