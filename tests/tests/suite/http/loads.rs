//! `daybook load`, the program itself, with files as people have them.

use std::{path::Path, process::Command};

use daybook_domain::policy::Role;
use daybook_tests::{Program, TestApp, server::Folder};
use serde_json::{Value, json};

const HEADER: &str = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country";
const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/sample-orders.csv");

/// How a load ended.
pub struct Loaded {
    pub succeeded: bool,
    pub out: String,
    pub err: String,
}

impl Loaded {
    /// A figure of the last line.
    #[track_caller]
    fn figure(&self, name: &str) -> i64 {
        let last = self.out.lines().last().unwrap_or_else(|| panic!("figures are printed: {}", self.err));
        let found = last.split(' ').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        found.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no {name} in {last}"))
    }

    #[track_caller]
    pub fn figures<const N: usize>(&self, names: [&str; N]) -> [i64; N] {
        names.map(|name| self.figure(name))
    }

    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert!(self.succeeded, "{}{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub fn failed(self) -> Self {
        assert!(!self.succeeded, "{}{}", self.out, self.err);
        self
    }

    /// Something is said of all of this on one line of stderr.
    #[track_caller]
    pub fn says(&self, words: &[&str]) {
        let found = self.err.lines().any(|line| words.iter().all(|word| line.contains(word)));
        assert!(found, "{words:?} in one line of:\n{}", self.err);
    }
}

pub async fn load_file(app: &TestApp, file: &Path, arguments: &[&str]) -> Loaded {
    load_as(app, &[Role::Support, Role::Merchandiser, Role::Warehouse], file, arguments).await
}

async fn load_as(app: &TestApp, roles: &[Role], file: &Path, arguments: &[&str]) -> Loaded {
    let mut command = Command::new(Program::this().path());
    command.args(["load", "--url", app.anonymous.base(), "--token", &app.token("loader", roles)]);
    command.arg("--orders").arg(file).args(arguments);
    let ended = tokio::task::spawn_blocking(move || command.output()).await.unwrap().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Loaded { succeeded: ended.status.success(), out: text(&ended.stdout), err: text(&ended.stderr) }
}

async fn load_with(app: &TestApp, rows: &[&str], arguments: &[&str]) -> Loaded {
    let folder = Folder::new("daybook-load", None);
    let file = folder.path().join("orders.csv");
    std::fs::write(&file, [HEADER, &rows.join("\n"), ""].join("\n")).expect("a file can be written");
    load_file(app, &file, arguments).await
}

async fn load(app: &TestApp, rows: &[&str]) -> Loaded {
    load_with(app, rows, &[]).await
}

/// Every order that there is, as support sees it.
pub async fn orders(app: &TestApp) -> Vec<Value> {
    app.settle().await;
    let page = app.by(Role::Support).get("/v1/orders?limit=100").await.expect(200).json();
    page["data"].as_array().expect("a list").clone()
}

/// After the seven days that keys are kept.
async fn forget_keys(app: &TestApp) {
    app.database.execute("DELETE FROM idempotency_keys").await;
}

const MUG: &str = "1,MUG,RED MUG,1,2024-01-01 10:00:00,3.10,7.0,EIRE";
const CUP: &str = "1,CUP,BLUE CUP,2,2024-01-01 10:00:00,2.55,7.0,EIRE";
const OTHER: &str = "2,MUG,RED MUG,1,2024-01-01 10:00:00,3.10,8.0,EIRE";
const FIGURES: [&str; 4] = ["orders", "lines", "total_minor", "rejected"];

/// Catches: a refusal taken for "loaded before"; totals that are the file's.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_there_already_with_other_lines_is_named_and_not_counted() {
    let app = TestApp::start().await;
    assert_eq!(load(&app, &[MUG]).await.succeeded().figures(FIGURES), [1, 1, 310, 0]);
    let corrected = load(&app, &[MUG, CUP, OTHER]).await.failed();
    assert_eq!(corrected.figures(FIGURES), [1, 1, 310, 1], "only the other invoice counts");
    corrected.says(&["order 1", "lines", "2 CUP at 2.55"]);
    corrected.says(&["order 1", "8.20", "3.10"]);
    assert!(corrected.out.contains("rejected_differs=1\n"), "{}", corrected.out);
    let totals: Vec<i64> = orders(&app).await.iter().filter_map(|o| o["total"]["amount"].as_i64()).collect();
    assert_eq!(totals, [310, 310]);
}

/// Pieces that are on hand, and how many of them can still be promised.
async fn stock(app: &TestApp, sku: &str) -> [i64; 2] {
    app.settle().await;
    let stock = app.by(Role::Warehouse).get(&format!("/v1/stock/{sku}")).await.expect(200).json();
    ["on_hand", "available"].map(|figure| stock[figure].as_i64().expect("a number"))
}

/// Catches: pieces that are there, but promised to other orders, taken for those that a file needs.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_file_with_the_same_products_gets_the_stock_that_it_needs() {
    let app = TestApp::start().await;
    assert_eq!(load(&app, &[MUG, CUP]).await.succeeded().figures(FIGURES), [1, 2, 820, 0]);
    let invoice = |number| format!("{number},MUG,RED MUG,{number},2024-01-01 10:00:00,3.10,8.0,EIRE");
    let invoices: Vec<String> = (2..32).map(invoice).collect();
    let mut second: Vec<&str> = invoices.iter().map(String::as_str).collect();
    second.extend(["40,CUP,BLUE CUP,2,2024-01-01 10:00:00,2.55,8.0,EIRE"; 2]);
    let pieces: i64 = (2..32).sum();
    let figures = [31, 32, 310 * pieces + 4 * 255, 0];
    assert_eq!(load(&app, &second).await.succeeded().figures(FIGURES), figures);
    assert_eq!((stock(&app, "MUG").await, stock(&app, "CUP").await), ([1 + pieces, 0], [2 + 4, 0]));

    // What is loaded needs nothing more, with or without the keys, also when the goods are gone.
    let first = orders(&app).await.into_iter().find(|order| order["external_id"] == "1").expect("invoice 1");
    let path = |verb: &str| format!("/v1/orders/{}/{verb}", first["id"].as_str().expect("an id"));
    app.by(Role::Support).post(&path("confirmation"), json!({})).await.expect(200);
    app.by(Role::Warehouse).post(&path("shipments"), json!({})).await.expect(200);
    load(&app, &[MUG, CUP]).await.succeeded();
    forget_keys(&app).await;
    assert_eq!(load(&app, &second).await.succeeded().figures(FIGURES), figures);
    load(&app, &[MUG, CUP]).await.succeeded();
    assert_eq!((stock(&app, "MUG").await, stock(&app, "CUP").await), ([pieces, 0], [4, 0]));
}

/// Catches: a load that was cut off between a product and its receipt, or between a receipt and the orders.
#[tokio::test(flavor = "multi_thread")]
async fn a_load_that_is_begun_again_receives_what_is_missing_and_no_more() {
    let app = TestApp::start().await;
    let folder = Folder::new("daybook-load", None);
    let file = folder.path().join("orders.csv");
    std::fs::write(&file, [HEADER, MUG, OTHER, CUP, ""].join("\n")).expect("a file can be written");
    let loaded = load_as(&app, &[Role::Support, Role::Merchandiser], &file, &[]).await.failed();
    loaded.says(&["MUG refused: 403 forbidden: ", "stock.receive"]);
    loaded.says(&["order 1 refused: 422 insufficient_stock: "]);
    loaded.says(&["order 2 refused: 422 insufficient_stock: "]);
    assert_eq!(loaded.figures(FIGURES), [0, 0, 0, 2 + 2 + 2], "receipts, questions, orders");
    assert_eq!(loaded.err.matches("order 1").count(), 1, "{}", loaded.err);

    let receipt = json!({"quantity": 1});
    app.by(Role::Warehouse).post("/v1/stock/MUG/receipts", receipt).await.expect(200);
    let loaded = load_file(&app, &file, &[]).await.succeeded();
    assert_eq!(loaded.figures(FIGURES), [2, 3, 310 + 510 + 310, 0]);
    assert_eq!((stock(&app, "MUG").await, stock(&app, "CUP").await), ([2, 0], [2, 0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_order_with_the_invoices_number_is_no_order_of_the_file() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    let support = app.by(Role::Support);
    for (number, customer) in [("1", json!("carol")), ("2", Value::Null)] {
        let order = json!({
            "lines": [{"sku": "TEA-1", "quantity": 1}], "currency": "EUR", "external_id": number,
            "customer": customer, "contact": {"name": "Carol", "email": "carol@example.com"},
        });
        support.post("/v1/orders", order).await.expect(201);
    }
    let loaded = load(&app, &[MUG, OTHER]).await.failed();
    assert_eq!(loaded.figures(FIGURES), [0, 0, 0, 2]);
    loaded.says(&["order 1", "customer", "c7", "carol"]);
    loaded.says(&["order 2", "customer", "c8", "nobody"]);
}

/// Catches: a customer who stops an import by taking the numbers of its invoices.
#[tokio::test(flavor = "multi_thread")]
async fn customers_cannot_take_the_numbers_of_invoices() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    for customer in ["c7", "eve"] {
        let order = json!({
            "lines": [{"sku": "TEA-1", "quantity": 1}], "currency": "EUR", "external_id": "1",
            "contact": {"name": "Eve", "email": "eve@example.com"},
        });
        app.customer(customer).post("/v1/orders", order).await.expect(201);
    }
    assert_eq!(load(&app, &[MUG]).await.succeeded().figures(FIGURES), [1, 1, 310, 0]);
    forget_keys(&app).await;
    let again = load(&app, &[MUG]).await.succeeded();
    assert_eq!((again.figures(FIGURES), again.err.as_str()), ([1, 1, 310, 0], ""));
}

/// The keys are forgotten, so everything is found and compared, orders of guests and cancelled ones too.
#[tokio::test(flavor = "multi_thread")]
async fn a_load_that_is_repeated_after_its_keys_are_forgotten_counts_what_is_there() {
    let app = TestApp::start().await;
    let figures = ["orders", "lines", "total_minor", "rejected", "cancellations", "unreadable"];
    let first = load_file(&app, Path::new(SAMPLE), &[]).await.succeeded();
    assert_eq!(first.figure("replayed"), 0);
    assert!(orders(&app).await.iter().any(|order| order["customer"].is_null()), "guests are among them");
    let head = app.database.count("SELECT max(position) FROM events").await;
    forget_keys(&app).await;
    let again = load_file(&app, Path::new(SAMPLE), &[]).await.succeeded();
    assert_eq!(again.figures(figures), first.figures(figures));
    assert!(again.figure("orders") > 5 && again.figure("cancellations") == 2);
    assert_eq!(again.err, "");
    assert_eq!(app.database.count("SELECT max(position) FROM events").await, head, "nothing new happened");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_that_is_there_already_with_another_name_or_price_is_named() {
    let app = TestApp::start().await;
    for (sku, name, amount, currency) in
        [("MUG", "RED MUG", 310, "GBP"), ("CUP", "Blue cup", 999, "GBP"), ("JUG", "JUG", 100, "EUR")]
    {
        let product = json!({"sku": sku, "name": name, "price": {"amount": amount, "currency": currency}});
        app.by(Role::Merchandiser).post("/v1/products", product).await.expect(201);
    }
    let jug = "1,JUG,JUG,1,2024-01-01 10:00:00,1.00,7.0,EIRE";
    let loaded = load(&app, &[MUG, CUP, jug]).await.failed();
    // The order has its own prices.
    assert_eq!(loaded.figures(FIGURES), [1, 3, 310 + 510 + 100, 2]);
    loaded.says(&["product CUP", "name", "\"BLUE CUP\"", "\"Blue cup\"", "price", "2.55", "9.99"]);
    loaded.says(&["product JUG", "price", "1.00", "none"]);
    assert!(!loaded.err.contains("product MUG"), "{}", loaded.err);
}

/// Catches: the rest of an invoice loaded as a smaller order.
#[tokio::test(flavor = "multi_thread")]
async fn a_cell_that_cannot_be_read_is_named_and_its_invoice_left_out() {
    let app = TestApp::start().await;
    let bad = CUP.replace("2.55", "\"2,55\"");
    let postage = "2,POST,POSTAGE,1,2024-01-01 10:00:00,4.95,8.0,EIRE";
    let loaded = load(&app, &[MUG, &bad, OTHER, postage]).await.failed();
    loaded.says(&["line 3", "UnitPrice", "\"2,55\"", "invoice 1"]);
    assert_eq!(loaded.figures(FIGURES), [1, 1, 310, 0]);
    assert_eq!(loaded.figures(["unmapped", "unreadable"]), [1, 2], "two counters");
    assert_eq!(orders(&app).await.len(), 1);

    let corrected = load(&app, &[MUG, CUP, OTHER, postage]).await.succeeded();
    assert_eq!(corrected.figures(FIGURES), [2, 3, 310 + 310 + 510, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_which_nothing_can_be_read_is_no_success() {
    let app = TestApp::start().await;
    let loaded =
        load(&app, &[&MUG.replace("3.10", "\"3,10\""), &OTHER.replace(",1,2024", ",one,2024")]).await;
    let loaded = loaded.failed();
    loaded.says(&["line 2", "UnitPrice", "\"3,10\""]);
    loaded.says(&["line 3", "Quantity", "\"one\""]);
    assert_eq!(loaded.figures(FIGURES), [0, 0, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decimal_comma_is_read_when_it_is_asked_for() {
    let app = TestApp::start().await;
    let commas = [
        "1,MUG,RED MUG,\"2,0\",2024-01-01 10:00:00,\"3,10\",\"7,0\",EIRE",
        "1,CUP,BLUE CUP,1,2024-01-01 10:00:00,2,7,EIRE",
    ];
    let loaded = load_with(&app, &commas, &["--decimal", ","]).await.succeeded();
    assert_eq!(loaded.figures(FIGURES), [1, 2, 620 + 200, 0]);
    let points = ["2,JUG,GREEN JUG,2.0,2024-01-01 10:00:00,3.10,7.0,EIRE"];
    load_with(&app, &points, &["--decimal", ","]).await.failed().says(&["line 2", "Quantity", "\"2.0\""]);
    assert_eq!(load(&app, &points).await.succeeded().figures(FIGURES), [1, 1, 620, 0]);
    assert_eq!(orders(&app).await.len(), 2);
}

/// A token that may place orders, but not make products or receive goods.
#[tokio::test(flavor = "multi_thread")]
async fn every_refused_command_is_named_with_its_status_code_and_reason() {
    let app = TestApp::start().await;
    let folder = Folder::new("daybook-load", None);
    let file = folder.path().join("orders.csv");
    std::fs::write(&file, [HEADER, MUG, OTHER, ""].join("\n")).expect("a file can be written");
    let loaded = load_as(&app, &[Role::Support], &file, &[]).await.failed();
    loaded.says(&["product MUG refused: 403 forbidden: ", "product.create"]);
    loaded.says(&["order 1 refused: 422 product_not_found: MUG"]);
    loaded.says(&["order 2 refused: 422 product_not_found: MUG"]);
    assert_eq!(loaded.figures(FIGURES), [0, 0, 0, 3]);
}
