//! Executes a plan: first what is asked of the root, then what is looked up for it, then the answer is written.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use async_graphql::parser::types::OperationType;
use daybook_core::{app::App, audit, reads::Conditions};
use daybook_domain::{Position, code::Kind};
use daybook_http::{
    asked::{Ask, Question, Reply, Said},
    context::RequestContext,
    problem::Problem,
};
use futures::{StreamExt, stream};
use serde_json::{Map, Value, json};
use url::form_urlencoded::Serializer;

use crate::{
    failure::{Failure, Part},
    look_ups::LookUps,
    metrics::{FIELD_SECONDS, FIELDS},
    mutations::{REPLAYED, is_user_error, told},
    names::{NODES, QUERY},
    plan::{self, Plan, Step},
    types::{Field, Named, Source, Thing, Types, Whole},
    write::Writer,
};

/// Reads of one request that are under way at the same time.
const READS_AT_ONCE: usize = 4;

/// Who asks.
pub struct Caller {
    pub app: Arc<App>,
    pub context: Arc<RequestContext>,
    /// What every answer must have seen, if its field doesn't say it.
    pub min_position: Option<Position>,
}

impl Caller {
    /// The same, whose time begins anew.
    pub fn anew(&self) -> Self {
        let deadline = Instant::now() + self.app.limits.request_timeout.get();
        let context = RequestContext { deadline, ..(*self.context).clone() };
        Self { app: self.app.clone(), context: Arc::new(context), min_position: self.min_position }
    }
}

/// The answer, without the braces around it.
pub struct Executed {
    /// `"data":…`.
    pub body: Vec<u8>,
    pub failures: Vec<Failure>,
    /// How many more there were.
    pub untold: usize,
    /// Where commands are in the log, or up to where all that was read reflects it.
    pub position: Option<Position>,
}

/// What was found, or done, and where in the log that is.
pub type Found = (Value, Position);
/// What a field of the root came to.
type Answer = Result<Found, Problem>;

pub async fn run(types: &Types, caller: &Caller, plan: &Plan) -> Executed {
    let answers: Vec<Answer> = if plan.kind == OperationType::Mutation {
        let mut answers = Vec::with_capacity(plan.steps.len());
        // One after the other, as they are written.
        for step in &plan.steps {
            answers.push(ask(types, caller, step).await);
        }
        answers
    } else {
        stream::iter(&plan.steps).map(|step| ask(types, caller, step)).buffered(READS_AT_ONCE).collect().await
    };
    finish(types, caller, plan, answers).await
}

/// Makes an answer of what the fields of the root have come to.
pub async fn finish(types: &Types, caller: &Caller, plan: &Plan, answers: Vec<Answer>) -> Executed {
    let (mut root, mut failures, mut position) = (Map::new(), vec![], None);
    for (step, answer) in plan.steps.iter().zip(answers) {
        count(types, step, &answer);
        match answer {
            Ok((value, at)) => {
                if step.place.is_some() {
                    let is_mutation = plan.kind == OperationType::Mutation;
                    let join = if is_mutation { Position::max } else { Position::min };
                    position = Some(position.map_or(at, |before| join(before, at)));
                }
                root.insert(step.key.clone(), value);
            }
            Err(problem) => {
                let name = step.place.map_or("", |place| &types.field(place).name);
                note_refusal(caller, name, target(&step.arguments), &problem);
                failures.push(Failure::of(&problem, vec![Part::Key(step.key.clone())]));
            }
        }
    }
    let root = Value::Object(root);
    let object = types.object(plan::root(plan.kind)).unwrap_or_default();
    let look_ups = look_up(types, caller, &plan.steps, &root).await;
    let writer = Writer::new(types, &look_ups, b"\"data\":".to_vec());
    let (body, more, untold) = writer.write(object, &plan.steps, &root);
    failures.extend(more);
    Executed { body, failures, untold, position }
}

fn count(types: &Types, step: &Step, answer: &Answer) {
    let Some(place) = step.place else { return };
    let code = answer.as_ref().map_or_else(|problem| problem.code().as_str(), |_| "answered");
    FIELDS.with_label_values(&[types.field(place).name.as_str(), code]).inc();
}

/// Asks what a field of the root asks, and notes how long that takes.
async fn ask(types: &Types, caller: &Caller, step: &Step) -> Answer {
    let started = Instant::now();
    let answer = answer(types, caller, step).await;
    if let Some(place) = step.place {
        let name = types.field(place).name.as_str();
        FIELD_SECONDS.with_label_values(&[name]).observe(started.elapsed().as_secs_f64());
    }
    answer
}

async fn answer(types: &Types, caller: &Caller, step: &Step) -> Answer {
    let Some(place) = step.place else { return Ok((Value::Null, Position(0))) };
    let field = types.field(place);
    match &field.source {
        Source::Asked { ask, of: Whole::Payload } => command(caller, field, ask, step).await,
        Source::Asked { ask, of } => read(caller, field, ask, *of, step.arguments.clone()).await,
        Source::Node => node(types, caller, &step.arguments).await,
        _ => Err(Problem::internal()),
    }
}

async fn read(
    caller: &Caller,
    field: &Field,
    ask: &Ask,
    of: Whole,
    mut arguments: Map<String, Value>,
) -> Answer {
    let min_position = min_position(&mut arguments)?.or(caller.min_position);
    let ids = named(field, &mut arguments);
    turn(&mut arguments)?;
    let mut query = Serializer::new(String::new());
    for (name, value) in &arguments {
        match value {
            Value::Null => {}
            Value::String(text) => drop(query.append_pair(name, text)),
            other => drop(query.append_pair(name, &other.to_string())),
        }
    }
    let said = Said::Read { query: query.finish(), min_position };
    let answer = question(caller, ask, ids, said).await;
    let Reply { view, position, cursors, .. } = answer.map_err(|problem| in_our_words(field, problem))?;
    let value = match of {
        Whole::Page => page(view, cursors.as_deref().unwrap_or_default()),
        Whole::List => view["data"].clone(),
        Whole::Item | Whole::Payload => view,
    };
    Ok((value, position))
}

async fn question(caller: &Caller, ask: &Ask, ids: Vec<String>, said: Said) -> Result<Reply, Problem> {
    ask(Question { app: caller.app.clone(), context: caller.context.clone(), ids, said }).await
}

/// HTTP says of a parameter what it may be; here it has the name of its argument.
fn in_our_words(field: &Field, problem: Problem) -> Problem {
    if problem.code().kind() != Kind::Malformed {
        return problem;
    }
    let names =
        field.arguments.iter().map(|(name, taken)| (format!("{} is ", taken.name), format!("{name} is ")));
    let detail = names.fold(problem.detail(), |detail, (of_http, ours)| detail.replace(&of_http, &ours));
    Problem::new(problem.code(), detail)
}

/// Takes out the place in the log that the answer must have seen.
fn min_position(arguments: &mut Map<String, Value>) -> Result<Option<Position>, Problem> {
    match arguments.remove("min_position").and_then(|position| position.as_i64()) {
        Some(position) if position < 0 => {
            Err(Problem::malformed("minPosition is a position as it was received"))
        }
        position => Ok(position.map(Position)),
    }
}

/// Takes out what the path of the route names.
fn named(field: &Field, arguments: &mut Map<String, Value>) -> Vec<String> {
    let named = field.in_path.iter().filter_map(|name| arguments.remove(name));
    named.filter_map(|id| id.as_str().map(str::to_owned)).collect()
}

/// Takes out `last`, which goes with `before` as `first` does with `after`.
fn turn(arguments: &mut Map<String, Value>) -> Result<(), Problem> {
    let last = arguments.remove("last").filter(|last| !last.is_null());
    let is_given = |name| arguments.get(name).is_some_and(|value: &Value| !value.is_null());
    let goes_back = is_given("before");
    if (goes_back && is_given("limit")) || (!goes_back && last.is_some()) {
        return Err(Problem::malformed("first goes with after, and last with before"));
    }
    arguments.extend(last.map(|last| ("limit".to_owned(), last)));
    Ok(())
}

/// A page as a connection.
fn page(mut view: Value, cursors: &[String]) -> Value {
    let rows = match view.get_mut("data").map(Value::take) {
        Some(Value::Array(rows)) => rows,
        _ => vec![],
    };
    let (next, prev) = (!view["next"].is_null(), !view["prev"].is_null());
    let cursors = cursors.iter().map(String::as_str);
    let (start, end) = (cursors.clone().next(), cursors.clone().next_back());
    let info = json!({
        "has_next_page": next,
        "has_previous_page": prev,
        "start_cursor": start,
        "end_cursor": end,
    });
    let edges = rows.into_iter().zip(cursors).map(|(node, cursor)| json!({ "cursor": cursor, "node": node }));
    json!({ "edges": edges.collect::<Vec<_>>(), "page_info": info })
}

/// Whatever has that id.
async fn node(types: &Types, caller: &Caller, arguments: &Map<String, Value>) -> Answer {
    let id = arguments.get("id").and_then(Value::as_str).unwrap_or_default();
    let kind = NODES.iter().find(|(kind, ..)| id.starts_with(kind)).ok_or_else(Problem::not_found)?;
    let (prefix, object, name) = kind;
    let id = if prefix.ends_with('/') { &id[prefix.len()..] } else { id };
    let mut arguments = arguments.clone();
    arguments.insert("id".into(), id.into());
    let (view, position) = read_named(types, caller, name, arguments).await?;
    Ok((json!({ *object: view }), position))
}

/// Reads the one thing that the field `name` of a query finds, by its `id` in the arguments, however that is called there.
pub async fn read_named(
    types: &Types,
    caller: &Caller,
    name: &str,
    mut arguments: Map<String, Value>,
) -> Answer {
    let root = types.object(QUERY).map(|query| &types.objects[query]).ok_or_else(Problem::internal)?;
    let field = root.place(name).map(|place| &root.fields[place]).ok_or_else(Problem::internal)?;
    let (Source::Asked { ask, of }, [in_path]) = (&field.source, field.in_path.as_slice()) else {
        return Err(Problem::internal());
    };
    let id = arguments.remove("id").unwrap_or_default();
    arguments.insert(in_path.clone(), id);
    read(caller, field, ask, *of, arguments).await
}

async fn command(caller: &Caller, field: &Field, ask: &Ask, step: &Step) -> Answer {
    let input = step.arguments.get("input").and_then(Value::as_object);
    let mut body = input.cloned().unwrap_or_default();
    let ids = named(field, &mut body);
    let key = body.remove("idempotency_key").and_then(|key| key.as_str().map(str::to_owned));
    let version = body.remove("if_version").and_then(|version| version.as_i64());
    let said = Said::Command {
        body: serde_json::to_vec(&body).map_err(|_| Problem::internal())?,
        key,
        if_match: version.map(|version| vec![version]),
    };
    match question(caller, ask, ids, said).await {
        Ok(Reply { mut view, position, replayed, .. }) => {
            view[REPLAYED] = replayed.into();
            view["user_errors"] = json!([]);
            Ok((view, position))
        }
        Err(problem) if is_user_error(problem.code().kind()) => {
            Ok((json!({ REPLAYED: false, "user_errors": user_errors(&problem) }), caller.app.live.head()))
        }
        Err(problem) => Err(problem),
    }
}

fn user_errors(problem: &Problem) -> Vec<Value> {
    let (code, detail) = (problem.code().as_str(), problem.detail());
    if problem.errors().is_empty() {
        return vec![told(code, None, &detail)];
    }
    problem.errors().iter().map(|error| told(code, Some(&error.pointer), &error.detail)).collect()
}

/// Audited as a refusal over HTTP is.
fn note_refusal(caller: &Caller, name: &str, target: String, problem: &Problem) {
    if problem.code().kind() != Kind::Forbidden {
        return;
    }
    let context = &caller.context;
    caller.app.audit.refused(audit::Entry {
        actor: context.actor.as_ref().map(|actor| actor.subject.clone()).unwrap_or_default(),
        action: format!("GraphQL {name}"),
        target,
        outcome: "forbidden",
        reason: None,
        request_id: context.request_id.clone(),
        address: context.address,
    });
}

/// What it would have been done to.
fn target(arguments: &Map<String, Value>) -> String {
    let input = arguments.get("input").and_then(Value::as_object).unwrap_or(arguments);
    let id = ["id", "sku"].iter().find_map(|name| input.get(*name)?.as_str());
    id.unwrap_or("/graphql").to_owned()
}

/// Looks up what the steps name, round by round: what is found may name more.
async fn look_up(types: &Types, caller: &Caller, steps: &[Step], root: &Value) -> LookUps {
    let mut look_ups = LookUps::default();
    let asked = steps.iter().filter_map(|step| step.arguments.get("min_position")?.as_i64()).max();
    let conditions = Conditions {
        min_position: asked.map(Position).or(caller.min_position),
        deadline: caller.context.deadline,
        now: caller.app.clock.now(),
    };
    loop {
        let mut wanted =
            Wanted { types, look_ups: &look_ups, products: BTreeSet::new(), stock: BTreeSet::new() };
        wanted.of_object(steps, root);
        let Wanted { products, stock, .. } = wanted;
        if products.is_empty() && stock.is_empty() {
            return look_ups;
        }
        let actor = caller.context.actor.as_deref();
        for (ids, thing) in [(products, Thing::Product), (stock, Thing::Stock)] {
            if !ids.is_empty() {
                look_ups.read(&caller.app, actor, conditions, ids, thing).await;
                if let Some(problem) = look_ups.failure(thing) {
                    note_refusal(caller, &format!("{thing:?}"), "/graphql".to_owned(), problem);
                }
            }
        }
    }
}

/// What is to be looked up yet.
struct Wanted<'a> {
    types: &'a Types,
    look_ups: &'a LookUps,
    products: BTreeSet<String>,
    stock: BTreeSet<String>,
}

impl Wanted<'_> {
    fn of_object(&mut self, steps: &[Step], value: &Value) {
        for (step, place) in steps.iter().filter_map(|step| Some((step, step.place?))) {
            if step.within.is_empty() {
                continue;
            }
            match &self.types.field(place).source {
                Source::Member(name) => self.of_value(step, value.get(name)),
                Source::Asked { .. } | Source::Followed(_) => self.of_value(step, value.get(&step.key)),
                Source::Node => {
                    for (object, value) in
                        value.get(&step.key).and_then(Value::as_object).into_iter().flatten()
                    {
                        if let Some(Named::Object(object)) = self.types.named.get(object) {
                            self.of_object(step.of(*object), value);
                        }
                    }
                }
                Source::Nodes => {
                    let edges = value.get("edges").and_then(Value::as_array);
                    edges.into_iter().flatten().for_each(|edge| self.of_value(step, edge.get("node")));
                }
                Source::LookUp { thing, member } => {
                    let Some(id) = value.get(member).and_then(Value::as_str) else { continue };
                    match self.look_ups.get(*thing, id) {
                        None => {
                            let wanted = match thing {
                                Thing::Product => &mut self.products,
                                Thing::Stock => &mut self.stock,
                            };
                            wanted.insert(id.to_owned());
                        }
                        Some(found) => self.of_value(step, found.unwrap_or_default()),
                    }
                }
                Source::Id { .. } => {}
            }
        }
    }

    fn of_value(&mut self, step: &Step, value: Option<&Value>) {
        match value {
            Some(Value::Array(list)) => list.iter().for_each(|value| self.of_value(step, Some(value))),
            Some(value) => step.within.iter().for_each(|(_, steps)| self.of_object(steps, value)),
            None => {}
        }
    }
}
