//! Only those who perform effects, with a performer of the test's own.

use std::{sync::Arc, time::Duration};

use daybook_core::entropy::Clock;
use daybook_domain::settings::Span;
use daybook_projections::{Downstream, Performer, Roles, Settings, settings, workers::Crew};

use crate::TestDatabase;

/// Longer than any of them has something under way.
const GRACE: Duration = Duration::from_secs(30);

/// At work until they are stopped.
pub struct Performers(Crew);

impl Performers {
    /// They look often what is due, and these settings say the rest.
    pub fn start(database: &TestDatabase, effects: settings::Effects, performer: Arc<dyn Performer>) -> Self {
        let background =
            settings::Background { poll_interval: Span::millis(10), connections: 4, ..Default::default() };
        let settings = Settings { background, effects, ..Settings::default() };
        let connect = daybook_migrations::connect_options(database.app_url().as_str(), "daybook");
        let connect = connect.expect("the URL of a test is one");
        let pool = daybook_migrations::pool(connect.clone(), 2, GRACE);
        let roles = Roles { relay: false, publisher: false, projections: false, reactor: true };
        // They need no broker.
        let downstream =
            Downstream::new(settings, "nats://127.0.0.1:1".into(), roles, pool, connect, performer, None);
        let crew = Crew::new(|| Clock::System.now());
        for worker in downstream.workers() {
            if worker.about().name == "performers" {
                crew.keep(worker);
            }
        }
        Self(crew)
    }

    /// When what was under way is done and marked.
    pub async fn stop(self) {
        self.0.stop(GRACE).await;
    }
}
