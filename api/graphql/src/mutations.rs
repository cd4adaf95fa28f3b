//! Commands as fields of the root: what goes in, what comes out, and how one is refused.

use async_graphql::dynamic::TypeRef;
use daybook_domain::code::{Code, Kind as CodeKind};
use daybook_http::{about::Kind, problem::catalogue, route::Route};
use serde_json::{Value, json};

use crate::{
    names::{NODES, camel, capital, root},
    offer::{Offer, taken},
    types::{Field, Maker, Named, Object, Source, Whole, list_of, nn},
};

pub const USER_ERROR_CODE: &str = "UserErrorCode";
/// The member of a payload that says whether it is the answer of an earlier command.
pub const REPLAYED: &str = "replayed";
/// How rules of the business, and what came in, are refused: in the payload of a command.
const USER_ERRORS: [CodeKind; 3] = [CodeKind::Invalid, CodeKind::Conflict, CodeKind::Stale];

/// Whether it is told in `userErrors`.
pub fn is_user_error(kind: CodeKind) -> bool {
    USER_ERRORS.contains(&kind)
}

/// The codes that commands are refused with, as far as clients can mend it.
pub fn codes(routes: &[Route]) -> Named {
    let commands = routes.iter().filter(|route| matches!(route.about.kind, Kind::Command { .. }));
    let told: Vec<Code> = commands.flat_map(|route| route.about.kind.codes(true, true)).collect();
    let words = catalogue().filter(|code| is_user_error(code.kind()) && told.contains(code));
    Named::Enum {
        words: words.map(|code| code.as_str().to_owned()).collect(),
        about: "Why a command is refused. `GET /problems/{code}` has a page about each.".to_owned(),
    }
}

/// The field of a command.
pub fn mutation(maker: &mut Maker, offer: &Offer<'_>, needs_key: bool) -> Field {
    let name = root(offer.name);
    let body = maker.resolved(&offer.body);
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
    let schema = maker.resolved(&offer.answer);
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
        let is_of = |thing: &str| offer.name.strip_prefix(thing).is_some_and(|rest| rest.starts_with('.'));
        if let (Some((kind, ..)), "id") = (NODES.iter().find(|(.., read)| is_of(read)), field.name.as_str()) {
            field.ty = TypeRef::named(TypeRef::ID);
            field.about = "To be sent to `node`".to_owned();
            field.source = Source::Id { kind, member: "id" };
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
