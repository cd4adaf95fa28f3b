use std::{
    io::Read,
    process::{Child, Command, Stdio},
};

use daybook_tests::{
    Log, OwnPostgres, TestDatabase,
    chaos::{Load, compare, stock_up},
    server::look_for_program,
    until,
};

use super::House;

/// Makes every flush of the servers' sessions fail, until those have ended.
struct BrokenDisk {
    strace: Child,
}

impl BrokenDisk {
    /// Or why that is not possible here.
    fn under(pids: &[i32]) -> Result<Self, String> {
        let program = look_for_program("strace").ok_or("strace is not installed")?;
        let mut command = Command::new(program);
        command.args(["-f", "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO"]);
        for pid in pids {
            command.args(["-p", &pid.to_string()]);
        }
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut strace = spawned.map_err(|error| error.to_string())?;
        // Its first line says that it is attached, or why not.
        let mut said = [0; 4096];
        let stderr = strace.stderr.as_mut().expect("a pipe");
        let count = stderr.read(&mut said).map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&said[..count]).into_owned();
        if said.contains("attached") { Ok(Self { strace }) } else { Err(said) }
    }
}

impl Drop for BrokenDisk {
    fn drop(&mut self) {
        let _ = self.strace.kill();
        let _ = self.strace.wait();
    }
}

/// PostgreSQL panics, as it must, and recovers. A client that had an answer keeps it; one that hadn't is told
/// "unknown" and finds out with the same key.
#[tokio::test(flavor = "multi_thread")]
async fn fault_a_disk_that_does_not_flush_loses_nothing_that_was_acknowledged() {
    let postgres = OwnPostgres::durable();
    let house = House::on(TestDatabase::on(&postgres.url()).await);
    let (a, b) = (house.started("a"), house.started("b"));
    stock_up(&house.client, &a).await;
    let load = Load::start(&house.client, [&a, &b], 4);
    for round in 0..3 {
        load.progress(50).await;
        let mut foreign = house.database.foreign_session().await;
        let sessions = "SELECT pid FROM pg_stat_activity
                         WHERE datname = current_database() AND usename = 'daybook_app'";
        let pids: Vec<i32> = sqlx::query_scalar(sessions).fetch_all(&mut foreign).await.unwrap();
        let panics = postgres.log().matches("could not fdatasync").count();
        let _broken = match BrokenDisk::under(&pids) {
            Ok(broken) => broken,
            Err(why) => return println!("skipped: no system call can be made to fail here: {why}"),
        };
        until(&format!("PostgreSQL has panicked ({round})"), async || {
            postgres.log().matches("could not fdatasync").count() > panics
        })
        .await;
    }
    load.progress(100).await;
    let told = load.end().await;
    let superuser = daybook_migrations::pool(
        house.database.superuser_url().as_str().parse().unwrap(),
        1,
        std::time::Duration::from_secs(10),
    );
    compare(&Log::read(&superuser).await, &told).assert_flawless();
}
