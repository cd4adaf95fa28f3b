use actix_web::web;
use uuid::Uuid;

use crate::{
    app::App,
    http::{
        admin::Deed,
        answer::{self, Answer},
        schema,
    },
};

/// Gives a rebuild up. What is served stays as it is.
#[utoipa::path(
    delete, path = "/admin/rebuilds/{id}", tag = "rebuilds",
    params(("id" = Uuid, Path)),
    responses((status = 200, description = "Cancelled", body = schema::AnyObject)),
)]
pub async fn handle(app: web::Data<App>, deed: Deed, id: web::Path<Uuid>) -> Answer {
    deed.record(&app, "rebuild.cancel", *id).await?;
    app.operators.cancel_rebuild(*id).await?;
    Ok(answer::json(&app.operators.rebuild(*id).await?))
}
