//! What the clients were told, beside what is in the log and in the read models.

use std::{
    collections::HashMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use daybook_domain::{Decider, Record, stock::Stock};

use super::load::{CLIENTS, Desk, Outcome, Told};
use crate::{Client, Daybook, Log, TestDatabase, app::BEHIND, until::within};

/// How long everything downstream may take to see the whole log. Leases of the dead run out first.
const CATCH_UP: Duration = Duration::from_secs(90);
/// How many answers are asked for once more in the end.
const REPEATED: usize = 200;
/// How much is said of what is wrong.
const EXAMPLES: usize = 10;

/// Numbers of the piece that was played.
#[derive(Debug, Default)]
pub struct Findings {
    pub seed: u64,
    pub seconds: u64,
    pub faults: u64,
    pub acked: u64,
    pub refused: u64,
    /// Commands of which their clients never learned what became.
    pub unknown: u64,
    /// Acknowledged, and not in the log.
    pub lost: u64,
    /// In the log more than once.
    pub duplicated: u64,
    /// Said not to have happened, and in the log.
    pub denied: u64,
    /// Missing positions and sequences, and events that are there twice.
    pub gaps: u64,
    /// Places of the log at which more of a SKU is promised than there is.
    pub oversold: u64,
    pub replays: u64,
    /// Keys that brought another answer the second time.
    pub changed: u64,
    /// Events that consumers have yet to see, effects that are left, and consumers that have stopped.
    pub behind: u64,
    /// Rows and streams that differ from what the log says.
    pub diverged: u64,
    /// Everything else that should not be.
    pub strange: u64,
    /// What is behind these numbers, in words.
    pub examples: Vec<String>,
}

/// What is there when all is healed.
pub struct Scene<'a> {
    /// Without a token, at no server.
    pub client: &'a Client,
    pub servers: [&'a Daybook; 2],
    pub database: &'a TestDatabase,
}

/// `surprises` is what went wrong without being asked for.
pub async fn check(scene: &Scene<'_>, surprises: Vec<String>, told: &[Told]) -> Findings {
    let mut findings = Findings::default();
    for surprise in surprises {
        findings.strange += 1;
        findings.example(surprise);
    }
    findings.compare_downstream(scene).await;
    findings.repeat(scene, told).await;
    findings.compare(&Log::read(&scene.database.superuser).await, told);
    findings
}

/// The same of the log alone.
pub fn compare(log: &Log, told: &[Told]) -> Findings {
    let mut findings = Findings::default();
    findings.compare(log, told);
    findings
}

impl Findings {
    fn compare(&mut self, log: &Log, told: &[Told]) {
        self.compare_commands(log, told);
        self.count_gaps(log);
        self.count_oversold(log);
    }

    /// Every promise was kept, and there was one.
    pub fn is_good(&self) -> bool {
        let wrong = [
            self.lost,
            self.duplicated,
            self.denied,
            self.gaps,
            self.oversold,
            self.changed,
            self.behind,
            self.diverged,
            self.strange,
        ];
        wrong.iter().all(|count| *count == 0) && self.acked > 0
    }

    /// Nothing is wrong, and no client was left without an answer.
    #[track_caller]
    pub fn assert_flawless(&self) {
        assert!(self.is_good() && self.unknown == 0, "{self}\n{}", self.examples.join("\n"));
    }

    fn example(&mut self, text: String) {
        if self.examples.len() < EXAMPLES {
            self.examples.push(text);
        }
    }

    fn compare_commands(&mut self, log: &Log, told: &[Told]) {
        let mut times: HashMap<(&str, &str), u64> = HashMap::new();
        for record in &log.records {
            *times.entry((request_id(record), &record.event_type)).or_default() += 1;
        }
        for Told { command, outcome, replays, changed, .. } in told {
            self.replays += replays;
            let times = times.get(&(command.key.as_str(), command.kind.event())).copied().unwrap_or(0);
            let what = |wrong: &str| format!("{} {:?} {}: {wrong}", command.key, command.kind, command.path);
            if times > 1 {
                self.duplicated += times - 1;
                self.example(what(&format!("{times} times in the log")));
            }
            for other in changed {
                self.changed += 1;
                self.example(what(&format!("another answer than before: {other}")));
            }
            match outcome {
                Outcome::Done { position, .. } => {
                    self.acked += 1;
                    let index = usize::try_from(position - 1).ok();
                    let there = index.and_then(|index| log.records.get(index)).map(request_id);
                    if times == 0 || there != Some(&command.key) {
                        self.lost += 1;
                        self.example(what(&format!("acknowledged, and not at {position}")));
                    }
                }
                Outcome::Refused | Outcome::TurnedAway => {
                    self.refused += 1;
                    if times > 0 {
                        self.denied += 1;
                        self.example(what("refused, and in the log"));
                    }
                }
                Outcome::Unknown => self.unknown += 1,
                Outcome::Strange(answer) => {
                    self.strange += 1;
                    self.example(what(answer));
                }
            }
        }
    }

    fn count_gaps(&mut self, log: &Log) {
        if !holds(|| log.check_numbers()) {
            let head = u64::try_from(log.head().0).unwrap_or(0);
            self.gaps = head.abs_diff(log.records.len() as u64).max(1);
            self.example("see above: positions, sequences or ids are wrong".into());
        }
    }

    fn count_oversold(&mut self, log: &Log) {
        let mut stocks: HashMap<&str, Stock> = HashMap::new();
        for record in &log.records {
            let Ok(Some(event)) = record.event::<Stock>() else { continue };
            let stock = stocks.entry(&record.aggregate_id).or_default();
            *stock = stock.evolve(&event);
            let Stock { on_hand, held, allocated } = *stock;
            if on_hand < 0 || held < 0 || allocated < 0 || held + allocated > on_hand {
                self.oversold += 1;
                self.example(format!("{} at {}: {stock:?}", record.aggregate_id, record.position));
            }
        }
        if self.oversold == 0 && !holds(|| log.check_promises()) {
            self.oversold = 1;
            self.example("see above: what is held is not the sum of what orders hold".into());
        }
    }

    /// Waits until everything has seen the whole log, and has both servers compare it.
    async fn compare_downstream(&mut self, scene: &Scene<'_>) {
        within(CATCH_UP, async || {
            self.behind = scene.database.count(BEHIND).await.unsigned_abs();
            self.behind == 0
        })
        .await;
        let stopped = "SELECT count(*) FROM checkpoints WHERE state <> 'running'";
        self.behind += scene.database.count(stopped).await.unsigned_abs();
        for server in scene.servers {
            let verified = server.command(&["verify"]).output().expect("the program runs");
            let text = String::from_utf8_lossy(&verified.stdout).into_owned();
            let differences = text.trim_end().rsplit_once("differences=").and_then(|(_, n)| n.parse().ok());
            let found = match differences {
                Some(differences) if verified.status.success() == (differences == 0) => differences,
                _ => 1,
            };
            self.diverged += found;
            if found > 0 {
                self.example(format!("{text}{}", String::from_utf8_lossy(&verified.stderr)));
            }
        }
    }

    /// When nothing is wrong any more, every key must be known to both servers.
    async fn repeat(&mut self, scene: &Scene<'_>, told: &[Told]) {
        let desks: HashMap<u64, Desk> =
            (0..CLIENTS).map(|number| (number, Desk::new(scene.client, scene.servers, number))).collect();
        let done: Vec<&Told> =
            told.iter().filter(|told| matches!(told.outcome, Outcome::Done { .. })).collect();
        for one in done.iter().step_by((done.len() / REPEATED).max(1)) {
            let Outcome::Done { status, body, .. } = &one.outcome else { continue };
            for elsewhere in [false, true] {
                self.replays += 1;
                match desks[&one.client].ask(&one.command, elsewhere).await {
                    Ok(reply) if reply.status == *status && reply.body == *body => {}
                    other => {
                        self.changed += 1;
                        self.example(format!("{}: another answer than before: {other:?}", one.command.key));
                    }
                }
            }
        }
    }
}

fn request_id(record: &Record) -> &str {
    record.metadata.get("request_id").map_or("", String::as_str)
}

/// Whether a check of the log has nothing to say; what it has to say stands in the output.
fn holds(check: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(check)).is_ok()
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "acked={} unknown={} lost={} duplicated={} gaps={} oversold={}",
            self.acked, self.unknown, self.lost, self.duplicated, self.gaps, self.oversold
        )?;
        write!(
            f,
            " diverged={} behind={} denied={} changed={} strange={}",
            self.diverged, self.behind, self.denied, self.changed, self.strange
        )?;
        write!(
            f,
            " refused={} replays={} faults={} seed={} seconds={}",
            self.refused, self.replays, self.faults, self.seed, self.seconds
        )
    }
}
