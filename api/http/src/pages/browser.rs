//! What browsers send and keep: the cookies that say who someone is, and where a form was sent from.

use actix_web::http::{
    Uri,
    header::{self, HeaderMap},
};
use daybook_core::identity::{attempts::LIFETIME, sessions::Tokens};
use daybook_domain::policy::PolicyCode;

use crate::problem::Problem;

/// For how many days a browser remembers that it is known to an account: as long as browsers keep a cookie.
pub const DEVICE_DAYS: i64 = 400;

/// The cookies of a browser. Their names say that no other site set them where that can be said: over https.
pub struct Cookies {
    is_secure: bool,
    pub refresh: Option<String>,
    pub access: Option<String>,
    pub device: Option<String>,
    /// A log-in that has begun at another issuer.
    pub attempt: Option<String>,
}

/// What a cookie keeps.
#[derive(Clone, Copy)]
enum Kept {
    Refresh,
    Access,
    Device,
    Attempt,
}

impl Cookies {
    /// Those that came with a request. `is_secure`: people reach the pages over https.
    pub fn of(headers: &HeaderMap, is_secure: bool) -> Self {
        let find = |kept: Kept| find_cookie(headers, &name(kept, is_secure));
        let (refresh, access) = (find(Kept::Refresh), find(Kept::Access));
        let (device, attempt) = (find(Kept::Device), find(Kept::Attempt));
        Self { is_secure, refresh, access, device, attempt }
    }

    /// `Set-Cookie` for someone who is logged in from now on. `left_s` is how long the session can last.
    pub fn keep(&self, tokens: &Tokens, left_s: i64) -> Vec<String> {
        let access_s = i64::try_from(tokens.expires_in).unwrap_or(i64::MAX);
        vec![
            self.set(Kept::Refresh, &tokens.refresh_token, left_s),
            self.set(Kept::Access, &tokens.access_token, access_s),
            self.set(Kept::Device, &tokens.device, DEVICE_DAYS * 24 * 3_600),
        ]
    }

    /// `Set-Cookie` for someone who is not logged in any more. The device stays known.
    pub fn forget(&self) -> Vec<String> {
        [Kept::Refresh, Kept::Access].map(|kept| self.set(kept, "", 0)).into()
    }

    /// `Set-Cookie` for someone who goes to another issuer, and comes back from there.
    pub fn keep_attempt(&self, attempt: &str) -> String {
        self.set(Kept::Attempt, attempt, LIFETIME.num_seconds())
    }

    /// `Set-Cookie` for someone who has come back.
    pub fn forget_attempt(&self) -> String {
        self.set(Kept::Attempt, "", 0)
    }

    fn set(&self, kept: Kept, value: &str, seconds: i64) -> String {
        let secure = if self.is_secure { "; Secure" } else { "" };
        let name = name(kept, self.is_secure);
        // Another site leads back to where an attempt is wanted. It opens nothing without what comes along.
        let sites = if matches!(kept, Kept::Attempt) { "Lax" } else { "Strict" };
        format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite={sites}{secure}")
    }
}

/// The value of the cookie with this name.
pub fn find_cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(other, _)| *other == name).map(|(_, value)| value.to_owned())
}

fn name(kept: Kept, is_secure: bool) -> String {
    let prefix = if is_secure { "__Host-" } else { "" };
    let rest = match kept {
        Kept::Refresh => "",
        Kept::Access => "-access",
        Kept::Device => "-device",
        Kept::Attempt => "-attempt",
    };
    format!("{prefix}daybook{rest}")
}

/// Refuses a form that another site sent with this one's cookies: a browser says where a request is from
/// (`Sec-Fetch-Site`; older ones, `Origin`), and no script can make it say anything else.
pub fn refuse_foreign(headers: &HeaderMap, uri: &Uri, is_secure: bool) -> Result<(), Problem> {
    let text = |name: &str| {
        let mut values = headers.get_all(name);
        values.next().filter(|_| values.next().is_none()).and_then(|value| value.to_str().ok())
    };
    let is_ours = if headers.contains_key("sec-fetch-site") {
        matches!(text("sec-fetch-site"), Some("same-origin" | "none"))
    } else {
        let host = text("host").or_else(|| uri.authority().map(|authority| authority.as_str()));
        let scheme = if is_secure { "https" } else { "http" };
        let own = host.map(|host| format!("{scheme}://{host}"));
        own.is_some() && text("origin").map(str::to_owned) == own
    };
    if is_ours {
        Ok(())
    } else {
        Err(Problem::new(PolicyCode::Forbidden, "this is sent from the pages of this server only"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(header::HeaderName::from_static(name), value.parse().expect("a header's value"));
        }
        headers
    }

    /// Catches: a form of another site, of a sister site, of the other scheme, and one from an unknown place.
    #[test]
    fn a_form_is_taken_from_these_pages_only() {
        let host = ("host", "shop.example");
        let is_taken = |pairs: &[(&'static str, &str)], is_secure| {
            refuse_foreign(&headers(pairs), &Uri::from_static("/"), is_secure).is_ok()
        };
        for good in [
            &[host, ("sec-fetch-site", "same-origin")][..],
            &[host, ("sec-fetch-site", "none")],
            &[host, ("origin", "https://shop.example")],
        ] {
            assert!(is_taken(good, true), "{good:?}");
        }
        for bad in [
            &[host][..],
            &[],
            &[host, ("sec-fetch-site", "cross-site")],
            &[host, ("sec-fetch-site", "same-site")],
            &[host, ("sec-fetch-site", "cross-site"), ("origin", "https://shop.example")],
            &[host, ("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")],
            &[host, ("origin", "http://shop.example")],
            &[host, ("origin", "https://shop.example.evil.example")],
            &[host, ("origin", "null")],
        ] {
            assert!(!is_taken(bad, true), "{bad:?}");
        }
        assert!(is_taken(&[host, ("origin", "http://shop.example")], false));
    }

    /// Catches: a cookie that another site could set, or that is sent in the open.
    #[test]
    fn over_https_only_cookies_of_this_host_count() {
        let sent =
            headers(&[("cookie", "daybook=a; __Host-daybook=b;x=y"), ("cookie", "__Host-daybook-access=c")]);
        let cookies = Cookies::of(&sent, true);
        assert_eq!((cookies.refresh.as_deref(), cookies.access.as_deref()), (Some("b"), Some("c")));
        assert_eq!(Cookies::of(&sent, false).refresh.as_deref(), Some("a"));
        let forgotten = "__Host-daybook=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict; Secure";
        assert_eq!(cookies.forget()[0], forgotten);
        let attempt = "__Host-daybook-attempt=x; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure";
        assert_eq!(cookies.keep_attempt("x"), attempt);
    }
}
