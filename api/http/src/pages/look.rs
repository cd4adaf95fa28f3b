//! How pages look, and what is the same for all of them.

use std::sync::LazyLock;

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::header::{self, HeaderMap, HeaderValue},
};

use crate::{
    answer::{Fixed, NO_STORE},
    html::escape,
    problem::Problem,
};

pub const MEDIA_TYPE: &str = "text/html";
/// The beginning of each page.
pub const BEGINNING: &str = "<!doctype html><html lang=\"en\">";
pub const SCRIPT_PATH: &str = "/account/pages.js";
pub const STYLE_PATH: &str = "/account/pages.css";

/// All that a page needs comes from its own listener, and its forms go there. The icon is in the page itself.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'",
);
/// Without one, browsers ask the listener for an icon that it doesn't have.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E\
     %3Crect width='16' height='16' rx='3' fill='%230b4fc4'/%3E\
     %3Cpath d='M5 3h2a5 5 0 0 1 0 10H5z' fill='%23fff'/%3E%3C/svg%3E";

/// Whether what comes from this address is for people: all of it, unless the client takes no HTML.
pub fn is_for(path: &str, headers: &HeaderMap) -> bool {
    let is_here = path.strip_prefix("/account").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    // What is loaded for a page is no page.
    let is_here = is_here && !path.contains("/pages.");
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("*/*");
    is_here && [MEDIA_TYPE, "text/*", "*/*"].iter().any(|range| accept.contains(range))
}

/// A whole page. `content` is HTML, `title` is text.
pub fn page(response: HttpResponseBuilder, title: &str, content: &str) -> HttpResponse {
    whole(response, title, content, "")
}

/// A page that leads on to another one, of this server or not. `text` is what a link there says.
pub fn leading(response: HttpResponseBuilder, title: &str, to: &str, text: &str) -> HttpResponse {
    let to = escape(to);
    let content = format!("<p><a href=\"{to}\">{}</a></p>", escape(text));
    whole(response, title, &content, &format!("<meta http-equiv=\"refresh\" content=\"0;url={to}\">"))
}

fn whole(mut response: HttpResponseBuilder, title: &str, content: &str, head: &str) -> HttpResponse {
    // Without a referrer a browser sends no `Origin` with a form, either; nothing is sent to other sites as it is. Where no
    // form is, none is sent at all: the address of such a page may have the code of another issuer in it.
    let referrer = if content.contains("<form") { "same-origin" } else { "no-referrer" };
    let page = format!(
        "{BEGINNING}<head><meta charset=\"utf-8\"><title>{title} - Daybook</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"referrer\" content=\"{referrer}\">{head}\
         <link rel=\"icon\" href=\"{ICON}\">\
         <link rel=\"stylesheet\" href=\"{STYLE_PATH}\"><script src=\"{SCRIPT_PATH}\" defer></script></head>\
         <body><header><a href=\"/account\">Daybook</a></header>\
         <main><h1>{title}</h1>{content}</main></body></html>",
        title = escape(title),
    );
    response
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header(NO_STORE)
        .body(page)
}

/// What a problem with something that was filled in, or with a whole request, is told by. It has the focus when its page is
/// there, so a screen reader says it at once. A form's fields name it by its id. `label` says what a field is called.
pub fn alert(problem: &Problem, label: impl Fn(&str) -> String) -> String {
    let mistake = |error: &crate::problem::FieldError| {
        let field = error.pointer.trim_start_matches('/');
        format!("<li>{}: {}</li>", escape(&label(field)), escape(&error.detail))
    };
    let mistakes: String = problem.errors().iter().map(mistake).collect();
    let said = if mistakes.is_empty() {
        format!("<p>{}</p>", escape(&sentence(&problem.detail())))
    } else {
        // What the problem says of the request is for programs.
        format!("<p>Please look at this once more:</p><ul>{mistakes}</ul>")
    };
    let code = problem.code();
    format!("<div role=\"alert\" id=\"problem\" data-code=\"{code}\" tabindex=\"-1\" autofocus>{said}</div>")
}

/// A problem as a page of its own.
pub fn of_problem(problem: &Problem, request_id: &str) -> HttpResponse {
    let content = format!(
        "{}<p class=\"quiet\">Status {}, <a href=\"/problems/{code}\"><code>{code}</code></a>, request <code>{}</code></p>\
         <p><a href=\"/account\">Your account</a></p>",
        alert(problem, str::to_owned),
        problem.status().as_u16(),
        escape(request_id),
        code = problem.code(),
    );
    page(problem.begin(), problem.code().title(), &content)
}

pub fn script(request: &HttpRequest) -> HttpResponse {
    static SCRIPT: LazyLock<Fixed> =
        LazyLock::new(|| Fixed::new("text/javascript; charset=utf-8", include_str!("pages.js")));
    SCRIPT.answer(request)
}

pub fn style(request: &HttpRequest) -> HttpResponse {
    static STYLE: LazyLock<Fixed> =
        LazyLock::new(|| Fixed::new("text/css; charset=utf-8", include_str!("pages.css")));
    STYLE.answer(request)
}

/// With a capital letter in front and a full stop behind.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first: String = characters.next().into_iter().flat_map(char::to_uppercase).collect();
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", characters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a path beside the pages that is shown as one, and a program that is sent HTML.
    #[test]
    fn pages_are_what_browsers_ask_for_below_account() {
        let asked = |path: &str, accept: &str| {
            let accept = accept.parse().expect("a header's value");
            is_for(path, &[(header::ACCEPT, accept)].into_iter().collect())
        };
        assert!(asked("/account", "text/html,*/*;q=0.8") && asked("/account/log-in", "*/*"));
        assert!(is_for("/account/nothing", &HeaderMap::new()));
        assert!(!asked("/account/log-in", "application/json") && !asked("/accounts", "*/*"));
    }
}
