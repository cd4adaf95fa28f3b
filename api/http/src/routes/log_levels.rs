//! Which lines the process that answers writes to its own log.

use actix_web::http::Method;
use chrono::{DateTime, Utc};
use daybook_core::{
    app::App,
    log_levels::{LogLevels, Setting, said},
    values::{LogLevel, LogMinutes, LogTarget, Reason},
};
use daybook_domain::text;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    arrived::NoQuery,
    problem::Problem,
    route::{Did, Reasoned, Route, deed, look},
};

#[rustfmt::skip]
pub fn routes() -> Vec<Route> {
    vec![
        look("log_levels.get", "/admin/log-levels", "Which lines this process writes to its log: what is configured, and what was changed for a while.",
            |app, (), NoQuery {}| async move { Ok::<_, Problem>(Levels::of(&app)) }),
        deed("log_levels.set", Method::PUT, "/admin/log-levels", "Changes for a while which lines this process writes to its log, instead of what was changed before; no other process. Without levels, all is as configured at once; so it is after the minutes, and after a restart.", &[],
            |app, (), SetLevels { levels: NewLevels(levels), minutes, .. }| async move {
                app.log_levels.set(levels, app.clock.now() + minutes.0.get());
                Ok(Did(Levels::of(&app)))
            }),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LogLevelsChange, examples(json!({ "levels": [{ "target": "daybook_commands", "level": "debug" }], "minutes": 30, "reason": "Appends are slow." })))]
struct SetLevels {
    #[schema(value_type = Vec<OneLevel>, max_items = 20)]
    levels: NewLevels,
    /// How long they last.
    minutes: LogMinutes,
    reason: Option<Reason>,
}

impl Reasoned for SetLevels {
    fn reason(&self) -> Option<&text::Reason> {
        self.reason.as_ref().map(|reason| &reason.0)
    }

    /// Which levels, and for how long: the log itself may have been told to be silent.
    fn deed(&self) -> Option<(String, String)> {
        let NewLevels(levels) = &self.levels;
        let said = match &levels[..] {
            [] => "as configured".to_owned(),
            levels => format!("{} for {} min", said(levels), self.minutes.0.get().num_minutes()),
        };
        Some(("log_levels.set".into(), said))
    }
}

/// As many as there may be.
#[derive(Deserialize)]
#[serde(try_from = "Vec<OneLevel>")]
struct NewLevels(Vec<Setting>);

impl TryFrom<Vec<OneLevel>> for NewLevels {
    type Error = String;

    fn try_from(levels: Vec<OneLevel>) -> Result<Self, String> {
        if levels.len() > LogLevels::MOST {
            return Err(format!("at most {} targets have a level of their own", LogLevels::MOST));
        }
        Ok(Self(levels.into_iter().map(|one| (one.target.0, one.level.0)).collect()))
    }
}

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LogTargetLevel)]
struct OneLevel {
    target: LogTarget,
    level: LogLevel,
}

#[derive(Serialize, ToSchema)]
#[schema(as = LogLevels)]
struct Levels {
    /// What the setting `log.filter` says.
    configured: String,
    /// What is different from that.
    #[schema(max_items = 20)]
    levels: Vec<OneLevel>,
    /// When all is as configured again; null if it is already.
    #[schema(required)]
    until: Option<DateTime<Utc>>,
}

impl Levels {
    fn of(app: &App) -> Self {
        let changed = app.log_levels.changed();
        let one = |(target, level): &Setting| OneLevel {
            target: LogTarget(target.clone()),
            level: LogLevel(*level),
        };
        Self {
            configured: app.log_levels.configured().to_owned(),
            until: changed.as_ref().map(|changed| changed.until),
            levels: changed.iter().flat_map(|changed| &changed.levels).map(one).collect(),
        }
    }
}
