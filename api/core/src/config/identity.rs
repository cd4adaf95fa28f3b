//! What can be set of tokens and of the vault.

use std::path::PathBuf;

use daybook_domain::settings::{Rule, Span, any, between, text};

use super::secret::Secret;

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
        /// Keys of another issuer, whose tokens are then the ones that count.
        #[serde(skip_serializing_if = "Option::is_none")]
        jwks_url: Option<String> = None, text("an https URL; in development also an http one", is_url).optional();
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

fn not_empty() -> Rule<String> {
    text("text that is not empty", |text| !text.is_empty())
}

fn is_url(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}
