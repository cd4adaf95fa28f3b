//! What PostgreSQL does by itself: pgbench's INSERTs into a table like the log.

use std::{fmt::Write, process::Command};

use daybook_tests::{TestDatabase, server::find_program};

/// The log's columns and keys.
const TABLE: &str = "CREATE TABLE bench_events (
    aggregate_type text NOT NULL, aggregate_id text NOT NULL, sequence bigint NOT NULL,
    event_type text NOT NULL, event_version text NOT NULL, payload json NOT NULL, metadata json NOT NULL,
    position bigint NOT NULL UNIQUE, event_id uuid NOT NULL, recorded_at timestamptz NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, sequence));
    CREATE SEQUENCE bench_positions CACHE 64;";

/// An order of one line, as it stands in the log.
const PAYLOAD: &str = r#"{"customer":"customer-1","lines":[{"sku":"SKU-1","name":"Product SKU-1","quantity":1,"unit_price":{"amount":499,"currency":"EUR"}}],"currency":"EUR","total":{"amount":499,"currency":"EUR"}}"#;
const METADATA: &str = r#"{"actor":"customer-1","request_id":"0192f0c1f7e97cc3b0c5d0a1b2c3d4e5","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}"#;

pub struct Pgbench<'a> {
    database: &'a TestDatabase,
}

pub struct Transactions {
    pub per_second: f64,
    pub latency_ms: f64,
}

impl<'a> Pgbench<'a> {
    pub async fn new(database: &'a TestDatabase) -> Self {
        database.execute(TABLE).await;
        Self { database }
    }

    /// `-M prepared`, each transaction one INSERT of `rows` rows, for `seconds`.
    pub fn insert(&self, rows: usize, clients: u32, seconds: u32) -> Transactions {
        let folder = daybook_tests::server::Folder::new("pgbench", None);
        let script = folder.path().join("insert.sql");
        std::fs::write(&script, insert_of(rows)).expect("a script can be written");
        let output = Command::new(find_program("pgbench"))
            .args([
                "-n",
                "-M",
                "prepared",
                "-j",
                "2",
                "-c",
                &clients.to_string(),
                "-T",
                &seconds.to_string(),
                "-f",
            ])
            .arg(&script)
            .arg(self.database.superuser_url().as_str())
            .output()
            .expect("pgbench runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "pgbench: {text}{}", String::from_utf8_lossy(&output.stderr));
        let number = |name: &str| -> f64 {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("pgbench reports it");
            line.trim_start_matches([' ', '='])
                .split(' ')
                .next()
                .and_then(|n| n.parse().ok())
                .expect("a number")
        };
        Transactions { per_second: number("tps"), latency_ms: number("latency average") }
    }
}

fn insert_of(rows: usize) -> String {
    let mut sql = String::from("INSERT INTO bench_events VALUES ");
    for row in 0..rows {
        let comma = if row == 0 { "" } else { ", " };
        write!(
            sql,
            "{comma}('order', gen_random_uuid()::text, 1, 'OrderPlaced', '1', '{PAYLOAD}', '{METADATA}', \
             nextval('bench_positions'), gen_random_uuid(), clock_timestamp())"
        )
        .expect("a String takes everything");
    }
    // In a pgbench script a colon begins a variable.
    sql.replace("\":", "\"\\:").replace("\\:", ":") + ";\n"
}
