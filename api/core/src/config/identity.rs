//! What can be set of tokens and of the vault.

use std::{collections::BTreeMap, path::PathBuf};

use daybook_domain::policy::Role;
use daybook_domain::settings::{Invalid, Rule, Span, any, between, text, that_is};

use super::{
    provider::{self, MAX_PROVIDERS, Providers},
    secret::Secret,
};
use crate::auth::roles::is_custom_name;

daybook_domain::settings! {
    /// Tokens: which ones count, and which key signs our own.
    pub struct Tokens {
        /// The issuer that tokens must name.
        issuer: String = "daybook".into(), not_empty();
        /// The audience that tokens must name.
        audience: String = "daybook".into(), not_empty();
        /// The key that signs tokens: an Ed25519 key in PKCS#8 PEM. In development one is made.
        #[serde(skip_serializing_if = "Option::is_none")]
        signing_key_file: Option<PathBuf> = None, any("a path").optional();
        /// Keys of another issuer, whose tokens count then, too: its set of keys (RFC 7517), of RSA (RS256), P-256 (ES256) and
        /// Ed25519.
        #[serde(skip_serializing_if = "Option::is_none")]
        jwks_url: Option<String> = None, text("an https URL; in development also an http one", is_url).optional();
        /// How often those keys are fetched. A key that its issuer takes back is good for so long.
        jwks_interval: Span = Span::seconds(30), between(Span::seconds(1), Span::hours(1));
        /// The issuer that its tokens must name. Without it: `issuer`.
        #[serde(skip_serializing_if = "Option::is_none")]
        outside_issuer: Option<String> = None, not_empty().optional();
        /// The audience that its tokens must name. Without it: `audience`.
        #[serde(skip_serializing_if = "Option::is_none")]
        outside_audience: Option<String> = None, not_empty().optional();
        /// What its subjects begin with here, so that none of them is one of ours. Without it: `ext:` if `outside_issuer` is
        /// set, else nothing. With it, a subject has at most 128 characters.
        #[serde(skip_serializing_if = "Option::is_none")]
        outside_subject_prefix: Option<String> = None, text("up to 32 visible characters of ASCII", is_prefix).optional();
        /// The claim of its tokens that names roles. Names with dots between them lead through objects, such as
        /// `realm_access.roles`.
        roles_claim: String = "roles".into(), not_empty();
        /// Its names of roles, and the roles here that they mean. If there are any, all others mean nothing; if there are none,
        /// names are taken as they are.
        role_map: BTreeMap<String, String> = BTreeMap::new(), that_is("names of roles, such as { shop-staff = \"support\" }", are_roles);
        /// A process that could not read for so long which tokens were revoked takes none: callers with a token are
        /// answered 503. It is usually read three times a second.
        revocations_max_age: Span = Span::seconds(5), between(Span::seconds(1), Span::hours(1));
    }
}

daybook_domain::settings! {
    /// The vault, which seals personal data.
    pub struct Vault {
        /// Wraps the keys of persons. In development one is made.
        #[serde(skip_serializing_if = "Option::is_none")]
        master_key: Option<Secret> = None, any("32 random bytes in base64").optional();
    }
}

daybook_domain::settings! {
    /// Accounts, and those who are logged in.
    pub struct Accounts {
        /// Where people reach the pages of accounts, which links in mails lead to. Without it: the API's own address.
        #[serde(skip_serializing_if = "Option::is_none")]
        url: Option<String> = None, text("an http or https URL", is_url).optional();
        /// Other issuers at which people can log in (OpenID Connect), by names of 1 to 32 characters of a-z 0-9 _ -. Each has
        /// `issuer`, its address; `client_id` and `client_secret` (a public client has none), which were agreed with it;
        /// `scopes` beside `openid` (without it: `["email"]`); `label`, the text of its button (without it: the name); and
        /// `front_end`, the address of a front end of the API that people who began there come back to (without it: the
        /// pages). People come back to `url` and `/account/outside/NAME`. Addresses that an issuer says to be verified are
        /// believed, so name only issuers that verify them.
        providers: Providers = Providers::new(), that_is(format!("up to {MAX_PROVIDERS}, such as {{ example = {{ issuer = \"https://issuer.example\", client_id = \"shop\" }} }}"), |providers: &Providers| providers.len() <= MAX_PROVIDERS);
        /// How long an access token is good. It also ends with its session.
        access_lifetime: Span = Span::minutes(10), between(Span::seconds(10), Span::hours(1));
        /// A session that is not refreshed for so long has ended.
        idle_lifetime: Span = Span::hours(24 * 30), between(Span::minutes(1), Span::hours(24 * 400));
        /// A session ends after so long, however often it is refreshed.
        session_lifetime: Span = Span::hours(24 * 180), between(Span::minutes(1), Span::hours(24 * 400));
        /// What is dangerous needs a proof of who one is that is no older than this.
        confirmation_lifetime: Span = Span::minutes(10), between(Span::seconds(10), Span::hours(24));
        /// How long the link is good that an e-mail address is verified with.
        address_link_lifetime: Span = Span::hours(24), between(Span::minutes(1), Span::hours(24 * 30));
        /// How long the link is good that a forgotten password is replaced with.
        reset_link_lifetime: Span = Span::hours(1), between(Span::minutes(1), Span::hours(24));
        /// An account whose address was not verified for so long is erased, if it has no orders. It is no shorter than
        /// `address_link_lifetime`.
        unverified_lifetime: Span = Span::hours(24 * 30), between(Span::minutes(1), Span::hours(24 * 400));
        /// How long it is kept what happened around the security of accounts.
        activity_kept: Span = Span::hours(24 * 180), between(Span::hours(1), Span::hours(24 * 3_660));
    }
}

daybook_domain::settings! {
    /// Passwords.
    pub struct Passwords {
        /// Hashes that are computed at a time. Each takes a core for some 20 ms, and 19 MiB of memory.
        concurrency: usize = 1, between(1, 1_024);
        /// Log-ins and registrations that wait for that; more are turned away.
        max_waiting: usize = 256, between(0, 100_000);
        /// How hard to guess a new password has to be, from 0 to 4: 3 takes more than 10^8 guesses.
        min_strength: u8 = 3, between(0, 4);
        /// SHA-1 hashes of stolen passwords that are refused: 40 hexadecimal digits in a line, sorted.
        #[serde(skip_serializing_if = "Option::is_none")]
        leaked_file: Option<PathBuf> = None, any("a path").optional();
    }
}

daybook_domain::settings! {
    /// Budgets of what others would try again and again, for each process: so many at once, and as many in each window.
    pub struct Budgets {
        /// Log-ins from one address.
        log_in_address: u32 = 20, between(1, 1_000_000);
        /// Log-ins to one account, from devices that it was not logged in from before.
        log_in_account: u32 = 10, between(1, 1_000_000);
        /// Log-ins to one account from a device that it was logged in from before, whatever others do.
        log_in_device: u32 = 10, between(1, 1_000_000);
        /// Codes of a second factor for one account or device.
        second_factor: u32 = 5, between(1, 1_000_000);
        /// Registrations from one address.
        registration: u32 = 10, between(1, 1_000_000);
        /// Mails to one address, because of registrations and forgotten passwords.
        mails: u32 = 5, between(1, 1_000_000);
        /// Forgotten passwords, and guests' orders that are claimed, from one address.
        reset: u32 = 10, between(1, 1_000_000);
        /// In which time a budget that was used up is whole again.
        window: Span = Span::minutes(10), between(Span::seconds(1), Span::hours(24));
    }
}

/// What a subject of another issuer begins with, if nothing else is set.
const OUTSIDE: &str = "ext:";

impl Tokens {
    /// What subjects of the other issuer begin with.
    pub fn subject_prefix(&self) -> &str {
        let usual = if self.outside_issuer.is_some() { OUTSIDE } else { "" };
        self.outside_subject_prefix.as_deref().unwrap_or(usual)
    }

    /// What these settings say of each other.
    pub(super) fn check_together(&self) -> Result<(), Invalid> {
        let outside = [
            ("outside_issuer", self.outside_issuer.is_some()),
            ("outside_audience", self.outside_audience.is_some()),
            ("outside_subject_prefix", self.outside_subject_prefix.is_some()),
            ("role_map", !self.role_map.is_empty()),
        ];
        match outside.into_iter().find(|(_, is_set)| *is_set && self.jwks_url.is_none()) {
            Some((name, _)) => {
                Err(Invalid::new(name, "means something only if jwks_url is set").within("tokens"))
            }
            None => Ok(()),
        }
    }
}

impl Accounts {
    /// What these settings say of each other.
    pub(super) fn check_together(&self, is_production: bool) -> Result<(), Invalid> {
        let (lifetime, link) = (self.unverified_lifetime, self.address_link_lifetime);
        if lifetime < link {
            let problem = format!("is {lifetime}; it may be no less than address_link_lifetime, {link}");
            return Err(Invalid::new("unverified_lifetime", problem).within("accounts"));
        }
        let invalid = |problem: String| Err(Invalid::new("providers", problem).within("accounts"));
        if let Some(problem) = provider::problem(&self.providers, is_production) {
            return invalid(problem);
        }
        let is_encrypted = self.url.as_ref().is_some_and(|url| url.starts_with("https://"));
        if is_production && !self.providers.is_empty() && !is_encrypted {
            return invalid("need accounts.url to be an https URL outside development".to_owned());
        }
        Ok(())
    }
}

fn is_prefix(text: &str) -> bool {
    text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn are_roles(map: &BTreeMap<String, String>) -> bool {
    map.values().all(|name| name.parse::<Role>().is_ok() || is_custom_name(name))
}

fn not_empty() -> Rule<String> {
    text("text that is not empty", |text| !text.is_empty())
}

fn is_url(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}
