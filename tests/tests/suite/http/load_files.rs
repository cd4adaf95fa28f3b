//! `daybook load` with files as people have them: what each of `tests/data/files` gets its user.

use std::path::{Path, PathBuf};

use daybook_tests::TestApp;

use super::loads::load_file;

const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/files");

/// What a user gets for a file.
struct Case {
    file: &'static str,
    arguments: &'static [&'static str],
    gets: Gets,
}

enum Gets {
    /// Orders, lines, total in pence; no word on stderr.
    All([i64; 3]),
    /// The same, with exit code 0, and these words of each warning.
    Warned([i64; 3], &'static [&'static [&'static str]]),
    /// The same of what could be loaded, with an exit code that is not 0; words of each line on stderr.
    Some([i64; 3], &'static [&'static [&'static str]]),
    /// Nothing is sent. Words of the one line on stderr.
    Nothing(&'static [&'static str]),
}

use Gets::{All, Nothing, Some as Part, Warned};

const fn case(file: &'static str, gets: Gets) -> Case {
    Case { file, arguments: &[], gets }
}

const fn case_with(file: &'static str, arguments: &'static [&'static str], gets: Gets) -> Case {
    Case { file, arguments, gets }
}

/// A mug at 3.10 and two cups at 2.55.
const USUAL: [i64; 3] = [1, 2, 820];
/// The mug.
const MUG: [i64; 3] = [1, 1, 310];

const CASES: &[Case] = &[
    // Encodings.
    case("marked.csv", All(USUAL)),
    case("marked-packed.csv.gz", All(USUAL)),
    case("utf-16-little.csv", Nothing(&["UTF-16", "save as UTF-8"])),
    case("utf-16-big.csv", Nothing(&["UTF-16", "save as UTF-8"])),
    case("utf-16-unmarked.csv", Nothing(&["UTF-16", "save as UTF-8"])),
    case("latin-1.csv", Nothing(&["line 3", "column Description", "C9", "save as UTF-8"])),
    // Containers.
    case("zeros-behind.csv.gz", All(USUAL)),
    case("two-members.csv.gz", All(USUAL)),
    case("cut-off.csv.gz", Nothing(&["gzip", "cut off"])),
    case("text-behind.csv.gz", Nothing(&["not gzip", "follows"])),
    case("workbook.xlsx", Nothing(&["ZIP", ".xlsx", "CSV"])),
    // Separators.
    case("names-its-delimiter.csv", All(USUAL)),
    case("semicolons.csv", Nothing(&["this file is separated by ;: pass --delimiter ;"])),
    case_with("semicolons.csv", &["--delimiter", ";", "--decimal", ","], All(USUAL)),
    case("tabs.tsv", Nothing(&["this file is separated by tab: pass --delimiter tab"])),
    case_with("tabs.tsv", &["--delimiter", "tab"], All(USUAL)),
    // Headers, and nothing to load.
    case(
        "missing-columns.csv",
        Nothing(&["header has no Quantity, UnitPrice;", "the columns are InvoiceNo, "]),
    ),
    case("column-twice.csv", Nothing(&["header", "Quantity", "more than once"])),
    case("empty.csv", Nothing(&["it is empty"])),
    case("header-alone.csv", Nothing(&["a header and no rows"])),
    case("blank-rows.csv", Nothing(&["a header and no rows"])),
    case("page.html", Nothing(&["page (HTML"])),
    case("only-postage.csv", Part([0, 0, 0], &[&["nothing was loaded", "no row of the file sells goods"]])),
    // Numbers, customers and other text.
    case(
        "several-customers.csv",
        Part(MUG, &[&["line 3", "CustomerID", "\"8.0\"", "\"7.0\" in line 2", "invoice SEV-1 is left out"]]),
    ),
    case(
        "several-countries.csv",
        Warned(
            USUAL,
            &[
                &["line 3", "Country", "\"France\"", "\"EIRE\" in line 2, which is taken"],
                &["line 3", "InvoiceDate", "\"2024-01-01 10:01:00\"", "which is taken"],
            ],
        ),
    ),
    case(
        "returned-beside-sales.csv",
        Warned(MUG, &[&["line 3", "Quantity", "\"-2\"", "invoice BACK-1", "left out"]]),
    ),
    case("c-in-numbers.csv", All([2, 2, 820])),
    case("ids-with-spaces.csv", All([3, 4, 820 + 100 + 100])),
    case(
        "unfit-ids.csv",
        Part(
            MUG,
            &[
                &["line 2", "StockCode", "\"..\"", "a segment of a URL", "FIT-1"],
                &["line 3", "InvoiceNo", "nothing that can be seen"],
                &["line 4", "CustomerID", "more than one line", "FIT-3"],
            ],
        ),
    ),
    // What spreadsheets leave.
    case("short-rows.csv", All(USUAL)),
    case("trailing-commas.csv", All(USUAL)),
    case("surplus-cell.csv", Nothing(&["line 3 has 9 cells", "header has 8", "needs quotes"])),
    case("lines-in-quotes.csv", All(USUAL)),
    case("open-quote.csv", Nothing(&["quotation mark", "line 2", "never closed"])),
    case(
        "decimal-commas.csv",
        Part(
            [0, 0, 0],
            &[
                &["line 2", "UnitPrice", "\"3,10\"", "with --decimal , it is"],
                &["line 3", "UnitPrice", "\"2,55\"", "with --decimal , it is"],
            ],
        ),
    ),
    case_with("decimal-commas.csv", &["--decimal", ","], All(USUAL)),
    case(
        "spreadsheet-errors.csv",
        Part(
            MUG,
            &[
                &["line 2", "Description", "\"#N/A\"", "spreadsheet", "ERR-1"],
                &["line 3", "CustomerID", "\"#REF!\"", "spreadsheet", "ERR-2"],
                &["line 4", "InvoiceDate", "\"########\"", "spreadsheet", "ERR-3"],
            ],
        ),
    ),
    case(
        "shortened-numbers.csv",
        Part(
            MUG,
            &[
                &["line 2", "StockCode", "\"1.2E+05\"", "shortened"],
                &["line 3", "InvoiceNo", "\"5.36E+05\"", "shortened"],
                &["line 4", "Quantity", "\"1.2E+05\"", "not a number"],
                &["line 5", "CustomerID", "\"1.785E+04\"", "shortened"],
            ],
        ),
    ),
];

/// `None` if the user gets what they should.
async fn difference(app: &TestApp, case: &Case) -> Option<String> {
    let loaded = load_file(app, &Path::new(FILES).join(case.file), case.arguments).await;
    let (succeeds, figures, lines) = match case.gets {
        All(figures) => (true, Some(figures), &[][..]),
        Warned(figures, lines) => (true, Some(figures), lines),
        Part(figures, lines) => (false, Some(figures), lines),
        Nothing(words) => (false, None, &[words][..]),
    };
    let printed = (!loaded.out.is_empty()).then(|| loaded.figures(["orders", "lines", "total_minor"]));
    let is_said =
        |words: &&[&str]| loaded.err.lines().any(|line| words.iter().all(|word| line.contains(word)));
    let unsaid: Vec<_> = lines.iter().filter(|words| !is_said(words)).collect();
    let is_quiet = !matches!(case.gets, All(_)) || loaded.err.is_empty();
    let is_right = loaded.succeeded == succeeds && printed == figures && unsaid.is_empty() && is_quiet;
    let got = || {
        format!(
            "{} {:?}: exit code 0 is {}, {printed:?}, unsaid {unsaid:?}\n{}",
            case.file, case.arguments, loaded.succeeded, loaded.err
        )
    };
    (!is_right).then(got)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_file_gets_its_user_what_they_should_have() {
    let app = TestApp::start().await;
    let mut differences = Vec::new();
    for case in CASES {
        differences.extend(difference(&app, case).await);
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// A file that no test reads would only look as if it were tested.
#[test]
fn every_file_of_the_folder_is_in_the_table() {
    let files = std::fs::read_dir(FILES).expect("a folder").map(|file| file.expect("an entry").path());
    let unread: Vec<PathBuf> =
        files.filter(|path| !CASES.iter().any(|case| path.ends_with(case.file))).collect();
    assert!(unread.is_empty(), "{unread:?}");
}

/// The C of `CH-1001` says nothing; the negative quantities of `R-1003` do.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_is_known_by_its_quantities_and_not_by_its_number() {
    let app = TestApp::start().await;
    let loaded = load_file(&app, &Path::new(FILES).join("c-in-numbers.csv"), &[]).await.succeeded();
    assert_eq!(loaded.figures(["orders", "cancellations", "unmapped"]), [2, 1, 0]);
    let mut orders: Vec<String> = super::loads::orders(&app)
        .await
        .iter()
        .map(|order| format!("{} {}", order["external_id"], order["status"]))
        .collect();
    orders.sort();
    assert_eq!(orders, [r#""CH-1001" "placed""#, r#""CH-1002" "cancelled""#]);
}

/// A key of the protocol and an address have alphabets, which text of a file needn't keep to.
#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_and_a_customer_may_have_spaces_and_any_letters() {
    let app = TestApp::start().await;
    let file = Path::new(FILES).join("ids-with-spaces.csv");
    let loaded = load_file(&app, &file, &[]).await.succeeded();
    assert_eq!(loaded.figures(["orders", "cancellations", "replayed"]), [3, 1, 0]);
    let orders = super::loads::orders(&app).await;
    let mut owners: Vec<String> =
        orders.iter().map(|order| format!("{} {}", order["external_id"], order["customer"])).collect();
    owners.sort();
    assert_eq!(
        owners,
        [r#""INV 2020 01" "cACME Ltd""#, r#""INV 2020 03" "cACME Ltd""#, r#""INV/2020 № 02" null"#]
    );
    let again = load_file(&app, &file, &[]).await.succeeded();
    assert!(again.figures(["replayed"]) > [3], "{}", again.out);
}
