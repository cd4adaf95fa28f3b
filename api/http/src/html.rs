//! Pages for people that are text: no script, nothing from elsewhere.

use actix_web::{HttpRequest, HttpResponse, http::header::HeaderValue};
use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

use super::answer::Fixed;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;\
color:#1a1a1a;background:#fff}code{font:0.9em ui-monospace,monospace;background:#f3f3f3;padding:0 .2em}\
h2{border-top:1px solid #ddd;padding-top:1rem;margin-top:2rem}\
@media(prefers-color-scheme:dark){body{color:#eee;background:#181818}\
code{background:#2a2a2a}a{color:#8bf}h2{border-color:#444}}";

/// A whole page. `content` is HTML, `title` is text.
pub fn page(request: &HttpRequest, title: &str, content: &str) -> HttpResponse {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    let policy =
        format!("default-src 'none'; style-src 'sha256-{hash}'; frame-ancestors 'none'; base-uri 'none'");
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head>\
         <body>{content}</body></html>",
        escape(title)
    );
    let policy = HeaderValue::from_str(&policy).expect("visible characters");
    Fixed::page(policy, page).answer(request)
}

pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Text with `code` in it.
pub fn prose(text: &str) -> String {
    let parts = escape(text);
    let mut html = String::new();
    for (index, part) in parts.split('`').enumerate() {
        html.push_str(match index {
            0 => "",
            _ if index % 2 == 1 => "<code>",
            _ => "</code>",
        });
        html.push_str(part);
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_can_not_become_markup() {
        assert_eq!(prose("<b> `a&b` c"), "&lt;b&gt; <code>a&amp;b</code> c");
    }
}
