use actix_web::{
    HttpRequest,
    http::header::{self, HeaderValue},
    web,
};
use daybook_domain::policy::Action;
use daybook_projections::{Cursor, Rendering, read_models::products::Filter};
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
    },
};

const MAX_SEARCH_CHARS: usize = 100;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// Part of a SKU or a name, in whatever case.
    q: Option<String>,
    #[serde(default)]
    #[param(value_type = Option<u16>, minimum = 1, maximum = 100, default = 20)]
    limit: Limit,
    /// `next` of the page before.
    after: Option<String>,
}

/// The catalogue by SKU. Products that are not published are there for merchandisers only.
#[utoipa::path(
    get, path = "/v1/products", tag = "products", security((), ("bearer" = [])), params(Page),
    responses((status = 200, description = "A page", body = PageView)),
)]
pub async fn handle(
    app: web::Data<App>,
    request: HttpRequest,
    query: Params<Page>,
    caller: Option<Caller>,
) -> Answer {
    let Page { q, limit, after } = &query.params;
    if q.as_ref().is_some_and(|q| q.chars().count() > MAX_SEARCH_CHARS || q.contains('\0')) {
        return Err(Problem::malformed("q has at most 100 characters"));
    }
    let sees_all = caller.is_some_and(|caller| caller.may(Action::ReadUnpublishedProduct));
    let filter = Filter {
        q: q.clone().filter(|q| !q.is_empty()),
        only_published: !sees_all,
        limit: limit.get(),
        after: after.as_deref().map(Cursor::decode).transpose()?,
    };
    let asked = query.asked("page");
    let page = app.queries.products(&filter, &asked, |page| async move {
        let view = PageView {
            data: page.rows.iter().map(View::of).collect(),
            has_more: page.next.is_some(),
            next: page.next.as_ref().map(Cursor::encode),
        };
        Ok(Rendering { body: serde_json::to_vec(&view)?.into(), owner: None, etag: None })
    });
    let cache = if sees_all { answer::NO_STORE } else { answer::PUBLIC };
    let mut response = answer::to_query(&request, &page.await?, cache);
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Authorization"));
    Ok(response)
}
