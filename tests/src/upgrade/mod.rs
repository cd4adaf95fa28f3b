//! The former release beside this one, on one database, under load, in both directions: what an upgrade
//! without a pause needs, and the way back.

mod former;
mod journey;
mod online;
mod release;
mod stage;

use std::{fmt, path::PathBuf, time::Instant};

use self::{
    journey::Journeys,
    online::{MOST_MS, Online},
    release::Release,
    stage::Stage,
};
use crate::{
    Program,
    chaos::{self, Load, Repeats, Scene},
};
pub use former::{FormerError, former};

/// Decides what the load does.
const SEED: u64 = 11;
/// Commands that are acknowledged in each act.
const ACT: u64 = 100;

/// Numbers of the piece that was played.
pub struct Findings {
    former: String,
    this: String,
    takeovers: u64,
    /// Commands of every kind that were sent to one release and repeated at the other.
    crossed: u64,
    /// Answers of both releases that were compared.
    reads: u64,
    /// For how long the migration had, or waited for, a lock that others wait for.
    longest_lock_ms: u128,
    /// How often it let others go on instead.
    let_go: u64,
    pub promises: chaos::Findings,
}

/// Plays it. `logs` is where the servers' logs are kept.
pub async fn run(former: &Program, logs: Option<PathBuf>) -> Findings {
    let began = Instant::now();
    let say = |what: &str| println!("{:8.3} s  {what}", began.elapsed().as_secs_f64());
    say("tables of a million rows are migrated under load");
    let Online { longest_lock_ms, let_go, surprises: of_migrating } =
        online::run(former, logs.as_deref()).await;
    say("the former release makes its schema and starts");
    let mut stage = Stage::set(former, logs.as_deref()).await;
    let load = Load::start_with(&stage.client, stage.both(), SEED, Repeats::EachElsewhere);
    load.progress(ACT).await;
    say("this release migrates, and starts beside it");
    stage.upgrade().await;
    stage.expect_kept_back().await;
    load.progress(ACT).await;
    let mut journeys = Journeys::default();
    journeys.play(&stage, Release::Former).await;
    journeys.play(&stage, Release::This).await;
    load.progress(ACT).await;
    for (leaving, left) in [(Release::Former, "this release"), (Release::This, "the former release")] {
        say(&format!("{left} takes over"));
        stage.stop(leaving).await;
        load.progress(ACT).await;
        stage.expect_taken_over(leaving).await;
        stage.start(leaving);
        load.progress(ACT).await;
        journeys.play(&stage, leaving).await;
    }
    let told = load.end().await;
    say("checking");
    journeys.repeat_all(&stage).await;
    let (crossed, reads) = (journeys.crossed, journeys.reads);
    let mut surprises = std::mem::take(&mut stage.surprises);
    surprises.append(&mut journeys.surprises);
    surprises.extend(of_migrating);
    let takeovers = stage.takeovers;
    let scene = Scene { client: &stage.client, servers: stage.both(), database: &stage.database };
    let mut promises = chaos::check(&scene, surprises, &told).await;
    (promises.seed, promises.seconds, promises.faults) = (SEED, began.elapsed().as_secs(), takeovers);
    let this = Program::this().version().to_owned();
    Findings {
        former: former.version().into(),
        this,
        takeovers,
        crossed,
        reads,
        longest_lock_ms,
        let_go,
        promises,
    }
}

impl Findings {
    /// Every promise was kept, no client was left without an answer, and everything was tried.
    pub fn is_good(&self) -> bool {
        let tried = [self.takeovers, self.crossed, self.reads, self.promises.replays];
        let is_online = self.longest_lock_ms <= MOST_MS;
        is_online
            && self.promises.is_good()
            && self.promises.unknown == 0
            && tried.iter().all(|count| *count > 0)
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { former, this, takeovers, crossed, reads, longest_lock_ms, let_go, .. } = self;
        write!(
            f,
            "from={former} to={this} takeovers={takeovers} crossed={crossed} reads={reads} \
             longest_lock_ms={longest_lock_ms} let_go={let_go} {}",
            self.promises
        )
    }
}
