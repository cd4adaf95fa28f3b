//! The database of Daybook, the two roles that it logs in as, and the one of analysts.

use std::time::Duration;

use sqlx::{
    ConnectOptions, Connection, Executor, PgConnection,
    postgres::{PgConnectOptions, PgSslMode},
};

use crate::{failure::Failure, place::Place};

const TO_CONNECT: Duration = Duration::from_secs(10);

/// Makes what is missing, and sets the passwords.
pub async fn create(place: &Place) -> Result<(), Failure> {
    let port =
        place.noted("postgres.port").parse().map_err(|_| Failure::new("run/postgres.port has no port"))?;
    let created = async {
        let mut session = connect(place, port, "postgres").await?;
        for (role, made) in [
            ("owner", "CREATE ROLE daybook_owner"),
            ("app", "CREATE ROLE daybook_app"),
            ("analyst", include_str!("../../../../../migrations/roles/analyst.sql")),
        ] {
            if !exists(&mut session, "SELECT FROM pg_roles WHERE rolname = $1", &format!("daybook_{role}"))
                .await?
            {
                session.execute(sqlx::raw_sql(made)).await?;
            }
            let secret = place.secret(role);
            session.execute(format!("ALTER ROLE daybook_{role} LOGIN PASSWORD '{secret}'").as_str()).await?;
        }
        if !exists(&mut session, "SELECT FROM pg_database WHERE datname = $1", "daybook").await? {
            session.execute("CREATE DATABASE daybook OWNER daybook_owner").await?;
        }
        session.execute("REVOKE ALL ON DATABASE daybook FROM PUBLIC").await?;
        session.execute("GRANT CONNECT ON DATABASE daybook TO daybook_app").await?;
        session.close().await?;
        let mut session = connect(place, port, "daybook").await?;
        session.execute("ALTER SCHEMA public OWNER TO daybook_owner").await?;
        session.close().await
    };
    created.await.map_err(|error| {
        let log = place.log("postgres");
        Failure::new(format_args!(
            "the database's roles could not be created: {error}: see {}",
            log.display()
        ))
    })
}

/// As the superuser.
async fn connect(place: &Place, port: u16, database: &str) -> Result<PgConnection, sqlx::Error> {
    let options = PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(port)
        .username("postgres")
        .password(&place.secret("superuser"))
        .ssl_mode(PgSslMode::Disable)
        .database(database)
        .disable_statement_logging();
    let connected = tokio::time::timeout(TO_CONNECT, options.connect()).await;
    connected.unwrap_or_else(|_| Err(sqlx::Error::Protocol("no answer within 10 s".into())))
}

async fn exists(session: &mut PgConnection, question: &str, name: &str) -> Result<bool, sqlx::Error> {
    Ok(sqlx::query(question).bind(name).fetch_optional(session).await?.is_some())
}
