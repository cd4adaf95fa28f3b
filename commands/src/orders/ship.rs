//! Pieces of an order are shipped.

use daybook_domain::{Code, code::GeneralCode, order::OrderCode};
use daybook_domain::{
    ids::OrderId,
    order::{Command, Pieces},
    policy::{Action, Actor, Demand},
    sealed::Note,
    text::Reference,
};
use daybook_migrations::Features;
use serde::{Deserialize, Serialize};

use super::{OrderOutcome, change, note};
use crate::{
    Context, Settings,
    error::Failure,
    use_case::{Means, Request, UseCase},
    work::{Halt, Work},
};

/// A shipment as a caller tells of it.
#[derive(Clone, Serialize)]
pub struct ShipOrderRequest {
    pub id: OrderId,
    /// `None`: all that is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pieces: Option<Vec<Pieces>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracking: Option<Reference>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ShipOrder {
    pub id: OrderId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pieces: Option<Vec<Pieces>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking: Option<Note<Reference>>,
}

impl Request for ShipOrderRequest {
    type UseCase = ShipOrder;

    fn demands(&self, _: &Actor) -> Vec<Demand> {
        vec![]
    }

    async fn prepare(
        self,
        _: &Context,
        _: &Settings,
        features: &Features,
        means: &impl Means,
    ) -> Result<ShipOrder, Failure> {
        let Self { id, pieces, tracking } = self;
        Ok(ShipOrder { id, pieces, tracking: note::about(id, tracking, features, means).await? })
    }
}

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
