//! The console: a page for operators, made of plain modules without a build. It asks only what the operators' listener
//! answers, so there is one authorization and one audit. `session.rs` keeps its browser logged in.

mod session;

use std::{collections::BTreeMap, sync::LazyLock};

use actix_web::http::header::HeaderValue;
use serde::Deserialize;
use utoipa::openapi::{
    ObjectBuilder, RefOr,
    schema::{Schema, Type},
};

use crate::{
    about::{About, Kind},
    answer::Fixed,
    arrived::{InPath, NoQuery},
    problem::Problem,
    route::{Door, Route, other},
};

/// Everything comes from this listener, nothing is inline, and no form is sent by itself.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
     form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
);

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const ICON: &str = "image/svg+xml";

/// What the page is made of.
const FILES: &[(&str, &str, &str)] = &[
    ("api.js", SCRIPT, include_str!("api.js")),
    ("audit.js", SCRIPT, include_str!("audit.js")),
    ("configuration.js", SCRIPT, include_str!("configuration.js")),
    ("console.css", STYLE, include_str!("console.css")),
    ("deeds.js", SCRIPT, include_str!("deeds.js")),
    ("dom.js", SCRIPT, include_str!("dom.js")),
    ("entry.js", SCRIPT, include_str!("entry.js")),
    ("icon.svg", ICON, include_str!("icon.svg")),
    ("letters.js", SCRIPT, include_str!("letters.js")),
    ("levels.js", SCRIPT, include_str!("levels.js")),
    ("log.js", SCRIPT, include_str!("log.js")),
    ("main.js", SCRIPT, include_str!("main.js")),
    ("now.js", SCRIPT, include_str!("now.js")),
    ("plots.js", SCRIPT, include_str!("plots.js")),
    ("projections.js", SCRIPT, include_str!("projections.js")),
    ("stream.js", SCRIPT, include_str!("stream.js")),
    ("words.js", SCRIPT, include_str!("words.js")),
    ("workers.js", SCRIPT, include_str!("workers.js")),
];

/// Files that all have the same bytes for everyone.
static SERVED: LazyLock<BTreeMap<&str, Fixed>> = LazyLock::new(|| {
    let files = FILES.iter().map(|(name, media_type, text)| (*name, Fixed::new(media_type, *text)));
    files.collect()
});

pub fn routes() -> Vec<Route> {
    let page = About::new("console.get", "/console", "The page for operators.", Kind::Document)
        .answer_text("text/html", "<!doctype html>\n<html lang=\"en\">");
    let file =
        About::new("console_file.get", "/console/{file}", "A file that the page is made of.", Kind::Document)
            .answer_text("text/javascript", "\"use strict\";")
            .answer_text("text/css", ":root {}")
            .answer_text("image/svg+xml", "<svg/>");
    let show = other("/console", Door::Open, &["text/html"], page, |arrived, (), NoQuery {}| async move {
        static PAGE: LazyLock<Fixed> = LazyLock::new(|| Fixed::page(POLICY, include_str!("console.html")));
        Ok(PAGE.answer(&arrived.request))
    });
    let media_types = &["text/javascript", "text/css", "image/svg+xml"];
    let load = other(
        "/console/{file}",
        Door::Open,
        media_types,
        file,
        |arrived, file: File, NoQuery {}| async move {
            let found = SERVED.get(file.0.as_str()).ok_or_else(Problem::not_found)?;
            Ok(found.answer(&arrived.request))
        },
    );
    // The session comes in front of a file of any name.
    [vec![show], session::routes(), vec![load]].into_iter().flatten().collect()
}

/// The name of a file.
#[derive(Deserialize)]
#[serde(transparent)]
struct File(String);

impl InPath for File {
    fn schemas() -> Vec<RefOr<Schema>> {
        let names = FILES.iter().map(|(name, ..)| *name);
        vec![ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).into()]
    }

    fn target(&self) -> String {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a module that is imported and not served, and one that is served for nothing.
    #[test]
    fn what_the_page_and_its_modules_load_is_what_is_served() {
        let texts = FILES.iter().map(|(_, _, text)| *text).chain([include_str!("console.html")]);
        let text: String = texts.collect();
        for (name, ..) in FILES {
            let is_loaded = [format!("\"./{name}\""), format!("\"/console/{name}\"")];
            assert!(is_loaded.iter().any(|load| text.contains(load)), "{name}");
        }
        for name in text.split("\"./").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(SERVED.contains_key(name), "{name}");
        }
    }

    /// Catches: what a server says becoming markup.
    #[test]
    fn nothing_is_written_as_html() {
        for (name, _, text) in FILES {
            for way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "srcdoc"] {
                assert!(!text.contains(way), "{name}: {way}");
            }
        }
        let page = include_str!("console.html");
        assert!(!page.contains("<style") && !page.contains(" style=") && !page.contains("<script>"));
    }
}
