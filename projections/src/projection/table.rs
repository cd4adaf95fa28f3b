//! The tables of read models: `read.{name}_g{generation}`, made and dropped by the running server.

use sqlx::PgConnection;

use crate::{checkpoint::FENCE, read_models::Definition};

/// Names come from [`Definition`]s, never from outside.
pub(crate) fn name(model: &str, generation: i32) -> String {
    format!("read.{model}_g{generation}")
}

impl Definition {
    /// Makes the table without its indexes, not even that of its key, if it isn't there.
    pub async fn create_table(
        &self,
        connection: &mut PgConnection,
        generation: i32,
    ) -> Result<(), sqlx::Error> {
        let columns: String =
            self.columns.iter().map(|column| format!(", {} {}", column.name, column.sql_type)).collect();
        // Ids sort as they do in the log. Room on each page keeps the new version of a row beside the
        // old one (HOT).
        let sql = format!(
            "CREATE TABLE IF NOT EXISTS {} (id text COLLATE \"C\" NOT NULL, version bigint NOT NULL,
             position bigint NOT NULL{columns}, doc json NOT NULL) WITH (fillfactor = 80)",
            name(self.name, generation)
        );
        sqlx::query(&sql).execute(&mut *connection).await?;
        Ok(())
    }

    /// Makes the index of its key, without which nothing can be applied to it.
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
        sqlx::query(&sql).execute(connection).await?;
        Ok(())
    }

    /// Makes the indexes that queries need.
    pub async fn create_indexes(
        &self,
        connection: &mut PgConnection,
        generation: i32,
    ) -> Result<(), sqlx::Error> {
        for (number, index) in self.indexes.iter().enumerate() {
            let sql = format!(
                "CREATE INDEX IF NOT EXISTS {}_g{generation}_i{number} ON {} {index}",
                self.name,
                name(self.name, generation)
            );
            sqlx::query(&sql).execute(&mut *connection).await?;
        }
        Ok(())
    }

    /// The names of all columns, in the order in which rows are written.
    pub fn column_list(&self) -> String {
        let own: String = self.columns.iter().map(|column| format!("{}, ", column.name)).collect();
        format!("id, version, position, {own}doc")
    }

    /// Moves the checkpoint ([`FENCE`]), writes rows that come as one array for each column (from $10 on)
    /// and notifies ($9: the payload), in one round trip. Yields a row if the fence let it through.
    pub fn upsert_sql(&self, generation: i32) -> String {
        let types = ["text", "bigint", "bigint"]
            .into_iter()
            .chain(self.columns.iter().map(|column| column.sql_type))
            .chain(["json"]);
        // Extra columns arrive as text and are cast, so that one kind of array serves all types.
        let arrays = (10..).zip(0..self.columns.len() + 4).map(|(n, place)| match place {
            1 | 2 => format!("${n}::bigint[]"),
            _ => format!("${n}::text[]"),
        });
        let casts = types.enumerate().map(|(place, sql_type)| format!("c{place}::{sql_type}"));
        let names = (0..self.columns.len() + 4).map(|place| format!("c{place}"));
        let changes = ["version", "position", "doc"]
            .into_iter()
            .chain(self.columns.iter().map(|column| column.name))
            .map(|name| format!("{name} = excluded.{name}"));
        format!(
            "{FENCE}, written AS (INSERT INTO {table} ({columns})
             SELECT {casts} FROM fence, unnest({arrays}) AS x({names})
             ON CONFLICT (id) DO UPDATE SET {changes})
             SELECT pg_notify('daybook_read', $9) FROM fence",
            table = name(self.name, generation),
            columns = self.column_list(),
            casts = join(casts),
            arrays = join(arrays),
            names = join(names),
            changes = join(changes),
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
}
