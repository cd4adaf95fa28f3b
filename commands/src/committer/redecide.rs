//! A batch that didn't fit the log is decided again under the append lock, where nothing can move:
//! it can't lose twice, so two processes on one hot stream share it fairly.

use std::collections::{HashMap, HashSet};

use daybook_domain::code::GeneralCode;
use daybook_migrations::{ErrorClass, classify};
use sqlx::{Connection, PgConnection};

use super::{
    append::{Called, Writer, call_append},
    batch::{Batch, decide_into},
    ended::{Appended, Ended, Redecided},
    load::load_streams,
    repeats::{Answers, load_keys},
    snapshots::Snapshot,
    submission::Submission,
    verdict::{Ending, ending},
};
use crate::{
    error::{Failure, Refusal},
    state::{StreamId, Wanted},
    work::Halt,
    working_set::{StreamState, WorkingSet},
};

/// How often a group is tried again after its connection was lost and nothing had been appended.
const MAX_TRIES: u32 = 3;
/// Commands reach streams by way of others (a shipment its stock by way of its order), but not far.
const MAX_ROUNDS: u32 = 8;

/// Commands that are decided and appended together, and the streams known to be needed.
struct Group {
    submissions: Vec<Submission>,
    wanted: Vec<Wanted>,
    tries: u32,
}

/// A group under the lock.
#[derive(Default)]
struct Fresh {
    batch: Batch,
    set: WorkingSet,
    answered: Vec<(Submission, Ending)>,
}

impl Writer {
    /// Decides and appends. A group with data that the database refuses is split until the command that
    /// causes it is the only one in its group.
    pub async fn redecide(&mut self, batch: Batch) -> Redecided {
        let wanted = batch.expectations.values().map(|expectation| expectation.wanted.clone()).collect();
        let mut groups = vec![Group { submissions: batch.into_submissions().collect(), wanted, tries: 0 }];
        let mut done = Redecided::default();
        while let Some(group) = groups.pop() {
            self.redecide_group(group, &mut groups, &mut done).await;
        }
        done
    }

    async fn redecide_group(&mut self, mut group: Group, groups: &mut Vec<Group>, done: &mut Redecided) {
        let limit = self.append_timeout();
        let session = match self.session().await {
            Ok(session) => session,
            Err(failure) => return fail(group.submissions, failure, done),
        };
        let mut fresh = Fresh::default();
        let appended =
            tokio::time::timeout(limit, under_lock(&mut session.connection, &mut group, &mut fresh)).await;
        let ended = match appended {
            Ok(Ok(appended)) => Ended::Appended(fresh.batch, appended),
            Ok(Err(error)) => match classify(&error) {
                class @ (ErrorClass::Data | ErrorClass::Conflict) => {
                    done.answers.append(&mut fresh.answered);
                    group.submissions.extend(fresh.batch.into_submissions());
                    if group.submissions.len() > 1 {
                        tracing::debug!(%error, "halves are tried alone");
                        return split(group, groups);
                    }
                    return match class {
                        ErrorClass::Data => refuse_data(group, &error, done),
                        _ => try_again(group, groups, done),
                    };
                }
                ErrorClass::Gone => self.resolve(fresh.batch, &error.to_string()).await,
                ErrorClass::Busy => Ended::Failed(fresh.batch, Failure::Unavailable),
                ErrorClass::Defect => {
                    tracing::error!(%error, "a batch could not be decided again");
                    Ended::Failed(fresh.batch, Failure::Internal)
                }
            },
            Err(_) => self.resolve(fresh.batch, "deciding again took too long").await,
        };
        done.answers.append(&mut fresh.answered);
        match ended {
            Ended::Appended(batch, appended) => {
                done.snapshots.extend(fresh.set.states_mut().filter_map(Snapshot::take_if_due));
                fresh.set.drain_into(&mut done.set);
                accept(batch, appended, done);
            }
            Ended::Outdated(batch) => {
                done.connection_lost = true;
                group.submissions.extend(batch.into_submissions());
                try_again(group, groups, done);
            }
            Ended::Failed(batch, failure) => {
                done.connection_lost = true;
                group.submissions.extend(batch.into_submissions());
                fail(group.submissions, failure, done);
            }
            Ended::Redecided(_) => unreachable!("only this file decides again"),
        }
    }
}

/// One transaction. It is rolled back at once where it fails: until then it would keep the lock.
async fn under_lock(
    connection: &mut PgConnection,
    group: &mut Group,
    fresh: &mut Fresh,
) -> Result<Appended, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    match decide_and_append(&mut transaction, group, fresh).await {
        Ok(appended) => {
            transaction.commit().await?;
            Ok(appended)
        }
        Err(error) => {
            transaction.rollback().await?;
            Err(error)
        }
    }
}

/// Lock, read, decide, append.
async fn decide_and_append(
    connection: &mut PgConnection,
    group: &mut Group,
    fresh: &mut Fresh,
) -> Result<Appended, sqlx::Error> {
    sqlx::query("SELECT pg_advisory_xact_lock(log_lock())").execute(&mut *connection).await?;
    let keys: Vec<_> = group.submissions.iter().filter_map(Submission::key_id).collect();
    let known = load_keys(&mut *connection, &keys).await?;
    replay(group, &known, fresh);
    decide_fresh(connection, group, fresh).await?;
    // Read under the lock: there is nothing left to be checked.
    fresh.batch.expectations.clear();
    match call_append(connection, &fresh.batch, None).await? {
        Called::Appended(appended, _) => Ok(appended),
        Called::Outdated => Err(sqlx::Error::Protocol("the log moved under the append lock".into())),
    }
}

/// Commands whose key is known get the answer of the first request.
fn replay(group: &mut Group, known: &Answers, fresh: &mut Fresh) {
    for submission in std::mem::take(&mut group.submissions) {
        match submission.answered_before(known) {
            None => group.submissions.push(submission),
            Some(answer) => fresh.answered.push((submission, answer)),
        }
    }
}

/// Reads what is needed, in as many rounds as the commands turn out to need, and decides.
async fn decide_fresh(
    connection: &mut PgConnection,
    group: &mut Group,
    fresh: &mut Fresh,
) -> Result<(), sqlx::Error> {
    let mut streams: HashMap<StreamId, StreamState> = HashMap::new();
    let mut broken: HashSet<StreamId> = HashSet::new();
    let mut wanted = std::mem::take(&mut group.wanted);
    for _ in 0..MAX_ROUNDS {
        for (stream, state) in load_streams(&mut *connection, &wanted).await? {
            match state {
                Ok(state) => drop(streams.insert(stream, state)),
                Err(error) => {
                    tracing::error!(%error, "a stream could not be read");
                    broken.insert(stream);
                }
            }
        }
        wanted = decide_round(group, fresh, &streams, &broken);
        if wanted.is_empty() {
            return Ok(());
        }
        group.submissions.extend(std::mem::take(&mut fresh.batch).into_submissions());
    }
    Err(sqlx::Error::Protocol("a command asks for ever more streams".into()))
}

/// Decides all on what was read, and returns what else must be read.
fn decide_round(
    group: &mut Group,
    fresh: &mut Fresh,
    streams: &HashMap<StreamId, StreamState>,
    broken: &HashSet<StreamId>,
) -> Vec<Wanted> {
    fresh.set = WorkingSet::unbounded();
    for (stream, state) in streams {
        fresh.set.insert(stream.clone(), state.clone());
    }
    let mut missing: HashMap<StreamId, Wanted> = HashMap::new();
    let mut halted = Vec::new();
    for submission in std::mem::take(&mut group.submissions) {
        match decide_into(&mut fresh.batch, &mut fresh.set, submission) {
            Ok(()) => {}
            Err((submission, Halt::Missing(wanted)))
                if wanted.iter().all(|wanted| !broken.contains(&wanted.stream)) =>
            {
                missing.extend(wanted.into_iter().map(|wanted| (wanted.stream.clone(), wanted)));
                halted.push(submission);
            }
            Err((submission, _)) => fresh.answered.push((submission, Err(Failure::Internal.into()))),
        }
    }
    group.submissions = halted;
    missing.into_values().collect()
}

fn accept(batch: Batch, appended: Appended, done: &mut Redecided) {
    for decided in batch.commands {
        let position = appended.position(decided.events_until);
        done.answers.push((decided.submission, ending(decided.verdict, position)));
    }
}

fn fail(submissions: Vec<Submission>, failure: Failure, done: &mut Redecided) {
    done.answers.extend(submissions.into_iter().map(|submission| (submission, Err(failure.into()))));
}

/// Nothing was appended, and no command is the cause: the connection was lost, or the database chose this
/// transaction to end a deadlock.
fn try_again(group: Group, groups: &mut Vec<Group>, done: &mut Redecided) {
    if group.tries < MAX_TRIES {
        groups.push(Group { tries: group.tries + 1, ..group });
    } else {
        fail(group.submissions, Failure::Unavailable, done);
    }
}

/// One of the commands may be the cause: each half is tried alone, the first one first.
fn split(mut group: Group, groups: &mut Vec<Group>) {
    let second = group.submissions.split_off(group.submissions.len() / 2);
    groups.push(Group { submissions: second, wanted: group.wanted.clone(), tries: group.tries });
    groups.push(group);
}

/// The command that causes it is the only one in the group now, and it is refused.
fn refuse_data(group: Group, error: &sqlx::Error, done: &mut Redecided) {
    tracing::warn!(%error, "a command's data was refused by the database");
    let refusal = Refusal::new(GeneralCode::ValidationFailed, "this can't be stored");
    done.answers.extend(group.submissions.into_iter().map(|s| (s, Err(refusal.clone().into()))));
}
