use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::{
    app::App,
    http::{answer, schema},
};

/// The public keys that tokens of this server can be checked with (RFC 7517).
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "about", security(()),
    responses((status = 200, description = "The keys", body = schema::AnyObject)),
)]
pub async fn handle(app: web::Data<App>) -> HttpResponse {
    let keys: Vec<_> = app.published_key.iter().collect();
    answer::public(&json!({ "keys": keys }))
}
