//! Log-ins at the issuer: the code that a person's agreement is, and what it is exchanged for.

use std::{collections::HashMap, sync::Mutex};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::keys::{Key, digest};

const UNPOISONED: &str = "nobody panics while holding it";

/// The client that it knows, and the secret of that client.
pub const CLIENT: &str = "daybook";
pub const SECRET: &str = "a secret: 1+1";
/// When its tokens are made, Unix time in seconds.
pub const NOW: i64 = 1_800_000_000;

pub struct Logins {
    base: String,
    asked: Mutex<HashMap<String, Pairs>>,
    say: Mutex<Value>,
}

type Pairs = HashMap<String, String>;

fn pairs(text: &str) -> Pairs {
    form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

impl Logins {
    pub fn new(base: &str) -> Self {
        Self { base: base.to_owned(), asked: Mutex::default(), say: Mutex::new(json!({})) }
    }

    pub fn say(&self, members: Value) {
        *self.say.lock().expect(UNPOISONED) = members;
    }

    /// Where the person is sent back to, with a code.
    pub fn authorize(&self, query: &str) -> Option<String> {
        let asked = pairs(query);
        let is = |name: &str, value: &str| asked.get(name).is_some_and(|given| given == value);
        let is_right =
            is("response_type", "code") && is("code_challenge_method", "S256") && is("client_id", CLIENT);
        if !is_right || !asked.get("scope")?.split(' ').any(|scope| scope == "openid") {
            return None;
        }
        let (redirect, state) = (asked.get("redirect_uri")?.clone(), asked.get("state")?.clone());
        let mut all = self.asked.lock().expect(UNPOISONED);
        let code = format!("code-{}", all.len() + 1);
        all.insert(code.clone(), asked);
        let mut answer = form_urlencoded::Serializer::new(String::new());
        answer.append_pair("code", &code).append_pair("state", &state).append_pair("iss", &self.base);
        Some(format!("{redirect}?{}", answer.finish()))
    }

    /// The ID token that a code is good for, once.
    pub fn exchange(&self, form: &str, authorization: Option<&str>, key: &Key) -> Option<String> {
        let form = pairs(form);
        let asked = std::mem::take(self.asked.lock().expect(UNPOISONED).get_mut(form.get("code")?)?);
        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let known = format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(CLIENT), encoded(SECRET))));
        let challenge = URL_SAFE_NO_PAD.encode(digest(form.get("code_verifier")?.as_bytes()));
        let is_right = authorization == Some(&known)
            && form.get("grant_type")? == "authorization_code"
            && *asked.get("code_challenge")? == challenge
            && asked.get("redirect_uri")? == form.get("redirect_uri")?;
        let mut claims = json!({
            "iss": self.base, "aud": CLIENT, "sub": "ada", "iat": NOW, "exp": NOW + 300,
            "nonce": asked.get("nonce"), "email": "ada@example.com", "email_verified": true,
        });
        for (name, value) in self.say.lock().expect(UNPOISONED).as_object()? {
            claims[name] = value.clone();
        }
        claims.as_object_mut()?.retain(|_, value| !value.is_null());
        is_right.then(|| key.token(&claims))
    }
}
