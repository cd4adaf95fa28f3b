//! The external id of a new order: taken once among the orders that its customer places, or among those that the shop
//! places for others.

use daybook_domain::{
    external_id::{self, ExternalIdUse, Rejection, Scope},
    order::Order,
    policy::{Action, Actor, Demand},
    text::{CustomerId, ExternalId},
};

use crate::{
    error::Refusal,
    state::Wanted,
    work::{Halt, Work},
};

pub(super) struct Claim<'a> {
    /// Where the id is noted from now on.
    key: String,
    /// Where it would be noted for the shop. Release 0.1 noted there what customers took, too.
    shops: String,
    /// The customer, if they place the order themselves.
    customer: Option<&'a CustomerId>,
}

impl<'a> Claim<'a> {
    /// `id` is that of an order of `owner`.
    pub fn of(owner: Option<&'a CustomerId>, id: &ExternalId, actor: &Actor) -> Self {
        let customer = owner.filter(|owner| owner.as_str() == actor.subject);
        let scope = customer.map_or(Scope::Shop, Scope::Of);
        let [key, shops] = [scope, Scope::Shop].map(|scope| external_id::key::<Order>(scope, id));
        Self { key, shops, customer }
    }

    pub fn wanted(&self) -> [Wanted; 2] {
        [&self.key, &self.shops].map(|key| Wanted::of::<ExternalIdUse>(key))
    }

    /// Takes it for the order with this id.
    pub fn take(self, order: &str, work: &mut Work<'_>) -> Result<(), Halt> {
        self.check_former(work)?;
        let take = external_id::Command::Take { by: order.to_owned(), told_to: self.told_to() };
        match work.try_execute::<ExternalIdUse>(&self.key, take)? {
            Ok(()) => Ok(()),
            Err(rejection) => Err(at_its_place(work.refused(&rejection))),
        }
    }

    /// An id that the shop's list has for another customer's order is free. The customer's own order may stand there,
    /// too, since release 0.1 took it, or since the shop placed it for them.
    fn check_former(&self, work: &mut Work<'_>) -> Result<(), Halt> {
        let Some(customer) = self.customer else { return Ok(()) };
        let taken = work.state::<ExternalIdUse>(&self.shops)?;
        let ExternalIdUse::Taken { by } = &*taken else { return Ok(()) };
        let order = work.state::<Order>(by)?;
        let owner = order.details().and_then(|order| order.customer.as_ref());
        if owner != Some(customer) {
            return Ok(());
        }
        let rejection = Rejection::Taken { by: by.clone(), told_to: self.told_to() };
        Err(at_its_place(work.refused(&rejection)))
    }

    fn told_to(&self) -> Demand {
        Demand {
            action: Action::ReadOrder,
            owner: self.customer.map(|customer| customer.as_str().to_owned()),
        }
    }
}

fn at_its_place(refusal: Refusal) -> Halt {
    refusal.at("/external_id").into()
}
