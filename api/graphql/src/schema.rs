//! The schema: a field for each read and each command that HTTP's routes offer, and what joins them.

use std::collections::BTreeMap;

use async_graphql::dynamic::TypeRef;
use daybook_http::{about::Kind, route::Route};
use serde_json::Value;

use crate::{
    mutations::{USER_ERROR_CODE, codes, mutation},
    names::{MUTATION, NODES, ORDER, QUERY, SUBSCRIPTION, camel},
    offer::{Offer, taken},
    types::{
        Field, Followed, Maker, Named, Object, Source, Taken, Thing, Types, Way, Whole, base, list_of, nn,
        text,
    },
};

/// The types of a schema that asks these routes.
pub fn of(routes: &[Route]) -> Types {
    let mut maker = Maker { types: Types::default(), schemas: BTreeMap::new() };
    for (name, schema) in routes.iter().flat_map(|route| &route.about.schemas) {
        maker.schemas.insert(name.clone(), serde_json::to_value(schema).expect("a schema serializes"));
    }
    maker.types.named.insert("Node".into(), Named::Node(vec![]));
    maker.types.named.insert(USER_ERROR_CODE.into(), codes(routes));
    let (mut queries, mut mutations) = (Vec::new(), Vec::new());
    for route in routes {
        let Some(ask) = &route.ask else { continue };
        let offer = Offer::of(route, ask);
        match route.about.kind {
            Kind::Command { needs_key, .. } => mutations.push(mutation(&mut maker, &offer, needs_key)),
            _ => queries.push(query(&mut maker, &offer)),
        }
    }
    queries.push(node());
    join(&mut maker.types);
    for (name, about, mut fields) in [
        (QUERY, "What can be read.", queries),
        (
            MUTATION,
            "What can be done. Each command is one of its own: what one of them does stays when another is refused.",
            mutations,
        ),
    ] {
        fields.sort_by(|one, other| one.name.cmp(&other.name));
        maker.types.add(Object::new(name, about, fields));
    }
    maker.types.add(Object::new(
        SUBSCRIPTION,
        "What can be followed, as Server-Sent Events.",
        subscriptions(),
    ));
    maker.types.settle();
    maker.types
}

fn query(maker: &mut Maker, offer: &Offer<'_>) -> Field {
    let schema = maker.resolved(&offer.answer);
    let rows = schema["properties"]["data"]["items"].clone();
    let is_page = !schema["properties"]["has_more"].is_null();
    let (ty, of) = match (rows.is_null(), is_page) {
        (true, _) => (maker.of(&offer.answer, Way::Out).0, Whole::Item),
        (false, true) => (connection(maker, &rows), Whole::Page),
        (false, false) => (list_of(maker.of(&rows, Way::Out).0), Whole::List),
    };
    let mut field = offer.field(ty, of);
    field.arguments.extend(offer.path());
    let in_query: Vec<&Value> =
        offer.parameters.iter().filter(|parameter| parameter["in"] == "query").collect();
    let goes_back = in_query.iter().any(|parameter| parameter["name"] == "before");
    for parameter in in_query {
        let (name, about) = (text(&parameter["name"]), text(&parameter["description"]));
        let (ty, _) = maker.of(&parameter["schema"], Way::In);
        let (argument, ty) = match name.as_str() {
            "limit" => ("first".to_owned(), ty),
            // Wherever a page begins, a cursor says it.
            "after" => (name.clone(), TypeRef::named(TypeRef::STRING)),
            _ => (camel(&name), ty),
        };
        if let (true, Some(rows)) = (name == "limit", parameter["schema"]["default"].as_u64()) {
            field.usual_rows = usize::try_from(rows).unwrap_or(usize::MAX);
        }
        field.arguments.insert(argument, taken(ty, &name, &about));
    }
    if goes_back {
        field.arguments.insert("last".into(), taken(TypeRef::named(TypeRef::INT), "last", ""));
    }
    field.arguments.insert("minPosition".into(), taken(maker.scalar("Long"), "min_position", ""));
    field
}

/// A page of rows, as clients of Relay expect it.
fn connection(maker: &mut Maker, rows: &Value) -> TypeRef {
    let (ty, _) = maker.of(rows, Way::Out);
    let name = base(&ty).to_owned();
    let member = |name: &str, ty: TypeRef, about: &str| {
        Field::new(&camel(name), ty, Source::Member(name.to_owned()), about)
    };
    let flag = || nn(TypeRef::named(TypeRef::BOOLEAN));
    let cursor = || TypeRef::named(TypeRef::STRING);
    let info = maker.types.add(Object::new(
        "PageInfo",
        "Where a page is in its list.",
        vec![
            member("has_next_page", flag(), "Whether there are rows behind it"),
            member(
                "has_previous_page",
                flag(),
                "Whether there are rows before it, as far as the list is read backwards, too",
            ),
            member("start_cursor", cursor(), "The cursor of its first row"),
            member("end_cursor", cursor(), "The cursor of its last row, to be sent as `after`"),
        ],
    ));
    let edge = maker.types.add(Object::new(
        format!("{name}Edge"),
        "A row of a page.",
        vec![
            member("cursor", nn(cursor()), "To be sent as `after` or `before`"),
            member("node", nn(ty.clone()), ""),
        ],
    ));
    let nodes = Field::new("nodes", nn(list_of(ty)), Source::Nodes, "The rows without their cursors");
    maker.types.add(Object::new(
        format!("{name}Connection"),
        "A page of a list.",
        vec![member("edges", nn(list_of(edge)), "The rows"), nodes, member("page_info", nn(info), "")],
    ))
}

fn node() -> Field {
    let mut field =
        Field::new("node", TypeRef::named("Node"), Source::Node, "The thing with that id, of whichever type");
    let id = nn(TypeRef::named(TypeRef::ID));
    field.arguments.insert("id".into(), taken(id, "id", "The `id` of a thing"));
    field.arguments.insert("minPosition".into(), taken(TypeRef::named("Long"), "min_position", ""));
    field
}

fn subscriptions() -> Vec<Field> {
    let string = || TypeRef::named(TypeRef::STRING);
    let of_events = [
        (
            "after",
            "Only events behind this position are sent. Those that are appended from now on, if it is not given",
        ),
        ("types", "Types of events, with commas between them; `GET /v1/event-types` lists them"),
        ("stream", "One stream, such as `order/ord_…`"),
    ];
    let mut events = Field::new(
        "events",
        TypeRef::named("Event"),
        Source::Followed(Followed::Events),
        "Public events, as they are appended",
    );
    for (name, of_argument) in of_events {
        let argument = Taken { ty: string(), about: of_argument.to_owned(), name: name.to_owned() };
        events.arguments.insert(name.to_owned(), argument);
    }
    let about = "An order as it is, and again whenever it has changed";
    let mut order = Field::new(ORDER, TypeRef::named("Order"), Source::Followed(Followed::Order), about);
    order.arguments.insert("id".into(), taken(nn(TypeRef::named(TypeRef::ID)), "id", ""));
    vec![events, order]
}

/// What joins things with each other: ids of their own, and look-ups.
fn join(types: &mut Types) {
    for (kind, object, _) in NODES.iter().filter(|(kind, ..)| kind.ends_with('/')) {
        let source = Source::Id { kind, member: "sku" };
        types.extend(
            object,
            Field::new("id", nn(TypeRef::named(TypeRef::ID)), source, "To be sent to `node`"),
        );
    }
    let look_up = |name: &str, thing, ty: &str, about| {
        Field::new(name, TypeRef::named(ty.to_owned()), Source::LookUp { thing, member: "sku" }, about)
    };
    let product =
        || look_up("product", Thing::Product, "Product", "The product as it is today, if it is shown to you");
    let stock = || look_up("stock", Thing::Stock, "Stock", "How much there is of it today");
    types.extend("OrderLine", product());
    types.extend("OrderLine", stock());
    types.extend("Product", stock());
    types.extend("Stock", product());
    let places = NODES.iter().filter_map(|(_, object, _)| types.object(object)).collect();
    types.named.insert("Node".into(), Named::Node(places));
}
