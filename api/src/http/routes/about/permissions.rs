use actix_web::HttpResponse;
use daybook_domain::policy::{RULES, Role};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::answer;

#[derive(Serialize, ToSchema)]
#[schema(as = Permissions)]
pub struct View {
    data: Vec<Permission>,
}

#[derive(Serialize, ToSchema)]
pub struct Permission {
    name: &'static str,
    /// Any of them will do; `admin` may do everything.
    roles: Vec<&'static str>,
    /// A customer may do it with what is their own.
    own: bool,
}

/// Who may do what.
#[utoipa::path(
    get, path = "/v1/permissions", tag = "about", security(()),
    responses((status = 200, description = "The rules", body = View)),
)]
pub async fn handle() -> HttpResponse {
    let rules = RULES.iter().map(|rule| Permission {
        name: rule.name,
        roles: rule.roles.iter().chain([&Role::Admin]).map(|role| role.as_str()).collect(),
        own: rule.own,
    });
    answer::public(&View { data: rules.collect() })
}
