//! Answers that were stored under idempotency keys, by this release or the one before, through HTTP.

use daybook_domain::policy::Role;
use daybook_tests::{Client, Reply, TestApp};
use reqwest::Method;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The rows that releases have stored, as the committer's tests have them.
const ROWS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../commands/testdata/receipts.ndjson"));

/// The position that a row says.
const POSITION: i64 = 1;

#[derive(Deserialize)]
struct Row {
    use_case: String,
    receipt: String,
}

#[derive(Deserialize)]
struct Stored<'a> {
    version: i64,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// What was asked for when a row was stored.
struct Asked {
    role: Role,
    method: Method,
    path: &'static str,
    body: &'static str,
    /// A body that asks for something else, if there is one.
    other: Option<&'static str>,
}

impl Asked {
    fn of(use_case: &str) -> Self {
        let (role, method, path, body, other) = match use_case {
            "product.set_price" => (
                Role::Merchandiser,
                Method::PUT,
                "/v1/products/TEA-1/price",
                r#"{"amount":1999,"currency":"EUR"}"#,
                Some(r#"{"amount":1998,"currency":"EUR"}"#),
            ),
            "stock.receive" => (
                Role::Warehouse,
                Method::POST,
                "/v1/stock/TEA-1/receipts",
                r#"{"quantity":12}"#,
                Some(r#"{"quantity":13}"#),
            ),
            "order.confirm" => (
                Role::Support,
                Method::POST,
                "/v1/orders/ord_00000000000000000000000000000001/confirmation",
                "{}",
                None,
            ),
            other => panic!("say here how {other} is asked for"),
        };
        Self { role, method, path, body, other }
    }

    async fn send(&self, client: &Client, key: &str, body: &'static str) -> Reply {
        let request = client.request(self.method.clone(), self.path).header("idempotency-key", key);
        client.send(request.header("content-type", "application/json").body(body)).await
    }

    /// Stores a row as if it had been asked for over HTTP with this key. The column of the fingerprint is of the method,
    /// the path and the body, as release 0.1 had it.
    async fn store(&self, app: &TestApp, key: &str, receipt: &str) {
        sqlx::query(
            "INSERT INTO idempotency_keys (scope, key, fingerprint, receipt, position, created_at)
             VALUES ($1, $2, sha256(convert_to($3, 'UTF8') || '\\x00' || convert_to($4, 'UTF8') || '\\x00'
                                    || convert_to($5, 'UTF8')), $6, $7, now())",
        )
        .bind(self.role.as_str())
        .bind(key)
        .bind(self.method.as_str())
        .bind(self.path)
        .bind(self.body)
        .bind(receipt)
        .bind(POSITION)
        .execute(&app.database.superuser)
        .await
        .unwrap();
    }
}

/// Catches: a stored answer that this release can't tell, or takes for that of another request; a request that is
/// done once more after an upgrade.
#[tokio::test(flavor = "multi_thread")]
async fn receipts_of_every_form_are_answered_as_they_were() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 500, 1).await;
    let appended = "SELECT count(*) FROM events";
    let before = app.database.count(appended).await;
    for (number, row) in ROWS.lines().enumerate() {
        let Row { use_case, receipt } = serde_json::from_str(row).unwrap();
        let asked = Asked::of(&use_case);
        let (client, key) = (app.by(asked.role), format!("row-{number}"));
        asked.store(&app, &key, &receipt).await;

        let reply = asked.send(&client, &key, asked.body).await.expect(200);
        // The outcome as it was stored, and where it stands in the log.
        let stored: Stored<'_> = serde_json::from_str(&receipt).unwrap();
        let outcome = stored.body.get().strip_suffix('}').unwrap();
        let told = format!("{outcome},\"position\":{POSITION}}}");
        assert_eq!(reply.text(), told, "{row}");
        assert_eq!(reply.header("idempotent-replayed"), Some("true"), "{row}");
        assert_eq!(reply.position(), POSITION, "{row}");
        assert_eq!(reply.header("etag").unwrap(), format!("\"{}\"", stored.version), "{row}");

        if let Some(other) = asked.other {
            let other = asked.send(&client, &key, other).await;
            assert_eq!(other.refusal(), "422 idempotency_key_reused", "{row}");
        }
    }
    assert_eq!(app.database.count(appended).await, before, "nothing was done");
}
