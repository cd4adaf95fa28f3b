//! The catalogue: a row for each product, drafts and archived ones too.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use daybook_domain::{
    Decider, Record,
    money::Price,
    product::{Event, PriceChanges, Product, Status},
    stored::Unreadable,
    tax::TaxClass,
    text::{Description, ExternalId, Metadata, ProductName, folded},
};
use serde::{Deserialize, Serialize};
use sqlx::{Postgres, QueryBuilder};

use super::{Column, List, Place, ReadModel, TRIGRAMS};
use crate::{cursor::Cursor, sql::sql};

pub struct Products;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub sku: String,
    pub name: ProductName,
    pub description: Description,
    /// The price in the currency that the product was created with.
    pub price: Price,
    /// The prices by ISO 4217 code, `price` among them.
    pub prices: BTreeMap<String, Price>,
    pub status: Status,
    #[serde(default, skip_serializing_if = "TaxClass::is_default")]
    pub tax_class: TaxClass,
    /// Those that had not ended when the newest event of the product was recorded.
    #[serde(default, skip_serializing_if = "PriceChanges::is_empty")]
    pub price_changes: PriceChanges,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<ExternalId>,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    pub version: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// The condition of the published ones' index, which the planner has to see.
const PUBLISHED: &str = sql!("status = '", Status::Published.as_str(), "'");

/// What a search compares, as [`folded`] makes it of what is searched for. The column itself is in lower case, as
/// release 0.1 writes it, too. The function is that of the migrations.
const SEARCH_FORM: &str = "search_form(search)";

/// A page of the catalogue, by SKU.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Part of a SKU or a name, however it is written: in NFKC with case folding.
    pub q: Option<String>,
    pub only_published: bool,
    /// 1–100.
    pub limit: u16,
    pub place: Place<Cursor>,
}

impl ReadModel for Products {
    const NAME: &'static str = "products";
    const KIND: &'static str = Product::KIND;
    const COLUMNS: &'static [Column] =
        &[Column { name: "status", sql_type: "text" }, Column { name: "search", sql_type: "text" }];
    const INDEXES: &'static [&'static str] =
        &[sql!("(id) WHERE ", PUBLISHED), sql!("USING gin (", SEARCH_FORM, " ", TRIGRAMS, ")")];
    type Row = Row;

    fn fold(row: Option<Row>, record: &Record) -> Result<Option<Row>, Unreadable> {
        let event: Event = record.decode()?;
        let row = match (row, event) {
            (_, Event::Created { name, description, price, external_id, metadata }) => Some(Row {
                sku: record.aggregate_id.clone(),
                name,
                description,
                price,
                prices: [(price.currency().code().to_owned(), price)].into(),
                status: Status::Draft,
                tax_class: TaxClass::default(),
                price_changes: PriceChanges::default(),
                external_id,
                metadata,
                version: 0,
                created_at: record.recorded_at,
                updated_at: record.recorded_at,
            }),
            (None, _) => None,
            (Some(mut row), event) => {
                row.price_changes.forget_ended(record.recorded_at);
                row.change(event);
                Some(row)
            }
        };
        Ok(row.map(|row| Row { version: record.sequence, updated_at: record.recorded_at, ..row }))
    }

    fn columns(row: &Row) -> Vec<Option<String>> {
        vec![Some(row.status.to_string()), Some(searchable(&row.sku, row.name.as_str()))]
    }
}

impl List for Filter {
    type Model = Products;
    const ORDER: &'static str = "id";
    const BACKWARDS: &'static str = "id DESC";

    fn limit(&self) -> u16 {
        self.limit
    }

    fn place(&self) -> Place<()> {
        self.place.side()
    }

    fn conditions(&self, query: &mut QueryBuilder<'_, Postgres>) {
        if self.only_published {
            query.push(sql!(" AND ", PUBLISHED));
        }
        if let Some(q) = &self.q {
            query.push(sql!(" AND ", SEARCH_FORM, " LIKE ")).push_bind(pattern(q));
        }
        self.place.by_id(query);
    }

    fn key(row: &Row) -> String {
        row.sku.clone()
    }

    /// What is found often is found soon in the order of SKUs, and what is found rarely by its index.
    fn depends_on_values(&self) -> bool {
        self.q.is_some()
    }
}

impl Row {
    fn change(&mut self, event: Event) {
        match event {
            Event::Created { .. } => {}
            Event::Described { name, description, metadata } => {
                self.name = name;
                self.description = description;
                self.metadata = metadata;
            }
            Event::PriceSet { price } => {
                if price.currency() == self.price.currency() {
                    self.price = price;
                }
                self.prices.insert(price.currency().code().to_owned(), price);
            }
            Event::TaxClassSet { class } => self.tax_class = class,
            Event::PriceScheduled(change) => self.price_changes.add(change),
            Event::PriceChangeCancelled { id } => self.price_changes.remove(id),
            Event::Published {} => self.status = Status::Published,
            Event::Unpublished {} => self.status = Status::Draft,
            Event::Archived {} => self.status = Status::Archived,
        }
    }
}

/// What a search looks through, before it is folded. A line break, which neither part has, keeps them apart.
fn searchable(sku: &str, name: &str) -> String {
    format!("{}\n{}", sku.to_lowercase(), name.to_lowercase())
}

/// `q` as a pattern of LIKE that matches it anywhere, its own `%`, `_` and `\` as themselves.
fn pattern(q: &str) -> String {
    let mut pattern = String::from("%");
    // The database takes no NUL, and no name has one.
    for c in folded(q).chars().filter(|c| *c != '\0') {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use daybook_domain::{
        ids::PriceChangeId,
        money::{Currency, Money},
        product::PriceChange,
    };

    use super::*;
    use crate::read_models::testing::{given, record};

    fn price(amount: i64, currency: Currency) -> Price {
        Money::new(amount, currency).try_into().expect("in range")
    }

    fn created() -> Event {
        Event::Created {
            name: "Tea".parse().expect("a name"),
            description: Description::default(),
            price: price(450, Currency::EUR),
            external_id: None,
            metadata: Metadata::default(),
        }
    }

    #[test]
    fn a_created_product_is_a_draft() {
        let row = given::<Products, _>("TEA", [created()]).row();
        assert_eq!((row.status, row.version, row.sku.as_str()), (Status::Draft, 1, "TEA"));
    }

    #[test]
    fn a_price_in_another_currency_leaves_the_first_one() {
        let row = given::<Products, _>(
            "TEA",
            [
                created(),
                Event::PriceSet { price: price(500, Currency::USD) },
                Event::PriceSet { price: price(400, Currency::EUR) },
            ],
        )
        .row();
        assert_eq!(row.price, price(400, Currency::EUR));
        assert_eq!(row.prices.len(), 2);
        assert_eq!(row.version, 3);
    }

    /// Catches: a clock of the process, by which two processes would come to two rows.
    #[test]
    fn a_price_change_goes_when_something_is_recorded_after_its_end() {
        let at = |seconds| DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds);
        let change = |number, from, until| PriceChange {
            id: PriceChangeId::new(uuid::Uuid::from_u128(number)),
            price: price(400, Currency::EUR),
            from: at(from),
            until: Some(at(until)),
        };
        let (first, second) = (change(1, 10, 20), change(2, 20, 30));
        let shown = |third: Event, time| {
            let scheduled = [&second, &first].map(|change| Event::PriceScheduled(change.clone()));
            let events = (1..).zip([created()].into_iter().chain(scheduled).chain([third]));
            let row = events.fold(None, |row, (sequence, event)| {
                let mut record = record(Product::KIND, "TEA", sequence, &event);
                record.recorded_at = if sequence == 4 { time } else { at(0) };
                Products::fold(row, &record).expect("readable")
            });
            row.expect("a row").price_changes.iter().cloned().collect::<Vec<_>>()
        };
        assert_eq!(shown(Event::Published {}, at(19)), [first.clone(), second.clone()]);
        assert_eq!(shown(Event::Published {}, at(20)), std::slice::from_ref(&second));
        let cancelled = Event::PriceChangeCancelled { id: second.id };
        assert_eq!(shown(cancelled, at(19)), std::slice::from_ref(&first));
        assert_eq!(shown(Event::PriceScheduled(change(3, 40, 50)), at(31)), [change(3, 40, 50)]);
    }

    #[test]
    fn a_search_takes_wildcards_as_themselves() {
        assert_eq!(pattern(r"50%_A\"), r"%50\%\_a\\%");
        assert_eq!(pattern("STRAßE"), "%strasse%");
    }
}
