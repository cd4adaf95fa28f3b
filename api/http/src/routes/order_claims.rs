//! Guests' orders that their owners make their account's own.

use actix_web::http::Method;
use daybook_core::{identity::codes::IdentityCode, values::OrderId};
use daybook_domain::{Code, policy::Action};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::accounts::Token;
use crate::{
    act::{WillBe, act},
    route::{Did, Door, Route},
};

const OWN: Door = Door::Action(Action::ManageAccount);
const CONFIRMATION: &[Code] = &[IdentityCode::InvalidLink.code()];

#[rustfmt::skip]
pub fn routes() -> Vec<Route> {
    vec![
        act("account.claim_order", Method::POST, "/v1/accounts/me/order-claims", "Asks for an order that you placed as a guest. A link is sent to the address that was given with it. The answer is the same whether there is such an order, and whosever it is.", OWN, &[],
            |app, asker, (), Wanted { order }| async move {
                app.identity.order_claims.ask(&asker, order.0).await?;
                Ok(WillBe)
            }),
        act("account.confirm_order_claim", Method::POST, "/v1/accounts/me/order-claims/confirmation", "Makes a guest's order your own with the token of the link that you asked for. It is among your orders from then on.", OWN, CONFIRMATION,
            |app, asker, (), Token { token }| async move {
                let order = OrderId(app.identity.order_claims.confirm(&asker, &token).await?);
                Ok(Did(Claimed { order }))
            }),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ClaimOrder)]
struct Wanted {
    order: OrderId,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ClaimedOrder)]
struct Claimed {
    order: OrderId,
}
