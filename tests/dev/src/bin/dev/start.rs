//! How the servers of a place are started, each when those that it needs are ready.

use std::{fs::File, time::Duration};

use daybook_dev::until::within;

use crate::{
    authority, catalogue,
    failure::{About, Failure, say, say_end_of},
    http::Http,
    listeners, people,
    place::Place,
    roles,
    servers::{Kind, Servers},
    session::Group,
    taxes,
};

const READY: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(200);

/// Returns when Daybook is ready and has the demo catalogue, tax rates and people. The migration runs in that group.
pub async fn everything(servers: &Servers, group: &mut Group) -> Result<(), Failure> {
    let place = &servers.place;
    // They may be of an earlier run that was killed.
    servers.stop_all().await;
    for kind in Kind::ALL {
        place.keep_one_old_log(&kind.to_string());
    }
    say("Starting PostgreSQL ...");
    servers.start_on_free_port(Kind::Postgres).await?;
    roles::create(place).await?;
    say("Starting nats-server ...");
    servers.start_on_free_port(Kind::Nats).await?;
    listeners::choose(place)?;
    authority::create(place)?;
    say("Migrating the database ...");
    let log = File::create(place.log("migrate")).about("log/migrate.log")?;
    // No other release reads what is written there.
    let all = ["features", "enable", "--all", "--reason", "./dev starts its own database"];
    for arguments in [&["migrate"][..], &all] {
        if !group.run(&servers.daybook(arguments), Some(&log)).await?.success() {
            return Err(failed(place, "migrate", "the database could not be prepared"));
        }
    }
    say("Starting Daybook ...");
    servers.launch(Kind::Daybook).await?;
    let http = Http::new()?;
    let is_ready = async || {
        let asks = |listener| format!("http://{}/readyz", place.noted(listener));
        http.is_ok(&asks("telemetry.listen")).await && http.is_ok(&asks("api.listen")).await
    };
    let is_over = async || is_ready().await || !servers.is_alive(Kind::Daybook);
    if !within(READY, PAUSE, is_over).await {
        return Err(failed(place, "daybook", "daybook was not ready after 90 s"));
    }
    if !servers.is_alive(Kind::Daybook) {
        return Err(failed(place, "daybook", "daybook stopped while starting"));
    }
    catalogue::seed_once(servers, &http).await?;
    taxes::seed_once(servers, &http).await?;
    people::make_once(servers).await
}

fn failed(place: &Place, log: &str, what: &str) -> Failure {
    let log = place.log(log);
    say_end_of(&log);
    Failure::new(format_args!("{what}: see {}", log.display()))
}
