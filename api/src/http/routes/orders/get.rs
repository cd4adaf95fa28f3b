use actix_web::{HttpRequest, web};
use daybook_domain::{ids::OrderId, policy::Action};
use daybook_projections::Rendering;

use super::view::View;
use crate::{
    app::App,
    auth::Caller,
    http::{
        answer::{self, Answer},
        params::{AsOf, AsOfParameters, Params},
        problem::Problem,
        schema,
    },
};

/// One order, today or as it was.
#[utoipa::path(
    get, path = "/v1/orders/{id}", tag = "orders",
    params(("id" = schema::OrderId, Path), AsOfParameters),
    responses(
        (status = 200, description = "The order", body = View),
    ),
)]
pub async fn handle(
    app: web::Data<App>,
    request: HttpRequest,
    query: Params<AsOf>,
    caller: Caller,
    id: web::Path<OrderId>,
) -> Answer {
    // Whoever reads no orders at all learns nothing of which there are.
    caller.authorize(Action::ReadOrder, Some(&caller.0.subject))?;
    let (id, asked) = (id.to_string(), query.asked_of_item());
    let found = app.queries.order(&id, &asked, |row| {
        let vault = app.vault.clone();
        async move {
            let body = serde_json::to_vec(&View::of(&row, &vault).await?)?.into();
            let owner = row.customer.map(String::from);
            Ok(Rendering { body, owner, etag: Some(answer::etag(row.version)) })
        }
    });
    let order = found.await?.ok_or_else(Problem::not_found)?;
    caller.authorize(Action::ReadOrder, order.served.owner.as_deref())?;
    Ok(answer::to_query(&request, &order, answer::NO_STORE))
}
