//! What analysts see of the database: a view for each type of public event, with the members of its payload as columns,
//! and a role that may read them.

use std::fmt::Write as _;

use daybook_domain::published::{self, Field, PublicType, Shape};
use sqlx::{Connection, Executor, PgConnection};

/// The role that analysts log in as.
pub const ANALYST: &str = "daybook_analyst";

/// What makes the role, by someone who may.
const ROLE: &str = include_str!("../roles/analyst.sql");

/// Views with a row for each item of a list, in place of one for each event.
const ITEMS: [(&str, &str, &str); 5] = [
    ("OrderPlaced", "lines", "order_lines"),
    ("OrderShipped", "parcels", "order_shipped_parcels"),
    ("OrderLinesCancelled", "parcels", "order_lines_cancelled_parcels"),
    ("AccountRegistered", "roles", "account_registered_roles"),
    ("AccountKeyIssued", "scopes", "account_key_issued_scopes"),
];

/// What every event has. The id is the one of the stream's name.
const OF_EVERY_EVENT: &str = "position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, \
                              event_id, version";

#[derive(Debug)]
struct View {
    name: String,
    description: String,
    sql: String,
}

/// Makes the views that are missing or that another release made, and gives the role its rights. Whether the role is
/// there is returned: not every owner of a database may make one.
pub(crate) async fn prepare(transaction: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let views = views();
    for view in &views {
        view.make(transaction).await?;
    }
    let has_role = ensure_role(transaction).await?;
    if has_role {
        transaction.execute(sqlx::raw_sql(&grants(&views))).await?;
    }
    Ok(has_role)
}

async fn ensure_role(transaction: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let (exists, may_create): (bool, bool) = sqlx::query_as(
        "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1),
                EXISTS (SELECT FROM pg_roles WHERE rolname = current_user AND (rolcreaterole OR rolsuper))",
    )
    .bind(ANALYST)
    .fetch_one(&mut *transaction)
    .await?;
    if exists || !may_create {
        return Ok(exists);
    }
    let mut savepoint = transaction.begin().await?;
    match savepoint.execute(sqlx::raw_sql(ROLE)).await {
        Ok(_) => savepoint.commit().await.map(|()| true),
        // Roles are of the whole server: another database was migrated at the same time.
        Err(sqlx::Error::Database(error)) if matches!(error.code().as_deref(), Some("42710" | "23505")) => {
            savepoint.rollback().await.map(|()| true)
        }
        Err(error) => Err(error),
    }
}

fn grants(views: &[View]) -> String {
    let names: Vec<String> = views.iter().map(|view| format!("analytics.{}", view.name)).collect();
    format!(
        "GRANT USAGE ON SCHEMA analytics TO {ANALYST};
         GRANT SELECT ON {} TO {ANALYST};
         DO $$ BEGIN
             EXECUTE format('GRANT CONNECT ON DATABASE %I TO {ANALYST}', current_database());
         -- Who owns the schema may not own the database.
         EXCEPTION WHEN insufficient_privilege THEN NULL;
         END $$",
        names.join(", ")
    )
}

impl View {
    /// A view that analysts are reading can't be replaced, so one that stays the same is left alone. Its comment says
    /// what it was made from.
    async fn make(&self, transaction: &mut PgConnection) -> Result<(), sqlx::Error> {
        let Self { name, description, sql } = self;
        let (found, comment): (Option<String>, String) = sqlx::query_as(
            "SELECT obj_description(to_regclass('analytics.' || $1), 'pg_class'), $2 || ' (' || md5($3) || ')'",
        )
        .bind(name)
        .bind(description)
        .bind(sql)
        .fetch_one(&mut *transaction)
        .await?;
        if found.as_ref() == Some(&comment) {
            return Ok(());
        }
        let comment = comment.replace('\'', "''");
        let made = format!(
            "CREATE OR REPLACE VIEW analytics.{name} AS\n{sql};\nCOMMENT ON VIEW analytics.{name} IS '{comment}'"
        );
        transaction.execute(sqlx::raw_sql(&made)).await.map(drop)
    }
}

fn views() -> Vec<View> {
    let mut views = vec![View {
        name: "events".into(),
        description: "Every event, of whichever type.".into(),
        sql: format!("SELECT {OF_EVERY_EVENT}, type, payload\n  FROM analytics.public_events"),
    }];
    for public in published::types() {
        views.push(View {
            name: name_of(public),
            description: public.description.into(),
            sql: format!(
                "SELECT {OF_EVERY_EVENT}, payload{}\n  FROM analytics.public_events\n WHERE type = '{}'",
                columns("payload", "", public.fields),
                public.name
            ),
        });
    }
    views.extend(ITEMS.iter().filter_map(|(of, list, name)| items(of, list, name)));
    views
}

/// A row for each item of a list.
fn items(of: &str, list: &str, name: &str) -> Option<View> {
    let public = published::types().find(|public| public.name == of)?;
    let field = public.fields.iter().find(|field| field.name == list)?;
    let Shape::Objects(fields) = field.shape else { return None };
    let own = columns("item.value", "", fields);
    Some(View {
        name: name.into(),
        description: format!("{} Numbers count from 0.", field.description),
        sql: format!(
            "SELECT {OF_EVERY_EVENT}, item.number - 1 AS number{own}
  FROM analytics.public_events
 CROSS JOIN LATERAL jsonb_array_elements(payload->'{list}') WITH ORDINALITY AS item(value, number)
 WHERE type = '{of}'"
        ),
    })
}

/// `OrderPlaced` is `order_placed`, as webhooks call it but for the point.
fn name_of(public: &PublicType) -> String {
    public.webhook.map_or_else(|| public.name.to_lowercase(), |name| name.replace('.', "_"))
}

/// The members of an object, each with a comma before it. Those of an object in it are columns, too: `total_amount`.
fn columns(object: &str, prefix: &str, fields: &[Field]) -> String {
    let mut all = String::new();
    for Field { name, shape, .. } in fields {
        let column = format!("{prefix}{name}");
        let _ = match shape {
            Shape::Text => write!(all, ",\n       {object}->>'{name}' AS {column}"),
            Shape::Integer => write!(all, ",\n       ({object}->>'{name}')::bigint AS {column}"),
            Shape::Boolean => write!(all, ",\n       ({object}->>'{name}')::boolean AS {column}"),
            Shape::Texts | Shape::Objects(_) => write!(all, ",\n       {object}->'{name}' AS {column}"),
            Shape::Object(fields) => {
                all.push_str(&columns(&format!("{object}->'{name}'"), &format!("{column}_"), fields));
                Ok(())
            }
        };
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Queries rely on these names and their order: columns are added at the end of a view, and none is changed.
    const GOLDEN: &str = include_str!("../testdata/views.sql");

    #[test]
    fn views_are_those_that_analysts_were_promised() {
        let written: Vec<String> = views()
            .iter()
            .map(|View { name, description, sql }| format!("-- {description}\n{name}:\n{sql}\n"))
            .collect();
        assert_eq!(GOLDEN, written.join("\n"));
    }

    #[test]
    fn each_list_has_a_view_of_its_items() {
        for public in published::types() {
            for field in public.fields.iter().filter(|field| matches!(field.shape, Shape::Objects(_))) {
                let has_view = ITEMS.iter().any(|(of, list, _)| *of == public.name && *list == field.name);
                assert!(has_view, "{} {}", public.name, field.name);
            }
        }
        assert_eq!(ITEMS.iter().filter_map(|(of, list, name)| items(of, list, name)).count(), ITEMS.len());
    }

    #[test]
    fn no_two_columns_of_a_view_have_one_name() {
        for view in views() {
            let mut names: Vec<&str> = view.sql.split(" AS ").skip(1).filter_map(first_word).collect();
            names.extend(["position", "recorded_at", "stream", "sequence", "event_id", "version", "payload"]);
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count, "{}", view.name);
        }
    }

    fn first_word(text: &str) -> Option<&str> {
        text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next()
    }
}
