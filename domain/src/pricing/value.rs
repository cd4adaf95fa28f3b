//! What a part of an order comes to. It is found as the difference of two values, so parts always add up to the whole,
//! and no one has to correct a cent.

use super::terms::{Amounts, Terms};
use crate::quantity::Quantity;

/// How many of a line's pieces count.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    /// 0 to all that were ordered.
    pub pieces: i64,
    pub ordered: Quantity,
}

/// What so many pieces come to, by the order's groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    pub groups: Vec<Amounts>,
}

impl Terms {
    /// What the order would come to with these pieces of its lines: nothing for none, its total for all with the fees,
    /// and never less for more. A part that is invoiced, captured, cancelled or returned is the value with it
    /// [less](Value::less) the value without it. Fees belong to the part that comes first: they are in each value from
    /// then on.
    ///
    /// # Panics
    ///
    /// If there are more or fewer lines than the order has, or if a line has less than 0 pieces, or more than were
    /// ordered.
    pub fn value_of(&self, kept: &[Kept], fees: bool) -> Value {
        assert_eq!(kept.len(), self.lines.len(), "each line of the order keeps some pieces");
        let mode = self.circumstances.mode;
        let mut prices = vec![0; self.groups.len()];
        for (line, kept) in self.lines.iter().zip(kept) {
            prices[line.group] += kept.of(mode.price(line.pay, line.tax));
        }
        for fee in self.fees.iter().filter(|_| fees) {
            prices[fee.group] += mode.price(fee.pay, fee.tax);
        }
        let groups = self.groups.iter().zip(prices);
        Value { groups: groups.map(|(group, prices)| mode.taxed(prices, group.treatment.rate())).collect() }
    }
}

impl Kept {
    /// The pieces' part of what the line costs, rounded down.
    fn of(self, price: i64) -> i64 {
        let Self { pieces, ordered } = self;
        assert!((0..=ordered.get()).contains(&pieces), "no more pieces are kept than were ordered");
        let part = i128::from(price) * i128::from(pieces) / i128::from(ordered.get());
        part.try_into().expect("a part is not larger than the whole")
    }
}

impl Value {
    /// What is in this value and not in another one of the same order that keeps no more pieces.
    #[must_use]
    pub fn less(&self, other: &Self) -> Self {
        let pairs = self.groups.iter().zip(&other.groups);
        let less = |(ours, theirs): (&Amounts, &Amounts)| Amounts {
            net: ours.net - theirs.net,
            tax: ours.tax - theirs.tax,
        };
        Self { groups: pairs.map(less).collect() }
    }

    /// The sum over all groups.
    pub fn total(&self) -> Amounts {
        self.groups.iter().fold(Amounts::default(), |sum, group| Amounts {
            net: sum.net + group.net,
            tax: sum.tax + group.tax,
        })
    }
}
