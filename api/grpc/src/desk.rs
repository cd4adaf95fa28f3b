//! Where calls arrive: who calls, the question that a message asks of a route, and the message that its answer makes.

use std::{collections::BTreeMap, sync::Arc};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use daybook_core::{
    admission::{Unidentified, identify},
    app::App,
    audit::Entry,
    metrics::TurnedAway,
    traffic::InFlight,
};
use daybook_domain::{Position, code::Kind};
use daybook_http::{
    asked::{Ask, Question, Reply, Said},
    context::{self, RequestContext},
    problem::Problem,
    routes,
};
use daybook_rpc::caller::{self, Call};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use tonic::{Extensions, Request, Response, Status, metadata::MetadataMap};
use url::form_urlencoded::Serializer;

use crate::{deadline, json, status};

/// The members of messages that are called otherwise in query strings.
const PARAMETERS: [(&str, &str); 5] = [
    ("page_size", "limit"),
    ("page_token", "after"),
    ("query", "q"),
    ("placed_from", "placed_at[gte]"),
    ("placed_before", "placed_at[lt]"),
];
/// Routes whose body is one member of the message.
const BODIES: [(&str, &str); 1] = [("product.set_price", "price")];
/// Headers of HTTP that metadata have, too.
const HEADERS: [HeaderName; 1] = [context::IDEMPOTENCY_KEY];

/// Shared by all services.
#[derive(Clone)]
pub struct Desk {
    pub app: Arc<App>,
    /// What routes do, by their names.
    asks: Arc<BTreeMap<String, Asked>>,
}

struct Asked {
    ask: Ask,
    /// The members of a message that name the thing, as the route's path does.
    named: Vec<String>,
    /// The member that is the body, if it isn't the message.
    body: Option<&'static str>,
}

/// Someone who was let in.
pub struct Caller {
    pub context: Arc<RequestContext>,
    /// Metadata, as HTTP reads them.
    headers: HeaderMap,
    pub token: Option<String>,
    _in_flight: InFlight,
}

impl Desk {
    pub fn new(app: &Arc<App>) -> Self {
        let asks = routes::api().into_iter().filter_map(|route| {
            let (ask, name, named) = (route.ask?, route.about.name, route.about.in_path);
            let body = BODIES.iter().find(|(route, _)| *route == name).map(|(_, member)| *member);
            Some((name, Asked { ask, named, body }))
        });
        Self { app: Arc::clone(app), asks: Arc::new(asks.collect()) }
    }

    /// Does the command of the route `name`, and shows what it came to in the member `shown` of the answer.
    pub async fn command<Q: Serialize, A: DeserializeOwned>(
        &self,
        request: Request<Q>,
        name: &str,
        shown: &str,
    ) -> Result<Response<A>, Status> {
        self.command_with(request, name, shown, |_, _| Ok(())).await
    }

    /// The same. `adapt` makes the body of what the message says.
    pub async fn command_with<Q: Serialize, A: DeserializeOwned>(
        &self,
        request: Request<Q>,
        name: &str,
        shown: &str,
        adapt: impl FnOnce(&Q, &mut Map<String, Value>) -> Result<(), Problem>,
    ) -> Result<Response<A>, Status> {
        self.answer(
            request,
            name,
            |message, caller, asked| {
                let mut members = members(&message)?;
                let key = key(&mut members, caller)?;
                let expected = members.remove("expected_version").and_then(|version| version.as_i64());
                let ids = ids(asked, &mut members);
                adapt(&message, &mut members)?;
                if let Some(member) = asked.body {
                    members =
                        members.remove(member).and_then(|body| body.as_object().cloned()).unwrap_or_default();
                }
                let body = serde_json::to_vec(&members).map_err(|_| Problem::internal())?;
                let said = Said::Command { body, key, if_match: expected.map(|version| vec![version]) };
                Ok((ids, said))
            },
            |Reply { view, position, replayed, .. }| {
                message([(shown, view), ("position", position.0.into()), ("replayed", replayed.into())])
            },
        )
        .await
    }

    /// Shows what the read of the route `name` finds: a thing, or the rows of a page, in the member `shown`.
    pub async fn read<Q: Serialize, A: DeserializeOwned>(
        &self,
        request: Request<Q>,
        name: &str,
        shown: &str,
    ) -> Result<Response<A>, Status> {
        self.answer(
            request,
            name,
            |message, _, asked| {
                let mut members = members(&message)?;
                let min_position = members.remove("min_position").and_then(|position| position.as_i64());
                if min_position.is_some_and(|position| position < 0) {
                    return Err(Problem::malformed("min_position is a position as it was received"));
                }
                let ids = ids(asked, &mut members);
                Ok((ids, Said::Read { query: query(&members), min_position: min_position.map(Position) }))
            },
            |Reply { mut view, position, .. }| {
                let next = view.get_mut("next").map(Value::take).filter(|next| !next.is_null());
                let found = view.get_mut("data").map(Value::take).unwrap_or(view);
                let next = next.unwrap_or_else(|| "".into());
                message([(shown, found), ("next_page_token", next), ("position", position.0.into())])
            },
        )
        .await
    }

    async fn answer<Q, A>(
        &self,
        request: Request<Q>,
        name: &str,
        question: impl FnOnce(Q, &Caller, &Asked) -> Result<(Vec<String>, Said), Problem>,
        told: impl FnOnce(Reply) -> Result<A, Problem>,
    ) -> Result<Response<A>, Status> {
        let (metadata, extensions, message) = request.into_parts();
        let caller = self.admit(&metadata, &extensions).await?;
        let asked = self.asks.get(name).ok_or_else(Problem::internal);
        let (asked, app) = (asked.map_err(|problem| self.refuse(&caller, &extensions, &problem))?, &self.app);
        let answered = async {
            let (ids, said) = question(message, &caller, asked)?;
            let (app, context) = (Arc::clone(app), Arc::clone(&caller.context));
            let reply = (asked.ask)(Question { app, context, ids, said }).await;
            told(reply.map_err(|problem| match asked.body {
                Some(member) => problem.within(member),
                None => problem,
            })?)
        };
        // Answers wait for the deadline themselves, and say more of it.
        let answered: Result<A, Problem> = answered.await;
        answered.map(Response::new).map_err(|problem| self.refuse(&caller, &extensions, &problem))
    }

    /// Lets a call in: there must be room for it, its token must be valid, and its caller must not ask too often.
    pub async fn admit(&self, metadata: &MetadataMap, extensions: &Extensions) -> Result<Caller, Status> {
        let call = caller::call(extensions);
        self.enter(metadata, call).await.map_err(|problem| {
            if problem.code().kind() == Kind::TooOften {
                TurnedAway::RateLimited.count();
            }
            status::of(&problem, &call.request_id)
        })
    }

    async fn enter(&self, metadata: &MetadataMap, call: &Call) -> Result<Caller, Problem> {
        let app = &self.app;
        if app.traffic.is_draining() {
            TurnedAway::Draining.count();
            return Err(Problem::unavailable());
        }
        let (in_flight, count) = app.traffic.enter();
        if count > app.limits.max_in_flight {
            TurnedAway::Overloaded.count();
            return Err(Problem::overloaded());
        }
        let token = caller::presented_token(metadata).map_err(|_| Problem::invalid_token())?;
        let actor = match &token {
            None => {
                app.rates.address(call.address)?;
                None
            }
            Some(token) => match identify(app, token, call.address).await {
                Ok((actor, _)) => Some(actor),
                Err(Unidentified::Refused(refused)) => return Err(refused.into()),
                Err(Unidentified::TooOften(exceeded)) => return Err(exceeded.into()),
                Err(Unidentified::Unknown) => return Err(Problem::unavailable()),
            },
        };
        let headers = headers(metadata);
        let deadline = deadline::of(metadata, call.started, &app.limits)?;
        let context = RequestContext {
            request_id: call.request_id.clone(),
            traceparent: call.traceparent.clone(),
            address: call.address,
            deadline,
            actor,
        };
        Ok(Caller { context: Arc::new(context), headers, token, _in_flight: in_flight })
    }

    /// How a caller is told of a problem. That they may not do something is noted.
    pub fn refuse(&self, caller: &Caller, extensions: &Extensions, problem: &Problem) -> Status {
        let context = &caller.context;
        if problem.code().kind() == Kind::Forbidden {
            let path = &caller::call(extensions).path;
            self.app.audit.refused(Entry {
                actor: context.actor.as_ref().map(|actor| actor.subject.clone()).unwrap_or_default(),
                action: path.trim_start_matches('/').to_owned(),
                target: path.clone(),
                outcome: "forbidden",
                reason: None,
                request_id: context.request_id.clone(),
                address: context.address,
            });
        }
        status::of(problem, &context.request_id)
    }
}

/// Those metadata that are headers of HTTP. What can't be read is none that is valid.
fn headers(metadata: &MetadataMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for name in HEADERS {
        for value in metadata.get_all(name.as_str()) {
            if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                headers.append(name.clone(), value);
            }
        }
    }
    headers
}

fn members(message: &impl Serialize) -> Result<Map<String, Value>, Problem> {
    json::object(message).map_err(|error| Problem::malformed(error.to_string()))
}

/// The idempotency key: of the message, or of the metadata.
fn key(members: &mut Map<String, Value>, caller: &Caller) -> Result<Option<String>, Problem> {
    let said = members.remove("idempotency_key").and_then(|key| key.as_str().map(str::to_owned));
    let said = said.filter(|key| !key.is_empty());
    match (said, context::idempotency_key(&caller.headers)?) {
        (Some(said), Some(other)) if said != other => Err(Problem::malformed(
            "idempotency_key and metadata idempotency-key are the same, if both are given",
        )),
        (said, other) => Ok(said.or(other)),
    }
}

fn ids(asked: &Asked, members: &mut Map<String, Value>) -> Vec<String> {
    let named = asked.named.iter().filter_map(|name| members.remove(name));
    named.filter_map(|id| id.as_str().map(str::to_owned)).collect()
}

/// The members as parameters. An empty token and a size of 0 say nothing.
fn query(members: &Map<String, Value>) -> String {
    let mut query = Serializer::new(String::new());
    for (name, value) in members {
        let says_nothing = match name.as_str() {
            "page_token" => *value == "",
            "page_size" => *value == 0,
            _ => false,
        };
        if says_nothing {
            continue;
        }
        let renamed =
            PARAMETERS.iter().find(|(ours, _)| ours == name).map_or(name.as_str(), |(_, theirs)| theirs);
        match value {
            Value::String(text) => drop(query.append_pair(renamed, text)),
            other => drop(query.append_pair(renamed, &other.to_string())),
        }
    }
    query.finish()
}

/// A message with these members.
fn message<A: DeserializeOwned, const N: usize>(members: [(&str, Value); N]) -> Result<A, Problem> {
    let members = members.into_iter().map(|(name, value)| (name.to_owned(), value));
    serde_json::from_value(Value::Object(members.collect())).map_err(|_| Problem::internal())
}
