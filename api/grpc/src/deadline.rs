//! Until when an answer is wanted: `grpc-timeout`, in the protocol of gRPC over HTTP/2.

use std::time::{Duration, Instant};

use daybook_core::config::Http;
use daybook_http::problem::Problem;
use tonic::metadata::MetadataMap;

const GRPC_TIMEOUT: &str = "grpc-timeout";
/// The library that serves cancels a call when its time is over. The answer that says so comes first.
const AHEAD: Duration = Duration::from_millis(5);

/// The time until which the caller waits: as long as it says, within bounds.
pub fn of(metadata: &MetadataMap, started: Instant, limits: &Http) -> Result<Instant, Problem> {
    let mut given = metadata.get_all(GRPC_TIMEOUT).iter();
    let bad = || Problem::malformed("grpc-timeout is 1 to 8 digits and one of the units H, M, S, m, u, n");
    let time = match (given.next(), given.next()) {
        (None, _) => limits.request_timeout.get(),
        (Some(text), None) => {
            let time = text.to_str().ok().and_then(parse).ok_or_else(bad)?;
            time.saturating_sub(AHEAD.min(time / 2))
        }
        (Some(_), Some(_)) => return Err(bad()),
    };
    Ok(started + time.min(limits.max_request_timeout.get()))
}

fn parse(text: &str) -> Option<Duration> {
    let unit = text.chars().last().filter(char::is_ascii)?;
    let digits = &text[..text.len() - 1];
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        'H' => Duration::from_secs(number * 3600),
        'M' => Duration::from_secs(number * 60),
        'S' => Duration::from_secs(number),
        'm' => Duration::from_millis(number),
        'u' => Duration::from_micros(number),
        'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_has_digits_and_a_unit() {
        for (text, time) in [
            ("2H", Duration::from_secs(7200)),
            ("2M", Duration::from_secs(120)),
            ("10S", Duration::from_secs(10)),
            ("100m", Duration::from_millis(100)),
            ("100u", Duration::from_micros(100)),
            ("99999999n", Duration::from_nanos(99_999_999)),
        ] {
            assert_eq!(parse(text), Some(time), "{text}");
        }
        for bad in ["", "S", "10", "10s", "-1S", "1.5S", "123456789S", "10 S", "1é"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
