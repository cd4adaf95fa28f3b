//! Who did what to the running system, and who was refused.

use daybook_core::{
    audit::{AuditLine, Lines},
    values::Line200,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    params::{Limit, Place},
    problem::Problem,
    route::{Route, look},
};

#[rustfmt::skip]
pub fn routes() -> Vec<Route> {
    vec![
        look("audit.list", "/admin/audit", "What operators did, when and why, and who was refused what, the newest first.",
            |app, (), wanted: Wanted| async move {
                let limit = wanted.limit.get();
                let lines = app.audit.lines(&wanted.lines()).await?;
                Ok::<_, Problem>(Page::of(lines, limit.into()))
            }),
    ]
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    #[serde(default)]
    #[param(value_type = u16, minimum = 1, maximum = 100, default = 20)]
    limit: Limit,
    /// `next` of the page before.
    #[param(value_type = Option<i64>, minimum = 0)]
    after: Option<Place>,
    /// Only what this subject did, or was refused.
    #[param(value_type = Option<Line200>)]
    actor: Option<Line200>,
}

impl Wanted {
    /// One more than is shown, so that it is known whether there are more.
    fn lines(self) -> Lines {
        Lines {
            actor: self.actor.map(|actor| actor.0.to_string()),
            before: self.after.map(|place| place.0.0),
            limit: i64::from(self.limit.get()) + 1,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = AuditPage)]
struct Page {
    #[schema(max_items = 100)]
    data: Vec<AuditLine>,
    has_more: bool,
    /// Send this as `after` to get the next page.
    #[schema(required, pattern = "^[0-9]{1,19}$", max_length = 19)]
    next: Option<String>,
}

impl Page {
    fn of(mut data: Vec<AuditLine>, limit: usize) -> Self {
        let has_more = data.len() > limit;
        data.truncate(limit);
        let next = data.last().filter(|_| has_more).map(|line| line.id.to_string());
        Self { data, has_more, next }
    }
}
