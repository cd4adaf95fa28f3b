//! The page that a problem's `type` leads to.

use actix_web::{HttpResponse, web};

use super::{Problem, entry};
use crate::http::docs;

pub async fn page(code: web::Path<String>) -> Result<HttpResponse, Problem> {
    let entry = entry(&code).ok_or_else(Problem::not_found)?;
    let content = format!(
        "<h1>{}</h1><p><code>{}</code>, status {}</p><p>{}.</p><p><a href=\"/docs\">All of the API</a></p>",
        docs::escape(entry.title),
        entry.code,
        entry.status().as_u16(),
        docs::escape(entry.explanation),
    );
    Ok(docs::html(entry.title, &content))
}
