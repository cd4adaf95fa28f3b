use actix_web::{HttpRequest, web};
use daybook_domain::{
    Decider, Record,
    ids::OrderId,
    order::{Event, Order},
    policy::Action,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    app::App,
    auth::Caller,
    http::{
        answer::{self, Answer},
        params::{NoParams, Params},
        problem::Problem,
        schema,
    },
};

#[derive(Serialize, ToSchema)]
#[schema(as = OrderHistory)]
pub struct View {
    data: Vec<Change>,
}

/// Something that happened to the order.
#[derive(Serialize, ToSchema)]
pub struct Change {
    /// The version that the order had then.
    version: i64,
    position: i64,
    at: chrono::DateTime<chrono::Utc>,
    /// The name of the event.
    what: String,
    /// The subject of who did it.
    who: Option<String>,
    request_id: Option<String>,
    /// As they said, if they did.
    why: Option<String>,
    /// The rest of the event; personal data is left out.
    #[schema(value_type = schema::AnyObject)]
    details: Value,
}

/// What happened to an order, in order: who, when, what and why.
#[utoipa::path(
    get, path = "/v1/orders/{id}/history", tag = "orders",
    params(("id" = schema::OrderId, Path)),
    responses(
        (status = 200, description = "The history", body = View),
    ),
)]
pub async fn handle(
    app: web::Data<App>,
    request: HttpRequest,
    query: Params<NoParams>,
    caller: Caller,
    id: web::Path<OrderId>,
) -> Answer {
    caller.authorize(Action::ReadOrder, Some(&caller.0.subject))?;
    // It comes from the log itself, which is never behind.
    let id = id.to_string();
    let reading = app.log.stream(Order::KIND, &id, None);
    let records = tokio::time::timeout_at(query.asked("history").deadline.into(), reading)
        .await
        .map_err(|_| Problem::deadline_exceeded())??;
    let first = records.first().ok_or_else(Problem::not_found)?;
    let Ok(Event::Placed(placement)) = first.decode::<Event>() else { return Err(Problem::internal()) };
    caller.authorize(Action::ReadOrder, placement.customer.as_ref().map(|customer| customer.as_str()))?;

    let last = records.last().unwrap_or(first);
    let (etag, position) = (format!("\"{}\"", last.sequence), last.position);
    let view = View { data: records.iter().map(Change::of).collect::<Result<_, _>>()? };
    Ok(answer::fresh(&request, &view, etag, position))
}

impl Change {
    fn of(record: &Record) -> Result<Self, Problem> {
        // Whatever its version was, clients see one shape.
        let today = record.today::<Event>().map_err(|_| Problem::internal())?;
        let mut details: Value = serde_json::from_str(&today.payload).map_err(|_| Problem::internal())?;
        let mut why = None;
        if let Some(members) = details.as_object_mut() {
            members.retain(|_, value| value.get("key_id").is_none());
            why = ["reason", "override_reason"].iter().find_map(|name| members.remove(*name));
        }
        Ok(Self {
            version: record.sequence,
            position: record.position.0,
            at: record.recorded_at,
            what: record.event_type.clone(),
            who: record.metadata.get("actor").cloned(),
            request_id: record.metadata.get("request_id").cloned(),
            why: why.and_then(|why| why.as_str().map(str::to_owned)),
            details,
        })
    }
}
