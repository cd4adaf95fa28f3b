//! People who register and log in, as tests need them.

use daybook_core::Config;
use daybook_domain::feature::Feature;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{Client, Reply, TestApp, mails::links_in, until};

pub const PASSWORD: &str = "correct horse battery staple";

impl TestApp {
    /// One whose budgets no test uses up, and where many passwords may be hashed one after the other.
    pub async fn start_generous() -> Self {
        Self::start_generous_with(|_| {}).await
    }

    /// The same with other settings, too.
    pub async fn start_generous_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_having(&[Feature::ClaimOrders], |config| {
            config.http.request_timeout = config.http.max_request_timeout;
            let budgets = &mut config.budgets;
            for budget in [
                &mut budgets.log_in_address,
                &mut budgets.log_in_account,
                &mut budgets.log_in_device,
                &mut budgets.second_factor,
                &mut budgets.registration,
                &mut budgets.mails,
                &mut budgets.reset,
            ] {
                *budget = 10_000;
            }
            change(config);
        })
        .await
    }

    /// What the link in the newest of those mails to this address has behind `#token=` whose text has `what`.
    pub async fn link_to(&self, email: &str, what: &str) -> String {
        self.link_beside(email, what, &[]).await
    }

    /// The same, in a mail that is none of those with these links.
    async fn link_beside(&self, email: &str, what: &str, known: &[String]) -> String {
        let mut found = None;
        until("the mail is there", async || {
            found = self.links_to(email, what).into_iter().rev().find(|link| !known.contains(link));
            found.is_some()
        })
        .await;
        found.expect("it was found")
    }

    /// The links in all such mails.
    pub fn links_to(&self, email: &str, what: &str) -> Vec<String> {
        links_in(&self.mails(), email, what)
    }

    pub async fn register(&self, email: &str) -> Reply {
        let body = json!({"email": email, "password": PASSWORD, "name": "Alice Example"});
        post(&self.anonymous, "/v1/accounts", body).await
    }

    /// Registers someone and verifies their address.
    pub async fn registered(&self, email: &str) {
        let known = self.links_to(email, "confirm");
        self.register(email).await.expect(202);
        let token = self.link_beside(email, "confirm", &known).await;
        post(&self.anonymous, "/v1/accounts/verification", json!({"token": token})).await.expect(200);
    }

    pub async fn try_log_in(&self, email: &str, password: &str, code: Option<&str>) -> Reply {
        let mut body = json!({"email": email, "password": password});
        if let Some(code) = code {
            body["code"] = json!(code);
        }
        post(&self.anonymous, "/v1/sessions", body).await
    }

    /// Someone who is registered logs in: the tokens, and a client that has them.
    pub async fn logged_in(&self, email: &str) -> (Value, Client) {
        let tokens = self.try_log_in(email, PASSWORD, None).await.expect(201).json();
        let client = self.anonymous.with_token(tokens["access_token"].as_str().expect("a token"));
        (tokens, client)
    }

    pub async fn refresh(&self, token: &Value) -> Reply {
        post(&self.anonymous, "/v1/sessions/refresh", json!({"refresh_token": token})).await
    }
}

/// Without a key, which accounts have no use for.
pub async fn post(client: &Client, path: &str, body: Value) -> Reply {
    client.send(client.request(Method::POST, path).json(&body)).await
}
