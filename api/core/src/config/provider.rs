//! What can be set of other issuers at which people log in.

use std::collections::{BTreeMap, BTreeSet};

use daybook_domain::account::ProviderName;
use serde::{Deserialize, Serialize};
use url::Url;

use super::secret::Secret;

/// They are buttons on a page.
pub const MAX_PROVIDERS: usize = 8;
const MAX_SCOPES: usize = 10;
const MAX_LABEL_CHARS: usize = 40;

/// Issuers by the names that they have here.
pub type Providers = BTreeMap<ProviderName, Provider>;

/// An issuer of OpenID Connect, and what it knows us as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// The address that its tokens name, and below which it describes itself.
    pub issuer: String,
    pub client_id: String,
    /// `None`: a public client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<Secret>,
    /// Beside `openid`.
    #[serde(default = "email")]
    pub scopes: Vec<String>,
    /// What buttons call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Where people are sent back to who began at a front end of the API; `None`: to our own pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub front_end: Option<String>,
}

fn email() -> Vec<String> {
    vec!["email".to_owned()]
}

/// What is wrong with the first of them that can't be used, beginning with its name.
pub fn problem(providers: &Providers, is_production: bool) -> Option<String> {
    let mut issuers = BTreeSet::new();
    providers.iter().find_map(|(name, provider)| {
        let problem = if issuers.insert(&provider.issuer) {
            provider.problem(is_production)
        } else {
            Some("issuer is that of another one".to_owned())
        };
        problem.map(|problem| format!("{name}: {problem}"))
    })
}

impl Provider {
    fn problem(&self, is_production: bool) -> Option<String> {
        let kind = if is_production { "an https URL" } else { "an http or https URL" };
        let is_scope = |scope: &String| {
            !scope.is_empty() && scope.bytes().all(|c| c.is_ascii_graphic() && !matches!(c, b'"' | b'\\'))
        };
        let is_label = |label: &String| {
            (1..=MAX_LABEL_CHARS).contains(&label.chars().count()) && !label.chars().any(char::is_control)
        };
        if !is_address(&self.issuer, is_production) || self.issuer.contains('?') {
            Some(format!("issuer is {kind} without a query"))
        } else if self.client_id.is_empty() {
            Some("client_id is text that is not empty".to_owned())
        } else if self.scopes.len() > MAX_SCOPES || !self.scopes.iter().all(is_scope) {
            Some(format!("scopes are up to {MAX_SCOPES} words of visible characters"))
        } else if !self.label.iter().all(is_label) {
            Some(format!("label has 1 to {MAX_LABEL_CHARS} characters"))
        } else if !self.front_end.iter().all(|url| is_address(url, is_production)) {
            Some(format!("front_end is {kind}"))
        } else {
            None
        }
    }
}

/// An address that people and secrets can be sent to: in production, over https only.
fn is_address(text: &str, is_production: bool) -> bool {
    Url::parse(text).is_ok_and(|url| {
        let is_encrypted = url.scheme() == "https" || (url.scheme() == "http" && !is_production);
        is_encrypted && url.has_host() && url.username().is_empty() && url.fragment().is_none()
    })
}
