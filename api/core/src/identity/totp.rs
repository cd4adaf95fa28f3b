//! One-time passwords (RFC 6238, RFC 4226): six digits, SHA-1, steps of 30 s, which is what authenticator apps know.

use aws_lc_rs::{constant_time, hmac};
use data_encoding::BASE32_NOPAD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Seconds that a code is shown for.
pub const STEP_S: i64 = 30;
const DIGITS: usize = 6;
/// Clocks of phones go wrong: the step before and the one behind are taken, too.
const STEPS_APART: i64 = 1;
/// As long as the hash.
pub const SECRET_LEN: usize = 20;

/// The step whose code this is, if it is near `now` (Unix time in seconds). All steps are looked at.
pub fn step_of(secret: &[u8], code: &str, now: i64) -> Option<i64> {
    let today = now.div_euclid(STEP_S);
    let mut found = None;
    for step in today - STEPS_APART..=today + STEPS_APART {
        let expected = self::code(secret, step);
        if constant_time::verify_slices_are_equal(expected.as_bytes(), code.as_bytes()).is_ok() {
            found = Some(step);
        }
    }
    found
}

/// The code of a step.
pub fn code(secret: &[u8], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag[tag.len() - 1] & 0x0f);
    let number = tag[offset..offset + 4].iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    format!("{:0DIGITS$}", (number & 0x7fff_ffff) % 10_u32.pow(6))
}

/// The secret as it is typed.
pub fn shown(secret: &[u8]) -> String {
    BASE32_NOPAD.encode(secret)
}

/// What an authenticator app reads (the Key URI Format).
pub fn uri(secret: &[u8], issuer: &str, account: &str) -> String {
    let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let (issuer, account) = (escaped(issuer), escaped(account));
    format!(
        "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&algorithm=SHA1&digits=6&period=30",
        shown(secret)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, in six digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = b"12345678901234567890";
        for (time, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code(secret, time / STEP_S), expected);
            assert_eq!(step_of(secret, expected, time), Some(time / STEP_S));
            assert_eq!(step_of(secret, expected, time + STEP_S), Some(time / STEP_S));
            assert_eq!(step_of(secret, expected, time + 2 * STEP_S), None);
        }
        assert_eq!(step_of(secret, "", 59), None);
        assert_eq!(step_of(secret, "2870821", 59), None);
    }

    #[test]
    fn an_app_is_told_whose_secret_it_is() {
        let uri = uri(b"12345678901234567890", "The Shop", "alice@example.com");
        assert!(
            uri.starts_with("otpauth://totp/The%20Shop:alice%40example%2Ecom?secret=GEZDGNBVGY3TQOJQ"),
            "{uri}"
        );
        assert!(uri.contains("&issuer=The%20Shop&"), "{uri}");
    }
}
