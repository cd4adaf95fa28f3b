use actix_web::{HttpRequest, web};
use daybook_domain::{order::Status, policy::Action};
use daybook_projections::{Cursor, Rendering, read_models::orders::Filter};
use serde::Deserialize;
use utoipa::IntoParams;

use super::view::{PageView, View};
use crate::{
    app::App,
    auth::Caller,
    http::{
        answer::{self, Answer},
        params::{Limit, Params},
        problem::Problem,
        schema,
    },
};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Page {
    #[param(value_type = Option<schema::OrderStatus>)]
    status: Option<Status>,
    /// Whose orders. Customers see their own in any case.
    customer: Option<String>,
    #[serde(default)]
    #[param(value_type = Option<u16>, minimum = 1, maximum = 100, default = 20)]
    limit: Limit,
    /// `next` of the page before.
    after: Option<String>,
}

/// Orders, the newest first.
#[utoipa::path(
    get, path = "/v1/orders", tag = "orders", params(Page),
    responses((status = 200, description = "A page", body = PageView)),
)]
pub async fn handle(
    app: web::Data<App>,
    request: HttpRequest,
    query: Params<Page>,
    caller: Caller,
) -> Answer {
    let Page { status, customer, limit, after } = &query.params;
    let filter = Filter {
        status: *status,
        customer: whose(&caller, customer.clone())?,
        limit: limit.get(),
        after: after.as_deref().map(Cursor::decode).transpose()?,
    };
    let asked = query.asked("page");
    let page = app.queries.orders(&filter, &asked, |page| {
        let vault = app.vault.clone();
        async move {
            let view = PageView {
                data: View::of_many(&page.rows, &vault).await?,
                has_more: page.next.is_some(),
                next: page.next.as_ref().map(Cursor::encode),
            };
            Ok(Rendering { body: serde_json::to_vec(&view)?.into(), owner: None, etag: None })
        }
    });
    Ok(answer::to_query(&request, &page.await?, answer::NO_STORE))
}

/// Whose orders are listed: a customer's own, unless the caller may see all.
fn whose(caller: &Caller, named: Option<String>) -> Result<Option<String>, Problem> {
    if caller.may(Action::ListAllOrders) {
        if named.as_ref().is_some_and(|named| named.contains('\0')) {
            return Err(Problem::malformed("customer has no control characters"));
        }
        return Ok(named);
    }
    let own = &caller.0.subject;
    if named.is_some_and(|named| named != *own) {
        caller.authorize(Action::ListAllOrders, None)?;
    }
    caller.authorize(Action::ReadOrder, Some(own))?;
    Ok(Some(own.clone()))
}
