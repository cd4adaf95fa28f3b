//! Is each row the fold of its stream?

use super::report::report;
use crate::{background::Background, metrics, read_models::Definition, verify::rows::verify_page};

/// Of one generation of a read model.
pub(super) struct RowCheck<'a> {
    pub background: &'a Background,
    pub definition: &'static Definition,
    pub generation: i32,
}

impl RowCheck<'_> {
    /// Compares the next rows with the folds of their streams.
    pub async fn look(&self) -> Result<(), sqlx::Error> {
        let (name, generation) = (self.definition.name, self.generation);
        let (after, known): (String, Option<String>) = sqlx::query_as(
            // Writes what is there already, because only then is it returned.
            "INSERT INTO row_audits AS a (name, generation) VALUES ($1, $2)
             ON CONFLICT (name, generation) DO UPDATE SET name = a.name RETURNING rows_after, wrong_row",
        )
        .bind(name)
        .bind(generation)
        .fetch_one(&self.background.pool)
        .await?;
        let rows = self.background.settings.proof.rows;
        let (found, next) =
            verify_page(&self.background.connect, self.definition, generation, &after, rows).await?;
        metrics::AUDITED_ROWS.with_label_values(&[name]).inc_by(found.rows.unsigned_abs());
        sqlx::query(
            "UPDATE row_audits SET rows_after = coalesce($3, ''),
                    rows_wrong = CASE WHEN $3 IS NULL THEN 0 ELSE rows_wrong + $4 END,
                    rows_compared_at = CASE WHEN $3 IS NULL THEN clock_timestamp() ELSE rows_compared_at END,
                    wrong_row = CASE WHEN $3 IS NULL AND rows_wrong + $4 = 0 THEN NULL
                                     ELSE coalesce($5, wrong_row) END
              WHERE name = $1 AND generation = $2 AND rows_after = $6",
        )
        .bind(name)
        .bind(generation)
        .bind(&next)
        .bind(found.differences)
        .bind(&found.first_difference)
        .bind(&after)
        .execute(&self.background.pool)
        .await?;
        if let Some(finding) = found.first_difference.filter(|finding| known.as_ref() != Some(finding)) {
            report(name, generation, "rows", &finding);
        }
        Ok(())
    }
}
