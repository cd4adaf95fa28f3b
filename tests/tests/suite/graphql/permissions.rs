//! Who is shown what, and who may do what: for each field of the schema and each caller, what the policy and HTTP say.

use std::collections::BTreeMap;

use daybook_core::config::Config;
use daybook_domain::{feature::Feature, policy::Role};
use daybook_graphql::field_of;
use daybook_http::{route::Route, routes};
use daybook_tests::{Client, TestApp};
use serde_json::{Map, Value, json};

use super::{ask_with, data, subscriptions};
use crate::{
    http::orders::{order, place},
    permissions::{self, Caller, OWNER, Said},
};

const SCHEMA: &str = "{ __schema { queryType { name } types { name kind \
    fields { name args { name type { ...T } } type { ...T } } inputFields { name type { ...T } } } } } \
    fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

/// The schema as its server tells it: types by their names.
struct Schema(BTreeMap<String, Value>);

impl Schema {
    async fn of(client: &Client) -> Self {
        let schema = data(super::ask(client, SCHEMA).await);
        let types = schema["__schema"]["types"].as_array().unwrap().iter();
        Self(types.map(|ty| (ty["name"].as_str().unwrap().to_owned(), ty.clone())).collect())
    }

    fn fields(&self, ty: &str) -> &[Value] {
        self.0[ty]["fields"].as_array().map_or(&[], Vec::as_slice)
    }

    /// Any value of a type, with what has to be given.
    fn value(&self, name: &str, ty: &Value, id: &str) -> Value {
        match (ty["kind"].as_str().unwrap(), ty["name"].as_str().unwrap_or_default()) {
            ("NON_NULL", _) => self.value(name, &ty["ofType"], id),
            ("LIST", _) => json!([self.value(name, &ty["ofType"], id)]),
            ("INPUT_OBJECT", input) => {
                let members = self.0[input]["inputFields"].as_array().unwrap().iter();
                let needed = members.filter(|member| member["type"]["kind"] == "NON_NULL");
                let value = |member: &Value| {
                    let name = member["name"].as_str().unwrap();
                    (name.to_owned(), self.value(name, &member["type"], id))
                };
                Value::Object(needed.map(value).collect())
            }
            (_, "ID") => id.into(),
            (_, "Int" | "Long") => 1.into(),
            _ => match name {
                "currency" => "EUR",
                "from" => "2030-01-01T00:00:00Z",
                "sku" => "TEA-1",
                "country" => "DE",
                "rate" => "7",
                "validFrom" => "2030-01-01",
                other => other,
            }
            .into(),
        }
    }

    /// All that there is of a type, but what is looked up for it.
    fn selection(&self, ty: &str) -> String {
        let fields = self.fields(ty).iter().filter(|field| !is_joined(ty, field));
        let selected = fields.map(|field| {
            let name = field["name"].as_str().unwrap();
            let base = base(&field["type"]);
            if self.fields(base).is_empty() {
                name.to_owned()
            } else {
                format!("{name} {}", self.selection(base))
            }
        });
        format!("{{ {} }}", selected.collect::<Vec<_>>().join(" "))
    }
}

fn is_joined(ty: &str, field: &Value) -> bool {
    let name = field["name"].as_str().unwrap();
    matches!(ty, "OrderLine" | "Product" | "Stock") && matches!(name, "product" | "stock" | "id")
}

fn base(ty: &Value) -> &str {
    if ty["ofType"].is_null() { ty["name"].as_str().unwrap() } else { base(&ty["ofType"]) }
}

/// What was said in an answer to one field.
fn said(answer: &Value) -> Said {
    match answer["errors"][0]["extensions"]["code"].as_str() {
        None => Said::Welcome,
        Some("unauthenticated") => Said::Unauthenticated,
        Some("forbidden") => Said::Forbidden,
        Some("not_found") => Said::Hidden,
        Some(other) => panic!("{other}: {answer}"),
    }
}

/// Catches: a field without a rule, one whose rule is not that of its route, and one that forgets whose a thing is.
#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_the_root_says_to_everyone_what_the_policy_says() {
    let change = |config: &mut Config| config.live.max_streams_per_subject = 100;
    let app = TestApp::start_having(&[Feature::Tax], change).await;
    app.sell("TEA-1", 499, 100).await;
    let id = place(&app.customer(OWNER), order(&[("TEA-1", 1)])).await;
    app.by(Role::Support).post(&format!("/v1/orders/{id}/confirmation"), json!({})).await.expect(200);
    app.settle().await;
    let schema = Schema::of(&app.anonymous).await;
    let routes: Vec<Route> = routes::api().into_iter().filter(|route| route.ask.is_some()).collect();
    let price_change = format!("prc_{}", "0".repeat(32));
    let mut asked = 0;
    for (root, operation) in [("Query", "query"), ("Subscription", "subscription"), ("Mutation", "mutation")]
    {
        for field in schema.fields(root) {
            let name = field["name"].as_str().unwrap();
            // It asks the fields of what it finds, by their names.
            if name == "node" {
                continue;
            }
            let route = routes.iter().find(|route| field_of(&route.about.name) == name);
            let route = route.unwrap_or_else(|| panic!("{name} has no route"));
            let id = if name == "productCancelPriceChange" { &price_change } else { &id };
            let arguments = field["args"].as_array().unwrap().iter();
            // What is followed begins with what there is.
            let is_given = |it: &&Value| {
                it["type"]["kind"] == "NON_NULL" || root == "Subscription" && it["name"] == "after"
            };
            let given: Vec<&Value> = arguments.filter(is_given).collect();
            let mut variables = Map::new();
            let (mut declared, mut passed) = (Vec::new(), Vec::new());
            for argument in given {
                let argument_name = argument["name"].as_str().unwrap();
                let ty = &argument["type"];
                let value =
                    if argument_name == "after" { "0".into() } else { schema.value(argument_name, ty, id) };
                variables.insert(argument_name.to_owned(), value);
                declared.push(format!("${argument_name}: {}!", base(ty)));
                passed.push(format!("{argument_name}: ${argument_name}"));
            }
            let in_brackets = |list: Vec<String>| {
                if list.is_empty() { String::new() } else { format!("({})", list.join(", ")) }
            };
            let query = format!(
                "{operation}{} {{ {name}{} {{ __typename }} }}",
                in_brackets(declared),
                in_brackets(passed)
            );
            for caller in Caller::all() {
                let mut variables = variables.clone();
                if let Some(input) =
                    variables.get_mut("input").filter(|input| !input["idempotencyKey"].is_null())
                {
                    input["idempotencyKey"] = format!("{name}-{asked}").into();
                }
                let (client, what) = (caller.client(&app), format!("{operation} {name}"));
                let answer = if root == "Subscription" {
                    let body = json!({ "query": query, "variables": variables });
                    subscriptions::next(&mut subscriptions::open(&client, body).await).await
                } else {
                    ask_with(&client, &query, variables.into()).await.expect(200).json()
                };
                let guard = permissions::guard(&route.about.name);
                permissions::check(&what, &caller, guard, said(&answer), &answer.to_string());
                asked += 1;
            }
        }
    }
    assert!(asked >= 26 * 10, "{asked}");
}

/// What HTTP shows, as GraphQL writes it.
fn translated(schema: &Schema, ty: &str, shown: &Value) -> Value {
    let fields = schema.fields(ty);
    match shown {
        Value::Array(rows) => rows.iter().map(|row| translated(schema, ty, row)).collect(),
        _ if shown.is_null() || fields.is_empty() => match (schema.0[ty]["kind"].as_str(), shown) {
            (Some("ENUM"), Value::String(word)) => word.to_uppercase().into(),
            (_, Value::Null) if ty == "Boolean" => false.into(),
            _ => shown.clone(),
        },
        _ => {
            let members = fields.iter().filter(|field| !is_joined(ty, field)).map(|field| {
                let name = field["name"].as_str().unwrap();
                let of_http: String = name
                    .chars()
                    .flat_map(|c| if c.is_uppercase() { vec!['_', c.to_ascii_lowercase()] } else { vec![c] })
                    .collect();
                (name.to_owned(), translated(schema, base(&field["type"]), &shown[of_http]))
            });
            Value::Object(members.collect())
        }
    }
}

/// Catches: a field that shows more, or less, than HTTP does to the same caller.
#[tokio::test(flavor = "multi_thread")]
async fn every_caller_is_shown_the_same_as_over_http() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 499, 100).await;
    let merchandiser = app.by(Role::Merchandiser);
    let draft = json!({ "sku": "DRAFT", "name": "Draft", "price": { "amount": 1, "currency": "EUR" } });
    merchandiser.post("/v1/products", draft).await.expect(201);
    let alice = app.customer(OWNER);
    let mut body = order(&[("TEA-1", 2)]);
    body["contact"] = json!({ "name": "Alice", "email": "alice@example.com" });
    body["ship_to"] = json!({ "name": "Alice", "street": "1 Road", "city": "Town", "country": "DE" });
    body["metadata"] = json!({ "channel": "web" });
    let placed = place(&alice, body.clone()).await;
    let confirmed = place(&alice, body).await;
    let support = app.by(Role::Support);
    support.post(&format!("/v1/orders/{confirmed}/confirmation"), json!({})).await.expect(200);
    app.settle().await;
    let schema = Schema::of(&app.anonymous).await;
    let mut shown_to_some = 0;
    for client in Caller::all().iter().map(|caller| caller.client(&app)) {
        for (field, argument, id, ty, path) in [
            ("order", "id", placed.as_str(), "Order", format!("/v1/orders/{placed}")),
            ("order", "id", &confirmed, "Order", format!("/v1/orders/{confirmed}")),
            ("product", "sku", "TEA-1", "Product", "/v1/products/TEA-1".into()),
            ("product", "sku", "DRAFT", "Product", "/v1/products/DRAFT".into()),
            ("stock", "sku", "TEA-1", "Stock", "/v1/stock/TEA-1".into()),
            ("orders", "", "", "OrderConnection", "/v1/orders".into()),
            ("products", "", "", "ProductConnection", "/v1/products".into()),
            ("orderHistory", "id", &confirmed, "ChangeConnection", format!("/v1/orders/{confirmed}/history")),
            ("productHistory", "sku", "TEA-1", "ChangeConnection", "/v1/products/TEA-1/history".into()),
            ("stockHistory", "sku", "TEA-1", "ChangeConnection", "/v1/stock/TEA-1/history".into()),
        ] {
            let row = ty.strip_suffix("Connection");
            let inner = schema.selection(row.unwrap_or(ty));
            let inner = if row.is_some() { format!("{{ nodes {inner} }}") } else { inner };
            let arguments =
                if argument.is_empty() { String::new() } else { format!("({argument}: {})", json!(id)) };
            let over_http = client.get(&path).await;
            // What HTTP has seen is seen here, too.
            let seen = over_http.header("daybook-position").unwrap_or("0").to_owned();
            let query = json!({ "query": format!("{{ {field}{arguments} {inner} }}") });
            let request =
                client.request(reqwest::Method::POST, "/graphql").header("daybook-min-position", seen);
            let answer = client.send(request.json(&query)).await.expect(200).json();
            if over_http.status == 200 {
                let expected = match row {
                    Some(row) => json!({ "nodes": translated(&schema, row, &over_http.json()["data"]) }),
                    None => translated(&schema, ty, &over_http.json()),
                };
                assert_eq!(answer["errors"], Value::Null, "{query}: {answer}");
                assert_eq!(answer["data"][field], expected, "{query}");
                shown_to_some += 1;
            } else {
                assert_eq!(answer["data"], json!({ field: null }), "{query}");
                assert_eq!(answer["errors"][0]["extensions"]["code"], over_http.code(), "{query}");
            }
        }
    }
    assert!((30..90).contains(&shown_to_some), "{shown_to_some}");
}

/// Catches: a look-up that is made for another caller.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_looked_up_is_shown_by_its_own_rule() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 499, 100).await;
    let alice = app.customer("alice");
    let id = place(&alice, order(&[("TEA-1", 2), ("TEA-1", 1)])).await;
    let withdrawn = app.by(Role::Merchandiser).delete("/v1/products/TEA-1/publication").await.expect(200);
    app.settle().await;
    let query = "query($id: ID!, $at: Long) { order(id: $id, minPosition: $at) { lines { product { name } stock { available } } } }";
    let variables = json!({ "id": id, "at": withdrawn.json()["position"] });
    // Alice has ordered what is not public any more, and stock was never hers to see.
    let reply = ask_with(&alice, query, variables.clone()).await;
    let found = reply.json()["data"]["order"]["lines"].clone();
    let nothing = json!({ "product": null, "stock": null });
    assert_eq!(found, json!([nothing, nothing]));
    assert_eq!(super::fails(reply), ["forbidden order.lines.0.stock", "forbidden order.lines.1.stock"]);
    // Support reads stock, and products that are public.
    let found = data(ask_with(&app.by(Role::Support), query, variables.clone()).await);
    let line = json!({ "product": null, "stock": { "available": 97 } });
    assert_eq!(found["order"]["lines"], json!([line, line]));
    let found = data(ask_with(&app.by(Role::Admin), query, variables).await);
    let line = json!({ "product": { "name": "Product TEA-1" }, "stock": { "available": 97 } });
    assert_eq!(found["order"]["lines"], json!([line, line]));
}
