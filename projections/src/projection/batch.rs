//! What one batch writes: each touched row once, and what the rows add to a tally's sums.

use std::collections::BTreeMap;

use daybook_domain::Position;
use sqlx::{Postgres, postgres::PgArguments, query::Query};

use crate::read_models::{Contribution, Definition, Fold};

/// A row that is being changed.
pub(super) struct Row {
    pub fold: Box<dyn Fold>,
    /// The sequence of the last event that was applied; 0 if there is no row.
    pub version: i64,
    pub position: Position,
    /// What a tally's sums have of it, as it was last written.
    pub contributed: Contribution,
    /// Size of its id and document, as they were last written, and of what it contributes.
    pub bytes: usize,
}

/// Rows to be written, an array for each column.
#[derive(Default)]
pub(super) struct Batch {
    pub ids: Vec<String>,
    versions: Vec<i64>,
    positions: Vec<i64>,
    columns: Vec<Vec<Option<String>>>,
    docs: Vec<String>,
    /// What a tally's sums change by, an array for each key and each sum, in the order of the keys.
    added: Vec<Vec<String>>,
}

impl Batch {
    /// Notes in each row what of it will be written.
    pub fn of(definition: &Definition, rows: &mut BTreeMap<String, Row>) -> Self {
        let mut batch = Self { columns: vec![Vec::new(); definition.columns().count()], ..Self::default() };
        let mut difference = Contribution::default();
        for (id, row) in rows {
            let Some(written) = row.fold.written() else { continue };
            row.bytes = id.len() + written.doc.len() + written.contribution.bytes();
            difference.add(&written.contribution);
            difference.subtract(&row.contributed);
            row.contributed = written.contribution;
            batch.ids.push(id.clone());
            batch.versions.push(row.version);
            batch.positions.push(row.position.0);
            batch.docs.push(written.doc);
            for (column, value) in batch.columns.iter_mut().zip(written.columns) {
                column.push(value);
            }
        }
        if let Some(shape) = definition.tally {
            batch.added = vec![Vec::new(); shape.keys.len() + shape.sums.len()];
            for (key, sums) in difference.parts() {
                let values = key.iter().cloned().chain(sums.iter().map(i128::to_string));
                batch.added.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
            }
        }
        batch
    }

    /// The groups that the rows are of, if the read model has groups.
    pub fn groups(&self, definition: &Definition) -> Option<Vec<String>> {
        let group = definition.columns().position(|column| Some(column.name) == definition.group)?;
        let mut groups: Vec<String> = self.columns[group].iter().flatten().cloned().collect();
        groups.sort_unstable();
        groups.dedup();
        Some(groups)
    }

    /// Binds the batch in the order of the statement's parameters.
    pub fn bind(self, mut query: Query<'_, Postgres, PgArguments>) -> Query<'_, Postgres, PgArguments> {
        query = query.bind(self.ids).bind(self.versions).bind(self.positions);
        for column in self.columns {
            query = query.bind(column);
        }
        query = query.bind(self.docs);
        for column in self.added {
            query = query.bind(column);
        }
        query
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use daybook_domain::{
        Record,
        money::{Currency, Money},
        order::{Event, Line, Placement},
        text::Metadata,
    };
    use proptest::{collection, prelude::*};

    use super::*;
    use crate::{
        partition::Partition,
        read_models::{Key, Sums, named, testing::record},
    };

    const ORDERS: usize = 6;

    fn definition() -> &'static Definition {
        named("sales").expect("it is in the list")
    }

    /// Products and pieces of an order, and its currency.
    fn placement() -> impl Strategy<Value = Event> {
        let line = (0..3_usize, 1..5_i64, 0..1_000_i64);
        (collection::vec(line, 1..4), any::<bool>()).prop_map(|(lines, is_in_euros)| {
            let currency = if is_in_euros { Currency::EUR } else { Currency::JPY };
            let lines = lines.into_iter().map(|(sku, quantity, amount)| Line {
                sku: ["TEA", "CUP", "POT"][sku].parse().expect("a SKU"),
                name: "A thing".parse().expect("a name"),
                quantity: quantity.try_into().expect("in range"),
                unit_price: Money::new(amount, currency).try_into().expect("in range"),
                list_price: None,
            });
            Event::Placed(Box::new(Placement {
                customer: None,
                lines: lines.collect(),
                currency,
                total: Money::zero(currency),
                override_reason: None,
                sealed_override_reason: None,
                contact: None,
                ship_to: None,
                external_id: None,
                metadata: Metadata::default(),
                pay_until: None,
                terms: None,
                buyer: None,
            }))
        })
    }

    /// What happens to some orders, in the order of the log.
    fn history() -> impl Strategy<Value = Vec<Record>> {
        let later = prop_oneof![
            Just(Event::Confirmed {}),
            Just(Event::Shipped { parcels: vec![], tracking: None, sealed_tracking: None, complete: true }),
            Just(Event::Cancelled { cause: None, reason: None, sealed_reason: None }),
        ];
        let stream = (placement(), collection::vec(later, 0..4));
        let streams = collection::vec(stream, 1..ORDERS);
        (streams, collection::vec(any::<prop::sample::Index>(), ORDERS * 5)).prop_map(|(streams, turns)| {
            let mut left: Vec<(String, Vec<(i64, Event)>)> = streams
                .into_iter()
                .enumerate()
                .map(|(number, (first, rest))| {
                    let events = (1..).zip(std::iter::once(first).chain(rest));
                    let mut events: Vec<_> = events.collect();
                    events.reverse();
                    (format!("ord_{number}"), events)
                })
                .collect();
            let mut records = Vec::new();
            for turn in turns {
                if left.is_empty() {
                    break;
                }
                let place = turn.index(left.len());
                let (id, events) = &mut left[place];
                let (sequence, event) = events.pop().expect("those without events are gone");
                let mut record = record("order", id, sequence, &event);
                // Streams begin on different days.
                let day = chrono::TimeDelta::days(records.len().try_into().expect("few"));
                record.recorded_at += day;
                records.push(record);
                left.retain(|(_, events)| !events.is_empty());
            }
            records
        })
    }

    /// What one worker has stored: rows, and what each contributes.
    #[derive(Default)]
    struct Stored(HashMap<String, (String, String)>);

    impl Stored {
        /// As the projector does, with nothing kept in memory.
        fn apply(&mut self, records: &[&Record], sums: &mut BTreeMap<Key, Sums>) {
            let shape = definition().tally.expect("it is one");
            let mut rows: BTreeMap<String, Row> = BTreeMap::new();
            for record in records {
                let row = rows.entry(record.aggregate_id.clone()).or_insert_with(|| {
                    let stored = self.0.get(&record.aggregate_id);
                    let contributed =
                        stored.map(|(_, text)| Contribution::read(text, shape).expect("readable"));
                    Row {
                        fold: (definition().begin)(stored.map(|(doc, _)| doc.as_str())).expect("readable"),
                        version: 0,
                        position: Position::START,
                        contributed: contributed.unwrap_or_default(),
                        bytes: 0,
                    }
                });
                row.fold.apply(record).expect("readable");
            }
            let batch = Batch::of(definition(), &mut rows);
            for (place, id) in batch.ids.iter().enumerate() {
                let contributes = batch.columns[0][place].clone().expect("a contribution");
                self.0.insert(id.clone(), (batch.docs[place].clone(), contributes));
            }
            let keys = shape.keys.len();
            let rows: Vec<Vec<String>> = (0..batch.added[0].len())
                .map(|place| batch.added.iter().map(|column| column[place].clone()).collect())
                .collect();
            assert!(rows.is_sorted_by(|a, b| a[..keys] < b[..keys]), "keys are in order: {rows:?}");
            for mut key in rows {
                let added = key.split_off(keys);
                let sums = sums.entry(key).or_insert_with(|| vec![0; added.len()]);
                for (sum, added) in sums.iter_mut().zip(added) {
                    *sum += added.parse::<i128>().expect("a number");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn sums_are_what_the_whole_contributes_whoever_applies_it_in_whatever_batches(
            records in history(),
            partitions in 1..4_usize,
            sizes in collection::vec(1..6_usize, 30),
        ) {
            let mut once = BTreeMap::new();
            Stored::default().apply(&records.iter().collect::<Vec<_>>(), &mut once);
            let mut sums = BTreeMap::new();
            for partition in Partition::all(partitions) {
                let own: Vec<_> =
                    records.iter().filter(|record| partition.holds(&record.aggregate_id)).collect();
                let (mut stored, mut rest, mut sizes) = (Stored::default(), own.as_slice(), sizes.iter());
                while !rest.is_empty() {
                    let size = sizes.next().copied().unwrap_or(1).min(rest.len());
                    stored.apply(&rest[..size], &mut sums);
                    rest = &rest[size..];
                }
            }
            prop_assert_eq!(&sums, &once);
            let placed = records.iter().filter(|record| record.event_type == "OrderPlaced").count();
            let whole = sums.iter().filter(|(key, _)| key[1].is_empty()).map(|(_, sums)| sums[0]);
            prop_assert_eq!(whole.sum::<i128>(), i128::try_from(placed).expect("few"));
        }
    }
}
