//! Every kind of command at one release, each key repeated at the other: the same bytes. Then what both
//! show of it.

use std::time::Duration;

use daybook_domain::policy::Role;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{release::Release, stage::Stage};
use crate::{Client, Reply, shop::new_id};

/// How often a command is tried that a release can't do just now, and the pause between.
const TRIES: usize = 50;
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Default)]
pub struct Journeys {
    done: Vec<Done>,
    pub crossed: u64,
    pub reads: u64,
    pub surprises: Vec<String>,
}

struct Command {
    role: Role,
    method: Method,
    path: String,
    body: Value,
}

struct Done {
    command: Command,
    key: String,
    status: u16,
    body: Vec<u8>,
}

impl Journeys {
    /// The life of two products and three orders. Each command begins at `first` or at the other release, in
    /// turn; `first` decides at which of them.
    pub async fn play(&mut self, stage: &Stage, first: Release) {
        let name = new_id().simple().to_string();
        let (cup, pot) = (format!("CUP-{name}"), format!("POT-{name}"));
        let mut at = first;
        let mut ask = async |journeys: &mut Self, role, method: Method, path: String, body: Value| {
            at = at.other();
            journeys.cross(stage, at, Command { role, method, path, body }).await
        };
        for sku in [&cup, &pot] {
            let product = format!("/v1/products/{sku}");
            let created = json!({
                "sku": sku, "name": "Cup", "description": "Holds\ntea.", "external_id": format!("x-{sku}"),
                "price": {"amount": 499, "currency": "EUR"}, "metadata": {"shelf": "3"},
            });
            let merchandiser = Role::Merchandiser;
            ask(self, merchandiser, Method::POST, "/v1/products".into(), created).await;
            ask(self, merchandiser, Method::PATCH, product.clone(), json!({"name": "Blue cup"})).await;
            let price = json!({"amount": 599, "currency": "USD"});
            ask(self, merchandiser, Method::PUT, format!("{product}/price"), price).await;
            let publication = format!("{product}/publication");
            ask(self, merchandiser, Method::POST, publication.clone(), json!({})).await;
            ask(self, merchandiser, Method::DELETE, publication.clone(), Value::Null).await;
            ask(self, merchandiser, Method::POST, publication, json!({})).await;
            let receipt = json!({"quantity": 20, "reference": "L-1"});
            ask(self, Role::Warehouse, Method::POST, format!("/v1/stock/{sku}/receipts"), receipt).await;
            let delta = json!({"delta": -1, "reason": "broken"});
            ask(self, Role::Warehouse, Method::POST, format!("/v1/stock/{sku}/adjustments"), delta).await;
        }
        let order = |number: usize| {
            json!({
                "lines": [{"sku": cup, "quantity": 3}, {"sku": pot, "quantity": 1}], "currency": "EUR",
                "contact": {"name": "Alice Example", "email": "alice@example.com"},
                "external_id": format!("{name}-{number}"), "metadata": {"channel": "shop"},
            })
        };
        let orders = || "/v1/orders".to_owned();
        let shipped = ask(self, Role::Customer, Method::POST, orders(), order(1)).await;
        let cancelled = ask(self, Role::Customer, Method::POST, orders(), order(2)).await;
        let mut agreed = order(3);
        agreed["customer"] = json!("customer");
        agreed["lines"][0]["unit_price"] = json!({"amount": 100, "currency": "EUR"});
        agreed["override_reason"] = json!("a friend");
        let agreed = ask(self, Role::Support, Method::POST, orders(), agreed).await;
        let step = |order: &Value, what: &str| format!("/v1/orders/{}/{what}", id(order));
        ask(self, Role::Support, Method::POST, step(&shipped, "confirmation"), json!({})).await;
        let parcel = json!({"lines": [{"sku": cup, "quantity": 2}], "tracking": "T-1"});
        ask(self, Role::Warehouse, Method::POST, step(&shipped, "shipments"), parcel).await;
        ask(self, Role::Warehouse, Method::POST, step(&shipped, "shipments"), json!({})).await;
        ask(self, Role::Warehouse, Method::POST, step(&shipped, "delivery"), json!({})).await;
        let reason = json!({"reason": "changed my mind"});
        ask(self, Role::Customer, Method::POST, step(&cancelled, "cancellation"), reason).await;
        ask(self, Role::Support, Method::POST, step(&agreed, "confirmation"), json!({})).await;
        ask(self, Role::Support, Method::POST, step(&agreed, "cancellation"), json!({})).await;
        ask(self, Role::Merchandiser, Method::POST, format!("/v1/products/{pot}/archival"), json!({})).await;

        for sku in [&cup, &pot] {
            self.read(stage, &format!("/v1/products/{sku}")).await;
            self.read(stage, &format!("/v1/stock/{sku}")).await;
        }
        for order in [&shipped, &cancelled, &agreed] {
            self.read(stage, &format!("/v1/orders/{}", id(order))).await;
            self.read(stage, &format!("/v1/orders/{}?as_of_position={}", id(order), order["position"])).await;
        }
        self.read(stage, "/v1/orders?customer=customer&limit=3").await;
        self.read(stage, &format!("/v1/products?q={name}")).await;
    }

    /// Once at one release, then the same key at the other. What was answered first.
    async fn cross(&mut self, stage: &Stage, at: Release, command: Command) -> Value {
        let key = new_id().simple().to_string();
        let first = send(stage, at, &command, &key).await;
        if !(200..300).contains(&first.status) {
            self.surprises.push(format!("{at:?} {}: {}", command.path, first.text()));
            return Value::Null;
        }
        let answer = first.json();
        let done = Done { command, key, status: first.status, body: first.body };
        self.repeat(stage, at.other(), &done).await;
        self.done.push(done);
        answer
    }

    async fn repeat(&mut self, stage: &Stage, at: Release, done: &Done) {
        self.crossed += 1;
        let again = send(stage, at, &done.command, &done.key).await;
        let is_replayed = again.header("idempotent-replayed") == Some("true");
        if again.status != done.status || again.body != done.body || !is_replayed {
            self.surprises.push(format!(
                "{at:?} {} {}: {} {} instead of {} {}",
                done.command.method,
                done.command.path,
                again.status,
                again.text(),
                done.status,
                String::from_utf8_lossy(&done.body)
            ));
        }
    }

    /// Every key once more, at both.
    pub async fn repeat_all(&mut self, stage: &Stage) {
        for done in std::mem::take(&mut self.done) {
            for release in [Release::Former, Release::This] {
                self.repeat(stage, release, &done).await;
            }
        }
    }

    /// This release may show more than the former one, and nothing of it otherwise.
    async fn read(&mut self, stage: &Stage, path: &str) {
        let [former, this] = [Release::Former, Release::This].map(|release| by(stage, release, Role::Admin));
        let (former, this) = (former.get(path).await, this.get(path).await);
        self.reads += 1;
        if (former.status, this.status) != (200, 200) {
            let said =
                format!("GET {path}: {} {}, {} {}", former.status, former.text(), this.status, this.text());
            self.surprises.push(said);
        } else if let Some(difference) = missing(&former.json(), &this.json(), "") {
            self.surprises.push(format!("GET {path}: {difference}"));
        }
    }
}

fn id(order: &Value) -> &str {
    order["id"].as_str().unwrap_or("none")
}

/// Subjects are called by their roles: a customer's order is that of `customer`.
fn by(stage: &Stage, release: Release, role: Role) -> Client {
    let server = stage.at(release);
    server.api(&stage.client).with_token(server.token(role.as_str(), role))
}

/// Again while the release can't do it just now: its key makes sure that it is done once.
async fn send(stage: &Stage, at: Release, command: &Command, key: &str) -> Reply {
    let client = by(stage, at, command.role);
    let mut tries = 0;
    loop {
        let request = client.request(command.method.clone(), &command.path).header("idempotency-key", key);
        let reply = match &command.body {
            Value::Null => client.send(request).await,
            body => client.send(request.json(body)).await,
        };
        tries += 1;
        if !matches!(reply.status, 503 | 504) || tries == TRIES {
            return reply;
        }
        sleep(PAUSE).await;
    }
}

/// What `less` has and `more` has not, or otherwise.
fn missing(less: &Value, more: &Value, place: &str) -> Option<String> {
    match (less, more) {
        (Value::Object(less), Value::Object(more)) => less.iter().find_map(|(name, value)| {
            missing(value, more.get(name).unwrap_or(&Value::Null), &format!("{place}/{name}"))
        }),
        (Value::Array(less), Value::Array(more)) if less.len() == more.len() => {
            let mut both = less.iter().zip(more).enumerate();
            both.find_map(|(number, (less, more))| missing(less, more, &format!("{place}/{number}")))
        }
        (less, more) if less == more => None,
        // A cursor says nothing to its reader, and is good for the release that gave it out.
        (Value::String(_), Value::String(_)) if place == "/next" => None,
        (less, more) => Some(format!("{place}: {less} became {more}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_may_show_more_and_nothing_less_or_otherwise() {
        let former = json!({"id": "a", "lines": [{"sku": "CUP"}]});
        let more = json!({"id": "a", "lines": [{"sku": "CUP", "weight": 3}], "tax": null});
        assert_eq!(missing(&former, &more, ""), None);
        assert_eq!(missing(&json!({"next": "a"}), &json!({"next": "b"}), ""), None);
        assert!(missing(&json!({"next": "a"}), &json!({"next": null}), "").is_some());
        assert_eq!(missing(&more, &former, "").as_deref(), Some("/lines/0/weight: 3 became null"));
        let fewer = json!({"id": "a", "lines": []});
        assert!(missing(&former, &fewer, "").is_some());
        let otherwise = json!({"id": "a", "lines": [{"sku": "POT"}]});
        assert_eq!(missing(&former, &otherwise, "").as_deref(), Some("/lines/0/sku: \"CUP\" became \"POT\""));
    }
}
