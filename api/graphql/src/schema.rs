//! The schema: a field for each read and each command that HTTP's routes offer, and what joins them.

use std::collections::BTreeMap;

use async_graphql::dynamic::TypeRef;
use daybook_domain::code::{Code, Kind as CodeKind};
use daybook_http::{about::Kind, asked::Ask, problem::catalogue, route::Route};
use serde_json::{Value, json};

use crate::{
    names::{camel, capital, root},
    types::{
        Field, Followed, Maker, Named, Object, Source, Taken, Thing, Types, Way, Whole, base, list_of, nn,
        text,
    },
};

pub const QUERY: &str = "Query";
pub const MUTATION: &str = "Mutation";
pub const SUBSCRIPTION: &str = "Subscription";
/// The field of a query that reads an order.
pub const ORDER: &str = "order";
const USER_ERROR_CODE: &str = "UserErrorCode";
/// What an id of each kind of thing begins with, the name of its type, and of its read.
pub const NODES: [(&str, &str, &str); 3] =
    [("ord_", "Order", "order"), ("product/", "Product", "product"), ("stock/", "Stock", "stock")];
/// The member of a payload that says whether it is the answer of an earlier command.
pub const REPLAYED: &str = "replayed";
/// How rules of the business, and what came in, are refused: in the payload of a command.
const USER_ERRORS: [CodeKind; 3] = [CodeKind::Invalid, CodeKind::Conflict, CodeKind::Stale];

/// What is said of reads and arguments where HTTP speaks of its own forms.
const ABOUT: &[(&str, &str)] = &[
    (
        "events.list",
        "Public events by position. `GET /v1/event-types` says which types there are, and what payloads have",
    ),
    ("after", "The cursor of the row that the page begins behind"),
    ("before", "The cursor of the row that the page ends before. It goes with `last`"),
    ("limit", "How many rows the page has at most. It has fewer where they would be too large"),
    ("last", "How many rows the page that ends with `before` has at most"),
    (
        "as_of",
        "Show it as it was at this time: what was recorded then or before. A time with no more than three digits behind its \
         seconds is the end of its millisecond",
    ),
    ("as_of_position", "Show it as it was when the log had come to this position"),
    ("placed_at[gte]", "Only orders that were placed at this time or later"),
    (
        "min_position",
        "A place in the log that the answer must have seen, such as the `position` of a payload",
    ),
    (
        "idempotency_key",
        "1 to 255 printable ASCII characters. A command that is repeated with its key is done once, whichever interface it \
         comes through, and is answered as it was first",
    ),
    (
        "if_version",
        "The version that the thing must still have; otherwise the command is refused with `STALE_VERSION`",
    ),
];

fn about<'a>(name: &str, of_http: &'a str) -> &'a str {
    ABOUT.iter().find(|(other, _)| *other == name).map_or(of_http, |(_, about)| about)
}

/// Whether it is told in `userErrors`.
pub fn is_user_error(kind: CodeKind) -> bool {
    USER_ERRORS.contains(&kind)
}

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
    maker.types
}

/// The codes that commands are refused with, as far as clients can mend it.
fn codes(routes: &[Route]) -> Named {
    let commands = routes.iter().filter(|route| matches!(route.about.kind, Kind::Command { .. }));
    let told: Vec<Code> = commands.flat_map(|route| route.about.kind.codes(true, true)).collect();
    let words = catalogue().filter(|code| is_user_error(code.kind()) && told.contains(code));
    Named::Enum {
        words: words.map(|code| code.as_str().to_owned()).collect(),
        about: "Why a command is refused. `GET /problems/{code}` has a page about each.".to_owned(),
    }
}

/// A route as the schema needs it.
struct Offer<'a> {
    name: &'a str,
    about: String,
    ask: &'a Ask,
    parameters: Vec<Value>,
    /// The schema of the body.
    body: Value,
    /// The schema of the answer.
    answer: Value,
}

impl<'a> Offer<'a> {
    fn of(route: &'a Route, ask: &'a Ask) -> Self {
        let operation = serde_json::to_value(&route.about.operation).expect("an operation serializes");
        let sentences = [text(&operation["summary"]), text(&operation["description"])];
        let about = sentences.map(|sentence| sentence.trim_end_matches('.').to_owned());
        let about = about.into_iter().filter(|sentence| !sentence.is_empty()).collect::<Vec<_>>().join(". ");
        let answers = operation["responses"].as_object();
        let answer = answers.and_then(|answers| answers.values().next()).cloned().unwrap_or_default();
        let about = self::about(&route.about.name, &about).to_owned();
        Self {
            name: &route.about.name,
            about,
            ask,
            parameters: operation["parameters"].as_array().cloned().unwrap_or_default(),
            body: json_of(&operation["requestBody"]),
            answer: json_of(&answer),
        }
    }

    fn field(&self, ty: TypeRef, of: Whole) -> Field {
        let source = Source::Asked { ask: self.ask.clone(), of };
        let in_path = self.path().map(|(_, taken)| taken.name);
        Field { in_path, ..Field::new(&root(self.name), ty, source, &self.about) }
    }

    /// What the path names.
    fn path(&self) -> Option<(String, Taken)> {
        let named = self.parameters.iter().find(|parameter| parameter["in"] == "path")?;
        let name = text(&named["name"]);
        let ty = if name == "id" { TypeRef::ID } else { TypeRef::STRING };
        Some((camel(&name), taken(nn(TypeRef::named(ty)), &name, "")))
    }
}

/// The schema of JSON.
fn json_of(content: &Value) -> Value {
    content["content"]["application/json"]["schema"].clone()
}

fn taken(ty: TypeRef, name: &str, of_http: &str) -> Taken {
    Taken { ty, about: about(name, of_http.trim_end_matches('.')).to_owned(), name: name.to_owned() }
}

/// A schema by its name, or as it is.
fn resolved(maker: &Maker, schema: &Value) -> Value {
    let name = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
    name.and_then(|name| maker.schemas.get(name)).unwrap_or(schema).clone()
}

fn query(maker: &mut Maker, offer: &Offer<'_>) -> Field {
    let schema = resolved(maker, &offer.answer);
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

fn mutation(maker: &mut Maker, offer: &Offer<'_>, needs_key: bool) -> Field {
    let name = root(offer.name);
    let body = resolved(maker, &offer.body);
    let mut members = maker.members(&body);
    members.extend(offer.path());
    let key = TypeRef::named(TypeRef::STRING);
    let key = if needs_key { nn(key) } else { key };
    members.insert("idempotencyKey".into(), taken(key, "idempotency_key", ""));
    members.insert("ifVersion".into(), taken(maker.scalar("Long"), "if_version", ""));
    let input = format!("{}Input", capital(&name));
    maker.types.named.insert(input.clone(), Named::Input(members));
    let payload = payload(maker, offer, &name);
    let mut field = offer.field(payload, Whole::Payload);
    field.arguments.insert("input".into(), taken(nn(TypeRef::named(input)), "input", ""));
    field
}

/// What a command came to, or why it was refused.
fn payload(maker: &mut Maker, offer: &Offer<'_>, name: &str) -> TypeRef {
    let schema = resolved(maker, &offer.answer);
    let mut fields = maker.fields(&schema);
    for field in &mut fields {
        // A command that is refused has none of them.
        if let TypeRef::NonNull(inner) = &field.ty {
            field.ty = (**inner).clone();
        }
        match field.name.as_str() {
            "position" => field.about = "A place in the log, to be sent as `minPosition`".to_owned(),
            "version" => field.about = "The version of the thing, to be sent as `ifVersion`".to_owned(),
            _ => {}
        }
        if field.name == "id" {
            field.ty = TypeRef::named(TypeRef::ID);
            field.about = "To be sent to `node`".to_owned();
            if let Some((kind, ..)) =
                NODES.iter().find(|(kind, ..)| offer.name.starts_with(&kind.replace('/', ".")))
            {
                field.source = Source::Id { kind, member: "id" };
            }
        }
    }
    let error = user_error(maker);
    let member = |name: &str, ty: TypeRef, about: &str| {
        Field::new(&camel(name), ty, Source::Member(name.to_owned()), about)
    };
    let flag = nn(TypeRef::named(TypeRef::BOOLEAN));
    fields.push(member(REPLAYED, flag, "It is the answer of an earlier command with the same key"));
    fields.push(member("user_errors", nn(list_of(error)), "Why it was refused; empty if it was done"));
    let about = "What the command came to; all but `userErrors` is empty if it was refused.";
    maker.types.add(Object::new(format!("{}Payload", capital(name)), about, fields))
}

fn user_error(maker: &mut Maker) -> TypeRef {
    let member =
        |name: &str, ty: TypeRef, about: &str| Field::new(name, ty, Source::Member(name.to_owned()), about);
    let string = || TypeRef::named(TypeRef::STRING);
    maker.types.add(Object::new(
        "UserError",
        "A reason why a command was refused.",
        vec![
            member("code", nn(TypeRef::named(USER_ERROR_CODE)), "Stable, for programs"),
            member(
                "field",
                list_of(string()),
                "The way to what is wrong in the input, if it is one part of it",
            ),
            member("message", nn(string()), "In words for people"),
        ],
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

/// An error as a payload has it.
pub fn told(code: &str, field: Option<&str>, message: &str) -> Value {
    let field: Option<Vec<String>> = field.map(path);
    json!({ "code": code, "field": field, "message": message })
}

/// The way that a JSON Pointer names, with the names of GraphQL. Below metadata, names are those of its owner.
fn path(pointer: &str) -> Vec<String> {
    let mut is_foreign = false;
    let tokens = pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~"));
    tokens
        .map(|token| {
            let name = if is_foreign { token.clone() } else { camel(&token) };
            is_foreign |= token == "metadata";
            name
        })
        .collect()
}
