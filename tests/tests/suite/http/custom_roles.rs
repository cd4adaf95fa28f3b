//! What roles come to: those that are always there, and those that administrators have made.

use std::sync::Arc;

use daybook_core::{
    auth::{
        KeySet, Verifier,
        custom_roles::{self, CustomRoleError, CustomRoles},
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

async fn put(
    roles: &CustomRoles,
    name: &str,
    rules: &[String],
    description: &str,
) -> Result<(), CustomRoleError> {
    let mut transaction = roles.begin().await?;
    custom_roles::put(&mut transaction, name, rules, description).await?;
    Ok(roles.commit(transaction).await?)
}

async fn delete(roles: &CustomRoles, name: &str) -> Result<(), CustomRoleError> {
    let mut transaction = roles.begin().await?;
    custom_roles::delete(&mut transaction, name).await?;
    Ok(roles.commit(transaction).await?)
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
    put(&roles, "returns-desk", &rules(&["stock.read", "order.read"]), "Takes goods back.").await.unwrap();
    answered(200).await;
    let shown = mine(&clients[0]).await;
    assert_eq!((&shown["subject"], &shown["kind"]), (&json!("rita"), &json!("person")));
    let data = shown["data"].as_array().unwrap();
    assert!(data.contains(&json!({"name": "stock.read", "own": false})), "{shown}");
    put(&roles, "returns-desk", &rules(&["order.read"]), "").await.unwrap();
    answered(403).await;
    clients[0].get("/v1/orders").await.expect(200);
    let all = roles.list().await.unwrap();
    assert_eq!((all.len(), &*all[0].name, &all[0].rules), (1, "returns-desk", &rules(&["order.read"])));
    delete(&roles, "returns-desk").await.unwrap();
    for client in &clients {
        until("it is gone", async || client.get("/v1/orders").await.status == 403).await;
    }
    assert!(matches!(delete(&roles, "returns-desk").await, Err(CustomRoleError::NotFound)));
    // A process that starts knows them, too.
    put(&roles, "returns-desk", &rules(&["stock.read"]), "").await.unwrap();
    let newcomer = app.twin(|_| {}).await;
    newcomer.anonymous.with_token(&token).get("/v1/stock/TEA-1").await.expect(200);
}

/// Catches: a role that makes administrators, and one that stands in for another.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_not_be_made_is_refused() {
    let app = TestApp::start().await;
    let roles = elsewhere(&app);
    for name in ["", "Returns", "a b", &"x".repeat(65)] {
        let refused = put(&roles, name, &[], "").await;
        assert!(matches!(refused, Err(CustomRoleError::Name)), "{name}: {refused:?}");
    }
    for name in ["admin", "customer"] {
        let refused = put(&roles, name, &[], "").await;
        assert!(matches!(refused, Err(CustomRoleError::BuiltIn)), "{name}: {refused:?}");
    }
    for name in ["account.grant_roles", "key.revoke"] {
        let refused = put(&roles, "r", &rules(&[name]), "").await;
        assert!(matches!(refused, Err(CustomRoleError::RuleForAdmins(0, _))), "{name}: {refused:?}");
    }
    let refused = put(&roles, "r", &rules(&["stock.eat"]), "").await;
    assert!(matches!(refused, Err(CustomRoleError::UnknownRule(0, name)) if name == "stock.eat"));
    assert!(matches!(put(&roles, "r", &[], &"x".repeat(501)).await, Err(CustomRoleError::Description)));
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

/// Catches: a role that is made in one process and gives nothing in another, or goes on giving there; a change that leaves
/// no line of who made it, and why.
#[tokio::test(flavor = "multi_thread")]
async fn administrators_make_a_role_give_it_change_it_and_delete_it() {
    let app = TestApp::start_generous().await;
    let twin = app.twin(|_| {}).await;
    app.sell("TEA-1", 1999, 10).await;
    app.registered("rita@example.com").await;
    let (admin, there) = (app.by(Role::Admin), twin.by(Role::Admin));
    let desk = "/v1/roles/returns-desk";
    let body = json!({
        "rules": ["stock.read", "order.read", "order.read"], "description": "Takes goods back.", "reason": "A new desk.",
    });
    let made = admin.put(desk, body).await.expect(200).json();
    assert_eq!((&made["name"], &made["built_in"]), (&json!("returns-desk"), &json!(false)));
    assert_eq!((&made["rules"], &made["own_rules"]), (&json!(["stock.read", "order.read"]), &json!([])));
    assert_eq!(there.get("/v1/roles").await.expect(200).json()["data"][Role::ALL.len()], made);

    let (_, rita) = app.logged_in("rita@example.com").await;
    let id = rita.get("/v1/accounts/me").await.expect(200).json()["id"].as_str().unwrap().to_owned();
    let given = json!({"roles": ["returns-desk"], "reason": "Her first day."});
    admin.put(&format!("/v1/accounts/{id}/roles"), given).await.expect(200);
    app.advance(1);
    let (tokens, rita) = app.logged_in("rita@example.com").await;
    let clients = [rita, twin.anonymous.with_token(tokens["access_token"].as_str().unwrap())];
    let answered = async |path: &str, status: u16| {
        for client in &clients {
            until("what is known is new", async || client.get(path).await.status == status).await;
        }
    };
    answered("/v1/stock/TEA-1", 200).await;
    let body = json!({"rules": ["sales.read"], "reason": "They count now."});
    there.put(desk, body).await.expect(200);
    answered("/v1/stock/TEA-1", 403).await;
    answered("/v1/sales", 200).await;
    admin.delete_with(desk, json!({"reason": "It is closed."})).await.expect(200);
    answered("/v1/sales", 403).await;
    assert_eq!(admin.delete_with(desk, json!({"reason": "Twice."})).await.refusal(), "404 not_found");

    let lines = admin.get("/v1/activity").await.expect(200).json()["data"].as_array().unwrap().clone();
    let of_roles = lines.iter().filter(|line| line["role"] == "returns-desk");
    let told: Vec<_> = of_roles.map(|line| json!([line["event"], line["rules"], line["reason"]])).collect();
    let expected = [
        json!(["custom_role_deleted", null, "It is closed."]),
        json!(["custom_role_set", ["sales.read"], "They count now."]),
        json!(["custom_role_set", ["stock.read", "order.read"], "A new desk."]),
    ];
    assert_eq!(told, expected);
    let line = lines.iter().find(|line| line["role"] == "returns-desk").unwrap();
    assert_eq!((&line["actor"], &line["actor_kind"]), (&json!("admin"), &json!("person")));
    assert_eq!(line.get("account"), None);
}

/// Catches: a role of ours that is changed, a refusal that doesn't say which member is wrong, and one that leaves
/// something behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_not_be_made_is_refused_with_the_place_of_what_is_wrong() {
    let app = TestApp::start().await;
    let admin = app.by(Role::Admin);
    let put = async |client: &Client, name: &str, rules: &[&str]| {
        client
            .put(&format!("/v1/roles/{name}"), json!({"rules": rules, "reason": "Why not."}))
            .await
            .refusal()
    };
    assert_eq!(put(&admin, "admin", &["order.read"]).await, "409 role_built_in");
    let deleted = admin.delete_with("/v1/roles/support", json!({"reason": "Why not."})).await;
    assert_eq!(deleted.refusal(), "409 role_built_in");
    assert_eq!(put(&admin, "A%20b", &[]).await, "404 not_found");
    for (rules, refusal) in [
        (&["order.read", "order.eat"][..], "422 unknown_rule /rules/1 unknown_rule"),
        (&["key.revoke"], "422 rule_for_admins /rules/0 rule_for_admins"),
        (
            &["order.read", "stock.read", "account.grant_roles"],
            "422 rule_for_admins /rules/2 rule_for_admins",
        ),
        (&["Order Read"], "422 validation_failed /rules/0 invalid_value"),
    ] {
        assert_eq!(put(&admin, "desk", rules).await, refusal, "{rules:?}");
    }
    let silent = admin.put("/v1/roles/desk", json!({"rules": []})).await;
    assert_eq!(silent.refusal(), "422 validation_failed /reason missing_field");
    let long = json!({"rules": [], "description": "x".repeat(501), "reason": "Why not."});
    let long = admin.put("/v1/roles/desk", long).await;
    assert_eq!(long.refusal(), "422 validation_failed /description invalid_value");
    for client in [&app.by(Role::Support), &app.by(Role::Operator), &app.customer("bob")] {
        assert_eq!(put(client, "desk", &["order.read"]).await, "403 forbidden");
        assert_eq!(client.get("/v1/roles").await.refusal(), "403 forbidden");
    }
    app.advance(601);
    assert_eq!(put(&admin, "desk", &["order.read"]).await, "401 confirmation_required");
    let late = admin.delete_with("/v1/roles/desk", json!({"reason": "Late."})).await;
    assert_eq!(late.refusal(), "401 confirmation_required");
    let many = "INSERT INTO custom_roles (name, rules, description)
                SELECT 'role-' || number, '{}', '' FROM generate_series(1, 500) number";
    assert_eq!(app.database.count("SELECT count(*) FROM custom_roles").await, 0);
    app.database.execute(many).await;
    let admin = app.by(Role::Admin);
    assert_eq!(put(&admin, "desk", &["order.read"]).await, "422 too_many_roles");
    assert_eq!(app.database.count("SELECT count(*) FROM activity").await, 0);
}

/// Catches: a role of which its own description says less or more than the policy.
#[tokio::test(flavor = "multi_thread")]
async fn the_roles_that_are_always_there_are_shown_with_what_they_give() {
    let app = TestApp::start().await;
    let shown = app.by(Role::Admin).get("/v1/roles").await.expect(200).json();
    let data = shown["data"].as_array().unwrap();
    assert_eq!(data.len(), Role::ALL.len());
    for (role, shown) in Role::ALL.iter().zip(data) {
        assert_eq!((&shown["name"], &shown["built_in"]), (&json!(role.as_str()), &json!(true)));
        assert_eq!(shown["changed_at"], Value::Null);
        assert!(!shown["description"].as_str().unwrap().is_empty());
        let gives = |rule: &&daybook_domain::policy::Rule| *role == Role::Admin || rule.roles.contains(role);
        let rules: Vec<_> = RULES.iter().filter(gives).map(|rule| rule.name).collect();
        assert_eq!(shown["rules"], json!(rules), "{role:?}");
    }
    let own = ["quote.ask", "order.place", "order.cancel", "order.read"];
    assert_eq!(data[0]["own_rules"], json!(own));
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
    assert_eq!(own[..4], ["quote.ask", "order.place", "order.cancel", "order.read"]);
    assert_eq!(names(&app.by(Role::Admin), false).await.len(), RULES.len());
    let refused = app.anonymous.get("/v1/permissions/mine").await;
    assert_eq!(refused.refusal(), "401 unauthenticated");
    let answer = nobody.get("/v1/permissions/mine").await.expect(200);
    assert_eq!((answer.header("cache-control"), answer.header("etag")), (Some("no-store"), None));
}
