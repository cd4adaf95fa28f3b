use actix_web::{
    http::{
        StatusCode,
        header::{self, HeaderValue},
    },
    web,
};

use crate::{
    app::App,
    http::{
        admin::{Body, Deed},
        answer::{self, Answer},
        problem::Problem,
        schema,
    },
};

/// Begins to make a read model anew from the log, beside the one that is served.
#[utoipa::path(
    post, path = "/admin/projections/{name}/rebuilds", tag = "projections", request_body = Body,
    params(("name" = String, Path)),
    responses(
        (status = 202, description = "Begun", body = schema::AnyObject),
        (status = 409, description = "`already_running`"),
    ),
)]
pub async fn handle(app: web::Data<App>, deed: Deed, name: web::Path<String>) -> Answer {
    deed.record(&app, "projection.rebuild", &name).await?;
    let rebuild = app.operators.start_rebuild(&name).await?;
    let location = HeaderValue::try_from(format!("/admin/rebuilds/{}", rebuild.id));
    let mut response = answer::json(&rebuild);
    *response.status_mut() = StatusCode::ACCEPTED;
    response.headers_mut().insert(header::LOCATION, location.map_err(|_| Problem::internal())?);
    Ok(response)
}
