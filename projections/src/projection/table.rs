//! The tables of read models: `read.{name}_g{generation}`, made and dropped by the running server.

use sqlx::PgConnection;

use crate::{
    checkpoint::FENCE,
    read_models::{Definition, TRIGRAMS},
};

/// Names come from [`Definition`]s, never from outside.
pub(crate) fn name(model: &str, generation: i32) -> String {
    format!("read.{model}_g{generation}")
}

impl Definition {
    /// Makes the table, and a tally's second one, without indexes, not even those of the keys, if they aren't
    /// there.
    pub async fn create_table(
        &self,
        connection: &mut PgConnection,
        generation: i32,
    ) -> Result<(), sqlx::Error> {
        let columns: String =
            self.columns().map(|column| format!(", {} {}", column.name, column.sql_type)).collect();
        // Ids sort as they do in the log. Room on each page keeps the new version of a row beside the
        // old one (HOT).
        let sql = format!(
            "CREATE TABLE IF NOT EXISTS {} (id text COLLATE \"C\" NOT NULL, version bigint NOT NULL,
             position bigint NOT NULL{columns}, doc json NOT NULL) WITH (fillfactor = 80)",
            name(self.name, generation)
        );
        sqlx::query(&sql).execute(&mut *connection).await?;
        if let Some(sums) = self.sums(generation) {
            sqlx::query(&sums.create()).execute(connection).await?;
        }
        Ok(())
    }

    /// Fills a tally's sums with what its rows contribute.
    pub async fn fill_sums(&self, connection: &mut PgConnection, generation: i32) -> Result<(), sqlx::Error> {
        if let Some(sums) = self.sums(generation) {
            sqlx::query(&sums.fill(&name(self.name, generation))).execute(connection).await?;
        }
        Ok(())
    }

    /// Makes the index of its key, and that of its sums, without which nothing can be applied to it.
    pub async fn create_key(
        &self,
        connection: &mut PgConnection,
        generation: i32,
    ) -> Result<(), sqlx::Error> {
        let sql = format!(
            "CREATE UNIQUE INDEX IF NOT EXISTS {}_g{generation}_key ON {} (id)",
            self.name,
            name(self.name, generation)
        );
        sqlx::query(&sql).execute(&mut *connection).await?;
        if let Some(sums) = self.sums(generation) {
            sqlx::query(&sums.create_key()).execute(connection).await?;
        }
        Ok(())
    }

    /// Makes the indexes that queries and the auditor need.
    pub async fn create_indexes(
        &self,
        connection: &mut PgConnection,
        generation: i32,
    ) -> Result<(), sqlx::Error> {
        let has_trigrams =
            "SELECT EXISTS (SELECT FROM pg_opclass WHERE opcname = $1 AND pg_opclass_is_visible(oid))";
        let has_trigrams: bool =
            sqlx::query_scalar(has_trigrams).bind(TRIGRAMS).fetch_one(&mut *connection).await?;
        let possible = |index: &&str| has_trigrams || !index.contains(TRIGRAMS);
        for (number, index) in self.indexes.iter().enumerate().filter(|(_, index)| possible(index)) {
            let sql = format!(
                "CREATE INDEX IF NOT EXISTS {}_g{generation}_i{number} ON {} {index}",
                self.name,
                name(self.name, generation)
            );
            sqlx::query(&sql).execute(&mut *connection).await?;
        }
        if let Some(sums) = self.sums(generation) {
            sqlx::query(&sums.create_slices(&name(self.name, generation))).execute(connection).await?;
        }
        Ok(())
    }

    /// The names of all columns, in the order in which rows are written.
    pub fn column_list(&self) -> String {
        let others: String = self.columns().map(|column| format!("{}, ", column.name)).collect();
        format!("id, version, position, {others}doc")
    }

    /// Moves the checkpoint ([`FENCE`]), writes rows that come as one array for each column (from $10 on)
    /// and notifies ($9: the payload), in one round trip. Behind the rows of a tally comes what they add to its
    /// sums. Yields a row if the fence let it through.
    pub fn upsert_sql(&self, generation: i32) -> String {
        let types = ["text", "bigint", "bigint"]
            .into_iter()
            .chain(self.columns().map(|column| column.sql_type))
            .chain(["json"]);
        let count = 4 + self.columns().count();
        // Extra columns arrive as text and are cast, so that one kind of array serves all types.
        let arrays = (10..).zip(0..count).map(|(n, place)| match place {
            1 | 2 => format!("${n}::bigint[]"),
            _ => format!("${n}::text[]"),
        });
        let casts = types.enumerate().map(|(place, sql_type)| format!("c{place}::{sql_type}"));
        let names = (0..count).map(|place| format!("c{place}"));
        let changes = ["version", "position", "doc"]
            .into_iter()
            .chain(self.columns().map(|column| column.name))
            .map(|name| format!("{name} = excluded.{name}"));
        format!(
            "{FENCE}, written AS (INSERT INTO {table} ({columns})
             SELECT {casts} FROM fence, unnest({arrays}) AS x({names})
             ON CONFLICT (id) DO UPDATE SET {changes}){sums}
             SELECT pg_notify('daybook_read', $9) FROM fence",
            table = name(self.name, generation),
            columns = self.column_list(),
            casts = join(casts),
            arrays = join(arrays),
            names = join(names),
            changes = join(changes),
            sums = self.sums(generation).map(|sums| sums.add(10 + count)).unwrap_or_default(),
        )
    }
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upsert_writes_every_column_if_the_checkpoint_moves() {
        let sql = crate::read_models::named("products").expect("it is in the list").upsert_sql(3);
        let expected = ", written AS (INSERT INTO read.products_g3 (id, version, position, status, search, doc) \
             SELECT c0::text, c1::bigint, c2::bigint, c3::text, c4::text, c5::json \
             FROM fence, unnest($10::text[], $11::bigint[], $12::bigint[], $13::text[], $14::text[], $15::text[]) \
             AS x(c0, c1, c2, c3, c4, c5) \
             ON CONFLICT (id) DO UPDATE SET version = excluded.version, position = excluded.position, \
             doc = excluded.doc, status = excluded.status, search = excluded.search) \
             SELECT pg_notify('daybook_read', $9) FROM fence";
        let rest = sql.strip_prefix(FENCE).expect("the fence comes first");
        assert_eq!(
            rest.split_whitespace().collect::<Vec<_>>(),
            expected.split_whitespace().collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_tally_writes_its_sums_in_the_same_statement_in_the_order_of_their_keys() {
        let sql = crate::read_models::named("sales").expect("it is in the list").upsert_sql(3);
        let rest = sql.strip_prefix(FENCE).expect("the fence comes first");
        let expected = ", written AS (INSERT INTO read.sales_g3 (id, version, position, contributes, day, doc) \
             SELECT c0::text, c1::bigint, c2::bigint, c3::json, c4::text, c5::json \
             FROM fence, unnest($10::text[], $11::bigint[], $12::bigint[], $13::text[], $14::text[], $15::text[]) \
             AS x(c0, c1, c2, c3, c4, c5) \
             ON CONFLICT (id) DO UPDATE SET version = excluded.version, position = excluded.position, \
             doc = excluded.doc, contributes = excluded.contributes, day = excluded.day), \
             added AS (INSERT INTO read.sales_g3_sums AS stored (day, product, currency, orders, pieces, amount, \
             cancelled_orders, cancelled_pieces, cancelled_amount) \
             SELECT a0::text, a1::text, a2::text, a3::numeric, a4::numeric, a5::numeric, a6::numeric, a7::numeric, \
             a8::numeric FROM fence, unnest($16::text[], $17::text[], $18::text[], $19::text[], $20::text[], \
             $21::text[], $22::text[], $23::text[], $24::text[]) AS x(a0, a1, a2, a3, a4, a5, a6, a7, a8) \
             ORDER BY a0, a1, a2 \
             ON CONFLICT (day, product, currency) DO UPDATE SET orders = stored.orders + excluded.orders, \
             pieces = stored.pieces + excluded.pieces, amount = stored.amount + excluded.amount, \
             cancelled_orders = stored.cancelled_orders + excluded.cancelled_orders, \
             cancelled_pieces = stored.cancelled_pieces + excluded.cancelled_pieces, \
             cancelled_amount = stored.cancelled_amount + excluded.cancelled_amount) \
             SELECT pg_notify('daybook_read', $9) FROM fence";
        assert_eq!(
            rest.split_whitespace().collect::<Vec<_>>(),
            expected.split_whitespace().collect::<Vec<_>>()
        );
    }
}
