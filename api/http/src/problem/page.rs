//! The page that a problem's `type` leads to.

use actix_web::{HttpRequest, HttpResponse};
use daybook_domain::Code;

use super::{Problem, catalogue};
use crate::html;

pub fn page(request: &HttpRequest, code: &str) -> Result<HttpResponse, Problem> {
    let code = catalogue::find(code).ok_or_else(Problem::not_found)?;
    Ok(html::page(request, code.title(), &content(code)))
}

fn content(code: Code) -> String {
    format!(
        "<h1>{}</h1><p><code>{code}</code>, status {}</p>{}<p><a href=\"/docs\">All of the API</a></p>",
        html::escape(code.title()),
        catalogue::status(code.kind()).as_u16(),
        render(code.page()),
    )
}

/// Renders as much of Markdown as the pages use: headings, paragraphs and `code`. All else is text.
fn render(markdown: &str) -> String {
    let block = |block: &str| match block.strip_prefix("## ") {
        Some(heading) => format!("<h2>{}</h2>", html::prose(heading)),
        None => format!("<p>{}</p>", html::prose(block)),
    };
    markdown.trim().split("\n\n").map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_text_with_headings_and_code() {
        assert_eq!(
            render("It <b>isn't</b>\nthere & gone.\n\n## Why\n\nSend `a < b` to \"me\".\n"),
            "<p>It &lt;b&gt;isn't&lt;/b&gt;\nthere &amp; gone.</p><h2>Why</h2>\
             <p>Send <code>a &lt; b</code> to &quot;me&quot;.</p>"
        );
    }

    #[test]
    fn every_code_has_a_page_with_all_that_it_should_say() {
        for code in catalogue::catalogue() {
            let html = content(code);
            for part in ["<h1>", "<h2>Why it happens</h2><p>", "<h2>What you can do</h2><p>"] {
                assert!(html.contains(part), "{code}: {part}");
            }
            assert_eq!(html.matches("<h2>").count(), 2, "{code}");
        }
    }
}
