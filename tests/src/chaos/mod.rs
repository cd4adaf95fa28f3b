//! Two servers on one database, clients who never give up, and faults in a sequence that a seed decides.
//! When all is healed, what the clients were told is compared with the log.

mod check;
mod fault;
mod load;
mod plan;
mod stage;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use self::stage::Stage;
pub use check::{Findings, Scene, check, compare};
pub use load::{Load, Outcome, Repeats, Told};
pub use stage::stock_up;

/// Commands that are done before the first fault, so that there is something to lose.
const CALM: u64 = 50;

#[derive(Debug, Clone)]
pub struct Settings {
    pub seed: u64,
    /// How long load and faults go on; starting, healing and checking come on top.
    pub seconds: u64,
    /// Where the servers' logs are kept.
    pub logs: Option<PathBuf>,
}

/// Plays the whole piece. Says on stdout what it does to whom, and when.
pub async fn run(settings: &Settings) -> Findings {
    let Settings { seed, seconds, .. } = *settings;
    println!("seed {seed}, {seconds} s");
    let mut stage = Stage::set(seed, settings.logs.as_deref()).await;
    let load = Load::start(&stage.client, stage.both(), seed);
    load.progress(CALM).await;
    let began = Instant::now();
    let mut faults = 0;
    for planned in plan::plan(seed, Duration::from_secs(seconds)) {
        tokio::time::sleep_until((began + planned.at).into()).await;
        println!("{:8.3} s  {}", began.elapsed().as_secs_f64(), planned.fault);
        stage.inflict(planned.fault).await;
        faults += 1;
    }
    tokio::time::sleep_until((began + Duration::from_secs(seconds)).into()).await;
    println!("{:8.3} s  healing", began.elapsed().as_secs_f64());
    stage.heal().await;
    let told = load.end().await;
    println!("{:8.3} s  checking", began.elapsed().as_secs_f64());
    let surprises = std::mem::take(&mut stage.surprises);
    let scene = Scene { client: &stage.client, servers: stage.both(), database: &stage.database };
    let mut findings = check(&scene, surprises, &told).await;
    (findings.seed, findings.seconds, findings.faults) = (seed, seconds, faults);
    findings
}
