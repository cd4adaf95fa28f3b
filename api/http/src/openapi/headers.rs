//! The headers of requests and answers, each described once.

use actix_web::http::Method;
use serde_json::{Map, Value, json};

use crate::{about::Kind, body, route::Route};

/// A header of a request that may be sent to some kinds of routes.
pub struct Sent {
    pub name: &'static str,
    description: &'static str,
    schema: fn() -> Value,
}

/// A header of an answer.
pub struct Told {
    pub name: &'static str,
    description: &'static str,
    /// Whether each answer that may have it has it.
    is_sure: bool,
    schema: fn() -> Value,
}

pub const SENT: &[Sent] = &[
    sent(
        "X-Request-Id",
        "Your name for this request, which is echoed. One that can't stand in a line of a log is replaced.",
        || json!({ "type": "string", "examples": ["checkout-7f3a"] }),
    ),
    sent(
        "traceparent",
        "W3C Trace Context. One that can't be read is replaced.",
        || json!({ "type": "string", "examples": ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"] }),
    ),
    sent(
        "Request-Timeout-Ms",
        "How long you wait, in milliseconds; the server has a limit of its own.",
        || json!({ "type": "integer", "format": "uint64", "minimum": 1, "maximum": u64::MAX, "examples": [5000] }),
    ),
    sent(
        KEY,
        "Your name for this command, bare or as a string of RFC 8941: sent again, it gets the same answer, for 7 days.",
        || {
            json!({ "type": "string", "minLength": 1, "maxLength": 512, "examples": ["order-4711"],
            "pattern": r#"^([!#-~][!-~]{0,254}|"([ !#-\[\]-~]|\\["\\]){1,255}")$"# })
        },
    ),
    sent("If-Match", "ETags of a thing, as they were received: 412 if it has none of them any more.", || {
        json!({ "type": "string", "minLength": 1, "examples": ["\"3\""],
            "pattern": r#"^(\*|(W/)?"[!#-~]*"(, *(W/)?"[!#-~]*")*)$"# })
    }),
    sent(
        "If-None-Match",
        "ETags that you have an answer of: 304 if one of them is still right.",
        || json!({ "type": "string", "examples": ["\"3\""] }),
    ),
    sent(
        "Daybook-Min-Position",
        "The answer waits until it has seen this position, such as a `Daybook-Position`. One beyond the head of the log is 400.",
        || json!({ "type": "integer", "format": "int64", "minimum": 0, "examples": [0] }),
    ),
    sent(
        "Last-Event-ID",
        "Of a live stream: the id of the last event that was received. It counts instead of `after`.",
        || json!({ "type": "integer", "format": "int64", "minimum": 0, "examples": [0] }),
    ),
];

const KEY: &str = "Idempotency-Key";

pub const TOLD: &[Told] = &[
    told(
        "X-Request-Id",
        "The name of this request.",
        true,
        || json!({ "type": "string", "pattern": "^[A-Za-z0-9_.:-]{1,128}$", "maxLength": 128 }),
    ),
    told(
        "Cache-Control",
        "Whether caches may keep the answer.",
        true,
        || json!({ "type": "string", "enum": ["no-store", "public, max-age=10"] }),
    ),
    told(
        "X-Content-Type-Options",
        "The content is what `Content-Type` says.",
        true,
        || json!({ "type": "string", "enum": ["nosniff"] }),
    ),
    told(
        "Referrer-Policy",
        "Links from here don't tell where they were.",
        true,
        || json!({ "type": "string", "enum": ["no-referrer"] }),
    ),
    told(
        "Content-Security-Policy",
        "What a browser may load and run: hardly anything.",
        true,
        || json!({ "type": "string", "pattern": "^default-src ", "maxLength": 500 }),
    ),
    told(
        "RateLimit",
        "What is left of the limit. Absent if the request was refused before it was counted.",
        false,
        || json!({ "type": "string", "pattern": "^\"[a-z-]+\";r=[0-9]+$", "maxLength": 100 }),
    ),
    told(
        "RateLimit-Policy",
        "The limit: how many requests (`q`) within how many seconds (`w`).",
        false,
        || json!({ "type": "string", "pattern": "^\"[a-z-]+\";", "maxLength": 100 }),
    ),
    told(
        "Daybook-Position",
        "The position of the log that this answer has seen.",
        true,
        || json!({ "type": "string", "pattern": "^[0-9]{1,19}$", "maxLength": 19 }),
    ),
    told(
        "ETag",
        "What this version of the thing is known by.",
        true,
        || json!({ "type": "string", "pattern": "^\"[!#-~]{1,64}\"$", "maxLength": 66 }),
    ),
    told(
        "Vary",
        "On which headers of the request the answer depends.",
        true,
        || json!({ "type": "string", "pattern": "^[A-Za-z-]+(, [A-Za-z-]+)*$", "maxLength": 200 }),
    ),
    told(
        "Allow",
        "The methods that would do.",
        true,
        || json!({ "type": "string", "pattern": "^[A-Z]+(, [A-Z]+)*$", "maxLength": 100 }),
    ),
    told(
        "Link",
        "Of a page of a list: the addresses of the pages `next` and `prev`, if there are such, and of the `first` \
        (RFC 8288).",
        false,
        || json!({ "type": "string", "pattern": "^<[^>]+>; rel=\"", "maxLength": 10_000 }),
    ),
    told(
        "Location",
        "Where that which was created or begun can be looked at.",
        true,
        || json!({ "type": "string", "format": "uri-reference", "pattern": "^/", "maxLength": 200 }),
    ),
    told(
        "Set-Cookie",
        "What keeps a browser logged in. It is read at the pages of accounts, or at the session of the console, only.",
        false,
        || json!({ "type": "string", "pattern": "^(__(Host|Secure)-)?daybook", "maxLength": 4096 }),
    ),
    told(
        "Idempotent-Replayed",
        "`true`: this is the answer to an earlier request with the same key.",
        false,
        || json!({ "type": "string", "enum": ["true"] }),
    ),
    told(
        "Retry-After",
        "Seconds after which it is worth trying again.",
        true,
        || json!({ "type": "integer", "format": "int32", "minimum": 1 }),
    ),
    told("WWW-Authenticate", "How to authenticate (RFC 6750).", true, || {
        let step_up = "Bearer error=\"insufficient_user_authentication\"";
        json!({ "type": "string", "enum": ["Bearer", "Bearer error=\"invalid_token\"", step_up] })
    }),
    told(
        "Accept",
        "The media types of bodies that are read here.",
        true,
        || json!({ "type": "string", "enum": ["application/json", body::FORM] }),
    ),
    told(
        "Accept-Patch",
        "The media types of patches that are read here (RFC 5789).",
        true,
        || json!({ "type": "string", "enum": [body::media_types(&Method::PATCH).join(", ")] }),
    ),
    told(
        "X-Accel-Buffering",
        "Asks proxies to pass events on as they come.",
        false,
        || json!({ "type": "string", "enum": ["no"] }),
    ),
];

const EVERYWHERE: [&str; 5] =
    ["X-Request-Id", "Cache-Control", "X-Content-Type-Options", "Referrer-Policy", "Content-Security-Policy"];

const fn sent(name: &'static str, description: &'static str, schema: fn() -> Value) -> Sent {
    Sent { name, description, schema }
}

const fn told(name: &'static str, description: &'static str, is_sure: bool, schema: fn() -> Value) -> Told {
    Told { name, description, is_sure, schema }
}

/// The headers that may be sent to such a route, and whether they must be.
pub fn sent_to(kind: Kind) -> Vec<(&'static str, bool)> {
    let mut names = vec![("X-Request-Id", false), ("traceparent", false), ("Request-Timeout-Ms", false)];
    if !matches!(kind, Kind::Page { .. } | Kind::Document | Kind::Probe) {
        names.push(("Daybook-Min-Position", false));
    }
    match kind {
        Kind::Command { needs_key, has_version, .. } => {
            names.push((KEY, needs_key));
            names.extend(has_version.then_some(("If-Match", false)));
        }
        Kind::Read(_) | Kind::Document => names.push(("If-None-Match", false)),
        Kind::Stream => names.push(("Last-Event-ID", false)),
        Kind::Own
        | Kind::Identity { .. }
        | Kind::Page { .. }
        | Kind::Look
        | Kind::Deed { .. }
        | Kind::Graph
        | Kind::Probe => {}
    }
    names
}

/// The headers of an answer of such a route with that status.
pub fn told_by(route: &Route, status: u16) -> Vec<&'static str> {
    let kind = route.about.kind;
    let mut names = EVERYWHERE.to_vec();
    if !matches!(kind, Kind::Probe) {
        names.extend(["RateLimit", "RateLimit-Policy"]);
    }
    // A probe's 503 is an answer like its 200, and no problem.
    let is_problem = status >= 400 && !(matches!(kind, Kind::Probe) && status == 503);
    if !is_problem {
        names.push("Daybook-Position");
        names.extend(route.varies_with.as_ref().map(|_| "Vary"));
        match kind {
            Kind::Command { has_version, .. } => {
                names.extend(has_version.then_some("ETag"));
                names.push("Idempotent-Replayed");
            }
            Kind::Read(_) | Kind::Document => names.push("ETag"),
            Kind::Stream => names.push("X-Accel-Buffering"),
            Kind::Own
            | Kind::Identity { .. }
            | Kind::Page { .. }
            | Kind::Look
            | Kind::Deed { .. }
            | Kind::Graph
            | Kind::Probe => {}
        }
        if route.about.is_paged() {
            names.push("Link");
        }
    }
    if matches!(kind, Kind::Page { .. }) || route.about.sets_cookies {
        names.push("Set-Cookie");
    }
    match status {
        201 | 202 if matches!(kind, Kind::Identity { .. }) => {}
        201 | 202 | 303 => names.push("Location"),
        401 => names.push("WWW-Authenticate"),
        415 if route.method == Method::PATCH => names.push("Accept-Patch"),
        415 => names.push("Accept"),
        405 => names.push("Allow"),
        429 => names.push("Retry-After"),
        503 if !matches!(kind, Kind::Probe) => names.push("Retry-After"),
        _ => {}
    }
    names
}

/// `components/parameters`. One that some routes demand has a second entry for those.
pub fn parameters() -> Value {
    let mut all = Map::new();
    for header in SENT {
        let entry = |required: bool| {
            json!({
                "name": header.name, "in": "header", "description": header.description,
                "required": required, "schema": (header.schema)(),
            })
        };
        all.insert(parameter_name(header.name, false), entry(false));
        if header.name == KEY {
            all.insert(parameter_name(header.name, true), entry(true));
        }
    }
    all.into()
}

/// The entry of a header in [`parameters`].
pub fn parameter_name(header: &str, required: bool) -> String {
    if required { format!("{header}-required") } else { header.to_owned() }
}

/// `components/headers`.
pub fn responses() -> Value {
    let entry = |header: &Told| {
        let entry = json!({
            "description": header.description, "required": header.is_sure, "schema": (header.schema)(),
        });
        (header.name.to_owned(), entry)
    };
    TOLD.iter().map(entry).collect::<Map<_, _>>().into()
}
