//! The one table of what a listener serves. A route is a value that is made by one of the functions here,
//! each of which reads all that its kind of route takes, so no route can leave a step out.
//!
//! Every request passes the same steps, in this order:
//! 1. who calls, and whether there is room for it ([`observe`](super::observe), also where there is no route);
//! 2. the door: may this caller do such a thing to anything at all ([`Door`])? A refusal is audited;
//! 3. syntax: `Accept` and `Daybook-Min-Position`, the path, the query, other headers, and the body last;
//! 4. what this very request demands, its preconditions, and the use case or read itself, which are not
//!    HTTP's business;
//! 5. the answer: its position, its headers.

use std::{
    future::{Future, ready},
    rc::Rc,
    sync::Arc,
    time::Instant,
};

use actix_web::{
    HttpRequest, HttpResponse,
    dev::Payload,
    guard,
    http::{
        Method, StatusCode,
        header::{self, HeaderValue},
    },
    web::{self, Data, ServiceConfig},
};
use daybook_commands::{Request, UseCase};
use daybook_core::{
    app::App,
    audit,
    reads::{Access, Read},
};
use daybook_domain::{
    Code, Position,
    policy::{Action, Actor},
    text::Reason,
};
use futures::future::LocalBoxFuture;
use serde::{Serialize, de::DeserializeOwned};
use utoipa::{IntoParams, ToSchema};

use super::{
    about::{About, Kind},
    answer::{self, Answer, DAYBOOK_POSITION, Told},
    arrived::{Arrived, Body, InPath, NoQuery},
    asked::{self, Ask},
    compression, context, negotiation,
    problem::Problem,
};

pub const JSON: &[&str] = &["application/json"];

/// One method of one path.
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub door: Door,
    /// The media types of its answer, the usual one first.
    pub offers: &'static [&'static str],
    pub about: About,
    /// `Vary`.
    pub varies_with: Option<HeaderValue>,
    /// The same for other interfaces, if it is a command or a read.
    pub ask: Option<Ask>,
    run: Run,
}

type Run = Box<dyn Fn(Arrived) -> LocalBoxFuture<'static, Answer>>;

/// Who is let in, as far as that can be decided without reading any data.
#[derive(Debug, Clone, Copy)]
pub enum Door {
    /// Programs that watch over this process. They need no token, have no limit and leave no line in the log.
    Probe,
    /// Everyone, with or without a token.
    Open,
    /// Everyone with a token, whatever its roles are.
    Known,
    /// Callers who may do this to something.
    Action(Action),
    /// Callers who are shown something by this rule.
    Access(Access),
}

impl Door {
    fn admit(self, actor: Option<&Actor>) -> Result<(), Problem> {
        match self {
            Self::Probe | Self::Open => Ok(()),
            Self::Known => actor.map(drop).ok_or_else(Problem::unauthenticated),
            Self::Access(access) => Ok(access.admit(actor).map(|_| ())?),
            Self::Action(action) => {
                let actor = actor.ok_or_else(Problem::unauthenticated)?;
                let denied = daybook_domain::policy::may_ever(actor, action).is_err();
                if denied { Err(Problem::forbidden(action.rule().name)) } else { Ok(()) }
            }
        }
    }
}

/// A command: what is in path and body becomes a request, and its outcome the answer.
pub fn command<P, B, R>(method: Method, path: &'static str, summary: &str, ask: fn(P, B) -> R) -> Route
where
    P: InPath,
    B: Body,
    R: Request,
    <R::UseCase as UseCase>::Outcome: Told,
{
    let about = About::new(R::UseCase::NAME, path, summary, Kind::of::<R::UseCase>())
        .path::<P>()
        .body::<B>(&method)
        .answer::<<<R::UseCase as UseCase>::Outcome as Told>::Answer>(if R::UseCase::CREATES {
            201
        } else {
            200
        });
    let run = move |mut arrived: Arrived| async move {
        let id = arrived.path::<P>()?;
        arrived.query::<NoQuery>()?;
        let conditions = arrived.command_conditions::<R::UseCase>()?;
        let (body, bytes) = arrived.body::<B>().await?;
        let context = arrived.command_context(conditions, &bytes)?;
        let commands = arrived.app.commands();
        let done = commands.ask(context, ask(id, body), &arrived.app.vault).await?;
        Ok(answer::to_command::<R::UseCase>(done, path))
    };
    Route::new(method, path, Door::Action(R::UseCase::ACTION), JSON, about, run).asked_by(asked::command(ask))
}

/// A read: what is in path and query becomes a read, and its view the answer.
pub fn read<P, Q, R>(path: &'static str, summary: &str, find: fn(P, Q) -> R) -> Route
where
    P: InPath,
    Q: DeserializeOwned + IntoParams + 'static,
    R: Read + 'static,
{
    let about = About::new(R::NAME, path, summary, Kind::Read(R::ACCESS))
        .path::<P>()
        .query::<Q>()
        .answer::<R::View>(200);
    let run = move |arrived: Arrived| async move {
        let read = find(arrived.path::<P>()?, arrived.query::<Q>()?);
        let found = arrived.app.reads.find(&read, arrived.actor(), arrived.read_conditions()).await?;
        Ok(answer::to_read(&arrived.request, &found))
    };
    Route::new(Method::GET, path, Door::Access(R::ACCESS), JSON, about, run).asked_by(asked::read(find))
}

/// What an operator looks at.
pub fn look<P, Q, V, F>(
    name: &'static str,
    path: &'static str,
    summary: &str,
    find: fn(Data<App>, P, Q) -> F,
) -> Route
where
    P: InPath,
    Q: DeserializeOwned + IntoParams + 'static,
    V: Serialize + ToSchema + 'static,
    F: Future<Output = Result<V, Problem>> + 'static,
{
    let about = About::new(name, path, summary, Kind::Look).path::<P>().query::<Q>().answer::<V>(200);
    let run = move |arrived: Arrived| async move {
        let (id, query) = (arrived.path::<P>()?, arrived.query::<Q>()?);
        let view = context::in_time(arrived.context.deadline, find(arrived.app.clone(), id, query)).await?;
        Ok(answer::json(&view))
    };
    Route::new(Method::GET, path, Door::Action(Action::Operate), JSON, about, run)
}

/// What the answers of a route see of the log.
enum Seen {
    /// All that is there.
    Now,
    /// What a read model has come to, which waits for a position that is asked for.
    Later,
    Nothing,
}

/// What an operator sends with a deed.
pub trait Reasoned: Body {
    fn reason(&self) -> Option<&Reason>;

    /// What is done to what, where the body says it: to be noted instead of the route's name and path.
    fn deed(&self) -> Option<(String, String)> {
        None
    }

    /// What it needs beside what every operator may do, where the body says it.
    fn demands(&self) -> Option<Action> {
        None
    }
}

/// The answer to something that was done.
pub trait Reply: 'static {
    type View: Serialize + ToSchema + 'static;
    const STATUS: StatusCode;

    /// What is shown, and where the deed can be looked at if it goes on after the answer.
    fn parts(self) -> (Self::View, Option<String>);
}

/// It is done.
pub struct Did<V>(pub V);

impl<V: Serialize + ToSchema + 'static> Reply for Did<V> {
    type View = V;
    const STATUS: StatusCode = StatusCode::OK;

    fn parts(self) -> (V, Option<String>) {
        (self.0, None)
    }
}

/// It goes on, and can be looked at in that place.
pub struct Began<V> {
    pub view: V,
    pub location: String,
}

impl<V: Serialize + ToSchema + 'static> Reply for Began<V> {
    type View = V;
    const STATUS: StatusCode = StatusCode::ACCEPTED;

    fn parts(self) -> (V, Option<String>) {
        (self.view, Some(self.location))
    }
}

/// What an operator does. It is noted before it is done: without that note it must not be. `refusals` are the codes
/// of rules that may refuse it.
pub fn deed<P, B, R, F>(
    name: &'static str,
    method: Method,
    path: &'static str,
    summary: &str,
    refusals: &'static [Code],
    act: fn(Data<App>, P, B) -> F,
) -> Route
where
    P: InPath,
    B: Reasoned,
    R: Reply,
    F: Future<Output = Result<R, Problem>> + 'static,
{
    let about = About::new(name, path, summary, Kind::Deed { refusals })
        .path::<P>()
        .body::<B>(&method)
        .answer::<R::View>(R::STATUS.as_u16());
    let run = move |mut arrived: Arrived| async move {
        let id = arrived.path::<P>()?;
        arrived.query::<NoQuery>()?;
        let (body, _) = arrived.body::<B>().await?;
        if let Some(action) = body.demands() {
            Door::Action(action).admit(arrived.actor())?;
        }
        let (action, target) = body.deed().unwrap_or_else(|| (name.to_owned(), id.target()));
        let entry = audit::Entry {
            actor: arrived.actor().map(|actor| actor.subject.clone()).unwrap_or_default(),
            action,
            target,
            outcome: "allowed",
            reason: body.reason().map(Reason::to_string),
            request_id: arrived.context.request_id.clone(),
            address: arrived.context.address,
        };
        arrived.app.audit.record(&entry).await?;
        let (view, goes_on_at) = act(arrived.app.clone(), id, body).await?.parts();
        let mut response = answer::json(&view);
        *response.status_mut() = R::STATUS;
        if let Some(location) = goes_on_at {
            let location = location.try_into().map_err(|_| Problem::internal())?;
            response.headers_mut().insert(header::LOCATION, location);
        }
        Ok(response)
    };
    Route::new(method, path, Door::Action(Action::Operate), JSON, about, run)
}

/// Anything else that is read: a document, a page, a stream.
pub fn other<P, Q, F>(
    path: &'static str,
    door: Door,
    offers: &'static [&'static str],
    about: About,
    answer: fn(Arrived, P, Q) -> F,
) -> Route
where
    P: InPath,
    Q: DeserializeOwned + IntoParams + 'static,
    F: Future<Output = Answer> + 'static,
{
    let about = about.path::<P>().query::<Q>();
    let run = move |arrived: Arrived| async move {
        let (id, query) = (arrived.path::<P>()?, arrived.query::<Q>()?);
        answer(arrived, id, query).await
    };
    Route::new(Method::GET, path, door, offers, about, run)
}

impl Route {
    /// One that reads by itself what it takes, `Accept` and `Daybook-Min-Position` excepted.
    pub fn new<F>(
        method: Method,
        path: &'static str,
        door: Door,
        offers: &'static [&'static str],
        about: About,
        run: impl Fn(Arrived) -> F + 'static,
    ) -> Self
    where
        F: Future<Output = Answer> + 'static,
    {
        let varies_with = varies_with(door, offers);
        let run = Box::new(move |arrived| Box::pin(run(arrived)) as LocalBoxFuture<'static, Answer>);
        Self { method, path, door, offers, about, varies_with, ask: None, run }
    }

    /// The same route, which other interfaces ask in this way.
    #[must_use]
    pub fn asked_by(self, ask: Ask) -> Self {
        let door = self.door;
        let behind_the_door: Ask = Arc::new(move |question| match door.admit(question.actor()) {
            Ok(()) => ask(question),
            Err(problem) => Box::pin(ready(Err(problem))),
        });
        Self { ask: Some(behind_the_door), ..self }
    }

    async fn pass(&self, request: HttpRequest, payload: Payload) -> Answer {
        let context = context::of(&request);
        self.door.admit(context.actor.as_deref())?;
        let form = negotiation::preferred(&request, self.offers)?;
        let min_position = context::min_position(request.headers())?;
        let app = request.app_data::<Data<App>>().expect("every route has the app").clone();
        if let Seen::Now = self.sees() {
            refuse_ahead(&app, min_position, context.deadline).await?;
        }
        // Before it looks at anything. Commands and reads know better what they have seen.
        let seen = app.live.head();
        let arrived = Arrived { app, request: request.clone(), payload, context, form, min_position };
        let mut response = compression::compress(&request, (self.run)(arrived).await?).await?;
        // What was not understood has looked at nothing.
        if response.status().is_client_error() {
            return Ok(response);
        }
        if !response.headers().contains_key(DAYBOOK_POSITION) {
            answer::tell_position(&mut response, seen);
        }
        if let Some(vary) = &self.varies_with {
            response.headers_mut().insert(header::VARY, vary.clone());
        }
        Ok(response)
    }

    /// What its answers see of the log.
    fn sees(&self) -> Seen {
        match self.about.kind {
            Kind::Read(_) | Kind::Graph => Seen::Later,
            Kind::Command { .. }
            | Kind::Identity { .. }
            | Kind::Own
            | Kind::Look
            | Kind::Deed { .. }
            | Kind::Stream => Seen::Now,
            Kind::Page { .. } | Kind::Document | Kind::Probe => Seen::Nothing,
        }
    }
}

/// Refuses a position that the log has not come to. What this process has seen of it needs no database to be known.
pub async fn refuse_ahead(
    app: &App,
    min_position: Option<Position>,
    deadline: Instant,
) -> Result<(), Problem> {
    let Some(position) = min_position.filter(|position| *position > app.live.head()) else { return Ok(()) };
    let head = context::in_time(deadline, app.log.head()).await?;
    if position > head { Err(Problem::ahead(head)) } else { Ok(()) }
}

/// Headers of a request that its answer depends on (RFC 9110, section 12.5.5). What everyone sees of a thing is
/// compressed, and differs from what its keepers see.
fn varies_with(door: Door, offers: &[&str]) -> Option<HeaderValue> {
    let is_by_caller = !matches!(door, Door::Probe | Door::Open);
    let is_for_everyone = matches!(door, Door::Open | Door::Access(Access::Public(_)));
    let names =
        [("authorization", is_by_caller), ("accept", offers.len() > 1), ("accept-encoding", is_for_everyone)];
    let names: Vec<&str> = names.into_iter().filter(|(_, depends)| *depends).map(|(name, _)| name).collect();
    (!names.is_empty()).then(|| HeaderValue::from_str(&names.join(", ")).expect("names of headers"))
}

/// The paths of those routes that programs watch over this process with.
pub fn probes(routes: &[Route]) -> Vec<&'static str> {
    let probes = routes.iter().filter(|route| matches!(route.door, Door::Probe));
    probes.map(|route| route.path).collect()
}

/// Adds the routes: a resource for each path, which answers other methods with 405.
pub fn serve(routes: Vec<Route>, app: &mut ServiceConfig) {
    let mut resources: Vec<(&'static str, Vec<Route>)> = Vec::new();
    for route in routes {
        match resources.iter_mut().find(|(path, _)| *path == route.path) {
            Some((_, methods)) => methods.push(route),
            None => resources.push((route.path, vec![route])),
        }
    }
    for (path, routes) in resources {
        let mut resource = web::resource(path);
        let mut allow = Vec::new();
        for route in routes {
            let method = route.method.clone();
            allow.push(method.to_string());
            let matching = if method == Method::GET {
                allow.push("HEAD".to_owned());
                web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
            } else {
                web::route().method(method)
            };
            let route = Rc::new(route);
            resource = resource.route(matching.to(move |request: HttpRequest, payload: web::Payload| {
                let route = Rc::clone(&route);
                async move { route.pass(request, payload.into_inner()).await }
            }));
        }
        let allow = allow.join(", ");
        let refuse = move || {
            let problem = Problem::method_not_allowed(&allow);
            async move { Err::<HttpResponse, Problem>(problem) }
        };
        app.service(resource.default_service(web::to(refuse)));
    }
}

/// The answer for every path that has no route.
pub async fn nothing_here() -> Answer {
    Err(Problem::not_found())
}
