//! Rate limits of this process: by the subject of a valid token, else by address. Which address that is, behind
//! proxies, is the interface's to say.

use std::{
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    time::Duration,
};

use bytes::Bytes;
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
};

use crate::config::Rates;

/// How often budgets that were not used for a while are forgotten.
pub const SWEEP_EVERY: Duration = Duration::from_secs(10);

pub struct RateLimits {
    subjects: Limit<String>,
    addresses: Limit<IpAddr>,
    invalid_tokens: Limit<IpAddr>,
}

/// A limit for each key of a kind.
pub struct Limit<K: Hash + Eq + Clone> {
    limiter: DefaultKeyedRateLimiter<K, StateInformationMiddleware>,
    policy: Bytes,
    name: &'static str,
}

/// What is left of a limit.
#[derive(Debug, Clone)]
pub struct Budget {
    /// The limit as the header field `RateLimit-Policy` has it (draft-ietf-httpapi-ratelimit-headers). ASCII.
    pub policy: Bytes,
    pub name: &'static str,
    pub remaining: u32,
}

/// Nothing is left of a limit.
#[derive(Debug)]
pub struct Exceeded {
    /// When there will be something again, at least 1.
    pub retry_after_s: u64,
    pub budget: Budget,
}

impl RateLimits {
    pub fn new(rates: &Rates) -> Self {
        Self {
            subjects: Limit::new("subject", rates.subject_per_second, rates.subject_burst),
            addresses: Limit::new("address", rates.address_per_second, rates.address_burst),
            invalid_tokens: Limit::new(
                "invalid-token",
                rates.invalid_token_per_second,
                rates.invalid_token_burst,
            ),
        }
    }

    pub fn subject(&self, subject: &String) -> Result<Budget, Exceeded> {
        self.subjects.take(subject)
    }

    pub fn address(&self, address: IpAddr) -> Result<Budget, Exceeded> {
        self.addresses.take(&network(address))
    }

    /// Another bad token came from there. It is found bad before it is counted, and counted for nothing else: who sends
    /// bad tokens takes nothing from those who send good ones, or none, from the same address.
    pub fn invalid_token(&self, address: IpAddr) -> Result<(), Exceeded> {
        self.invalid_tokens.take(&network(address)).map(drop)
    }

    pub fn sweep(&self) {
        self.subjects.sweep();
        self.addresses.sweep();
        self.invalid_tokens.sweep();
    }
}

impl<K: Hash + Eq + Clone> Limit<K> {
    fn new(name: &'static str, per_second: u32, burst: u32) -> Self {
        let (per_second, burst) = (at_least_one(per_second), at_least_one(burst));
        let window_s = burst.get().div_ceil(per_second.get());
        Self::of(name, Quota::per_second(per_second).allow_burst(burst), burst, window_s)
    }

    /// So many at once, and as many again in the course of `window`.
    pub fn in_window(name: &'static str, burst: u32, window: Duration) -> Self {
        let burst = at_least_one(burst);
        let each = window.max(Duration::from_secs(1)) / burst.get();
        let quota = Quota::with_period(each).expect("it is longer than nothing").allow_burst(burst);
        Self::of(name, quota, burst, u32::try_from(window.as_secs()).unwrap_or(u32::MAX))
    }

    fn of(name: &'static str, quota: Quota, burst: NonZeroU32, window_s: u32) -> Self {
        let policy = format!("\"{name}\";q={burst};w={window_s}");
        Self { limiter: RateLimiter::keyed(quota).with_middleware(), policy: policy.into(), name }
    }

    /// Forgets the keys that have their whole budget again.
    pub fn sweep(&self) {
        self.limiter.retain_recent();
    }

    /// One of the budget of this key.
    pub fn take(&self, key: &K) -> Result<Budget, Exceeded> {
        let budget = |remaining| Budget { policy: self.policy.clone(), name: self.name, remaining };
        self.limiter.check_key(key).map(|state| budget(state.remaining_burst_capacity())).map_err(
            |not_until| {
                let wait = not_until.wait_time_from(DefaultClock::default().now());
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                Exceeded { retry_after_s: seconds.max(1), budget: budget(0) }
            },
        )
    }
}

fn at_least_one(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

/// The address that is counted. A client with one IPv6 address has 2⁶⁴ of them, so its network is counted.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> RateLimits {
        RateLimits::new(&Rates {
            address_burst: 2,
            address_per_second: 1,
            invalid_token_burst: 1,
            ..Rates::default()
        })
    }

    #[test]
    fn a_burst_is_answered_and_what_is_over_it_refused() {
        let limits = limits();
        let here = "192.0.2.1".parse().expect("an address");
        assert_eq!(limits.address(here).expect("the first").remaining, 1);
        assert!(limits.address(here).is_ok());
        assert_eq!(limits.address(here).expect_err("the third").retry_after_s, 1);
        assert!(limits.address("192.0.2.2".parse().expect("an address")).is_ok());
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address() {
        let limits = limits();
        for last in 1..=2 {
            assert!(limits.address(format!("2001:db8::{last}").parse().expect("an address")).is_ok());
        }
        assert!(limits.address("2001:db8::3".parse().expect("an address")).is_err());
        assert!(limits.address("2001:db8:0:1::3".parse().expect("an address")).is_ok());
    }

    #[test]
    fn bad_tokens_take_nothing_from_others() {
        let limits = limits();
        let here = "192.0.2.1".parse().expect("an address");
        assert!(limits.invalid_token(here).is_ok());
        let exceeded = limits.invalid_token(here).expect_err("the second");
        assert_eq!((exceeded.budget.name, exceeded.budget.remaining), ("invalid-token", 0));
        assert_eq!(limits.address(here).expect("the first").remaining, 1);
        assert!(limits.subject(&"alice".to_owned()).is_ok());
    }
}
