//! A search of the catalogue compares in the database what the program has folded, and finds it by an index.

use daybook_domain::text::folded;
use daybook_tests::{TestApp, TestDatabase, until};

/// Blocks with letters, marks and forms of them.
const CHARACTERS: [std::ops::Range<u32>; 8] = [
    0x20..0x1c00,
    0x1c80..0x1c89,
    0x1cd0..0x3100,
    0x3100..0x3400,
    0xa640..0xa7b0,
    0xab53..0xac00,
    0xf900..0x1_0000,
    0x1_d400..0x1_d800,
];

/// Characters that were added to Unicode after PostgreSQL 15 was released, which takes them for none.
const ADDED_LATER: [std::ops::RangeInclusive<u32>; 6] =
    [0x558..=0x558, 0x58b..=0x58c, 0x5c8..=0x5c9, 0x1acf..=0x1aff, 0x209d..=0x209f, 0x1_d6a6..=0x1_d6a7];

/// Catches: a character that only one of the two folds.
#[tokio::test(flavor = "multi_thread")]
async fn the_database_folds_as_the_program_does() {
    let database = TestDatabase::new().await;
    let mut texts: Vec<String> = CHARACTERS
        .into_iter()
        .flatten()
        .filter(|code| !ADDED_LATER.iter().any(|later| later.contains(code)))
        .filter_map(char::from_u32)
        .filter(|c| !c.is_control())
        .map(|c| format!("A{c}\u{301}{c}b"))
        .collect();
    texts.extend(
        ["ΟΔΟΣ ΟΔΟΣ", "Straße STRASSE", "İstanbul", "Tee\u{ad}kanne", "ᾳ\u{345}", "TEA-1\nEarl Grey"]
            .map(str::to_owned),
    );
    let lower: Vec<String> = texts.iter().map(|text| text.to_lowercase()).collect();
    let forms: Vec<String> = sqlx::query_scalar(
        "SELECT search_form(text) FROM unnest($1::text[]) WITH ORDINALITY AS x(text, n) ORDER BY n",
    )
    .bind(&lower)
    .fetch_all(&database.superuser)
    .await
    .expect("every text has a form");
    let differing = |(text, form): (&String, &String)| {
        let expected = folded(text);
        (expected != *form).then(|| {
            format!("{}: {}, not {}", text.escape_unicode(), form.escape_unicode(), expected.escape_unicode())
        })
    };
    let differences: Vec<String> = texts.iter().zip(&forms).filter_map(differing).collect();
    assert!(
        texts.len() > 15_000 && differences.is_empty(),
        "{}: {:#?}",
        differences.len(),
        &differences[..differences.len().min(20)]
    );
}

/// Catches: a search that reads the whole catalogue, also one whose plan is made for all values.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_rare_is_found_by_an_index() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 1).await;
    app.settle().await;
    let database = &app.database;
    // As other rows of a large catalogue are, with the document of the one that is there.
    database
        .execute(
            "INSERT INTO read.products_g1 (id, version, position, status, search, doc)
             SELECT 'X-' || n, version, position, status, E'x-' || n || E'\\nclock ' || md5(n::text), doc
               FROM read.products_g1, generate_series(1, 30000) n WHERE id = 'TEA-1'",
        )
        .await;
    database.execute("VACUUM ANALYZE read.products_g1").await;
    for n in 1..=10 {
        let rare = app.anonymous.get(&format!("/v1/products?q=NOTHING%20LIKE%20IT%20{n}")).await.expect(200);
        assert_eq!(rare.json()["data"].as_array().map(Vec::len), Some(0));
    }
    let scans = "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'products_g1_i1'";
    until("all searches used the index", async || database.count(scans).await >= 10).await;
    let found = app.anonymous.get("/v1/products?q=PRODUCT%20tea").await.expect(200).json();
    assert_eq!(found["data"][0]["sku"], "TEA-1");
}

/// Catches: a server that doesn't start where the extension isn't installed.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_trigrams_is_searched_all_the_same() {
    let database = TestDatabase::new().await;
    database.execute("DROP EXTENSION pg_trgm").await;
    let app = TestApp::start_on(database, |_| {}).await;
    app.sell("TEA-1", 1999, 1).await;
    app.settle().await;
    let found = app.anonymous.get("/v1/products?q=PRODUCT%20tea").await.expect(200).json();
    assert_eq!(found["data"][0]["sku"], "TEA-1");
    let indexes =
        "SELECT count(*) FROM pg_indexes WHERE tablename = 'products_g1' AND indexdef LIKE '%search%'";
    assert_eq!(app.database.count(indexes).await, 0);
}
