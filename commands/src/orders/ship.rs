//! Pieces of an order are shipped.

use daybook_domain::{Code, code::GeneralCode, order::OrderCode};
use daybook_domain::{
    ids::OrderId,
    order::{Command, Pieces},
    policy::Action,
    text::Reference,
};
use serde::{Deserialize, Serialize};

use super::{OrderOutcome, change};
use crate::{
    Context,
    use_case::{AsAsked, UseCase},
    work::{Halt, Work},
};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ShipOrder {
    pub id: OrderId,
    /// `None`: all that is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pieces: Option<Vec<Pieces>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking: Option<Reference>,
}

impl AsAsked for ShipOrder {}

impl UseCase for ShipOrder {
    const NAME: &'static str = "order.ship";
    const ACTION: Action = Action::ShipOrder;
    const NEEDS_KEY: bool = true;
    const REFUSALS: &'static [Code] = &[
        GeneralCode::NotFound.code(),
        OrderCode::NotShippable.code(),
        OrderCode::ShipmentExceedsOrder.code(),
        OrderCode::NothingToShip.code(),
    ];
    type Outcome = OrderOutcome;

    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<OrderOutcome, Halt> {
        change(
            context,
            work,
            self.id,
            Command::Ship { pieces: self.pieces.clone(), tracking: self.tracking.clone() },
        )
    }
}
