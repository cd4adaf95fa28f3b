//! Things that other things name: all of one kind are read together, however often and wherever they are named.

use std::collections::{BTreeSet, HashMap};

use daybook_core::{
    app::App,
    reads::{Conditions, Item, ProductBySku, StockBySku},
};
use daybook_domain::policy::Actor;
use daybook_http::{asked::json, problem::Problem};
use serde_json::Value;

use crate::{metrics::LOOK_UPS, types::Thing};

pub type Key = (Thing, String);

/// What was looked up.
#[derive(Default)]
pub struct LookUps {
    found: HashMap<Key, Option<Value>>,
    /// Why nothing of that kind could be read.
    failed: HashMap<Thing, Problem>,
}

impl LookUps {
    /// `None`: it has not been looked up.
    pub fn get(&self, thing: Thing, id: &str) -> Option<Result<Option<&Value>, &Problem>> {
        if let Some(problem) = self.failed.get(&thing) {
            return Some(Err(problem));
        }
        self.found.get(&(thing, id.to_owned())).map(|found| Ok(found.as_ref()))
    }

    /// Why nothing of that kind could be read.
    pub fn failure(&self, thing: Thing) -> Option<&Problem> {
        self.failed.get(&thing)
    }

    /// Looks all of these up.
    pub async fn read(
        &mut self,
        app: &App,
        actor: Option<&Actor>,
        conditions: Conditions,
        wanted: BTreeSet<String>,
        thing: Thing,
    ) {
        let ids: Vec<String> = wanted.into_iter().collect();
        let (kind, found) = match thing {
            Thing::Product => ("product", by_keys::<ProductBySku>(app, &ids, actor, conditions).await),
            Thing::Stock => ("stock", by_keys::<StockBySku>(app, &ids, actor, conditions).await),
        };
        LOOK_UPS.with_label_values(&[kind]).inc();
        match found {
            Ok(found) => self.found.extend(ids.into_iter().map(|id| (thing, id)).zip(found)),
            Err(problem) => drop(self.failed.insert(thing, problem)),
        }
    }
}

async fn by_keys<I: Item>(
    app: &App,
    ids: &[String],
    actor: Option<&Actor>,
    conditions: Conditions,
) -> Result<Vec<Option<Value>>, Problem> {
    let found = app.reads.by_keys::<I>(ids, actor, conditions).await?;
    Ok(found.into_iter().map(|found| found.map(|found| json(&found.kept.view))).collect())
}
