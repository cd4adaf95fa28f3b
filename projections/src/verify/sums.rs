//! Are a tally's sums what its rows add up to? The database compares them, in one statement and so in one
//! snapshot. That the rows are right is found out beside it: each of them holds what it contributes, and is
//! compared with the fold of its stream.

use sqlx::{PgConnection, postgres::PgConnectOptions};

use crate::{
    projection::{sums::SumsTable, table},
    read_models::Definition,
    scan::streams::long_session,
};

/// What a comparison of sums found.
#[derive(Debug)]
pub(crate) struct FoundSums {
    /// Keys that were compared.
    pub keys: i64,
    pub differences: i64,
    pub first_difference: Option<String>,
}

/// Compares all sums, in the snapshot of `connection`.
pub(super) async fn compare(
    connection: &mut PgConnection,
    definition: &Definition,
    generation: i32,
) -> Result<Option<FoundSums>, sqlx::Error> {
    let Some(sums) = definition.sums(generation) else { return Ok(None) };
    let sql = sums.compare(&table::name(definition.name, generation), false);
    let (keys, differences, first_difference) = sqlx::query_as(&sql).fetch_one(connection).await?;
    Ok(Some(FoundSums { keys, differences, first_difference }))
}

/// Compares the sums of the next slices behind `after`, as many as have about `most` rows, but at least one.
/// Says behind which slice to go on; `None` at the end.
pub(crate) async fn compare_page(
    connect: &PgConnectOptions,
    (definition, sums): (&Definition, &SumsTable),
    generation: i32,
    after: &str,
    most: usize,
) -> Result<(FoundSums, Option<String>), sqlx::Error> {
    let mut connection = long_session(connect).await?;
    let rows = table::name(definition.name, generation);
    let last: Option<String> = sqlx::query_scalar(&sums.next_slice(&rows))
        .bind(after)
        .bind(i64::try_from(most.saturating_sub(1)).unwrap_or(i64::MAX))
        .fetch_optional(&mut connection)
        .await?;
    let (keys, differences, first_difference) =
        sqlx::query_as(&sums.compare(&rows, true)).bind(after).bind(&last).fetch_one(&mut connection).await?;
    Ok((FoundSums { keys, differences, first_difference }, last))
}
