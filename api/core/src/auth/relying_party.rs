//! People who log in at another issuer (OpenID Connect Core): the authorization code flow with PKCE, `state`, `nonce` and
//! `iss`, as RFC 9700 recommends. What is asked for is who someone is; tokens of the issuer are not kept.

use std::{sync::Mutex, time::Duration};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use reqwest::{
    Client, RequestBuilder, Response, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, Error as _},
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use url::{Url, form_urlencoded};

use super::{
    claims::{Audience, TOLERANCE_S, is_subject, numeric_date},
    jwks,
    keys::KeySet,
    refused::Refused,
    signed,
};
use crate::config::Secret;

const TIMEOUT: Duration = Duration::from_secs(10);
const MAX_ANSWER_BYTES: usize = 256 * 1024;
/// How long what an issuer says of itself is believed.
const BELIEVED_FOR: Duration = Duration::from_secs(3_600);
/// An ID token comes from its issuer at once; an older one was kept by someone.
const MAX_AGE_S: i64 = 600;
const MAX_ERROR_CHARS: usize = 64;

const UNPOISONED: &str = "nobody panics while holding this lock";

/// What an issuer and we have agreed on.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The address that its tokens name, and below which it describes itself.
    pub issuer: String,
    pub client_id: String,
    /// `None`: a public client.
    pub client_secret: Option<Secret>,
    /// Where it sends people back to.
    pub redirect_uri: String,
    /// Beside `openid`.
    pub scopes: Vec<String>,
}

/// What is remembered of a log-in that has begun, until the person comes back: by this server, and bound to the browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub state: String,
    pub nonce: String,
    /// The verifier of PKCE (RFC 7636).
    pub verifier: String,
}

/// What the person comes back with, in the query of the redirect.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Callback {
    pub state: Option<String>,
    pub code: Option<String>,
    pub iss: Option<String>,
    pub error: Option<String>,
}

/// Who has logged in, as the issuer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub issuer: String,
    /// It means someone only together with the issuer.
    pub subject: String,
    pub email: Option<String>,
    /// The issuer has made sure that it is theirs.
    pub email_verified: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The issuer said so, with a code of RFC 6749 or OpenID Connect.
    #[error("the issuer refused: {0}")]
    Denied(String),
    #[error("this is not the answer to that attempt")]
    State,
    #[error("the answer is from another issuer, or doesn't say from which")]
    Issuer,
    #[error("the answer has no code")]
    Code,
    #[error("the issuer doesn't take the code")]
    Grant,
    /// What the issuer describes itself with is of no use.
    #[error("the issuer's description: {0}")]
    Description(&'static str),
    #[error("the ID token: {0}")]
    Token(#[from] Refused),
    #[error("the issuer can't be asked: {0}")]
    Unavailable(String),
}

/// One issuer that people can log in at.
pub struct RelyingParty {
    registration: Registration,
    client: Client,
    known: Mutex<Option<(Instant, Provider)>>,
}

/// What an issuer says of itself (OpenID Connect Discovery), as far as it is needed.
#[derive(Clone, Deserialize)]
struct Provider {
    issuer: String,
    #[serde(deserialize_with = "url")]
    authorization_endpoint: Url,
    #[serde(deserialize_with = "url")]
    token_endpoint: Url,
    #[serde(deserialize_with = "url")]
    jwks_uri: Url,
    /// RFC 9207.
    #[serde(default, rename = "authorization_response_iss_parameter_supported")]
    names_itself: bool,
}

#[derive(Deserialize)]
struct TokenAnswer {
    id_token: String,
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct IdClaims {
    iss: String,
    aud: Audience,
    azp: Option<String>,
    sub: String,
    #[serde(deserialize_with = "numeric_date")]
    exp: i64,
    #[serde(deserialize_with = "numeric_date")]
    iat: i64,
    nonce: Option<String>,
    email: Option<String>,
    email_verified: Option<bool>,
}

impl Attempt {
    fn random() -> Self {
        let text = || URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        Self { state: text(), nonce: text(), verifier: text() }
    }

    fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(&self.verifier))
    }
}

impl RelyingParty {
    pub fn new(registration: Registration) -> Result<Self, LoginError> {
        let client = Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none());
        let client = client.build().map_err(|error| LoginError::Unavailable(error.to_string()))?;
        Ok(Self { registration, client, known: Mutex::default() })
    }

    /// Where the person is sent, and what is to be remembered meanwhile.
    pub async fn begin(&self) -> Result<(Url, Attempt), LoginError> {
        let (provider, attempt) = (self.provider().await?, Attempt::random());
        let Registration { client_id, redirect_uri, scopes, .. } = &self.registration;
        let scope = ["openid"].into_iter().chain(scopes.iter().map(String::as_str)).collect::<Vec<_>>();
        let mut url = provider.authorization_endpoint;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", client_id)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("scope", &scope.join(" "))
            .append_pair("state", &attempt.state)
            .append_pair("nonce", &attempt.nonce)
            .append_pair("code_challenge", &attempt.challenge())
            .append_pair("code_challenge_method", "S256");
        Ok((url, attempt))
    }

    /// Who came back. `now` is Unix time in seconds. An attempt is good for one answer: the caller forgets it first.
    pub async fn finish(
        &self,
        attempt: &Attempt,
        callback: &Callback,
        now: i64,
    ) -> Result<Identity, LoginError> {
        if callback.state.as_deref() != Some(&attempt.state) {
            return Err(LoginError::State);
        }
        let provider = self.provider().await?;
        match &callback.iss {
            Some(issuer) if *issuer != provider.issuer => return Err(LoginError::Issuer),
            None if provider.names_itself => return Err(LoginError::Issuer),
            _ => {}
        }
        if let Some(error) = &callback.error {
            let is_plain = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
            return Err(LoginError::Denied(error.chars().filter(is_plain).take(MAX_ERROR_CHARS).collect()));
        }
        let code = callback.code.as_deref().filter(|code| !code.is_empty()).ok_or(LoginError::Code)?;
        let token = self.exchange(&provider, attempt, code).await?;
        // Log-ins are rare, and a key that was taken back counts for none of them.
        let keys: Keys = self.ask(self.client.get(provider.jwks_uri)).await?;
        let keys = KeySet::default().with_outside(jwks::usable(&keys.keys));
        Ok(self.identity(&token, &keys, &attempt.nonce, now)?)
    }

    /// The ID token that the code is good for.
    async fn exchange(
        &self,
        provider: &Provider,
        attempt: &Attempt,
        code: &str,
    ) -> Result<String, LoginError> {
        let Registration { client_id, client_secret, redirect_uri, .. } = &self.registration;
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("client_id", client_id)
            .append_pair("code_verifier", &attempt.verifier);
        let mut request = self.client.post(provider.token_endpoint.clone());
        if let Some(secret) = client_secret {
            request = request.header(AUTHORIZATION, basic(client_id, secret.expose()));
        }
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.finish());
        let sent = request.header(ACCEPT, "application/json").send().await.map_err(unavailable)?;
        // RFC 6749, section 5.2: the code was used before, is too old, or is another client's or attempt's.
        if sent.status() == StatusCode::BAD_REQUEST {
            return Err(LoginError::Grant);
        }
        let TokenAnswer { id_token } = read(sent).await?;
        Ok(id_token)
    }

    /// OpenID Connect Core, section 3.1.3.7.
    fn identity(&self, token: &str, keys: &KeySet, nonce: &str, now: i64) -> Result<Identity, Refused> {
        let signed = signed::check(token, keys)?;
        let claims: IdClaims = serde_json::from_slice(&signed.claims).map_err(|_| Refused::Claims)?;
        let us = &self.registration.client_id;
        let for_us = match &claims.aud {
            Audience::One(audience) => audience == us,
            // One that is also for others says which of them asked for it.
            Audience::Several(all) => all.contains(us) && (all.len() == 1 || claims.azp.is_some()),
        };
        let asked_by_us = claims.azp.as_ref().is_none_or(|azp| azp == us);
        if claims.iss != self.registration.issuer || !for_us || !asked_by_us {
            return Err(Refused::Elsewhere);
        }
        let age_s = now.saturating_sub(claims.iat);
        let is_now = (-TOLERANCE_S..=MAX_AGE_S).contains(&age_s);
        if claims.exp.saturating_add(TOLERANCE_S) <= now || !is_now {
            return Err(Refused::Time);
        }
        if claims.nonce.as_deref() != Some(nonce) || !is_subject(&claims.sub) {
            return Err(Refused::Claims);
        }
        Ok(Identity {
            issuer: claims.iss,
            subject: claims.sub,
            email_verified: claims.email.is_some() && claims.email_verified == Some(true),
            email: claims.email,
        })
    }

    async fn provider(&self) -> Result<Provider, LoginError> {
        let known = self.known.lock().expect(UNPOISONED).clone();
        if let Some((read_at, provider)) = known
            && read_at.elapsed() < BELIEVED_FOR
        {
            return Ok(provider);
        }
        let issuer = &self.registration.issuer;
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let provider: Provider = self.ask(self.client.get(url)).await?;
        if provider.issuer != *issuer {
            return Err(LoginError::Description("it is that of another issuer"));
        }
        // An issuer in the clear is one of a test, and so are its endpoints.
        let is_secret = issuer.starts_with("https://");
        let endpoints = [&provider.authorization_endpoint, &provider.token_endpoint, &provider.jwks_uri];
        if is_secret && endpoints.iter().any(|url| url.scheme() != "https") {
            return Err(LoginError::Description("an endpoint is not encrypted"));
        }
        *self.known.lock().expect(UNPOISONED) = Some((Instant::now(), provider.clone()));
        Ok(provider)
    }

    /// What is answered in JSON.
    async fn ask<A: DeserializeOwned>(&self, request: RequestBuilder) -> Result<A, LoginError> {
        read(request.header(ACCEPT, "application/json").send().await.map_err(unavailable)?).await
    }
}

async fn read<A: DeserializeOwned>(response: Response) -> Result<A, LoginError> {
    let mut response = response.error_for_status().map_err(unavailable)?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unavailable)? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(LoginError::Unavailable("its answer is too large".into()));
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map_err(|_| LoginError::Unavailable("its answer can't be read".into()))
}

/// Without the address, which may have a code in it.
fn unavailable(error: reqwest::Error) -> LoginError {
    LoginError::Unavailable(error.without_url().to_string())
}

fn url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    let text = String::deserialize(deserializer)?;
    Url::parse(&text).map_err(D::Error::custom)
}

/// RFC 6749, section 2.3.1: both parts are encoded as in a form.
fn basic(id: &str, secret: &str) -> String {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret))))
}
