//! Workers that panic, end early, and don't end at all.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use async_trait::async_trait;
use tokio::sync::{Notify, mpsc};

use super::*;
use crate::workers::{About, Pauses, When, WorkerState};

/// More than a run should ever take.
const LONG: Duration = Duration::from_secs(20);

fn crew() -> Crew {
    Crew::new(|| DateTime::UNIX_EPOCH)
}

fn about() -> About {
    About::new("troubled", "Has its troubles.", When::every(Duration::from_millis(1_500)))
}

fn status(crew: &Crew) -> WorkerStatus {
    let mut all = crew.list();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// Panics in its first run.
struct Troubled {
    runs: AtomicU32,
    began: mpsc::UnboundedSender<u32>,
    go_on: Notify,
}

#[async_trait]
impl Worker for Troubled {
    fn about(&self) -> About {
        about()
    }

    async fn run(&self, duty: &Duty) {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        let rounds = duty.rounds(Pauses::NONE);
        let round = async {
            self.began.send(run).expect("the test listens");
            self.go_on.notified().await;
            assert!(run > 0, "the password is secret");
            Ok::<_, String>(())
        };
        if let Some(Some(())) = duty.or_over(rounds.attempt(round, |_| {})).await {
            rounds.went_well();
        }
    }
}

#[tokio::test]
async fn a_worker_that_panics_is_seen_and_starts_again() {
    let crew = crew();
    let (began, mut begins) = mpsc::unbounded_channel();
    let worker = Arc::new(Troubled { runs: AtomicU32::new(0), began, go_on: Notify::new() });
    crew.keep(worker.clone());
    assert_eq!(begins.recv().await, Some(0));
    let running = status(&crew);
    assert_eq!((running.state, running.failures), (WorkerState::Running, 0));
    assert_eq!(running.about, about());
    assert_eq!(running.about.when.to_string(), "every 1.5s");
    worker.go_on.notify_one();
    assert_eq!(begins.recv().await, Some(1));
    let failed = status(&crew);
    assert_eq!((failed.state, failed.failures, failed.rounds), (WorkerState::Failed, 1, 0));
    let error = failed.last_error.expect("it panicked");
    assert_eq!(error.message, "it panicked; the log says why", "what it said is not told");
    worker.go_on.notify_one();
    // It returned, and was called again.
    assert_eq!(begins.recv().await, Some(2));
    let well = status(&crew);
    assert_eq!((well.state, well.failures, well.rounds), (WorkerState::Running, 1, 1));
    assert!(well.last_run.is_some() && well.last_error.is_some());
    crew.stop(LONG).await;
}

/// Works on until it is let go, whatever happens.
struct Stubborn {
    begun: Notify,
    enough: Notify,
    done: AtomicBool,
}

#[async_trait]
impl Worker for Stubborn {
    fn about(&self) -> About {
        about()
    }

    async fn run(&self, _: &Duty) {
        self.begun.notify_one();
        self.enough.notified().await;
        self.done.store(true, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn what_is_at_work_may_finish_in_time_and_is_cut_off_then() {
    for (within, patient) in [(LONG, true), (Duration::from_millis(20), false)] {
        let crew = crew();
        let worker =
            Arc::new(Stubborn { begun: Notify::new(), enough: Notify::new(), done: AtomicBool::new(false) });
        crew.keep(worker.clone());
        worker.begun.notified().await;
        let let_go = async {
            if patient {
                worker.enough.notify_one();
            }
        };
        tokio::join!(crew.stop(within), let_go);
        assert_eq!(worker.done.load(Ordering::Relaxed), patient);
        assert_eq!(Arc::strong_count(&worker), 1, "nothing of it goes on");
    }
}

#[tokio::test]
async fn what_ends_by_itself_is_no_worker() {
    let crew = crew();
    let done = Arc::new(Mutex::new(false));
    let noted = Arc::clone(&done);
    crew.run("once", async move { *noted.lock().expect("not poisoned") = true });
    assert!(crew.list().is_empty());
    crew.stop(LONG).await;
    assert!(*done.lock().expect("not poisoned"));
}

/// Tells which thread it is on.
struct Apart(mpsc::UnboundedSender<thread::ThreadId>);

#[async_trait]
impl Worker for Apart {
    fn about(&self) -> About {
        about()
    }

    async fn run(&self, duty: &Duty) {
        while !duty.is_over() {
            self.0.send(thread::current().id()).expect("the test listens");
            duty.or_over(sleep(Duration::from_millis(1))).await;
        }
    }
}

/// Catches: a worker that waits for all the others although it must not.
#[tokio::test]
async fn a_worker_that_is_kept_apart_goes_on_while_nothing_else_does_and_ends_with_the_others() {
    let crew = crew();
    let (tell, mut told) = mpsc::unbounded_channel();
    crew.keep_apart(Arc::new(Apart(tell)));
    // Not awaited: the runtime of this test has no other thread, and does nothing else meanwhile.
    let mut seen = Vec::new();
    while seen.len() < 20 {
        seen.extend(told.try_recv());
        thread::yield_now();
    }
    assert!(!seen.contains(&thread::current().id()));
    assert_eq!(status(&crew).about.name, "troubled");
    crew.stop(LONG).await;
    while told.recv().await.is_some() {}
}
