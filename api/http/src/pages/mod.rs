//! Pages for people who have an account, over the same services as the routes of JSON: plain HTML and forms, which work
//! without a script. A cookie says who it is, here and nowhere else.

mod browser;
mod claims;
mod entry;
mod factor;
mod forms;
mod links;
mod look;
mod outside;
mod overview;
mod programs;
mod visit;

use crate::{
    about::{About, Kind},
    arrived::NoQuery,
    route::{Door, Route, other},
};

pub use browser::{find_cookie, refuse_foreign};
pub use look::{is_for, of_problem};

/// The routes of the API's listener that are for browsers.
pub fn routes() -> Vec<Route> {
    entry::routes()
        .into_iter()
        .chain(outside::routes())
        .chain(links::routes())
        .chain(claims::routes())
        .chain(overview::routes())
        .chain(factor::routes())
        .chain(files())
        .collect()
}

/// What all pages load.
fn files() -> [Route; 2] {
    let script = About::new("pages_script", look::SCRIPT_PATH, "The script of the pages.", Kind::Document)
        .answer_text("text/javascript", "\"use strict\";");
    let style = About::new("pages_style", look::STYLE_PATH, "The look of the pages.", Kind::Document)
        .answer_text("text/css", ":root {}");
    [
        other(
            look::SCRIPT_PATH,
            Door::Open,
            &["text/javascript"],
            script,
            |arrived, (), NoQuery {}| async move { Ok(look::script(&arrived.request)) },
        ),
        other(look::STYLE_PATH, Door::Open, &["text/css"], style, |arrived, (), NoQuery {}| async move {
            Ok(look::style(&arrived.request))
        }),
    ]
}
