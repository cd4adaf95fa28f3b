//! One loop that fails, rests and tries again, without a crew.

use std::{
    cell::Cell,
    sync::atomic::AtomicI64,
    time::{Duration, Instant},
};

use chrono::DateTime;

use super::*;
use crate::workers::{When, WorkerState, WorkerStatus};

/// Each look at the clock is a second later.
fn journals() -> Arc<Journals> {
    let seconds = AtomicI64::new(0);
    let now = move || DateTime::from_timestamp(seconds.fetch_add(1, Ordering::Relaxed), 0).expect("a time");
    Arc::new(Journals::new(now))
}

fn duty(journals: &Arc<Journals>) -> Duty {
    let about = About::new("relay", "Publishes.", When::signal("the log grows"));
    Duty::new(CancellationToken::new(), journals.open(about), Arc::clone(journals))
}

fn only(journals: &Journals) -> WorkerStatus {
    let mut all = journals.statuses();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

async fn fail(rounds: &Rounds<'_>, complaints: &Cell<u32>) {
    let round = async { Err::<(), _>("no NATS at /run/nats".to_owned()) };
    assert_eq!(rounds.attempt(round, |_| complaints.set(complaints.get() + 1)).await, None);
}

#[tokio::test]
async fn failures_in_a_row_are_one_complaint_and_end_with_a_round_that_went_well() {
    let (journals, complaints) = (journals(), Cell::new(0));
    let duty = duty(&journals);
    let rounds = duty.rounds(Pauses::NONE);
    assert_eq!(only(&journals).state, WorkerState::Waiting);
    fail(&rounds, &complaints).await;
    fail(&rounds, &complaints).await;
    let failed = only(&journals);
    assert_eq!((failed.state, failed.failures, failed.rounds), (WorkerState::Failed, 2, 0));
    assert_eq!((failed.last_run, complaints.get()), (None, 1));
    assert_eq!(failed.last_error.expect("it failed").message, "no NATS at …");
    rounds.went_well();
    let well = only(&journals);
    assert_eq!((well.state, well.failures, well.rounds), (WorkerState::Waiting, 2, 1));
    assert!(well.last_run > well.last_error.map(|error| error.at), "both stay known");
    fail(&rounds, &complaints).await;
    assert_eq!(complaints.get(), 2, "it had gone well in between");
}

#[tokio::test]
async fn what_only_goes_on_is_not_failed_and_not_forgiven_either() {
    let (journals, complaints) = (journals(), Cell::new(0));
    let duty = duty(&journals);
    let rounds = duty.rounds(Pauses::NONE).quiet_for(2);
    for (state, complained) in
        [(WorkerState::Waiting, 0), (WorkerState::Waiting, 0), (WorkerState::Waiting, 1)]
    {
        fail(&rounds, &complaints).await;
        assert_eq!(only(&journals).state, WorkerState::Failed);
        rounds.goes_on();
        assert_eq!((only(&journals).state, complaints.get()), (state, complained));
    }
    assert!(rounds.has_failed());
}

#[tokio::test]
async fn a_worker_waits_unless_it_is_in_a_round() {
    let journals = journals();
    let duty = duty(&journals);
    let rounds = duty.rounds(Pauses::NONE);
    let states = || only(&journals).state;
    let round = async {
        let before = states();
        let idle = duty.idle(async { states() }).await;
        Ok::<_, String>([before, idle, states()])
    };
    let seen = rounds.attempt(round, |_| {}).await;
    assert_eq!(seen, Some([WorkerState::Running, WorkerState::Waiting, WorkerState::Running]));
    assert_eq!(states(), WorkerState::Waiting);
    // A round that is dropped in the middle is over, too.
    let mut endless = Box::pin(rounds.attempt(std::future::pending::<Result<(), String>>(), |_| {}));
    assert!(futures::poll!(&mut endless).is_pending());
    assert_eq!(states(), WorkerState::Running);
    drop(endless);
    assert_eq!(states(), WorkerState::Waiting);
}

#[tokio::test]
async fn one_failing_loop_of_several_makes_a_worker_fail_for_as_long_as_it_is_there() {
    let (journals, complaints) = (journals(), Cell::new(0));
    let duty = duty(&journals);
    let (one, other) = (duty.rounds(Pauses::NONE), duty.rounds(Pauses::NONE));
    fail(&one, &complaints).await;
    other.went_well();
    assert_eq!(only(&journals).state, WorkerState::Failed);
    drop(one);
    assert_eq!(only(&journals).state, WorkerState::Waiting);
}

#[tokio::test]
async fn a_part_is_listed_beside_its_worker_as_long_as_it_works() {
    let journals = journals();
    let duty = duty(&journals);
    let names = || journals.statuses().into_iter().map(|status| status.about.name).collect::<Vec<_>>();
    let part = duty.part(About::new("relay/0", "One half.", When::signal("it is told")), duty.stop().clone());
    let until = part.until(CancellationToken::new());
    assert_eq!(names(), ["relay", "relay/0"]);
    drop(until);
    assert_eq!(names(), ["relay", "relay/0"]);
    drop(part);
    assert_eq!(names(), ["relay"]);
}

/// Catches: a pause that a shutdown has to wait for.
#[tokio::test]
async fn a_rest_ends_with_the_duty() {
    let (journals, complaints) = (journals(), Cell::new(0));
    let duty = duty(&journals);
    let hour = Duration::from_secs(3_600);
    let rounds = duty.rounds(Pauses::new(hour, hour));
    let begun = Instant::now();
    let stop = async { duty.stop().cancel() };
    tokio::join!(fail(&rounds, &complaints), stop);
    assert!(begun.elapsed() < hour / 2 && duty.is_over());
    assert_eq!(duty.or_over(async {}).await, None);
}
