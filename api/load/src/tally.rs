//! What the server answered, counted.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use super::plan::Plan;

/// Everything counts what the server accepted, now or before.
#[derive(Debug, Default)]
pub struct Tally {
    pub orders: u64,
    pub lines: u64,
    pub cancellations: u64,
    /// Pence, as the server added it up.
    pub total_minor: i128,
    /// Commands of any kind that were answered.
    pub commands: u64,
    /// Commands that had been accepted before.
    pub replayed: u64,
    /// Commands of any kind that were refused, by code; `differs` for what is there already, but otherwise.
    pub rejected: BTreeMap<String, u64>,
}

impl Tally {
    pub fn rejected(&self) -> u64 {
        self.rejected.values().sum()
    }
}

/// Lines of `name=value`; the last one has the figures that matter.
pub fn report(plan: &Plan, tally: &Tally, took: Duration) -> String {
    let mut report = String::new();
    let mut line = |text: std::fmt::Arguments<'_>| {
        report.write_fmt(text).expect("a String takes everything");
        report.push('\n');
    };
    for (reason, rows) in &plan.unmapped {
        line(format_args!("unmapped_{}={rows}", reason.as_str()));
    }
    for (code, commands) in &tally.rejected {
        line(format_args!("rejected_{code}={commands}"));
    }
    line(format_args!(
        "unreadable_cells={} unreadable_invoices={} unreadable_rows={}",
        plan.faults.len(),
        plan.unreadable_invoices,
        plan.unreadable_rows,
    ));
    line(format_args!("products={}", plan.products.len()));
    line(format_args!(
        "file_orders={} file_lines={} file_cancellations={} file_cancelling_rows={} file_total_minor={}",
        plan.orders.len(),
        plan.lines(),
        plan.cancellations(),
        plan.cancelling_rows,
        plan.total_minor(),
    ));
    let seconds = took.as_secs_f64();
    #[allow(clippy::cast_precision_loss)]
    let commands_per_second = tally.commands as f64 / seconds.max(0.001);
    line(format_args!(
        "orders={} lines={} cancellations={} rejected={} replayed={} unmapped={} unreadable={} \
         total_minor={} seconds={seconds:.2} commands_per_second={commands_per_second:.0}",
        tally.orders,
        tally.lines,
        tally.cancellations,
        tally.rejected(),
        tally.replayed,
        plan.unmapped.values().sum::<u64>(),
        plan.unreadable_rows,
        tally.total_minor,
    ));
    report
}
