//! What roles come to: those that are always there, and those that administrators have made.

use std::sync::Arc;

use daybook_core::{
    auth::{
        KeySet, Verifier,
        custom_roles::{CustomRoleError, CustomRoles},
    },
    entropy::Clock,
};
use daybook_domain::policy::{RULES, Role};
use daybook_tests::{Client, TestApp, until};
use serde_json::{Value, json};

/// Makes roles as another process does.
fn elsewhere(app: &TestApp) -> CustomRoles {
    let connect = daybook_migrations::connect_options(app.database.app_url().as_str(), "test").unwrap();
    let pool = daybook_migrations::pool(connect, 2, std::time::Duration::from_secs(10));
    let verifier = Verifier::new("daybook", "daybook", KeySet::default(), Clock::System);
    CustomRoles::new(pool, Arc::new(verifier))
}

async fn mine(client: &Client) -> Value {
    client.get("/v1/permissions/mine").await.expect(200).json()
}

fn rules(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Catches: a token that keeps what its role was when it came first.
#[tokio::test(flavor = "multi_thread")]
async fn a_custom_role_gives_what_it_says_now_to_tokens_that_are_known_too() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    let twin = app.twin(|_| {}).await;
    let roles = elsewhere(&app);
    let token = app.token_naming("rita", &["returns-desk"]);
    let clients = [&app, &twin].map(|app| app.anonymous.with_token(&token));
    let answered = async |status: u16| {
        for client in &clients {
            until("what is known is new", async || client.get("/v1/stock/TEA-1").await.status == status)
                .await;
        }
    };
    answered(403).await;
    roles.put("returns-desk", &rules(&["stock.read", "order.read"]), "Takes goods back.").await.unwrap();
    answered(200).await;
    let shown = mine(&clients[0]).await;
    assert_eq!((&shown["subject"], &shown["kind"]), (&json!("rita"), &json!("person")));
    let data = shown["data"].as_array().unwrap();
    assert!(data.contains(&json!({"name": "stock.read", "own": false})), "{shown}");
    roles.put("returns-desk", &rules(&["order.read"]), "").await.unwrap();
    answered(403).await;
    clients[0].get("/v1/orders").await.expect(200);
    let all = roles.list().await.unwrap();
    assert_eq!((all.len(), &*all[0].name, &all[0].rules), (1, "returns-desk", &rules(&["order.read"])));
    roles.delete("returns-desk").await.unwrap();
    for client in &clients {
        until("it is gone", async || client.get("/v1/orders").await.status == 403).await;
    }
    assert!(matches!(roles.delete("returns-desk").await, Err(CustomRoleError::NotFound)));
    // A process that starts knows them, too.
    roles.put("returns-desk", &rules(&["stock.read"]), "").await.unwrap();
    let newcomer = app.twin(|_| {}).await;
    newcomer.anonymous.with_token(&token).get("/v1/stock/TEA-1").await.expect(200);
}

/// Catches: a role that makes administrators, and one that stands in for another.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_not_be_made_is_refused() {
    let app = TestApp::start().await;
    let roles = elsewhere(&app);
    for name in ["", "Returns", "a b", "admin", "customer", &"x".repeat(65)] {
        let refused = roles.put(name, &[], "").await;
        assert!(matches!(refused, Err(CustomRoleError::Name)), "{name}: {refused:?}");
    }
    for name in ["account.grant_roles", "key.revoke"] {
        let refused = roles.put("r", &rules(&[name]), "").await;
        assert!(matches!(refused, Err(CustomRoleError::RuleForAdmins(_))), "{name}: {refused:?}");
    }
    let refused = roles.put("r", &rules(&["stock.eat"]), "").await;
    assert!(matches!(refused, Err(CustomRoleError::UnknownRule(name)) if name == "stock.eat"));
    assert!(matches!(roles.put("r", &[], &"x".repeat(501)).await, Err(CustomRoleError::Description)));
    assert!(roles.list().await.unwrap().is_empty());
    // Written there by someone else, it gives none of that.
    let sql = "INSERT INTO custom_roles (name, rules, description)
               VALUES ('r', '{stock.read,key.revoke,account.grant_roles}', '')";
    app.database.execute(sql).await;
    let client = app.anonymous.with_token(app.token_naming("rita", &["r"]));
    let names = async || {
        let shown = mine(&client).await;
        let data = shown["data"].as_array().unwrap().iter();
        data.filter(|rule| rule["own"] == false).map(|rule| rule["name"].clone()).collect::<Vec<_>>()
    };
    until("it is read", async || names().await == ["stock.read"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_with_a_token_is_told_what_they_may_do() {
    let app = TestApp::start().await;
    let names = async |client: &Client, own: bool| {
        let shown = mine(client).await;
        let data = shown["data"].as_array().unwrap().iter();
        let names =
            data.filter(|rule| rule["own"] == own).map(|rule| rule["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    let nobody = app.anonymous.with_token(app.token("nobody", &[]));
    let of_accounts = ["account.manage", "account.read"];
    assert_eq!(
        (names(&nobody, true).await, names(&nobody, false).await.len()),
        (of_accounts.map(String::from).into(), 0)
    );
    let own = names(&app.customer("alice"), true).await;
    assert_eq!(own[..3], ["order.place", "order.cancel", "order.read"]);
    assert_eq!(names(&app.by(Role::Admin), false).await.len(), RULES.len());
    let refused = app.anonymous.get("/v1/permissions/mine").await;
    assert_eq!(refused.refusal(), "401 unauthenticated");
    let answer = nobody.get("/v1/permissions/mine").await.expect(200);
    assert_eq!((answer.header("cache-control"), answer.header("etag")), (Some("no-store"), None));
}
