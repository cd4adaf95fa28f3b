//! Has a price hold for a time, instead of the one that is set in its currency.

use chrono::{DateTime, SubsecRound, Utc};
use daybook_domain::{Code, code::GeneralCode, product::ProductCode};
use daybook_domain::{
    feature::Feature,
    ids::PriceChangeId,
    money::Price,
    policy::{Action, Actor, Demand},
    product::{Command, InvalidTimes, PriceChange, Product, Rejection},
    sku::Sku,
};
use daybook_migrations::Features;
use serde::{Deserialize, Serialize};

use crate::{
    Context, Settings,
    error::Failure,
    use_case::{Means, Outcome, Request, UseCase},
    work::{Halt, Work},
};

/// A price change as a caller asks for it. Parts of seconds are left out of its times.
#[derive(Clone, Serialize)]
pub struct SchedulePriceRequest {
    pub sku: Sku,
    pub price: Price,
    pub from: DateTime<Utc>,
    /// `None`: until it is cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
}

/// Refused with `validation_failed` for times that can't be, `price_change_overlaps`, or `too_many_price_changes`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SchedulePrice {
    pub sku: Sku,
    pub change: PriceChange,
}

/// The product after the command, and its new price change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PriceChangeOutcome {
    /// The SKU, as every outcome names its thing.
    pub id: Sku,
    pub sku: Sku,
    pub price_change: PriceChangeId,
    pub version: i64,
}

impl Outcome for PriceChangeOutcome {
    fn id(&self) -> String {
        self.sku.to_string()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl Request for SchedulePriceRequest {
    type UseCase = SchedulePrice;

    fn demands(&self, _: &Actor) -> Vec<Demand> {
        vec![]
    }

    async fn prepare(
        self,
        _: &Context,
        _: &Settings,
        _: &Features,
        means: &impl Means,
    ) -> Result<SchedulePrice, Failure> {
        let Self { sku, price, from, until } = self;
        let whole = |time: DateTime<Utc>| time.trunc_subsecs(0);
        let id = PriceChangeId::new(means.new_id());
        Ok(SchedulePrice {
            sku,
            change: PriceChange { id, price, from: whole(from), until: until.map(whole) },
        })
    }
}

impl UseCase for SchedulePrice {
    const NAME: &'static str = "product.schedule_price";
    const ACTION: Action = Action::ScheduleProductPrice;
    const REFUSALS: &'static [Code] = &[
        GeneralCode::NotFound.code(),
        GeneralCode::ValidationFailed.code(),
        ProductCode::Archived.code(),
        ProductCode::PriceChangeOverlaps.code(),
        ProductCode::TooManyPriceChanges.code(),
    ];
    type Outcome = PriceChangeOutcome;

    fn needs(&self) -> Option<(Feature, &'static str)> {
        Some((Feature::Tax, "/price"))
    }

    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<PriceChangeOutcome, Halt> {
        let (id, sku) = (self.change.id, &self.sku);
        work.expect_version::<Product>(sku.as_str(), context.if_match.as_deref())?;
        let schedule = Command::SchedulePrice { change: self.change.clone(), now: context.now };
        if let Err(rejection) = work.try_execute::<Product>(sku.as_str(), schedule)? {
            let refusal = work.refused(&rejection);
            let Rejection::PriceChangeTimes(times) = rejection else { return Err(refusal.into()) };
            let place = match times {
                InvalidTimes::BeginsInThePast | InvalidTimes::BeginsTooLate => "/from",
                InvalidTimes::EndsTooSoon | InvalidTimes::EndsTooLate => "/until",
            };
            return Err(refusal.at(place).into());
        }
        let version = work.version::<Product>(sku.as_str())?;
        Ok(PriceChangeOutcome { id: sku.clone(), sku: sku.clone(), price_change: id, version })
    }
}
