//! What people do with their accounts and sessions: routes that are neither commands nor reads of the shop.

use std::{future::Future, sync::Arc};

use actix_web::{
    http::{Method, StatusCode, header},
    web::Data,
};
use daybook_core::{
    admission::{self, Unidentified},
    app::App,
    auth::{LogIn, token::Presented},
    identity::asker::Asker,
};
use daybook_domain::{
    Code,
    policy::{Action, Actor},
};
use serde::{Serialize, de::DeserializeOwned};
use utoipa::{IntoParams, ToSchema};

use crate::{
    about::{About, Kind},
    answer::{self, Answer},
    arrived::{Arrived, Body, InPath, NoQuery},
    caller::presented_token,
    context,
    problem::Problem,
    route::{Door, JSON, Reply, Route},
};

/// Nothing more is to be said.
#[derive(Serialize, ToSchema)]
pub struct Empty {}

/// It was made.
pub struct Made<V>(pub V);

impl<V: Serialize + ToSchema + 'static> Reply for Made<V> {
    type View = V;
    const STATUS: StatusCode = StatusCode::CREATED;

    fn parts(self) -> (V, Option<String>) {
        (self.0, None)
    }
}

/// It will be done. Whether there is anything to do is not told.
pub struct WillBe;

impl Reply for WillBe {
    type View = Empty;
    const STATUS: StatusCode = StatusCode::ACCEPTED;

    fn parts(self) -> (Empty, Option<String>) {
        (Empty {}, None)
    }
}

/// Who has logged in with this token of a session. None, if it is no such token, or is over.
pub async fn owner(arrived: &Arrived, token: &str) -> Result<Option<(Arc<Actor>, LogIn)>, Problem> {
    let (app, address) = (&arrived.app, arrived.context.address);
    let actor = match admission::identify(app, token, address).await {
        Ok((actor, _)) => actor,
        Err(Unidentified::Refused(_)) => return Ok(None),
        Err(Unidentified::TooOften(exceeded)) => return Err(exceeded.into()),
        Err(Unidentified::Unknown) => return Err(Problem::unavailable()),
    };
    // Neither a token that was issued by hand nor an API key is a log-in.
    let log_in = app.verifier.log_in(&Presented::new(token)).filter(|log_in| log_in.session.is_some());
    Ok(log_in.map(|log_in| (actor, log_in)))
}

/// Something that is done. `refusals` are the codes of rules that may refuse it.
#[allow(clippy::too_many_arguments, reason = "they are what a route says of itself")]
pub fn act<P, B, R, F>(
    name: &'static str,
    method: Method,
    path: &'static str,
    summary: &str,
    door: Door,
    refusals: &'static [Code],
    act: fn(Data<App>, Asker, P, B) -> F,
) -> Route
where
    P: InPath,
    B: Body,
    R: Reply,
    F: Future<Output = Result<R, Problem>> + 'static,
{
    let kind = Kind::Identity { needs_token: !matches!(door, Door::Open), refusals };
    let about = About::new(name, path, summary, kind)
        .path::<P>()
        .body::<B>(&method)
        .answer::<R::View>(R::STATUS.as_u16());
    let run = move |mut arrived: Arrived| async move {
        let id = arrived.path::<P>()?;
        arrived.query::<NoQuery>()?;
        let (body, _) = arrived.body::<B>().await?;
        let asker = asker(&arrived)?;
        let done =
            context::in_time(arrived.context.deadline, act(arrived.app.clone(), asker, id, body)).await?;
        reply(done)
    };
    Route::new(method, path, door, JSON, about, run)
}

/// Something that is looked at.
pub fn show<P, Q, V, F>(
    name: &'static str,
    path: &'static str,
    summary: &str,
    action: Action,
    find: fn(Data<App>, Asker, P, Q) -> F,
) -> Route
where
    P: InPath,
    Q: DeserializeOwned + IntoParams + 'static,
    V: Serialize + ToSchema + 'static,
    F: Future<Output = Result<V, Problem>> + 'static,
{
    let kind = Kind::Identity { needs_token: true, refusals: &[] };
    let about = About::new(name, path, summary, kind).path::<P>().query::<Q>().answer::<V>(200);
    let run = move |arrived: Arrived| async move {
        let (id, query) = (arrived.path::<P>()?, arrived.query::<Q>()?);
        let asker = asker(&arrived)?;
        let view =
            context::in_time(arrived.context.deadline, find(arrived.app.clone(), asker, id, query)).await?;
        Ok(answer::json(&view))
    };
    Route::new(Method::GET, path, Door::Action(action), JSON, about, run)
}

fn reply<R: Reply>(done: R) -> Answer {
    let (view, location) = done.parts();
    let mut response = answer::json(&view);
    *response.status_mut() = R::STATUS;
    if let Some(location) = location {
        let location = location.try_into().map_err(|_| Problem::internal())?;
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// Who asks, as the services of accounts want to know it.
pub fn asker(arrived: &Arrived) -> Result<Asker, Problem> {
    let token = presented_token(arrived.request.headers())?;
    let log_in = token.and_then(|token| arrived.app.verifier.log_in(&Presented::new(token)));
    Ok(Asker { actor: arrived.context.actor.clone(), log_in, ..stranger(arrived) })
}

/// The same without a token.
pub fn stranger(arrived: &Arrived) -> Asker {
    let headers = arrived.request.headers();
    let user_agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    Asker {
        request_id: arrived.context.request_id.clone(),
        traceparent: Some(arrived.context.traceparent.clone()),
        address: Some(arrived.context.address),
        user_agent: user_agent.map(str::to_owned),
        deadline: arrived.context.deadline,
        now: arrived.app.clock.now(),
        actor: None,
        log_in: None,
    }
}
