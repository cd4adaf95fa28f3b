//! Stock by SKU: what there is, what is promised, what is left.

use daybook_domain::{
    Decider, Record,
    stock::{Event, Stock},
    stored::Unreadable,
};
use serde::{Deserialize, Serialize};

use super::{Column, ReadModel};

pub struct StockLevels;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    pub sku: String,
    #[serde(flatten)]
    pub stock: Stock,
    pub version: i64,
}

impl ReadModel for StockLevels {
    const NAME: &'static str = "stock";
    const KIND: &'static str = Stock::KIND;
    const COLUMNS: &'static [Column] = &[];
    const INDEXES: &'static [&'static str] = &[];
    type Row = Row;

    fn fold(row: Option<Row>, record: &Record) -> Result<Option<Row>, Unreadable> {
        let event: Event = record.decode()?;
        let stock = row.map_or_else(Stock::default, |row| row.stock).evolve(&event);
        Ok(Some(Row { sku: record.aggregate_id.clone(), stock, version: record.sequence }))
    }

    fn columns(_: &Row) -> Vec<Option<String>> {
        vec![]
    }
}

#[cfg(test)]
mod tests {
    use daybook_domain::ids::OrderId;

    use super::*;
    use crate::read_models::testing::given;

    #[test]
    fn held_pieces_are_not_available() {
        let order = OrderId::new(uuid::Uuid::nil());
        let row = given::<StockLevels, _>(
            "TEA",
            [Event::Received { quantity: 10, reference: None }, Event::Held { order, quantity: 3 }],
        )
        .row();
        assert_eq!(row.stock, Stock { on_hand: 10, held: 3, allocated: 0 });
        assert_eq!((row.stock.available(), row.version), (7, 2));
    }
}
