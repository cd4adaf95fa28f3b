//! Events as Parquet, read as an analyst's tools read them: by the files' own schemas.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use arrow_array::{Array, RecordBatch, cast::AsArray, types::Int64Type};
use daybook_domain::policy::Role;
use daybook_tests::{TestApp, exporter::Exporter, until};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use super::{at_database, from, parsed, shop};
use crate::http::orders::{order, place};

/// Every file below a folder that a reader of `**/*.parquet` finds, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "parquet") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn batches(file: &Path) -> Vec<RecordBatch> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(file).unwrap()).unwrap();
    reader.build().unwrap().map(Result::unwrap).collect()
}

/// Type, stream and payload of every event, by its position: twice the same one is a failure.
fn events(folder: &Path) -> BTreeMap<i64, (String, String, Value)> {
    let mut all = BTreeMap::new();
    for file in files(folder) {
        let of_type = file.ancestors().nth(2).unwrap().file_name().unwrap().to_str().unwrap();
        let of_type = of_type.strip_prefix("type=").unwrap();
        for batch in batches(&file) {
            let column = |name: &str| batch.column_by_name(name).unwrap().clone();
            let (positions, streams, payloads) = (column("position"), column("stream"), column("payload"));
            for row in 0..batch.num_rows() {
                let payload = serde_json::from_str(payloads.as_string::<i32>().value(row)).unwrap();
                let stream = streams.as_string::<i32>().value(row).to_owned();
                let position = positions.as_primitive::<Int64Type>().value(row);
                let twice = all.insert(position, (of_type.to_owned(), stream, payload));
                assert!(twice.is_none(), "{position} is there twice");
            }
        }
    }
    all
}

/// The same of lines.
fn events_of(lines: &str) -> BTreeMap<i64, (String, String, Value)> {
    let text = |event: &Value, name: &str| event[name].as_str().unwrap().to_owned();
    let tell = |event: &Value| (text(event, "type"), text(event, "stream"), event["payload"].clone());
    parsed(lines).iter().map(|event| (event["position"].as_i64().unwrap(), tell(event))).collect()
}

fn path(exporter: &Exporter) -> PathBuf {
    exporter.folder.path().join("log")
}

const PARQUET: &str = "--format parquet --dir log";

/// Catches: an event that is missing or there twice after another run, from whichever source it comes.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_has_every_event_once_however_often_it_is_continued() {
    let (app, door) = shop().await;
    let from = format!("--from {}", from(&app, &door, Role::Analyst));
    let (database, laptop) = (at_database(&app), Exporter::elsewhere());
    for pieces in 1..4 {
        place(&app.customer("alice"), order(&[("TEA-1", pieces), ("TEA-1", 1)])).await;
        database.expect(PARQUET).await;
        laptop.expect(&format!("{PARQUET} {from}")).await;
        let all = events_of(&database.expect("").await.lines);
        assert_eq!(events(&path(&database)), all);
        assert_eq!(events(&path(&laptop)), all);
    }
    // Each run has added a file, and one without news none.
    let count = files(&path(&database)).len();
    assert_eq!(database.expect(PARQUET).await.told, "events=0\n");
    assert_eq!(files(&path(&database)).len(), count);
    let placed: Vec<_> = files(&path(&database))
        .into_iter()
        .filter(|file| file.to_str().unwrap().contains("type=OrderPlaced/day="))
        .collect();
    assert_eq!(placed.len(), 3);
    // Money and lines are columns of their own.
    let batch = &batches(&placed[2])[0];
    let total = batch.column_by_name("total").unwrap().as_struct();
    assert_eq!(total.column_by_name("amount").unwrap().as_primitive::<Int64Type>().value(0), 4 * 1999);
    assert_eq!(batch.column_by_name("lines").unwrap().as_list::<i32>().value(0).len(), 2);
    let customer = batch.column_by_name("customer").unwrap().clone();
    assert_eq!(customer.as_string::<i32>().value(0), "alice");
}

/// What a run that was killed has left behind: files without names, and files that the manifest doesn't know.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_run_left_behind_is_not_read() {
    let (app, _door) = shop().await;
    let exporter = at_database(&app);
    exporter.expect(PARQUET).await;
    let manifest = path(&exporter).join("_daybook.json");
    let before = fs::read(&manifest).unwrap();
    app.sell("TEA-2", 5, 5).await;
    exporter.expect(PARQUET).await;
    let all = events(&path(&exporter));
    // It was killed after its files had their names, and before the manifest was written.
    fs::write(&manifest, before).unwrap();
    let torn = files(&path(&exporter))[0].with_extension("parquet.partial");
    fs::write(&torn, "PAR1").unwrap();
    app.sell("TEA-3", 5, 5).await;
    exporter.expect(PARQUET).await;
    let now = events(&path(&exporter));
    assert!(now.len() > all.len() && !torn.exists());
    assert_eq!(now, events_of(&exporter.expect("").await.lines));
}

/// Catches: a folder in which the events of two choices, or of two logs, are mixed.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_something_else_is_left_alone() {
    let (app, _door) = shop().await;
    let exporter = at_database(&app);
    exporter.expect(&format!("{PARQUET} --types StockReceived,ProductCreated")).await;
    let before = events(&path(&exporter));
    // The same choice in another order is the same.
    exporter.expect(&format!("{PARQUET} --types ProductCreated,StockReceived")).await;
    for other in ["", "--types StockReceived"] {
        let refused = exporter.run(&format!("{PARQUET} {other}")).await;
        assert!(!refused.is_well && refused.told.contains("it has other events"), "{}", refused.told);
    }
    fs::remove_file(path(&exporter).join("_daybook.json")).unwrap();
    let refused = exporter.run(PARQUET).await;
    assert!(!refused.is_well && refused.told.contains("but no _daybook.json"), "{}", refused.told);
    assert_eq!(events(&path(&exporter)), before);

    let (other, _) = shop().await;
    let (here, stranger) = (at_database(&app), at_database(&other));
    other.sell("TEA-2", 5, 5).await;
    here.expect(PARQUET).await;
    fs::rename(path(&here), path(&stranger)).unwrap();
    let refused = stranger.run(PARQUET).await;
    assert!(!refused.is_well && refused.told.contains("made from another log"), "{}", refused.told);
}

/// Moves every event that is there by so many days into the past.
async fn age(app: &TestApp, days: i32) {
    let mut session = app.database.foreign_session().await;
    for sql in [
        "BEGIN".to_owned(),
        "SELECT unlock_log('a test of days')".into(),
        format!("UPDATE events SET recorded_at = recorded_at - interval '{days} days'"),
        "COMMIT".into(),
    ] {
        sqlx::query(&sql).execute(&mut session).await.unwrap();
    }
}

/// Catches: days of many small files; an event that is lost or doubled when they become one.
#[tokio::test(flavor = "multi_thread")]
async fn files_of_a_day_that_is_over_become_one() {
    let (app, _door) = shop().await;
    age(&app, 2).await;
    let exporter = at_database(&app);
    for until in [2, 3] {
        exporter.expect(&format!("{PARQUET} --until {until}")).await;
    }
    let receive = async || {
        let received = serde_json::json!({"quantity": 1});
        app.by(Role::Warehouse).post("/v1/stock/TEA-1/receipts", received).await.expect(200);
    };
    receive().await;
    exporter.expect(PARQUET).await;
    let received = |day_of: &str| {
        let files = files(&path(&exporter)).into_iter();
        files.filter(|file| file.to_str().unwrap().contains(day_of)).collect::<Vec<_>>()
    };
    let old = received("type=StockReceived/day=");
    assert_eq!(old.len(), 2, "{old:?}");
    // The rest of the older day came in two runs; now it is over, and has one file.
    age(&app, 2).await;
    let again = at_database(&app);
    for until in 1..=3 {
        again.expect(&format!("{PARQUET} --until {until}")).await;
    }
    let count = || files(&path(&again)).len();
    assert_eq!(count(), 3);
    receive().await;
    receive().await;
    again.expect(PARQUET).await;
    assert_eq!(events(&path(&again)), events_of(&again.expect("").await.lines));
    for of_type in fs::read_dir(path(&again)).unwrap() {
        for day in fs::read_dir(of_type.unwrap().path()).into_iter().flatten() {
            assert_eq!(fs::read_dir(day.unwrap().path()).unwrap().count(), 1);
        }
    }
}

/// Catches: a follower whose files come only when it ends; one that leaves something behind when it is killed.
#[tokio::test(flavor = "multi_thread")]
async fn who_follows_makes_files_as_events_come() {
    let (app, door) = shop().await;
    let from = format!("--from {}", from(&app, &door, Role::Analyst));
    for (exporter, source) in [(at_database(&app), String::new()), (Exporter::elsewhere(), from)] {
        let arguments = format!("{PARQUET} {source} --follow --every 1s");
        let all = async || events_of(&at_database(&app).expect("").await.lines);
        let now = all().await;
        let mut follower = exporter.start(&arguments);
        until("it has what there was", async || events(&path(&exporter)) == now).await;
        place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
        let now = all().await;
        until("it has what came", async || events(&path(&exporter)) == now).await;
        follower.kill().await.unwrap();
        place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
        // One that is asked to end leaves nothing out.
        let follower = exporter.start(&format!("{PARQUET} {source} --follow --every 1h"));
        until("it has read what is new", async || {
            let partial = fs::read_dir(path(&exporter).join("type=OrderPlaced")).unwrap();
            partial
                .flat_map(|day| fs::read_dir(day.unwrap().path()).unwrap())
                .any(|file| file.unwrap().path().extension().is_some_and(|extension| extension == "partial"))
        })
        .await;
        assert!(Exporter::end(follower).await);
        assert_eq!(events(&path(&exporter)), all().await);
    }
}
