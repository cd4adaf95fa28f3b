//! Several rows by their ids at once: what an answer is composed of that joins streams.

use std::{any::Any, future::Future};

use super::{
    answer::{Queries, kind},
    question::{Answer, Asked, QueryError},
    table::{Read, Stored},
};
use crate::{
    cache::{Key, Of},
    projection::table,
    read_models::ReadModel,
};

/// How many ids one statement asks for; more are asked for by several statements.
pub const MAX_KEYS: usize = 1_000;

impl Queries {
    /// What `make` makes of the rows of `ids`, in their order; `None` where there is no row. What is cached
    /// is taken from there, and the rest is read by one statement, so each answer has its own position.
    ///
    /// `make` gives one value for each row, in the order of the rows.
    pub async fn by_keys<M, T, E, F>(
        &self,
        ids: &[String],
        asked: &Asked,
        make: impl Fn(Vec<M::Row>) -> F,
    ) -> Result<Vec<Option<Answer<T>>>, E>
    where
        M: ReadModel,
        T: Any + Send + Sync,
        E: From<QueryError>,
        F: Future<Output = Result<Vec<T>, E>>,
    {
        let answers = async {
            if let Some(position) = asked.min_position {
                self.wait_for(M::NAME, position).await?;
            }
            let mut answers: Vec<Option<Answer<T>>> =
                ids.iter().map(|id| self.kept(&key::<M>(asked, id))).collect();
            let missing: Vec<usize> = (0..ids.len())
                // The database takes no NUL, and no id has one.
                .filter(|index| answers[*index].is_none() && !ids[*index].contains('\0'))
                .collect();
            for missing in missing.chunks(MAX_KEYS) {
                let wanted: Vec<&str> = missing.iter().map(|index| ids[*index].as_str()).collect();
                let found = self.read_keys::<M, T, E, F>(&wanted, asked, &make).await?;
                for (index, answer) in missing.iter().zip(found) {
                    answers[*index] = answer;
                }
            }
            Ok(answers)
        };
        self.in_time(M::NAME, asked, answers).await
    }

    /// Reads by one statement, in the order of `ids`.
    async fn read_keys<M, T, E, F>(
        &self,
        ids: &[&str],
        asked: &Asked,
        make: impl Fn(Vec<M::Row>) -> F,
    ) -> Result<Vec<Option<Answer<T>>>, E>
    where
        M: ReadModel,
        T: Any + Send + Sync,
        E: From<QueryError>,
        F: Future<Output = Result<Vec<T>, E>>,
    {
        let read = self.table::<M>().read(asked.min_position, |query, generation| {
            let table = table::name(M::NAME, generation);
            let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
            query.push(", r.doc::text AS doc FROM c CROSS JOIN unnest(").push_bind(ids);
            query.push(format!(
                "::text[]) WITH ORDINALITY AS k(id, number) LEFT JOIN {table} r ON r.id = k.id
                  ORDER BY k.number"
            ));
        });
        let Read { at, rows, .. } = read.await?;
        let sizes: Vec<Option<usize>> =
            rows.iter().map(|stored| stored.as_ref().map(|stored| stored.bytes)).collect();
        let rows = rows.into_iter().flatten().map(|Stored { row, .. }| row).collect();
        let mut values = make(rows).await?.into_iter();
        let answers = ids.iter().zip(sizes).map(|(id, bytes)| {
            let bytes = bytes?;
            values.next().map(|value| self.keep(key::<M>(asked, id), at, bytes, value))
        });
        Ok(answers.collect())
    }
}

fn key<M: ReadModel>(asked: &Asked, id: &str) -> Key {
    Key { kind: kind::<M>(asked), of: Of::Item(id.to_owned()) }
}
