//! Which generations of a read model there are.

use sqlx::PgPool;

/// The generations that are folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Generations {
    pub live: Generation,
    pub previous: Option<Generation>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Generation {
    pub number: i32,
    /// It was made with so many; 0 if it is gone.
    pub partitions: usize,
}

impl Generations {
    pub async fn of(pool: &PgPool, model: &str) -> Result<Option<Self>, sqlx::Error> {
        let row: Option<(i32, i64, Option<i32>, i64)> = sqlx::query_as(
            "SELECT live_generation,
                    (SELECT count(*) FROM checkpoints c WHERE c.name = r.name AND generation = live_generation),
                    previous_generation,
                    (SELECT count(*) FROM checkpoints c WHERE c.name = r.name AND generation = previous_generation)
               FROM read_models r WHERE name = $1",
        )
        .bind(model)
        .fetch_optional(pool)
        .await?;
        let generation = |number, partitions| Generation {
            number,
            partitions: usize::try_from(partitions).expect("a count"),
        };
        Ok(row.map(|(live, partitions, previous, of_previous)| Self {
            live: generation(live, partitions),
            previous: previous.map(|number| generation(number, of_previous)),
        }))
    }

    pub fn all(self) -> impl Iterator<Item = Generation> {
        [Some(self.live), self.previous].into_iter().flatten()
    }
}
