//! Cancelling an order, or some of its lines, gives back what they hold. A customer may cancel their own.

use daybook_domain::{Code, code::GeneralCode, order::OrderCode};
use daybook_domain::{
    feature::Feature,
    ids::OrderId,
    order::{Command, Order, Portion},
    policy::{Action, Actor, Demand},
    sealed::Note,
    text::{CustomerId, Reason},
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

/// A cancellation as a caller asks for it.
#[derive(Clone, Serialize)]
pub struct CancelOrderRequest {
    pub id: OrderId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// What is cancelled; all of it, if `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<Vec<Portion>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CancelOrder {
    pub id: OrderId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Note<Reason>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<Vec<Portion>>,
}

impl Request for CancelOrderRequest {
    type UseCase = CancelOrder;

    fn demands(&self, _: &Actor) -> Vec<Demand> {
        vec![]
    }

    async fn prepare(
        self,
        _: &Context,
        _: &Settings,
        features: &Features,
        means: &impl Means,
    ) -> Result<CancelOrder, Failure> {
        let Self { id, reason, lines } = self;
        Ok(CancelOrder { id, reason: note::about(id, reason, features, means).await?, lines })
    }
}

impl UseCase for CancelOrder {
    const NAME: &'static str = "order.cancel";
    const ACTION: Action = Action::CancelOrder;
    const NEEDS_KEY: bool = true;
    const REFUSALS: &'static [Code] = &[GeneralCode::NotFound.code(), OrderCode::NotCancellable.code()];
    type Outcome = OrderOutcome;

    fn needs(&self) -> Option<(Feature, &'static str)> {
        self.lines.is_some().then_some((Feature::CancelLines, "/lines"))
    }

    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<OrderOutcome, Halt> {
        let order = work.state::<Order>(&self.id.to_string())?;
        let customer = order.details().and_then(|order| order.customer.as_ref());
        context.check(Self::ACTION, customer.map(CustomerId::as_str))?;
        let reason = self.reason.clone();
        let command = match self.lines.clone() {
            None => Command::Cancel { reason },
            Some(portions) => Command::CancelLines { portions, reason },
        };
        change(context, work, self.id, command)
    }
}
