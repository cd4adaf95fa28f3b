//! The write side: use cases that gather facts, authorize, ask deciders and append.
//!
//! Outside of this crate a command is a value, `commands.ask(context, ConfirmOrder { id }, …)`, that is
//! answered only when its events are durable. The committer behind it is the only writer of the log.

pub mod accounts;
pub mod codes;
pub mod orders;
pub mod products;
pub mod stock;
pub mod taxes;

mod committer;
mod context;
mod error;
mod host;
mod metrics;
mod receipt;
mod settings;
mod size;
mod state;
mod use_case;
mod work;
mod working_set;

pub use committer::{ANSWERS, Commands, CommitterTask};
pub use context::{Context, IdempotencyKey};
pub use error::{CommandError, Failure, Refusal};
pub use settings::Settings;
pub use use_case::{Answer, AsAsked, Described, Done, Means, Outcome, Request, UseCase};

/// Every use case.
pub const USE_CASES: &[Described] = &[
    Described::of::<accounts::RegisterAccount>(),
    Described::of::<accounts::RegisterKnown>(),
    Described::of::<accounts::RequestAddress>(),
    Described::of::<accounts::VerifyAddress>(),
    Described::of::<accounts::ChangePassword>(),
    Described::of::<accounts::DescribeAccount>(),
    Described::of::<accounts::AddFactor>(),
    Described::of::<accounts::RemoveFactor>(),
    Described::of::<accounts::LinkIdentity>(),
    Described::of::<accounts::UnlinkIdentity>(),
    Described::of::<accounts::SetRoles>(),
    Described::of::<accounts::IssueKey>(),
    Described::of::<accounts::RevokeKey>(),
    Described::of::<accounts::EndAccountSessions>(),
    Described::of::<accounts::EraseAccount>(),
    Described::of::<products::CreateProduct>(),
    Described::of::<products::DescribeProduct>(),
    Described::of::<products::SetPrice>(),
    Described::of::<products::SetTaxClass>(),
    Described::of::<products::SchedulePrice>(),
    Described::of::<products::CancelPriceChange>(),
    Described::of::<products::PublishProduct>(),
    Described::of::<products::UnpublishProduct>(),
    Described::of::<products::ArchiveProduct>(),
    Described::of::<stock::ReceiveStock>(),
    Described::of::<stock::AdjustStock>(),
    Described::of::<taxes::SetTaxRate>(),
    Described::of::<orders::AskQuote>(),
    Described::of::<orders::PlaceOrder>(),
    Described::of::<orders::ConfirmOrder>(),
    Described::of::<orders::CancelOrder>(),
    Described::of::<orders::ShipOrder>(),
    Described::of::<orders::DeliverOrder>(),
    Described::of::<orders::ClaimOrder>(),
];
