//! Guests' orders that become an account's own. That an order is someone's, a link shows that was sent to the address
//! which its guest gave; that an account has the same address shows nothing. Who asks learns nothing of the order before.

use std::sync::Arc;

use daybook_commands::{CommandError, orders::ClaimOrder};
use daybook_domain::{
    Decider,
    code::GeneralCode,
    contact::Contact,
    feature::Feature,
    ids::{AccountId, OrderId},
    order::{Event, Order},
    reactions::EffectKind,
    sealed::Sealed,
    text::CustomerId,
};
use daybook_projections::ClaimedEffect;
use serde::{Deserialize, Serialize};
use sqlx::query;

use super::{
    activity::ActivityEvent,
    asker::{Asker, system},
    error::IdentityError,
    links::{Link, Purpose},
    registering::ToWrite,
    shared::{Shared, delta},
};
use crate::entropy::{Clock, new_id};

pub struct OrderClaims {
    shared: Arc<Shared>,
    clock: Clock,
}

/// What is asked for. It is stored sealed only.
#[derive(Serialize, Deserialize)]
struct Asked {
    account: AccountId,
    request_id: String,
}

/// What has to be known of an order before it is claimed.
#[derive(Debug, Default)]
pub struct Known {
    customer: Option<CustomerId>,
    contact: Option<Sealed>,
}

impl Known {
    pub fn is_of(&self, account: &str) -> bool {
        self.customer.as_ref().is_some_and(|customer| customer.as_str() == account)
    }
}

impl OrderClaims {
    pub fn new(shared: Arc<Shared>, clock: Clock) -> Self {
        Self { shared, clock }
    }

    /// Durable when this returns, and nothing more: the same for every order, and for none.
    pub async fn ask(&self, asker: &Asker, order: OrderId) -> Result<(), IdentityError> {
        let account = self.own(asker, "/order").await?;
        self.shared.budgets.reset(asker.address)?;
        let asked = Asked { account, request_id: asker.request_id.clone() };
        self.shared.propose(new_id(), EffectKind::OrderClaim, &order.to_string(), &asked).await
    }

    /// The letter to the guest, if it is a guest's order, and if the guest gave an address.
    pub async fn perform(&self, effect: &ClaimedEffect) -> Result<Option<ToWrite>, IdentityError> {
        let shared = &self.shared;
        let asked: Asked = shared.proposed(effect)?;
        let asker = Asker::later(asked.request_id, self.clock.now());
        let id: OrderId = effect.target.parse().map_err(|_| IdentityError::NotFound)?;
        let order = find(shared, id).await?.filter(|order| order.customer.is_none());
        let Some(sealed) = order.and_then(|order| order.contact) else { return Ok(None) };
        let Some(Contact { name, email }) = shared.open(&sealed).await? else { return Ok(None) };
        if !shared.budgets.may_write_to(shared.addresses.mark(&email)) {
            return Ok(None);
        }
        let link = Link { id: effect.event_id, account: asked.account.to_string(), subject: id.to_string() };
        let lifetime = delta(shared.settings.address_link_lifetime.get());
        let token = shared.links.make(&link, Purpose::Claim, asker.now, lifetime).await?;
        let link = format!("{}/account/order-claims#token={token}", shared.url);
        Ok(Some(ToWrite::Claim { email, name: Some(name), order: id, link }))
    }

    /// The order that the link is about is the caller's from now on. Only who asked for the link can use it: its reader may
    /// be another one, who presses a button without thinking of it.
    pub async fn confirm(&self, asker: &Asker, token: &str) -> Result<OrderId, IdentityError> {
        let (account, shared) = (self.own(asker, "/token").await?, &self.shared);
        let link = shared.links.open(token, Purpose::Claim, asker.now).await?;
        let link = link.filter(|link| link.account == account.to_string());
        let link = link.ok_or(IdentityError::InvalidLink)?;
        let id: OrderId = link.subject.parse().map_err(|_| IdentityError::InvalidLink)?;
        // It is written first, and worth nothing until the order says the same: who leaves takes the guest's key along.
        query("INSERT INTO claimed_orders (order_id, account) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(&link.subject)
            .bind(&link.account)
            .execute(&shared.pool)
            .await?;
        match shared.ask_as(asker, system(), ClaimOrder { id, account }).await {
            Ok(_) => {}
            // Another one was faster, with a link of their own.
            Err(IdentityError::Command(CommandError::Refused(refusal)))
                if refusal.code == GeneralCode::NotFound.code() =>
            {
                return Err(IdentityError::InvalidLink);
            }
            Err(error) => return Err(error),
        }
        shared.links.use_up(&link, asker.now).await?;
        shared.note(asker, Some(&link.account), ActivityEvent::OrderClaimed, None).await?;
        Ok(id)
    }

    /// The caller's account, if it may have orders of guests. `place` is what is refused otherwise.
    async fn own(&self, asker: &Asker, place: &'static str) -> Result<AccountId, IdentityError> {
        let account = self.shared.own(asker).await?.account_id()?;
        if self.shared.features.has_by_now(Feature::ClaimOrders).await? {
            Ok(account)
        } else {
            Err(IdentityError::Invalid(place, Feature::ClaimOrders.is_missing()))
        }
    }
}

/// `None`: there is no such order.
pub async fn find(shared: &Shared, id: OrderId) -> Result<Option<Known>, IdentityError> {
    let mut known = None;
    for record in shared.log.stream(Order::KIND, &id.to_string(), None).await? {
        match record.decode()? {
            Event::Placed(placed) => {
                known = Some(Known { customer: placed.customer, contact: placed.contact });
            }
            Event::Claimed { customer } => {
                known = known.map(|order| Known { customer: Some(customer), ..order });
            }
            _ => {}
        }
    }
    Ok(known)
}
