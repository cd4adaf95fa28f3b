//! What a mail says. Names are printed as they are; nothing in them is interpreted.

use std::fmt::Write;

use daybook_domain::{
    Record,
    money::Money,
    order::{CancelCause, Event, Line, Order, Parcel, Placement},
    pricing::Mode,
    reactions::EffectKind,
    sealed::Sealed,
    text::CustomerId,
};

/// Characters of a line, as far as names allow.
const WIDTH: usize = 72;
/// Where the text of an item begins.
const INDENT: usize = 10;

pub struct Letter {
    /// The address to write to, if there is one.
    pub contact: Option<Sealed>,
    pub subject: String,
    /// Everything but the salutation.
    body: String,
}

impl Letter {
    pub fn text(&self, name: &str) -> String {
        format!("Hello {name},\n\n{}", self.body)
    }
}

/// What the event tells of tracking or of a reason, if it is sealed.
pub fn sealed_note(record: &Record) -> Result<Option<Sealed>, String> {
    Ok(match read(record)? {
        Event::Shipped { sealed_tracking: note, .. } | Event::Cancelled { sealed_reason: note, .. } => note,
        _ => None,
    })
}

/// The letter about the last of `records`, which are an order's stream up to it; `note` is what was sealed there. An
/// error says why there can't be one, without quoting anything.
pub fn compose(records: &[Record], kind: EffectKind, note: Option<&str>) -> Result<Letter, String> {
    let (first, last) = records.first().zip(records.last()).ok_or("the order has no events")?;
    let Event::Placed(placement) = read(first)? else {
        return Err("the order's first event is not its placing".into());
    };
    let id = &first.aggregate_id;
    let (subject, news) = match (kind, read(last)?) {
        (EffectKind::MailOrderPlaced, Event::Placed(_)) => {
            (format!("Order received: {id}"), received(&placement))
        }
        (EffectKind::MailOrderShipped, Event::Shipped { parcels, tracking, complete, .. }) => {
            let tracking = tracking.as_ref().map(|tracking| tracking.as_str()).or(note);
            (format!("Order shipped: {id}"), shipped(&placement, &parcels, tracking, complete))
        }
        (EffectKind::MailOrderCancelled, Event::Cancelled { cause: Some(CancelCause::Unpaid), .. }) => {
            (format!("Order cancelled: {id}"), expired(&placement))
        }
        (EffectKind::MailOrderCancelled, Event::Cancelled { reason, .. }) => {
            // The shop's own reason is internal.
            let customer = owner(records)?;
            let customer = customer.as_ref().map(CustomerId::as_str);
            let is_theirs = customer.is_some() && last.actor() == customer;
            let reason = reason.as_ref().map(|reason| reason.as_str()).or(note).filter(|_| is_theirs);
            (format!("Order cancelled: {id}"), cancelled(&placement, reason))
        }
        _ => return Err(format!("the event is not one for {}", kind.as_str())),
    };
    let reference = match &placement.external_id {
        Some(external_id) => format!("Reference  {external_id}\n"),
        None => String::new(),
    };
    let placed_at = first.recorded_at.format("%Y-%m-%d %H:%M UTC");
    let body = format!("{news}\nOrder      {id}\n{reference}Placed     {placed_at}\n");
    Ok(Letter { contact: placement.contact, subject, body })
}

/// The customer who placed the order, or claimed it since.
fn owner(records: &[Record]) -> Result<Option<CustomerId>, String> {
    let mut owner = None;
    for record in records {
        match read(record)? {
            Event::Placed(placement) => owner = placement.customer,
            Event::Claimed { customer } => owner = Some(customer),
            _ => {}
        }
    }
    Ok(owner)
}

/// The reason of an unreadable record can quote its payload, so it is left out.
fn read(record: &Record) -> Result<Event, String> {
    let unreadable = || format!("event {} of the order is unreadable", record.sequence);
    record.event::<Order>().ok().flatten().ok_or_else(unreadable)
}

fn received(placement: &Placement) -> String {
    format!("thank you for your order. We have received it and will get it ready.\n\n{}", bill(placement))
}

fn cancelled(placement: &Placement, reason: Option<&str>) -> String {
    let reason = reason.map_or_else(String::new, |reason| format!("Reason: {reason}\n\n"));
    format!("your order was cancelled. Nothing of it will be sent.\n\n{reason}{}", bill(placement))
}

fn expired(placement: &Placement) -> String {
    let bill = bill(placement);
    format!("your order was not paid in time, so it was cancelled. Nothing of it will be sent.\n\n{bill}")
}

fn shipped(placement: &Placement, parcels: &[Parcel], tracking: Option<&str>, complete: bool) -> String {
    let mut text = String::from("these goods have left our house and are on their way to you.\n\n");
    for parcel in parcels {
        let name = placement.lines.get(parcel.line).map_or("", |line| line.name.as_str());
        item(&mut text, parcel.quantity, name, parcel.sku.as_str(), None);
    }
    text.push('\n');
    if let Some(tracking) = tracking {
        writeln!(text, "Tracking   {tracking}\n").expect("a String takes everything");
    }
    text.push_str(if complete {
        "With them, your order is complete.\n"
    } else {
        "The rest of your order will follow.\n"
    });
    text
}

/// All lines with what they cost, the total, and the taxes, if they are known: above the total if they are added to the
/// prices, else below it.
fn bill(placement: &Placement) -> String {
    let mut text = String::new();
    for line in &placement.lines {
        let detail = format!("{}, {} each", line.sku, line.unit_price.money());
        item(&mut text, line.quantity.get(), line.name.as_str(), &detail, line_total(line).as_deref());
    }
    writeln!(text, "{}", "-".repeat(WIDTH)).expect("a String takes everything");
    let mode = placement.terms.as_ref().map(|terms| terms.circumstances.mode);
    if mode == Some(Mode::Net) {
        taxes(&mut text, "Tax", placement);
    }
    row(&mut text, "Total", &placement.total.to_string());
    if mode == Some(Mode::Gross) {
        taxes(&mut text, "Tax in it,", placement);
    }
    text
}

fn taxes(text: &mut String, what: &str, placement: &Placement) {
    let groups = placement.terms.iter().flat_map(|terms| &terms.groups);
    for group in groups.filter(|group| group.tax > 0) {
        let tax = Money::new(group.tax, placement.currency);
        row(text, &format!("{what} {} %", group.treatment.rate()), &tax.to_string());
    }
}

fn line_total(line: &Line) -> Option<String> {
    line.total().map(|total| total.to_string())
}

/// `     6 x  NAME`, and below it the detail, with an amount at the right edge if there is one.
fn item(text: &mut String, quantity: i64, name: &str, detail: &str, amount: Option<&str>) {
    let count = format!("{quantity} x");
    writeln!(text, "{count:>width$}  {name}", width = INDENT - 2).expect("a String takes everything");
    row(text, &format!("{:INDENT$}{detail}", ""), amount.unwrap_or(""));
}

fn row(text: &mut String, left: &str, right: &str) {
    let gap = WIDTH.saturating_sub(left.chars().count() + right.chars().count()).max(2);
    let line = format!("{left}{:gap$}{right}", "");
    writeln!(text, "{}", line.trim_end()).expect("a String takes everything");
}
