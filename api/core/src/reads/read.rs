//! A read is a value with a name and a rule, and this is where it is asked: the rule first, then what it
//! finds within what the caller is shown.

use std::{future::Future, sync::Arc, time::Instant};

use chrono::{DateTime, Utc};
use daybook_domain::{
    Position,
    policy::{Action, Actor, authorize},
};
use daybook_projections::{
    Answer, Asked, Audience, Cursor, Log, Moment, Queries,
    read_models::{Groups, List, ReadModel},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    access::{Access, Owner, Visible},
    error::ReadError,
    found::{Beside, Found, Kept, Page},
};
use crate::vault::Vault;

/// Something that can be read, with all that says what of it.
pub trait Read: Send + Sync {
    /// Stable: it names the read to operators and to interfaces, and its answers in the cache.
    const NAME: &'static str;
    const ACCESS: Access;
    type View: Serialize + ToSchema + Send + Sync + 'static;

    /// `scope` was given by the rule: it finds only what the caller is shown.
    fn find(&self, scope: Scope<'_>) -> impl Future<Output = Result<Found<Self::View>, ReadError>> + Send;
}

/// A read of one thing: a row of a read model, by its key.
pub trait Item: Read {
    type Model: ReadModel;
    /// The people who are shown a thing can change, so its past needs the right of today, too.
    const RIGHT_CHANGES: bool = false;

    /// The one place that says who owns such a thing.
    fn owner(row: &RowOf<Self>) -> Owner;

    fn version(row: &RowOf<Self>) -> i64;

    /// A view for each row, in their order.
    fn views(
        rows: Vec<RowOf<Self>>,
        making: Making<'_>,
    ) -> impl Future<Output = Result<Vec<Self::View>, ReadError>> + Send;
}

pub type RowOf<I> = <<I as Item>::Model as ReadModel>::Row;

/// What an answer must fulfil.
#[derive(Debug, Clone, Copy)]
pub struct Conditions {
    /// It must reflect the log up to here.
    pub min_position: Option<Position>,
    pub deadline: Instant,
    /// The time of the request, for reads that begin today.
    pub now: DateTime<Utc>,
}

/// What views are made with. It knows the audience and no caller, because views are kept for an audience.
#[derive(Clone, Copy)]
pub struct Making<'a> {
    pub audience: Audience,
    pub vault: &'a Vault,
    pub log: &'a Log,
}

/// Answers reads. A cheap handle.
#[derive(Clone)]
pub struct Reads {
    queries: Queries,
    log: Log,
    vault: Vault,
}

/// What one caller is shown of what one read can find. The rule alone makes it.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    reads: &'a Reads,
    name: &'static str,
    actor: Option<&'a Actor>,
    visible: Visible<'a>,
    conditions: Conditions,
}

impl Reads {
    pub fn new(queries: Queries, log: Log, vault: Vault) -> Self {
        Self { queries, log, vault }
    }

    /// What `read` finds for `actor`, who has no token if `None`. What is not in a part that they are shown may still be
    /// their own.
    pub async fn find<R: Read>(
        &self,
        read: &R,
        actor: Option<&Actor>,
        conditions: Conditions,
    ) -> Result<Found<R::View>, ReadError> {
        let scope = self.scope::<R>(actor, conditions)?;
        match (read.find(scope).await, scope.own_instead::<R>()) {
            (Err(ReadError::NotFound), Some(own)) => read.find(own).await,
            (found, _) => found,
        }
    }

    /// Several things of one kind by their ids, in the order of `ids`; `None` where there is nothing that
    /// `actor` is shown.
    pub async fn by_keys<I: Item>(
        &self,
        ids: &[String],
        actor: Option<&Actor>,
        conditions: Conditions,
    ) -> Result<Vec<Option<Found<I::View>>>, ReadError> {
        let scope = self.scope::<I>(actor, conditions)?;
        let asked = scope.asked();
        let answers = self.queries.by_keys::<I::Model, _, _, _>(ids, &asked, |rows| scope.keep::<I>(rows));
        Ok(answers.await?.into_iter().map(|answer| scope.shown(answer)).collect())
    }

    fn scope<'a, R: Read>(
        &'a self,
        actor: Option<&'a Actor>,
        conditions: Conditions,
    ) -> Result<Scope<'a>, ReadError> {
        let visible = R::ACCESS.admit(actor)?;
        Ok(Scope { reads: self, name: R::NAME, actor, visible, conditions })
    }
}

impl<'a> Scope<'a> {
    pub fn visible(&self) -> Visible<'a> {
        self.visible
    }

    /// The scope of what is the caller's own, if they are shown a part of all things.
    pub fn own_instead<R: Read>(self) -> Option<Self> {
        let visible = R::ACCESS.own(self.actor).filter(|_| self.visible == Visible::Part)?;
        Some(Self { visible, ..self })
    }

    pub fn deadline(&self) -> Instant {
        self.conditions.deadline
    }

    /// The name of the read.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The position that the answer must have seen.
    pub fn min_position(&self) -> Option<Position> {
        self.conditions.min_position
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.conditions.now
    }

    pub fn queries(&self) -> &'a Queries {
        &self.reads.queries
    }

    pub fn log(&self) -> &'a Log {
        &self.reads.log
    }

    pub fn vault(&self) -> &'a Vault {
        &self.reads.vault
    }

    /// Whether the caller may do something to whomever's things: for views that have more for some.
    pub fn may(&self, action: Action) -> bool {
        self.actor.is_some_and(|actor| authorize(actor, action, None).is_ok())
    }

    /// The thing with that key, as it is today or as it was.
    pub async fn item<I: Item>(
        &self,
        key: String,
        as_of: Option<Moment>,
    ) -> Result<Found<I::View>, ReadError> {
        match as_of {
            None => self.today::<I>(key).await,
            Some(moment) => Box::pin(self.then::<I>(key, moment)).await,
        }
    }

    async fn today<I: Item>(&self, key: String) -> Result<Found<I::View>, ReadError> {
        let asked = self.asked();
        let answer = self.reads.queries.item::<I::Model, _, _, _>(key, &asked, |row| self.keep_one::<I>(row));
        self.shown(answer.await?).ok_or(ReadError::NotFound)
    }

    async fn then<I: Item>(&self, key: String, moment: Moment) -> Result<Found<I::View>, ReadError> {
        let needs_todays_right = match self.visible {
            Visible::All => false,
            Visible::Part => true,
            Visible::Public | Visible::Own(_) | Visible::Nothing => I::RIGHT_CHANGES,
        };
        if needs_todays_right {
            self.today::<I>(key.clone()).await?;
        }
        let (queries, asked) = (&self.reads.queries, self.asked());
        let answer = queries
            .item_as_of::<I::Model, _, _, _>(&key, moment, &asked, |row| self.keep_one::<I>(row))
            .await?;
        // A thing that is in the part today is shown as it was before it came there, too.
        let found = match self.visible {
            Visible::Part => answer.map(|answer| self.found(answer)),
            _ => self.shown(answer),
        };
        let found = found.ok_or(ReadError::NotFound)?;
        // The past is not kept: there is too much of it, and the same question is rarely asked twice.
        Ok(Found { is_for_caches: false, ..found })
    }

    /// A page of things. `list` must have no more than the caller is shown.
    pub async fn page<I, L>(&self, list: &L) -> Result<Found<Page<I::View>>, ReadError>
    where
        I: Item,
        L: List<Model = I::Model>,
    {
        let asked = self.asked();
        let answer = self.reads.queries.list(list, &asked, |page| async move {
            let rows = page.rows.iter().map(L::key).collect();
            let beside = self.beside(page.prev.as_ref(), page.next.as_ref(), rows);
            let view = Page::new(I::views(page.rows, self.making()).await?, beside.clone());
            Ok::<_, ReadError>(Kept::new(view, self.visible.owner(), None).among(beside))
        });
        self.shown(Some(answer.await?)).ok_or(ReadError::NotFound)
    }

    /// A page of sums, each in a view. They are the shop's own.
    pub async fn groups<G, V>(
        &self,
        groups: &G,
        view: impl Fn(G::Group) -> V + Send,
    ) -> Result<Found<Page<V>>, ReadError>
    where
        G: Groups,
        V: Send + Sync + 'static,
    {
        let asked = self.asked();
        let answer = self.reads.queries.groups(groups, &asked, |page| async move {
            let rows = page.rows.iter().map(|group| groups.key(group)).collect();
            let beside = self.beside(page.prev.as_ref(), page.next.as_ref(), rows);
            let view = Page::new(page.rows.into_iter().map(view).collect(), beside.clone());
            Ok::<_, ReadError>(Kept::new(view, self.visible.owner(), None).among(beside))
        });
        self.shown(Some(answer.await?)).ok_or(ReadError::NotFound)
    }

    /// A page that is made for this caller and not kept.
    pub fn fresh<V>(&self, page: V, beside: Beside, tag: String, position: Position) -> Found<V> {
        let kept = Kept::new(page, self.visible.owner(), Some(tag)).among(beside);
        Found { kept: Arc::new(kept), position, is_for_caches: false }
    }

    /// As clients of this list are told.
    fn beside(&self, prev: Option<&Cursor>, next: Option<&Cursor>, rows: Vec<String>) -> Beside {
        let told = |cursor: &Cursor| cursor.encode(self.name);
        let rows = rows.into_iter().map(|key| told(&Cursor::beside(key))).collect();
        Beside { prev: prev.map(told), next: next.map(told), rows }
    }

    fn making(&self) -> Making<'a> {
        let Reads { vault, log, .. } = self.reads;
        Making { audience: self.visible.audience(), vault, log }
    }

    fn asked(&self) -> Asked {
        let Conditions { min_position, deadline, now: _ } = self.conditions;
        Asked { min_position, deadline, read: self.name, audience: self.visible.audience() }
    }

    /// The answer, if its owner is among those whose things the caller is shown.
    fn shown<V>(&self, answer: Option<Answer<Kept<V>>>) -> Option<Found<V>> {
        let answer = answer.filter(|answer| self.visible.shows(&answer.value.owner))?;
        Some(self.found(answer))
    }

    fn found<V>(&self, Answer { value: kept, position }: Answer<Kept<V>>) -> Found<V> {
        Found { kept, position, is_for_caches: self.visible == Visible::Public }
    }

    async fn keep_one<I: Item>(&self, row: RowOf<I>) -> Result<Kept<I::View>, ReadError> {
        let mut kept = self.keep::<I>(vec![row]).await?;
        Ok(kept.pop().expect("a view for each row"))
    }

    async fn keep<I: Item>(&self, rows: Vec<RowOf<I>>) -> Result<Vec<Kept<I::View>>, ReadError> {
        let about: Vec<_> = rows.iter().map(|row| (I::owner(row), I::version(row).to_string())).collect();
        let views = I::views(rows, self.making()).await?;
        let kept = views.into_iter().zip(about);
        Ok(kept.map(|(view, (owner, version))| Kept::new(view, owner, Some(version))).collect())
    }
}
