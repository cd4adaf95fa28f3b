use actix_web::{HttpRequest, web};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    app::App,
    http::{
        admin::Operator,
        answer::{self, Answer},
        params::{self, Flag},
        schema,
    },
};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// The resolved ones too.
    #[serde(default)]
    #[param(value_type = bool)]
    all: Flag,
}

/// Open dead letters, the newest first.
#[utoipa::path(
    get, path = "/admin/dead-letters", tag = "dead letters", params(Which),
    responses((status = 200, description = "At most 1,000 of them", body = Vec<schema::AnyObject>)),
)]
pub async fn handle(app: web::Data<App>, request: HttpRequest, _: Operator) -> Answer {
    let Which { all: Flag(all) } = params::query(request.query_string())?;
    Ok(answer::json(&app.operators.dead_letters(!all).await?))
}
