//! The signals that end what runs in the foreground.

use std::{fs, future};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::Failure;

/// From now on, these are ours to heed: they end nothing by themselves.
pub struct Signals {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
    hangup: Option<Signal>,
}

impl Signals {
    /// Those that were ignored when this program was started, as under `nohup`, stay ignored.
    pub fn listen() -> Result<Self, Failure> {
        let ignored = ignored();
        let listen = |kind: SignalKind| {
            let is_ignored = ignored & (1 << (kind.as_raw_value() - 1)) != 0;
            if is_ignored { Ok(None) } else { signal(kind).map(Some) }
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// Returns at the next one, with the exit code of whom it ends.
    pub async fn next(&mut self) -> u8 {
        tokio::select! {
            () = received(&mut self.interrupt) => 130,
            () = received(&mut self.terminate) => 143,
            () = received(&mut self.hangup) => 129,
        }
    }
}

async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => future::pending().await,
    }
}

/// A bit for each; none where there is no /proc.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bits = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    bits.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or(0)
}
