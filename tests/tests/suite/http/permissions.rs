//! Every action, asked for by everybody: the table of rules is what is enforced, over HTTP too.

use daybook_core::{config::Config, reads::Access};
use daybook_domain::{
    feature::Feature,
    policy::{Action, Own, RULES, Role, Rule},
};
use daybook_http::{about::Kind, route::Door, routes};
use daybook_tests::{Client, Log, Reply, TestApp, people::PASSWORD};
use serde_json::json;

use super::orders::{order, place};
use crate::permissions::{self, Caller, OWNER, Said, guard};

/// What an action is over HTTP, on things that were prepared for it. `None`: it has no request of its own.
async fn ask(app: &TestApp, client: &Client, action: Action, id: &str) -> Option<Reply> {
    let of_order = |what: &str| format!("/v1/orders/{id}/{what}");
    let price = json!({"amount": 7, "currency": "EUR"});
    let reply = match action {
        Action::CreateProduct => {
            let product = json!({"sku": "NEW", "name": "New", "price": price});
            client.post("/v1/products", product).await
        }
        Action::DescribeProduct => client.patch("/v1/products/TEA-1", json!({"name": "Other"})).await,
        Action::PriceProduct => client.put("/v1/products/TEA-1/price", price).await,
        Action::ScheduleProductPrice => {
            let change = json!({"price": price, "from": "2030-01-01T00:00:00Z"});
            client.post("/v1/products/TEA-1/price-changes", change).await
        }
        Action::SetProductTaxClass => {
            client.put("/v1/products/TEA-1/tax-class", json!({"class": "books"})).await
        }
        Action::PublishProduct => client.post("/v1/products/TEA-1/publication", json!({})).await,
        Action::ArchiveProduct => client.post("/v1/products/OLD/archival", json!({})).await,
        Action::ReadUnpublishedProduct | Action::ReadOrderToShip => return None,
        // They have no routes yet.
        Action::RegisterAccount
        | Action::ManageAccount
        | Action::ReadAccount
        | Action::FindAccounts
        | Action::EndSessions
        | Action::GrantRoles
        | Action::ReadAudit => return None,
        // Daybook itself does it.
        Action::ClaimOrder => return None,
        Action::ReceiveStock => client.post("/v1/stock/TEA-1/receipts", json!({"quantity": 1})).await,
        Action::AdjustStock => {
            client.post("/v1/stock/TEA-1/adjustments", json!({"delta": 1, "reason": "counted"})).await
        }
        Action::ReadStock => client.get("/v1/stock/TEA-1").await,
        Action::SetTaxRate => client.put("/v1/tax/DE/rates", body("tax.set_rate", 0)).await,
        Action::ReadTaxRate => client.get("/v1/tax/DE").await,
        Action::AskQuote => client.post("/v1/quotes", order(&[("TEA-1", 1)])).await,
        Action::PlaceOrder => client.post("/v1/orders", order(&[("TEA-1", 1)])).await,
        Action::PlaceOrderForOther => {
            let mut body = order(&[("TEA-1", 1)]);
            body["customer"] = json!("somebody");
            client.post("/v1/orders", body).await
        }
        Action::OverridePrice => {
            let mut body = order(&[("TEA-1", 1)]);
            body["lines"][0]["unit_price"] = price;
            body["override_reason"] = json!("damaged");
            client.post("/v1/orders", body).await
        }
        Action::ConfirmOrder => client.post(&of_order("confirmation"), json!({})).await,
        Action::CancelOrder => client.post(&of_order("cancellation"), json!({})).await,
        Action::ShipOrder => client.post(&of_order("shipments"), json!({})).await,
        Action::DeliverOrder => client.post(&of_order("delivery"), json!({})).await,
        Action::ReadOrder => client.get(&format!("/v1/orders/{id}")).await,
        Action::ListAllOrders => client.get("/v1/orders?customer=somebody").await,
        Action::ReadSales => client.get("/v1/sales").await,
        Action::ReadEvents => client.get("/v1/events").await,
        Action::Operate => client.at(app.admin().base().to_owned()).get("/admin/projections").await,
        Action::RevokeKey => {
            let admin = client.at(app.admin().base().to_owned());
            admin.post("/admin/revocations", json!({"revoked": {"key": "a key of before"}})).await
        }
    };
    Some(reply)
}

/// Whether the role may do it to what belongs to `owner`, as the table says.
fn allowed(rule: &Rule, role: Role) -> bool {
    role == Role::Admin || rule.roles.contains(&role)
}

async fn shop() -> TestApp {
    // One who asks at every door is refused at all of them, and each refusal is looked for.
    let change = |config: &mut Config| config.rates.audited_refusals_per_minute = 10_000;
    let app = TestApp::start_having(&[Feature::Tax], change).await;
    app.sell("TEA-1", 1999, 1_000).await;
    app.sell("OLD", 1999, 0).await;
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_may_do_what_the_table_says_and_nothing_else() {
    let app = shop().await;
    for role in Role::ALL {
        let client = app.by(role);
        for rule in RULES {
            // Another customer's, so a customer's right to their own doesn't count.
            let id = place(&app.customer("somebody"), order(&[("TEA-1", 1)])).await;
            let before = Log::read(&app.database.superuser).await.head();
            let Some(reply) = ask(&app, &client, rule.action, &id).await else { continue };
            let name = rule.name;
            let after = Log::read(&app.database.superuser).await.head();
            match (allowed(rule, role), rule.own != Own::No, role) {
                (true, ..) => {
                    assert!(![401, 403].contains(&reply.status), "{role:?} {name}: {}", reply.text())
                }
                // What is another customer's isn't there; an order that one places is one's own.
                (false, true, Role::Customer) if rule.action == Action::PlaceOrder => drop(reply.expect(201)),
                (false, true, Role::Customer) if rule.action == Action::AskQuote => drop(reply.expect(200)),
                (false, true, Role::Customer) => assert_eq!(reply.refusal(), "404 not_found", "{name}"),
                // It reads what it ships, and this one is not confirmed.
                (false, true, Role::Warehouse) if rule.action == Action::ReadOrder => {
                    assert_eq!(reply.refusal(), "404 not_found", "{name}");
                }
                (false, false, Role::Warehouse) if rule.action == Action::ListAllOrders => {
                    let shown = reply.expect(200).json()["data"].as_array().unwrap().clone();
                    assert!(shown.iter().all(|order| order["status"] != "placed"), "{shown:?}");
                }
                (false, ..) => assert_eq!(reply.refusal(), "403 forbidden", "{role:?} {name}"),
            }
            if !allowed(rule, role) && rule.action != Action::PlaceOrder {
                assert_eq!(after, before, "{role:?} {name} was refused and left something behind");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_may_do_anything_without_a_token() {
    let app = shop().await;
    let id = place(&app.customer("somebody"), order(&[("TEA-1", 1)])).await;
    let before = Log::read(&app.database.superuser).await.head();
    for rule in RULES {
        if let Some(reply) = ask(&app, &app.anonymous, rule.action, &id).await {
            assert_eq!(reply.refusal(), "401 unauthenticated", "{}", rule.name);
            assert!(reply.header("www-authenticate").unwrap().starts_with("Bearer"));
        }
    }
    assert_eq!(Log::read(&app.database.superuser).await.head(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn anothers_order_answers_like_one_that_does_not_exist() {
    let app = shop().await;
    let id = place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    let other = "ord_019b0000000070008000000000000001";
    let bob = app.customer("bob");
    let without_ids = |reply: &Reply| {
        let mut problem = reply.json();
        problem["instance"] = json!(null);
        problem["request_id"] = json!(null);
        problem["trace_id"] = json!(null);
        problem
    };
    for (theirs, nobodys) in [
        (bob.get(&format!("/v1/orders/{id}")).await, bob.get(&format!("/v1/orders/{other}")).await),
        (
            bob.get(&format!("/v1/orders/{id}/history")).await,
            bob.get(&format!("/v1/orders/{other}/history")).await,
        ),
        (
            bob.post(&format!("/v1/orders/{id}/cancellation"), json!({})).await,
            bob.post(&format!("/v1/orders/{other}/cancellation"), json!({})).await,
        ),
    ] {
        assert_eq!((theirs.status, without_ids(&theirs)), (404, without_ids(&nobodys)));
    }
    let alice = app.customer("alice").get(&format!("/v1/orders/{id}")).await.expect(200).json();
    assert_eq!(alice["status"], "placed");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_refused_is_noted() {
    let app = shop().await;
    let request = app.by(Role::Analyst).request(reqwest::Method::POST, "/v1/stock/TEA-1/receipts");
    let request = request.header("idempotency-key", "k").header("x-request-id", "refused-1");
    let refused = app.by(Role::Analyst).send(request.json(&json!({"quantity": 1}))).await;
    assert_eq!(refused.refusal(), "403 forbidden");
    daybook_tests::until("it is noted", async || {
        let noted = "SELECT count(*) FROM audit WHERE request_id = 'refused-1' AND outcome = 'forbidden'
                        AND actor = 'analyst' AND target = '/v1/stock/TEA-1/receipts'";
        app.database.count(noted).await == 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_is_there_for_everybody() {
    let app = TestApp::start().await;
    let table = app.anonymous.get("/v1/permissions").await.expect(200).json();
    let rules = table["data"].as_array().unwrap();
    assert_eq!(rules.len(), RULES.len());
    for (shown, rule) in rules.iter().zip(RULES) {
        assert_eq!(shown["name"], rule.name);
        assert_eq!(shown["own"], rule.own != Own::No);
        assert_eq!(shown["scope"], rule.is_scope);
        assert!(shown["roles"].as_array().unwrap().contains(&json!("admin")));
    }
}

/// A body that the route of this name understands.
fn body(name: &str, turn: usize) -> serde_json::Value {
    let price = json!({"amount": 7, "currency": "EUR"});
    match name {
        "product.create" => json!({"sku": format!("NEW-{turn}"), "name": "New", "price": price}),
        "product.describe" => json!({"name": "Other"}),
        "product.set_price" => price,
        "product.schedule_price" => json!({"price": price, "from": "2030-01-01T00:00:00Z"}),
        "product.set_tax_class" => json!({"class": "books"}),
        "stock.receive" => json!({"quantity": 1}),
        "stock.adjust" => json!({"delta": 1, "reason": "counted"}),
        "tax.set_rate" => json!({"class": "books", "rate": "7", "valid_from": "2030-01-01"}),
        "quote.ask" | "order.place" => order(&[("TEA-1", 1)]),
        "revoke" => json!({"revoked": {"token": "one of before"}}),
        "log_levels.set" => json!({"levels": [], "minutes": 1}),
        "graphql.ask" => json!({"query": "{ __typename }"}),
        "account.register" => json!({"email": "a@example.com", "password": PASSWORD}),
        "account.verify" | "account.confirm_order_claim" => json!({"token": "none"}),
        "account.claim_order" => json!({"order": "ord_00000000000000000000000000000001"}),
        "account.forget_password" | "account.change_email" => json!({"email": "a@example.com"}),
        "account.reset_password" => json!({"token": "none", "password": PASSWORD}),
        "account.change_password" => json!({"current": PASSWORD, "new": PASSWORD}),
        "account.confirm_totp" => json!({"code": "000000"}),
        "account.set_roles" => json!({"roles": ["customer"], "reason": "because"}),
        "role.put" => json!({"rules": ["order.read"], "reason": "because"}),
        "role.delete" | "account_sessions.end" => json!({"reason": "because"}),
        "effect.resend" => {
            json!({"event_id": "019b0000-0000-7000-8000-000000000001", "kind": "mail", "target": "none"})
        }
        "session.begin" | "console_session.begin" => json!({"email": "a@example.com", "password": PASSWORD}),
        "session.begin_outside" | "identity.begin_link" => json!({"provider": "nowhere"}),
        "session.finish_outside" | "identity.finish_link" => json!({"attempt": "none", "state": "none"}),
        "session.refresh" => json!({"refresh_token": "none"}),
        "session.confirm" => json!({"password": PASSWORD}),
        "api_key.issue" => json!({"name": "scanner", "scopes": ["order.read"]}),
        _ => json!({}),
    }
}

/// Catches: a route without a rule, one that keeps another rule than it should, and one that forgets whose a thing is.
#[tokio::test(flavor = "multi_thread")]
async fn every_route_of_every_listener_says_to_everyone_what_the_policy_says() {
    let app = TestApp::start_having(&[Feature::Tax], |config| {
        (config.rates.address_per_second, config.rates.address_burst) = (10_000, 10_000);
        (config.budgets.log_in_address, config.budgets.log_in_account) = (10_000, 10_000);
    })
    .await;
    app.sell("TEA-1", 1999, 1_000).await;
    app.sell("OLD", 1999, 0).await;
    let cancelled = place(&app.customer(OWNER), order(&[("TEA-1", 1)])).await;
    let id = place(&app.customer(OWNER), order(&[("TEA-1", 1)])).await;
    app.by(Role::Support).post(&format!("/v1/orders/{id}/confirmation"), json!({})).await.expect(200);
    app.settle().await;
    let api = routes::api().into_iter().chain(daybook_graphql::endpoints(true)());
    let listeners = [
        (app.anonymous.base(), api.collect::<Vec<_>>()),
        (app.telemetry.base(), routes::telemetry()),
        (app.admin().base(), routes::admin()),
    ];
    let mut asked = 0;
    for (base, route) in
        listeners.iter().flat_map(|(base, routes)| routes.iter().map(move |route| (*base, route)))
    {
        let name = route.about.name.as_str();
        let sku = if matches!(name, "product.unpublish" | "product.archive") { "OLD" } else { "TEA-1" };
        let id = if name == "order.cancel" { &cancelled } else { &id };
        let path = permissions::path_of(route.path, id);
        let path = path.replace("{sku}", sku).replace("{name}", "orders");
        let path = path.replace("{code}", "not_found").replace("{file}", "initializer.js");
        let is_page = matches!(route.about.kind, Kind::Page { .. });
        let query = match name {
            "graphql.read" => "?query=%7B__typename%7D",
            "accounts.find" => "?email=a@example.com",
            _ => "",
        };
        for caller in Caller::all() {
            let client = caller.client(&app).at(base.to_owned());
            let method: reqwest::Method = route.method.as_str().parse().unwrap();
            let request = client.request(method.clone(), &format!("{path}{query}"));
            let request = match method {
                reqwest::Method::GET => request,
                _ if is_page => request.header("sec-fetch-site", "same-origin"),
                _ if name.starts_with("console_session.") => {
                    request.header("sec-fetch-site", "same-origin").json(&body(name, asked))
                }
                _ => request.header("idempotency-key", format!("k-{asked}")).json(&body(name, asked)),
            };
            let reply = client.send(request).await;
            let said = match reply.status {
                // Who logs in is known by other things than a token.
                401 if name.contains("session.") && guard(name).is_open() => Said::Welcome,
                401 => Said::Unauthenticated,
                403 => Said::Forbidden,
                404 => Said::Hidden,
                // A rule of the domain may refuse it; that it wasn't understood would say nothing.
                status => {
                    // A form that wasn't filled in is shown again.
                    let code = if status < 400 || is_page { String::new() } else { reply.code() };
                    let is_understood = status != 400 && code != "validation_failed";
                    assert!(is_understood && status != 429 && status < 500, "{name}: {}", reply.text());
                    Said::Welcome
                }
            };
            permissions::check(name, &caller, guard(name), said, &reply.text());
            asked += 1;
        }
    }
    assert!(asked > 50 * 10, "{asked}");
}

/// Whatever else is wrong with a request, who may not do such a thing at all is told that, and nothing more.
/// Catches: a route that reads anything before its door.
#[tokio::test(flavor = "multi_thread")]
async fn the_door_comes_before_syntax_on_every_route() {
    let app = shop().await;
    let nobody = app.anonymous.with_token(app.token("nobody", &[]));

    let operators = app.operator().base().to_owned();
    let mut guarded = 0;
    for (routes, base) in [(routes::api(), None), (routes::admin(), Some(operators))] {
        let at =
            |client: &Client| base.as_ref().map_or_else(|| client.clone(), |base| client.at(base.clone()));
        let (anonymous, nobody) = (at(&app.anonymous), at(&nobody));
        for route in routes {
            let is_guarded = match route.door {
                // Everyone may do something to what is their own.
                Door::Action(action) if action.rule().own == Own::Anyone => {
                    let path = route.path.replace(['{', '}'], "");
                    let method: reqwest::Method = route.method.as_str().parse().unwrap();
                    let reply = anonymous.send(anonymous.request(method, &path).body("[")).await;
                    assert_eq!(reply.refusal(), "401 unauthenticated", "{path}");
                    false
                }
                Door::Probe | Door::Open => false,
                Door::Known => {
                    let path = format!("{}?no_such_parameter=1", route.path);
                    assert_eq!(anonymous.get(&path).await.refusal(), "401 unauthenticated", "{path}");
                    assert_eq!(nobody.get(&path).await.refusal(), "400 unknown_parameter", "{path}");
                    false
                }
                Door::Action(_) => true,
                Door::Access(access) => matches!(access, Access::Rule { .. }),
            };
            if !is_guarded {
                continue;
            }
            guarded += 1;
            for (client, expected) in [(&anonymous, "401 unauthenticated"), (&nobody, "403 forbidden")] {
                let path = format!("{}?no_such_parameter=1", route.path.replace(['{', '}'], ""));
                let method: reqwest::Method = route.method.as_str().parse().unwrap();
                let request = client.request(method, &path).header("accept", "text/html");
                let request = request.header("if-match", "nonsense").header("idempotency-key", "").body("[");
                let reply = client.send(request).await;
                assert_eq!(reply.refusal(), expected, "{} {}", route.method, route.path);
            }
        }
    }
    assert!(guarded > 20, "{guarded}");
    daybook_tests::until("the refusals are noted", async || {
        let noted = "SELECT count(*) FROM audit WHERE actor = 'nobody' AND outcome = 'forbidden'";
        app.database.count(noted).await == guarded
    })
    .await;
}
