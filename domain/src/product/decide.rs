use chrono::{DateTime, Utc};

use super::{
    Command, Details, Event, MAX_CURRENCIES, MAX_PRICE_CHANGES, PriceChange, PriceChanges, Product,
    Rejection, Status,
};
use crate::{decider::Decider, money::Price, tax::TaxClass};

impl Decider for Product {
    const KIND: &'static str = "product";
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;
    const SHAPE: u16 = 2;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Rejection> {
        let details = match (self, command) {
            (Self::Unknown, Command::Create { name, description, price, external_id, metadata }) => {
                return Ok(vec![Event::Created { name, description, price, external_id, metadata }]);
            }
            (Self::Known(_), Command::Create { .. }) => return Err(Rejection::AlreadyExists),
            (Self::Unknown, _) => return Err(Rejection::NotFound),
            (Self::Known(details), command) => (details, command),
        };
        match details {
            (Details { status: Status::Archived, .. }, Command::Archive) => Ok(vec![]),
            (Details { status: Status::Archived, .. }, _) => Err(Rejection::Archived),
            (product, Command::Describe { name, description, metadata }) => {
                let name = name.unwrap_or_else(|| product.name.clone());
                let description = description.unwrap_or_else(|| product.description.clone());
                let metadata = metadata.merged_into(&product.metadata).map_err(Rejection::Metadata)?;
                let same = (&name, &description, &metadata)
                    == (&product.name, &product.description, &product.metadata);
                Ok(if same { vec![] } else { vec![Event::Described { name, description, metadata }] })
            }
            (product, Command::SetPrice(price)) => match product.price_in(price.currency()) {
                Some(today) if today == price => Ok(vec![]),
                None if product.prices.len() >= MAX_CURRENCIES => Err(Rejection::TooManyCurrencies),
                _ => Ok(vec![Event::PriceSet { price }]),
            },
            (product, Command::SetTaxClass(class)) => {
                Ok(if product.tax_class == class { vec![] } else { vec![Event::TaxClassSet { class }] })
            }
            (product, Command::SchedulePrice { change, now }) => product.schedule(change, now),
            (product, Command::CancelPriceChange { id, now }) => match product.price_changes.get(id) {
                Some(change) if !change.has_ended(now) => Ok(vec![Event::PriceChangeCancelled { id }]),
                _ => Err(Rejection::NoSuchPriceChange),
            },
            (Details { status: Status::Draft, .. }, Command::Publish) => Ok(vec![Event::Published {}]),
            (Details { status: Status::Published, .. }, Command::Unpublish) => {
                Ok(vec![Event::Unpublished {}])
            }
            (_, Command::Publish | Command::Unpublish) => Ok(vec![]),
            (_, Command::Archive) => Ok(vec![Event::Archived {}]),
            (_, Command::Create { .. }) => Err(Rejection::AlreadyExists),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match (self, event) {
            (_, Event::Created { name, description, price, external_id: _, metadata }) => {
                Self::Known(Details {
                    name: name.clone(),
                    description: description.clone(),
                    prices: [(price.currency().code().to_owned(), *price)].into(),
                    metadata: metadata.clone(),
                    status: Status::Draft,
                    tax_class: TaxClass::default(),
                    price_changes: PriceChanges::default(),
                })
            }
            (Self::Unknown, _) => Self::Unknown,
            (Self::Known(mut product), event) => {
                product.change(event);
                Self::Known(product)
            }
        }
    }

    fn weight(&self) -> usize {
        let texts = |details: &Details| {
            let Details { name, description, prices, metadata, status: _, tax_class, price_changes } =
                details;
            // A price and its currency's code, as the map keeps them.
            let prices = prices.len() * (size_of::<(String, Price)>() + 3);
            name.as_str().len()
                + description.as_str().len()
                + prices
                + metadata.weight()
                + tax_class.as_str().len()
                + price_changes.weight()
        };
        size_of::<Self>() + self.details().map_or(0, texts)
    }
}

impl Details {
    fn schedule(&self, change: PriceChange, now: DateTime<Utc>) -> Result<Vec<Event>, Rejection> {
        change.check_times(now).map_err(Rejection::PriceChangeTimes)?;
        if let Some(other) = self.price_changes.overlapped_by(&change) {
            return Err(Rejection::PriceChangeOverlaps { other: other.id });
        }
        if self.price_changes.open_at(now) >= MAX_PRICE_CHANGES {
            return Err(Rejection::TooManyPriceChanges);
        }
        Ok(vec![Event::PriceScheduled(change)])
    }

    fn change(&mut self, event: &Event) {
        match event {
            Event::Created { .. } => {}
            Event::Described { name, description, metadata } => {
                self.name = name.clone();
                self.description = description.clone();
                self.metadata = metadata.clone();
            }
            Event::PriceSet { price } => {
                self.prices.insert(price.currency().code().to_owned(), *price);
            }
            Event::TaxClassSet { class } => self.tax_class = class.clone(),
            Event::PriceScheduled(change) => self.price_changes.add(change.clone()),
            Event::PriceChangeCancelled { id } => self.price_changes.remove(*id),
            Event::Published {} => self.status = Status::Published,
            Event::Unpublished {} => self.status = Status::Draft,
            Event::Archived {} => self.status = Status::Archived,
        }
    }
}
