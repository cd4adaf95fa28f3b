use super::{Command, Event, MAX_ON_HAND, Rejection, Stock};
use crate::decider::Decider;

impl Decider for Stock {
    const KIND: &'static str = "stock";
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;
    const SHAPE: u16 = 1;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Rejection> {
        let event = match command {
            Command::Receive { quantity, reference } => {
                positive(quantity)?;
                self.not_too_much(quantity)?;
                Event::Received { quantity, reference }
            }
            Command::Adjust { delta: 0, .. } => return Err(Rejection::NothingToAdjust),
            Command::Adjust { delta, reason } => {
                self.not_too_much(delta)?;
                if delta < 0 {
                    self.enough(delta.checked_neg().ok_or(Rejection::TooMuch)?)?;
                }
                Event::Adjusted { delta, reason }
            }
            Command::Hold { order, quantity } => {
                positive(quantity)?;
                self.enough(quantity)?;
                Event::Held { order, quantity }
            }
            Command::ReleaseHold { order, quantity } => {
                promised(self.held, quantity)?;
                Event::HoldReleased { order, quantity }
            }
            Command::Allocate { order, quantity } => {
                promised(self.held, quantity)?;
                Event::Allocated { order, quantity }
            }
            Command::ReleaseAllocation { order, quantity } => {
                promised(self.allocated, quantity)?;
                Event::AllocationReleased { order, quantity }
            }
            Command::Ship { order, quantity } => {
                promised(self.allocated, quantity)?;
                Event::Shipped { order, quantity }
            }
        };
        Ok(vec![event])
    }

    fn evolve(mut self, event: &Event) -> Self {
        match event {
            Event::Received { quantity, .. } => self.on_hand += quantity,
            Event::Adjusted { delta, .. } => self.on_hand += delta,
            Event::Held { quantity, .. } => self.held += quantity,
            Event::HoldReleased { quantity, .. } => self.held -= quantity,
            Event::Allocated { quantity, .. } => {
                self.held -= quantity;
                self.allocated += quantity;
            }
            Event::AllocationReleased { quantity, .. } => self.allocated -= quantity,
            Event::Shipped { quantity, .. } => {
                self.on_hand -= quantity;
                self.allocated -= quantity;
            }
        }
        self
    }

    fn weight(&self) -> usize {
        size_of::<Self>()
    }
}

impl Stock {
    fn enough(&self, requested: i64) -> Result<(), Rejection> {
        let available = self.available();
        if requested <= available { Ok(()) } else { Err(Rejection::Insufficient { available, requested }) }
    }

    fn not_too_much(&self, more: i64) -> Result<(), Rejection> {
        match self.on_hand.checked_add(more) {
            Some(sum) if sum <= MAX_ON_HAND => Ok(()),
            _ => Err(Rejection::TooMuch),
        }
    }
}

fn positive(quantity: i64) -> Result<(), Rejection> {
    if quantity > 0 { Ok(()) } else { Err(Rejection::NotPositive) }
}

fn promised(promised: i64, requested: i64) -> Result<(), Rejection> {
    positive(requested)?;
    if requested <= promised { Ok(()) } else { Err(Rejection::NotPromised { promised, requested }) }
}
