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
    keys: Vec<String>,
    /// Where it would be noted for the shop. Release 0.1 noted there what customers took, too.
    shops: Vec<String>,
    /// The customer, if they place the order themselves.
    customer: Option<&'a CustomerId>,
}

impl<'a> Claim<'a> {
    /// `id` is that of an order of `owner`.
    pub fn of(owner: Option<&'a CustomerId>, id: &ExternalId, actor: &Actor) -> Self {
        let customer = owner.filter(|owner| owner.as_str() == actor.subject);
        let scope = customer.map_or(Scope::Shop, Scope::Of);
        let [keys, shops] = [scope, Scope::Shop].map(|scope| external_id::keys::<Order>(scope, id));
        Self { keys, shops, customer }
    }

    pub fn wanted(&self) -> impl Iterator<Item = Wanted> {
        self.keys.iter().chain(&self.shops).map(|key| Wanted::of::<ExternalIdUse>(key))
    }

    /// Takes it for the order with this id.
    pub fn take(self, order: &str, work: &mut Work<'_>) -> Result<(), Halt> {
        for shops in &self.shops {
            self.check_former(shops, work)?;
        }
        for key in &self.keys {
            let take = external_id::Command::Take { by: order.to_owned(), told_to: self.told_to() };
            if let Err(rejection) = work.try_execute::<ExternalIdUse>(key, take)? {
                return Err(at_its_place(work.refused(&rejection)));
            }
        }
        Ok(())
    }

    /// An id that the shop's list has for another customer's order is free. The customer's own order may stand there,
    /// too, since release 0.1 took it, or since the shop placed it for them.
    fn check_former(&self, shops: &str, work: &mut Work<'_>) -> Result<(), Halt> {
        let Some(customer) = self.customer else { return Ok(()) };
        let taken = work.state::<ExternalIdUse>(shops)?;
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
