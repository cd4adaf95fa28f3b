//! The log as it lies in the database, and what must hold in it whatever happened.

use std::collections::{BTreeMap, HashMap, HashSet};

use daybook_domain::{
    Decider, Position, Record,
    ids::OrderId,
    order::{self, Order, Status, pieces_by_sku},
    product::{self, Product},
    sku::Sku,
    stock::{self, Stock},
};
use daybook_migrations::{RECORD_COLUMNS, record};
use sqlx::PgPool;

/// All of it, in order.
pub struct Log {
    pub records: Vec<Record>,
}

impl Log {
    pub async fn read(pool: &PgPool) -> Self {
        Self::read_after(pool, Position::START).await
    }

    pub async fn read_after(pool: &PgPool, after: Position) -> Self {
        let select = format!("SELECT {RECORD_COLUMNS} FROM events WHERE position > $1 ORDER BY position");
        let rows = sqlx::query(&select).bind(after.0).fetch_all(pool).await.expect("the log can be read");
        Self { records: rows.iter().map(|row| record(row).expect("a record")).collect() }
    }

    pub async fn check(pool: &PgPool) -> Self {
        let log = Self::read(pool).await;
        log.check_numbers();
        log.check_promises();
        log.check_prices();
        log
    }

    pub fn head(&self) -> Position {
        self.records.last().map_or(Position::START, |record| record.position)
    }

    /// Positions are 1..n, sequences of each stream are 1..n, no event is there twice, and time doesn't
    /// run backwards.
    pub fn check_numbers(&self) {
        let mut sequences: HashMap<(&str, &str), i64> = HashMap::new();
        let mut ids = HashSet::new();
        let mut last = None;
        for (expected, record) in (1..).zip(&self.records) {
            assert_eq!(record.position, Position(expected), "positions have no gaps");
            let stream = (record.aggregate_type.as_str(), record.aggregate_id.as_str());
            let sequence = sequences.entry(stream).or_default();
            *sequence += 1;
            assert_eq!(record.sequence, *sequence, "sequences of {stream:?} have no gaps");
            assert!(ids.insert(record.event_id), "{} is there twice", record.event_id);
            assert!(last <= Some(record.recorded_at), "{} is before its predecessor", record.position);
            last = Some(record.recorded_at);
        }
    }

    /// Stock is never negative nor promised twice, at no place of the log; and what it promises at the
    /// end is what the orders think that they were promised.
    pub fn check_promises(&self) {
        let mut stocks: BTreeMap<String, Stock> = BTreeMap::new();
        for record in &self.records {
            if let Some(event) = event::<Stock>(record) {
                let stock = stocks.entry(record.aggregate_id.clone()).or_default();
                *stock = stock.evolve(&event);
                let Stock { on_hand, held, allocated } = *stock;
                let fine = on_hand >= 0 && held >= 0 && allocated >= 0 && held + allocated <= on_hand;
                assert!(fine, "{} at {}: {stock:?}", record.aggregate_id, record.position);
            }
        }
        let mut held: BTreeMap<Sku, i64> = BTreeMap::new();
        let mut allocated: BTreeMap<Sku, i64> = BTreeMap::new();
        for order in self.orders().values() {
            let order = order.details().expect("an order begins with its placement");
            let promised = match order.status {
                Status::Placed => &mut held,
                Status::Confirmed | Status::PartlyShipped => &mut allocated,
                Status::Shipped | Status::Delivered | Status::Cancelled => continue,
            };
            for (sku, pieces) in pieces_by_sku(order.lines.iter().map(|line| (&line.sku, line.left()))) {
                *promised.entry(sku).or_default() += pieces;
            }
        }
        let none = |(_, pieces): &(String, i64)| *pieces != 0;
        let of_stock = |count: fn(&Stock) -> i64| -> BTreeMap<String, i64> {
            stocks.iter().map(|(sku, stock)| (sku.clone(), count(stock))).filter(none).collect()
        };
        let of_orders = |pieces: BTreeMap<Sku, i64>| -> BTreeMap<String, i64> {
            pieces.into_iter().map(|(sku, pieces)| (sku.to_string(), pieces)).filter(none).collect()
        };
        assert_eq!(of_stock(|stock| stock.held), of_orders(held), "held is the sum of open holds");
        assert_eq!(of_stock(|stock| stock.allocated), of_orders(allocated), "so is allocated");
    }

    /// Every order was placed at the prices, and of products published, as they stood at its place in
    /// the log.
    pub fn check_prices(&self) {
        let mut products: HashMap<String, Product> = HashMap::new();
        for record in &self.records {
            if let Some(event) = event::<Product>(record) {
                let product = products.entry(record.aggregate_id.clone()).or_default();
                *product = std::mem::take(product).evolve(&event);
            }
            if let Some(order::Event::Placed(placement)) = event::<Order>(record) {
                for line in &placement.lines {
                    let product = products.get(line.sku.as_str()).and_then(Product::details);
                    let product = product.unwrap_or_else(|| panic!("{} was unknown", line.sku));
                    assert_eq!(product.status, product::Status::Published, "{} was not for sale", line.sku);
                    let list_price = product.price_in(placement.currency);
                    if line.list_price.is_none() {
                        let at = record.position;
                        assert_eq!(list_price, Some(line.unit_price), "the price of {} at {at}", line.sku);
                    }
                }
            }
        }
    }

    /// The fold of one stream.
    pub fn state<D: Decider>(&self, id: &str) -> D {
        let records = self.records.iter().filter(|record| record.aggregate_id == id);
        records.filter_map(event::<D>).fold(D::default(), |state, event| state.evolve(&event))
    }

    pub fn stock(&self, sku: &str) -> Stock {
        self.state(sku)
    }

    pub fn orders(&self) -> BTreeMap<OrderId, Order> {
        let mut orders: BTreeMap<OrderId, Order> = BTreeMap::new();
        for record in &self.records {
            if let Some(event) = event::<Order>(record) {
                let order = orders.entry(record.aggregate_id.parse().expect("an order's id")).or_default();
                *order = std::mem::take(order).evolve(&event);
            }
        }
        orders
    }

    /// How often this order was placed: once, or something is very wrong.
    pub fn times_placed(&self, id: OrderId) -> usize {
        let id = id.to_string();
        self.records
            .iter()
            .filter(|record| record.aggregate_id == id && record.event_type == "OrderPlaced")
            .count()
    }

    /// Pieces that were sold and not given back.
    pub fn sold(&self, sku: &str) -> i64 {
        self.records
            .iter()
            .filter(|record| record.aggregate_id == sku)
            .filter_map(event::<Stock>)
            .map(|event| match event {
                stock::Event::Held { quantity, .. } => quantity,
                stock::Event::HoldReleased { quantity, .. }
                | stock::Event::AllocationReleased { quantity, .. } => -quantity,
                stock::Event::Received { .. }
                | stock::Event::Adjusted { .. }
                | stock::Event::Allocated { .. }
                | stock::Event::Shipped { .. } => 0,
            })
            .sum()
    }

    pub fn names(&self) -> Vec<&str> {
        self.records.iter().map(|record| record.event_type.as_str()).collect()
    }
}

fn event<D: Decider>(record: &Record) -> Option<D::Event> {
    record.event::<D>().expect("this release reads what it wrote")
}
