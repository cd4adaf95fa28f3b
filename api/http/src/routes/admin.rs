//! What operators see and do, on a listener of its own.

use actix_web::http::Method;
use chrono::{DateTime, Utc};
use daybook_core::{
    auth::revoked::Revoked,
    values::{Line200, Reason, WorkerState},
};
use daybook_domain::{Code, policy::Action, text};
use daybook_projections::{
    DeadLetter, ListedEffect, LogState, LogVerification, ProjectionStatus, Rebuild, Verification,
    workers::WorkerStatus,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    answer::List,
    arrived::NoQuery,
    codes::HttpCode,
    params::Flag,
    problem::{Problem, catalogue::DownstreamCode},
    route::{Began, Did, Reasoned, Route, deed, look},
};

const ALREADY_RUNNING: &[Code] = &[DownstreamCode::AlreadyRunning.code()];
const CONFLICT: &[Code] = &[DownstreamCode::Conflict.code()];
const LAST_KEY: &[Code] = &[HttpCode::LastSigningKey.code()];

#[rustfmt::skip]
pub fn routes() -> Vec<Route> {
    vec![
        look("projections.list", "/admin/projections", "How far each projection is.",
            |app, (), NoQuery {}| async move { Ok(List(app.operators.list().await?)) }),
        look("projections.get", "/admin/projections/{name}", "How far one projection is.",
            |app, name: String, NoQuery {}| async move { Ok(app.operators.get(&name).await?) }),
        deed("projection.rebuild", Method::POST, "/admin/projections/{name}/rebuilds", "Begins to make a read model anew from the log, beside the one that is served.", ALREADY_RUNNING,
            |app, name: String, _: Why| async move {
                let rebuild = app.operators.start_rebuild(&name).await?;
                let location = format!("/admin/rebuilds/{}", rebuild.id);
                Ok(Began { view: rebuild, location })
            }),
        deed("projection.rollback", Method::POST, "/admin/projections/{name}/rollback", "Serves the previous generation of a read model again.", CONFLICT,
            |app, name: String, _: Why| async move {
                app.operators.rollback(&name).await?;
                Ok(Did::<ProjectionStatus>(app.operators.get(&name).await?))
            }),
        deed("projection.pause", Method::POST, "/admin/projections/{name}/pause", "Stops a projection where it is.", &[],
            |app, name: String, _: Why| async move {
                app.operators.pause(&name).await?;
                Ok(Did::<ProjectionStatus>(app.operators.get(&name).await?))
            }),
        deed("projection.resume", Method::POST, "/admin/projections/{name}/resume", "Lets a paused projection go on.", &[],
            |app, name: String, _: Why| async move {
                app.operators.resume(&name).await?;
                Ok(Did::<ProjectionStatus>(app.operators.get(&name).await?))
            }),
        look("rebuilds.get", "/admin/rebuilds/{id}", "How far a rebuild is.",
            |app, id: uuid::Uuid, NoQuery {}| async move { Ok(app.operators.rebuild(id).await?) }),
        look("rebuilds.list", "/admin/rebuilds", "Rebuilds, the newest first. At most 100 of them.",
            |app, (), NoQuery {}| async move { Ok(List(app.operators.rebuilds().await?)) }),
        deed("rebuild.cancel", Method::DELETE, "/admin/rebuilds/{id}", "Gives a rebuild up. What is served stays as it is.", CONFLICT,
            |app, id: uuid::Uuid, _: Why| async move {
                app.operators.cancel_rebuild(id).await?;
                Ok(Did::<Rebuild>(app.operators.rebuild(id).await?))
            }),
        look("dead_letters.list", "/admin/dead-letters", "Open dead letters, the newest first. At most 1,000 of them.",
            |app, (), Which { all: Flag(all) }| async move { Ok(List(app.operators.dead_letters(!all).await?)) }),
        deed("dead_letter.retry", Method::POST, "/admin/dead-letters/{id}/retry", "Tries again what could not be done.", &[],
            |app, id: uuid::Uuid, _: Why| async move { Ok(Did::<DeadLetter>(app.operators.retry(id).await?)) }),
        deed("dead_letter.skip", Method::POST, "/admin/dead-letters/{id}/skip", "Never does it.", &[],
            |app, id: uuid::Uuid, why: Why| async move {
                let reason = why.reason().map(|reason| reason.as_str().to_owned()).unwrap_or_default();
                Ok(Did::<DeadLetter>(app.operators.skip(id, &reason).await?))
            }),
        look("effects.list", "/admin/effects", "What has to be done because of events, such as mails: what waits, by when it is due. At most 100 of them.",
            |app, (), Effects { all: Flag(all) }| async move { Ok(List(app.operators.effects(!all).await?)) }),
        deed("effect.resend", Method::POST, "/admin/effects/resends", "Does once more what was done, such as sending a mail. Whoever receives it can tell that it is the same one.", CONFLICT,
            |app, (), again: Resend| async move {
                Ok(Did::<ListedEffect>(app.operators.resend(again.event_id, again.kind.0.as_str(), again.target.0.as_str()).await?))
            }),
        look("workers.list", "/admin/workers", "How each worker of this process is: what it is for, when it works, what it did last and what failed last. All of them, by name.",
            |app, (), NoQuery {}| async move { Ok(List(app.crew.list().into_iter().map(Worker::from).collect())) }),
        look("log.get", "/admin/log", "The head of the log, and how far JetStream has it.",
            |app, (), NoQuery {}| async move { Ok::<LogState, Problem>(app.operators.log().await?) }),
        look("configuration.get", "/admin/configuration", "The settings of this process, secrets masked.",
            |app, (), NoQuery {}| async move { Ok::<_, Problem>(List(app.configuration.clone())) }),
        look("measures.list", "/admin/measures", "The last hour of this process: rates, durations and lags, a sample every ten seconds, the oldest first. It is kept in memory, so it begins when the process does.",
            |app, (), NoQuery {}| async move { Ok::<_, Problem>(List(app.measures.list())) }),
        deed("revoke", Method::POST, "/admin/revocations", "Ends a token, all tokens of a subject that were issued up to now, or all of a signing key, which needs key.revoke and another key that is left. In this process at once, in every other one within a second. A subject's tokens end up to the end of the second, and the answer comes after it, so a token that is issued then is good. Can't be taken back.", LAST_KEY,
            |app, (), body: Revocation| async move {
                app.revocations.revoke(body.revoked.clone()).await?;
                Ok(Did(RevocationReceipt { revoked: body.revoked }))
            }),
        deed("verify", Method::POST, "/admin/verifications", "Compares every read model with the log, and the log with its own promises. Stops nothing, and takes as long as reading the log takes.", &[],
            |app, (), _: Why| async move {
                let log = app.operators.verify_log().await?;
                let read_models = app.operators.verify(None).await?;
                Ok(Did(Verifications { log, read_models }))
            }),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Reasoned, examples(json!({ "reason": "It was wrong since the upgrade." })))]
struct Why {
    reason: Option<Reason>,
}

impl Reasoned for Why {
    fn reason(&self) -> Option<&text::Reason> {
        self.reason.as_ref().map(|reason| &reason.0)
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "revoked": { "subject": "mallory" }, "reason": "The laptop was stolen." })))]
struct Revocation {
    revoked: Revoked,
    reason: Option<Reason>,
}

impl Reasoned for Revocation {
    fn reason(&self) -> Option<&text::Reason> {
        self.reason.as_ref().map(|reason| &reason.0)
    }

    fn deed(&self) -> Option<(String, String)> {
        Some((format!("revoke.{}", self.revoked.kind()), self.revoked.value().to_owned()))
    }

    fn demands(&self) -> Option<Action> {
        self.revoked.demands()
    }
}

#[derive(Serialize, ToSchema)]
struct RevocationReceipt {
    revoked: Revoked,
}

#[derive(Serialize, ToSchema)]
struct Verifications {
    log: LogVerification,
    read_models: Vec<Verification>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// The resolved ones too.
    #[serde(default)]
    #[param(value_type = bool)]
    all: Flag,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Effects {
    /// Instead, the newest of all, whatever became of them.
    #[serde(default)]
    #[param(value_type = bool)]
    all: Flag,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ResendEffect, examples(json!({ "event_id": "019b0000-0000-7000-8000-000000000001", "kind": "mail.order_placed", "target": "ord_019b0000000070008000000000000001", "reason": "The customer has not received it." })))]
struct Resend {
    /// The event that asked for it.
    event_id: uuid::Uuid,
    kind: Line200,
    target: Line200,
    reason: Option<Reason>,
}

impl Reasoned for Resend {
    fn reason(&self) -> Option<&text::Reason> {
        self.reason.as_ref().map(|reason| &reason.0)
    }

    fn deed(&self) -> Option<(String, String)> {
        Some(("effect.resend".to_owned(), format!("{} {} {}", self.event_id, self.kind.0, self.target.0)))
    }
}

/// Something that this process does by itself.
#[derive(Serialize, ToSchema)]
struct Worker {
    #[schema(examples("relay", "projection/orders/0"))]
    name: String,
    /// What it is for.
    description: String,
    /// What makes it do its next round.
    #[schema(examples("when the log grows, and every 1s"))]
    when: String,
    state: WorkerState,
    /// When a round went well last; null if none has yet.
    #[schema(required)]
    last_run: Option<DateTime<Utc>>,
    /// What failed last, also if it has gone well since; null if nothing has failed yet.
    #[schema(required)]
    last_error: Option<LastError>,
    /// Rounds that went well since the worker was started.
    rounds: u64,
    /// Rounds that failed, and panics, since the worker was started.
    failures: u64,
}

#[derive(Serialize, ToSchema)]
struct LastError {
    message: String,
    at: DateTime<Utc>,
}

impl From<WorkerStatus> for Worker {
    fn from(status: WorkerStatus) -> Self {
        Self {
            name: status.about.name,
            description: status.about.description,
            when: status.about.when.to_string(),
            state: status.state.into(),
            last_run: status.last_run,
            last_error: status.last_error.map(|error| LastError { message: error.message, at: error.at }),
            rounds: status.rounds,
            failures: status.failures,
        }
    }
}
