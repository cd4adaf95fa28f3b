//! Threads that hash passwords. They give way to other threads: a hash takes a core for some 20 ms,
//! and while many people log in, an answer that is ready in the tenth part of a millisecond must not wait for that.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// They end when this is dropped, and what was begun is done.
pub struct Hashers(mpsc::Sender<Job>);

impl Hashers {
    pub fn start(count: usize) -> io::Result<Self> {
        let (jobs, waiting) = mpsc::channel::<Job>();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..count {
            let waiting = Arc::clone(&waiting);
            thread::Builder::new().name("hashing".into()).spawn(move || {
                give_way();
                while let Ok(job) = next(&waiting) {
                    // Who waits for its result is told by losing it.
                    let _ = catch_unwind(AssertUnwindSafe(job));
                }
            })?;
        }
        Ok(Self(jobs))
    }

    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, result) = oneshot::channel();
        // Its caller may be gone when it is done.
        self.0.send(Box::new(move || drop(done.send(work())))).expect("they wait as long as this is there");
        result.await.expect("the work doesn't panic")
    }
}

/// Not in the head of a loop, where the lock would be held during the work.
fn next(waiting: &Mutex<mpsc::Receiver<Job>>) -> Result<Job, mpsc::RecvError> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner).recv()
}

/// Linux keeps a niceness for each thread; elsewhere it would be that of the whole process.
#[cfg(target_os = "linux")]
fn give_way() {
    /// Where all want to run, one gets a tenth of what another thread gets: beside six busy ones on two cores, 3.5 % of a
    /// core. With 19 it would be 0.5 %, and a log-in would take seconds.
    const NICENESS: i32 = 10;
    let thread = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(thread), NICENESS) {
        tracing::warn!(%error, "hashing passwords can't give way to other work");
    }
}

#[cfg(not(target_os = "linux"))]
fn give_way() {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a thread that is gone after a panic, and log-ins that nothing answers from then on.
    #[tokio::test]
    async fn a_thread_outlives_work_that_panics() {
        let hashers = Arc::new(Hashers::start(1).unwrap());
        let other = Arc::clone(&hashers);
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(async move { other.run(|| panic!("as a test wants it")).await });
        assert!(tasks.join_next().await.unwrap().is_err());
        assert_eq!(hashers.run(|| 7).await, 7);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_thread_gives_way_to_others() {
        let hashers = Hashers::start(1).unwrap();
        let niceness = || rustix::process::getpriority_process(Some(rustix::thread::gettid())).unwrap();
        assert!(hashers.run(niceness).await > niceness());
    }
}
