//! What is written about a person's order: sealed with that person's key, so that an erasure reaches it.

use daybook_domain::{
    feature::Feature,
    ids::OrderId,
    sealed::{Note, Person},
};
use daybook_migrations::Features;
use serde::Serialize;

use crate::{error::Failure, use_case::Means};

/// A note on a new order.
pub(super) async fn of<T: Serialize + Sync>(
    person: &Person<'_>,
    text: Option<T>,
    features: &Features,
    means: &impl Means,
) -> Result<Option<Note<T>>, Failure> {
    match text {
        Some(text) if features.has(Feature::SealNotes) => {
            Ok(Some(Note::Sealed(means.seal(person, &text).await?)))
        }
        text => Ok(text.map(Note::Clear)),
    }
}

/// A note on an order that is there. If there is none, there is nothing to note: the command will be refused.
pub(super) async fn about<T: Serialize + Sync>(
    order: OrderId,
    text: Option<T>,
    features: &Features,
    means: &impl Means,
) -> Result<Option<Note<T>>, Failure> {
    match text {
        Some(text) if features.has(Feature::SealNotes) => {
            Ok(means.seal_about(order, &text).await?.map(Note::Sealed))
        }
        text => Ok(text.map(Note::Clear)),
    }
}
