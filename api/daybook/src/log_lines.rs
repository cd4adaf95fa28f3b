//! What has to be done about the log from time to time.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use daybook_core::app::App;
use daybook_projections::workers::{About, Duty, Pauses, When, Worker};
use tokio::time::sleep;

use crate::telemetry;

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Ends levels that were changed for a while, and says how many lines were left out.
pub struct LogLines(pub Arc<App>);

#[async_trait]
impl Worker for LogLines {
    fn about(&self) -> About {
        let description =
            "Ends changed levels of the log in time, and says how many lines were left out of it.";
        About::new("log_lines", description, When::every(LOOK_EVERY))
    }

    async fn run(&self, duty: &Duty) {
        let rounds = duty.rounds(Pauses::NONE);
        while duty.or_over(sleep(LOOK_EVERY)).await.is_some() {
            self.0.log_levels.end_by(self.0.clock.now());
            telemetry::say_what_was_left_out();
            rounds.went_well();
        }
        telemetry::say_what_was_left_out();
    }
}
