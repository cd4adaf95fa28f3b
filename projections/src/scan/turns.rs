//! How a pass over the log shares its thread.

/// Gives way to other tasks now and then: rows that have arrived are read without ever waiting, so other
/// tasks of the same thread would never run.
#[derive(Default)]
pub(crate) struct Turns(u32);

impl Turns {
    const RECORDS: u32 = 128;

    pub async fn next(&mut self) {
        self.0 += 1;
        if self.0.is_multiple_of(Self::RECORDS) {
            tokio::task::yield_now().await;
        }
    }
}
