//! Who is shown what, and who may do what: for each field of the schema and each caller, what the policy and HTTP say.

use std::collections::BTreeMap;

use daybook_domain::policy::{Actor, Role, may_ever};
use daybook_graphql::field_of;
use daybook_http::{
    route::{Door, Route},
    routes,
};
use daybook_tests::{Client, TestApp};
use serde_json::{Map, Value, json};

use super::{ask_with, data};
use crate::http::orders::{order, place};

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
                "sku" => "TEA-1",
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

/// A caller: who they are, and how they ask. Without a role, it is someone without a token.
fn callers(app: &TestApp) -> Vec<(Option<Actor>, Client)> {
    let with_role = Role::ALL.into_iter().map(|role| {
        let actor = Actor { subject: "someone".into(), roles: [role].into_iter().collect() };
        (Some(actor), app.named("someone", role))
    });
    with_role.chain([(None, app.anonymous.clone())]).collect()
}

/// What a route says to a caller before it looks at anything: the code of its refusal.
fn at_the_door(route: &Route, actor: Option<&Actor>) -> Option<&'static str> {
    let refused = match (route.door, actor) {
        (Door::Probe | Door::Open, _) => false,
        (Door::Access(access), actor) => access.admit(actor).is_err(),
        (Door::Action(_), None) => true,
        (Door::Action(action), Some(actor)) => may_ever(actor, action).is_err(),
    };
    refused.then_some(if actor.is_some() { "forbidden" } else { "unauthenticated" })
}

/// Catches: a field without a rule, and one whose rule is not that of its route.
#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_the_root_has_the_door_of_its_route() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 499, 100).await;
    let id = place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    let schema = Schema::of(&app.anonymous).await;
    let routes: Vec<Route> = routes::api().into_iter().filter(|route| route.ask.is_some()).collect();
    let mut asked = 0;
    for (root, operation) in [("Query", "query"), ("Mutation", "mutation")] {
        for field in schema.fields(root) {
            let name = field["name"].as_str().unwrap();
            // It asks the fields of what it finds, by their names.
            if name == "node" {
                continue;
            }
            let route = routes.iter().find(|route| field_of(&route.about.name) == name);
            let route = route.unwrap_or_else(|| panic!("{name} has no rule"));
            let arguments = field["args"].as_array().unwrap().iter();
            let needed: Vec<&Value> = arguments.filter(|it| it["type"]["kind"] == "NON_NULL").collect();
            let mut variables = Map::new();
            let (mut declared, mut given) = (Vec::new(), Vec::new());
            for argument in needed {
                let argument_name = argument["name"].as_str().unwrap();
                let ty = &argument["type"];
                variables.insert(argument_name.to_owned(), schema.value(argument_name, ty, &id));
                declared.push(format!("${argument_name}: {}!", base(ty)));
                given.push(format!("{argument_name}: ${argument_name}"));
            }
            let in_brackets = |list: Vec<String>| {
                if list.is_empty() { String::new() } else { format!("({})", list.join(", ")) }
            };
            let query = format!(
                "{operation}{} {{ {name}{} {{ __typename }} }}",
                in_brackets(declared),
                in_brackets(given)
            );
            for (actor, client) in callers(&app) {
                let mut variables = variables.clone();
                if let Some(input) =
                    variables.get_mut("input").filter(|input| !input["idempotencyKey"].is_null())
                {
                    input["idempotencyKey"] =
                        format!("{name}-{:?}", actor.as_ref().map(|actor| actor.roles)).into();
                }
                let answer = ask_with(&client, &query, variables.into()).await.expect(200).json();
                let code = answer["errors"][0]["extensions"]["code"].as_str();
                let refused = code.filter(|code| matches!(*code, "forbidden" | "unauthenticated"));
                assert_eq!(refused, at_the_door(route, actor.as_ref()), "{query} {actor:?}: {answer}");
                assert!(
                    matches!(code, None | Some("forbidden" | "unauthenticated" | "not_found")),
                    "{query} {actor:?}: {answer}"
                );
                asked += 1;
            }
        }
    }
    assert!(asked >= 24 * 8, "{asked}");
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
    let alice = app.customer("alice");
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
    let mut all = callers(&app);
    all.push((None, alice.clone()));
    let mut shown_to_some = 0;
    for (_, client) in &all {
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
