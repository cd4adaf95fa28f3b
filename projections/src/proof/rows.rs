//! Is each row the fold of its stream, and is each sum of a tally what the rows add up to?

use super::report::report;
use crate::{
    background::Background,
    metrics,
    read_models::Definition,
    verify::{rows::verify_page, sums::compare_page},
};

/// Compares the rows of one generation of a read model with the log.
pub(super) struct RowCheck<'a> {
    pub background: &'a Background,
    pub definition: &'static Definition,
    pub generation: i32,
}

/// How far a pass has come: over the rows, and then over the sums.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    rows_after: String,
    /// `None` while rows are compared.
    sums_after: Option<String>,
}

/// What one look found.
struct Found {
    what: &'static str,
    differences: i64,
    first_difference: Option<String>,
    /// The place to go on at; `None` at the end of the pass.
    next: Option<Place>,
}

impl RowCheck<'_> {
    /// Compares the next rows with the folds of their streams, or the next sums with the rows.
    pub async fn look(&self) -> Result<(), sqlx::Error> {
        let (name, generation) = (self.definition.name, self.generation);
        let (rows_after, sums_after, known): (String, Option<String>, Option<String>) = sqlx::query_as(
            // Writes what is there already, because only then is it returned.
            "INSERT INTO row_audits AS a (name, generation) VALUES ($1, $2)
             ON CONFLICT (name, generation) DO UPDATE SET name = a.name
             RETURNING rows_after, sums_after, wrong_row",
        )
        .bind(name)
        .bind(generation)
        .fetch_one(&self.background.pool)
        .await?;
        let place = Place { rows_after, sums_after };
        let found = match &place.sums_after {
            None => self.rows(&place).await?,
            Some(after) => self.sums(&place, after).await?,
        };
        let (rows_after, sums_after) = found.next.map(|next| (next.rows_after, next.sums_after)).unzip();
        sqlx::query(
            "UPDATE row_audits SET rows_after = coalesce($3, ''), sums_after = $7,
                    rows_wrong = CASE WHEN $3 IS NULL THEN 0 ELSE rows_wrong + $4 END,
                    rows_compared_at = CASE WHEN $3 IS NULL THEN clock_timestamp() ELSE rows_compared_at END,
                    wrong_row = CASE WHEN $3 IS NULL AND rows_wrong + $4 = 0 THEN NULL
                                     ELSE coalesce($5, wrong_row) END
              WHERE name = $1 AND generation = $2 AND rows_after = $6 AND sums_after IS NOT DISTINCT FROM $8",
        )
        .bind(name)
        .bind(generation)
        .bind(rows_after)
        .bind(found.differences)
        .bind(&found.first_difference)
        .bind(&place.rows_after)
        .bind(sums_after.flatten())
        .bind(&place.sums_after)
        .execute(&self.background.pool)
        .await?;
        if let Some(finding) = found.first_difference.filter(|finding| known.as_ref() != Some(finding)) {
            report(name, generation, found.what, &finding);
        }
        Ok(())
    }

    async fn rows(&self, place: &Place) -> Result<Found, sqlx::Error> {
        let Self { background, definition, generation } = *self;
        let most = background.settings.proof.rows;
        let (found, next) =
            verify_page(&background.connect, definition, generation, &place.rows_after, most).await?;
        metrics::AUDITED_ROWS.with_label_values(&[definition.name]).inc_by(found.rows.unsigned_abs());
        let next = match next {
            Some(rows_after) => Some(Place { rows_after, sums_after: None }),
            None => definition.tally.map(|_| Place { sums_after: Some(String::new()), ..place.clone() }),
        };
        let (differences, first_difference) = (found.differences, found.first_difference);
        Ok(Found { what: "rows", differences, first_difference, next })
    }

    async fn sums(&self, place: &Place, after: &str) -> Result<Found, sqlx::Error> {
        let Self { background, definition, generation } = *self;
        let most = background.settings.proof.rows;
        let Some(sums) = definition.sums(generation) else {
            return Ok(Found { what: "sums", differences: 0, first_difference: None, next: None });
        };
        let (found, next) =
            compare_page(&background.connect, (definition, &sums), generation, after, most).await?;
        let next = next.map(|slice| Place { sums_after: Some(slice), ..place.clone() });
        let (differences, first_difference) = (found.differences, found.first_difference);
        Ok(Found { what: "sums", differences, first_difference, next })
    }
}
