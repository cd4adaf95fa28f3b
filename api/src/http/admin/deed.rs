//! An operator, and what an operator is about to do.

use std::{
    future::{Future, Ready, ready},
    pin::Pin,
    sync::Arc,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use daybook_domain::{
    policy::{Action, Actor},
    text::Reason,
};
use serde::{Deserialize, de::DeserializeOwned};
use utoipa::ToSchema;

use crate::{
    app::App,
    audit,
    auth::Caller,
    http::{answer, body, context, problem::Problem, schema},
};

/// Somebody who may look at and change the running system.
pub struct Operator(Arc<Actor>);

/// A change that an operator asked for, with their reason.
pub struct Deed<B = Body> {
    operator: Operator,
    request_id: String,
    pub body: B,
}

/// What an operator sends with a change.
pub trait Reasoned: DeserializeOwned + 'static {
    fn reason(&self) -> Option<&Reason>;
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Reasoned)]
pub struct Body {
    #[schema(value_type = Option<schema::Reason>)]
    reason: Option<Reason>,
}

impl Reasoned for Body {
    fn reason(&self) -> Option<&Reason> {
        self.reason.as_ref()
    }
}

impl<B: Reasoned> Deed<B> {
    /// Notes that it is about to be done. Without that note it must not be.
    pub async fn record(&self, app: &App, action: &str, target: impl ToString) -> Result<(), Problem> {
        let entry = audit::Entry {
            actor: self.operator.0.subject.clone(),
            action: action.to_owned(),
            target: target.to_string(),
            outcome: "allowed",
            reason: self.reason().map(str::to_owned),
            request_id: self.request_id.clone(),
        };
        Ok(app.audit.record(&entry).await?)
    }

    pub fn reason(&self) -> Option<&str> {
        self.body.reason().map(Reason::as_str)
    }
}

fn operator(request: &HttpRequest) -> Result<Operator, Problem> {
    let actor = context::of(request).actor.clone().ok_or_else(Problem::unauthenticated)?;
    Caller(actor.clone()).authorize(Action::Operate, None)?;
    answer::check_acceptable(request, &["application/json"])?;
    Ok(Operator(actor))
}

impl FromRequest for Operator {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(operator(request))
    }
}

impl<B: Reasoned> FromRequest for Deed<B> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let mut payload = payload.take();
        Box::pin(async move {
            let operator = operator(&request)?;
            let app = request.app_data::<web::Data<App>>().expect("every route has the app");
            let limits = &app.limits;
            let bytes = body::read(request.headers(), &mut payload, limits).await?;
            if !bytes.is_empty() {
                body::check_media_type(request.headers())?;
            }
            let request_id = context::of(&request).request_id.clone();
            Ok(Self { operator, request_id, body: body::parse(&bytes)? })
        })
    }
}
