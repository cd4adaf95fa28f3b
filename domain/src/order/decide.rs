use std::collections::BTreeMap;

use super::{
    CancelCause, Command, Details, Event, OpenLine, Order, Parcel, Pieces, Place, Placement, Portion,
    PortionOf, Rejection, Status, check_line_count, pieces_by_sku, to_pay,
};
use crate::{decider::Decider, sealed::Note, sku::Sku, text::Reason};

impl Decider for Order {
    const KIND: &'static str = "order";
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;
    const SHAPE: u16 = 2;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Rejection> {
        let order = match (self, command) {
            (Self::Unknown, Command::Place(order)) => return place(*order),
            (Self::Known(_), Command::Place(_)) => return Err(Rejection::AlreadyExists),
            (Self::Unknown, _) => return Err(Rejection::NotFound),
            (Self::Known(order), command) => (order, command),
        };
        match order {
            (Details { status: Status::Placed, .. }, Command::Confirm) => Ok(vec![Event::Confirmed {}]),
            (Details { status: Status::Confirmed, .. }, Command::Confirm) => Ok(vec![]),
            (order, Command::Confirm) => Err(Rejection::NotConfirmable { status: order.status }),

            (Details { status: Status::Placed | Status::Confirmed, .. }, Command::Cancel { reason }) => {
                Ok(vec![cancelled(reason)])
            }
            (Details { status: Status::Cancelled, .. }, Command::Cancel { .. }) => Ok(vec![]),
            (order, Command::Cancel { .. }) => Err(Rejection::NotCancellable { status: order.status }),

            (Details { status: Status::Placed, pay_until: Some(pay_until), .. }, Command::Expire { now })
                if *pay_until <= now =>
            {
                let cause = Some(CancelCause::Unpaid);
                Ok(vec![Event::Cancelled { cause, reason: None, sealed_reason: None }])
            }
            (_, Command::Expire { .. }) => Ok(vec![]),

            (order, Command::CancelLines { portions, reason }) => {
                let parcels = order.cut(&portions)?;
                let pieces: i64 = parcels.iter().map(|parcel| parcel.quantity).sum();
                let is_whole = pieces == order.left() && order.lines.iter().all(|line| line.shipped == 0);
                Ok(vec![if is_whole {
                    cancelled(reason)
                } else {
                    let (reason, sealed_reason) = Note::members(reason);
                    Event::LinesCancelled { parcels, reason, sealed_reason }
                }])
            }

            (order, Command::Ship { pieces, tracking }) => {
                let parcels = order.pack(pieces)?;
                let shipped: i64 = parcels.iter().map(|parcel| parcel.quantity).sum();
                let (tracking, sealed_tracking) = Note::members(tracking);
                let complete = shipped == order.left();
                Ok(vec![Event::Shipped { parcels, tracking, sealed_tracking, complete }])
            }

            (Details { status: Status::Shipped, .. }, Command::MarkDelivered) => {
                Ok(vec![Event::Delivered {}])
            }
            (Details { status: Status::Delivered, .. }, Command::MarkDelivered) => Ok(vec![]),
            (order, Command::MarkDelivered) => Err(Rejection::NotDeliverable { status: order.status }),

            (Details { customer: None, .. }, Command::Claim { customer }) => {
                Ok(vec![Event::Claimed { customer }])
            }
            (Details { customer: Some(owner), .. }, Command::Claim { customer }) if *owner == customer => {
                Ok(vec![])
            }
            // No caller is told that another customer has it.
            (_, Command::Claim { .. }) => Err(Rejection::NotFound),

            (_, Command::Place(_)) => Err(Rejection::AlreadyExists),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match (self, event) {
            (_, Event::Placed(placement)) => Self::Known(Details {
                customer: placement.customer.clone(),
                lines: placement
                    .lines
                    .iter()
                    .map(|line| OpenLine {
                        sku: line.sku.clone(),
                        name: line.name.clone(),
                        unit_price: line.unit_price,
                        ordered: line.quantity,
                        shipped: 0,
                        cancelled: 0,
                    })
                    .collect(),
                total: placement.total,
                status: Status::Placed,
                pay_until: placement.pay_until,
            }),
            (Self::Unknown, _) => Self::Unknown,
            (Self::Known(mut order), event) => {
                order.change(event);
                Self::Known(order)
            }
        }
    }

    fn weight(&self) -> usize {
        let line =
            |line: &OpenLine| size_of::<OpenLine>() + line.sku.as_str().len() + line.name.as_str().len();
        let lines = |details: &Details| details.lines.iter().map(line).sum();
        size_of::<Self>() + self.details().map_or(0, lines)
    }
}

fn cancelled(reason: Option<Note<Reason>>) -> Event {
    let (reason, sealed_reason) = Note::members(reason);
    Event::Cancelled { cause: None, reason, sealed_reason }
}

fn place(order: Place) -> Result<Vec<Event>, Rejection> {
    check_line_count(order.lines.len())?;
    let total = to_pay(&order.lines, order.terms.as_ref(), order.currency)?;
    let Place {
        customer,
        lines,
        currency,
        override_reason,
        contact,
        ship_to,
        external_id,
        metadata,
        pay_until,
        terms,
        buyer,
    } = order;
    let (override_reason, sealed_override_reason) = Note::members(override_reason);
    Ok(vec![Event::Placed(Box::new(Placement {
        customer,
        lines,
        currency,
        total,
        override_reason,
        sealed_override_reason,
        contact,
        ship_to,
        external_id,
        metadata,
        pay_until,
        terms,
        buyer,
    }))])
}

impl Details {
    fn change(&mut self, event: &Event) {
        match event {
            Event::Placed(_) => {}
            Event::Confirmed {} => self.status = Status::Confirmed,
            Event::Cancelled { .. } => self.status = Status::Cancelled,
            Event::Shipped { parcels, complete, .. } => {
                for parcel in parcels {
                    if let Some(line) = self.lines.get_mut(parcel.line) {
                        line.shipped += parcel.quantity;
                    }
                }
                self.status = if *complete { Status::Shipped } else { Status::PartlyShipped };
            }
            Event::Delivered {} => self.status = Status::Delivered,
            Event::Claimed { customer } => self.customer = Some(customer.clone()),
            Event::LinesCancelled { parcels, .. } => {
                for parcel in parcels {
                    if let Some(line) = self.lines.get_mut(parcel.line) {
                        line.cancelled += parcel.quantity;
                    }
                }
                self.status = self.status.after_lines_were_cancelled(self.left());
            }
        }
    }

    /// Pieces that are neither shipped nor cancelled.
    fn left(&self) -> i64 {
        self.lines.iter().map(OpenLine::left).sum()
    }

    /// The pieces that are named, line by line.
    fn cut(&self, portions: &[Portion]) -> Result<Vec<Parcel>, Rejection> {
        if !matches!(self.status, Status::Placed | Status::Confirmed | Status::PartlyShipped) {
            return Err(Rejection::NotCancellable { status: self.status });
        }
        let mut wanted: BTreeMap<usize, i64> = BTreeMap::new();
        for portion in portions {
            let line = match &portion.of {
                PortionOf::Line(line) => *line,
                PortionOf::Sku(sku) => self.only_line_of(sku)?,
            };
            *wanted.entry(line).or_default() += portion.quantity.get();
        }
        let parcel = |(line, quantity): (usize, i64)| {
            let open = self.lines.get(line).ok_or(Rejection::NoSuchLine { line })?;
            let left = open.left();
            if quantity > left {
                return Err(Rejection::MoreThanLeft { line, left, requested: quantity });
            }
            Ok(Parcel { line, sku: open.sku.clone(), quantity })
        };
        let parcels: Vec<Parcel> = wanted.into_iter().map(parcel).collect::<Result<_, _>>()?;
        if parcels.is_empty() { Err(Rejection::NothingNamed) } else { Ok(parcels) }
    }

    /// Lines of one SKU may have other prices, so it doesn't say which of them is meant.
    fn only_line_of(&self, sku: &Sku) -> Result<usize, Rejection> {
        let lines: Vec<usize> = self
            .lines
            .iter()
            .enumerate()
            .filter(|(_, line)| line.sku == *sku)
            .map(|(index, _)| index)
            .collect();
        match lines.as_slice() {
            [line] => Ok(*line),
            lines => Err(Rejection::NotOneLine { sku: sku.clone(), lines: lines.len() }),
        }
    }

    /// Spreads the pieces over the lines, first line first.
    fn pack(&self, pieces: Option<Vec<Pieces>>) -> Result<Vec<Parcel>, Rejection> {
        if !matches!(self.status, Status::Confirmed | Status::PartlyShipped) {
            return Err(Rejection::NotShippable { status: self.status });
        }
        let left_by_sku = pieces_by_sku(self.lines.iter().map(|line| (&line.sku, line.left())));
        let mut wanted = match pieces {
            None => left_by_sku.clone(),
            Some(pieces) => pieces_by_sku(pieces.iter().map(|pieces| (&pieces.sku, pieces.quantity.get()))),
        };
        for (sku, &requested) in &wanted {
            let left = left_by_sku.get(sku).copied().unwrap_or(0);
            if requested > left {
                return Err(Rejection::MoreThanOrdered { sku: sku.clone(), left, requested });
            }
        }
        let mut parcels = Vec::new();
        for (index, line) in self.lines.iter().enumerate() {
            let Some(rest) = wanted.get_mut(&line.sku) else { continue };
            let quantity = line.left().min(*rest);
            if quantity > 0 {
                *rest -= quantity;
                parcels.push(Parcel { line: index, sku: line.sku.clone(), quantity });
            }
        }
        if parcels.is_empty() { Err(Rejection::NothingToShip) } else { Ok(parcels) }
    }
}
