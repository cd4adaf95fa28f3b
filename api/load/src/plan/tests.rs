use super::*;
use crate::rows::parse;

/// Made up; every kind of row that the real file has, and some that it doesn't.
const SAMPLE: &str = include_str!("../../../../tests/data/sample-orders.csv");

fn sample() -> Plan {
    plan(&parse(SAMPLE.as_bytes(), None).expect("a CSV file"), None, Decimal::Point)
}

fn rows(text: &str) -> Vec<Row> {
    let header = SAMPLE.lines().next().expect("a header");
    parse(format!("{header}\n{text}").as_bytes(), None).expect("a CSV file")
}

fn order(plan: &Plan, invoice: &str) -> Order {
    let found = plan.orders.iter().find(|order| order.invoice.as_str() == invoice);
    found.unwrap_or_else(|| panic!("no order {invoice}")).clone()
}

fn product<'a>(plan: &'a Plan, sku: &str) -> &'a Product {
    let found = plan.products.iter().find(|product| product.sku.as_str() == sku);
    found.unwrap_or_else(|| panic!("no product {sku}"))
}

fn cancelled_by(plan: &Plan, invoice: &str) -> Option<String> {
    order(plan, invoice).cancelled_by.map(String::from)
}

#[test]
fn every_row_is_counted_once() {
    let plan = sample();
    let rows = parse(SAMPLE.as_bytes(), None).expect("a CSV file").len();
    let unmapped: u64 = plan.unmapped.values().sum();
    assert_eq!(plan.unreadable_rows, 0);
    assert_eq!(plan.lines() as u64 + plan.cancelling_rows + unmapped, rows as u64);
}

#[test]
fn every_reason_occurs_in_the_sample() {
    let expected = [
        (Unmapped::CancelsForNobody, 1),
        (Unmapped::CancelsNoWholeOrder, 2),
        (Unmapped::FractionOfAPenny, 1),
        (Unmapped::NegativePrice, 1),
        (Unmapped::NoDescription, 1),
        (Unmapped::NotGoods, 4),
        (Unmapped::QuantityNotPositive, 1),
        (Unmapped::ZeroPrice, 1),
    ];
    assert_eq!(sample().unmapped, BTreeMap::from(expected));
}

#[test]
fn totals_are_plain_sums_of_the_accepted_lines() {
    let plan = sample();
    assert_eq!(order(&plan, "900001").total_minor, 6 * 1250 + 2 * 1800);
    let sum: i64 = [
        6 * 1250 + 2 * 1800,
        3 * 725 + 10 * 310 + 5 * 295,
        24 * 85 + 1999,
        48 * 75 + 12 * 165,
        4 * 4500,
        4 * 4500,
        2 * 950,
        8 * 240,
        100 * 2,
        3 * 605,
        1800 + 4 * 310,
    ]
    .iter()
    .sum();
    assert_eq!(plan.total_minor(), i128::from(sum));
}

#[test]
fn an_order_has_its_invoices_customer_and_details() {
    let plan = sample();
    let first = order(&plan, "900001");
    assert_eq!(first.customer.map(String::from), Some("c20001".to_owned()));
    assert_eq!(
        (first.country.as_str(), first.invoice_date.as_str()),
        ("United Kingdom", "2024-03-01 09:00:00")
    );
    assert_eq!(order(&plan, "900003").customer, None);
}

#[test]
fn codes_that_differ_in_case_are_different_products() {
    let plan = sample();
    assert_eq!(product(&plan, "10101A").pieces, 6);
    assert_eq!(product(&plan, "10101a").pieces, 3);
}

#[test]
fn the_same_code_twice_stays_two_lines_with_two_prices() {
    let lines = order(&sample(), "900002").lines;
    let prices: Vec<i64> = lines.iter().map(|line| line.unit_price_minor).collect();
    assert_eq!(prices, [725, 310, 295]);
}

#[test]
fn a_product_is_named_and_priced_as_most_of_its_lines_are() {
    let plan = sample();
    let board = product(&plan, "10102");
    assert_eq!((board.name.as_str(), board.price_minor, board.pieces), ("WALNUT BREAD BOARD", 1800, 4));
    // Two names that differ in whitespace only are one; 3.10 occurs twice, 2.95 once.
    let napkin = product(&plan, "10103");
    assert_eq!((napkin.name.as_str(), napkin.price_minor), ("LINEN NAPKIN, SET OF 4", 310));
    // As often as each other: the first.
    assert_eq!(product(&plan, "10104").price_minor, 85);
}

#[test]
fn a_cancellation_of_a_whole_order_cancels_it_in_whatever_order_its_lines_are() {
    assert_eq!(cancelled_by(&sample(), "900004"), Some("C900005".to_owned()));
}

#[test]
fn a_cancellation_of_a_part_cancels_nothing() {
    assert_eq!(cancelled_by(&sample(), "900001"), None);
}

#[test]
fn of_two_equal_orders_the_last_is_cancelled_and_each_once() {
    let plan = sample();
    assert_eq!(cancelled_by(&plan, "900009"), None);
    assert_eq!(cancelled_by(&plan, "900010"), Some("C900011".to_owned()));

    let line =
        |invoice: &str, quantity: &str| format!("{invoice},1,MUG,{quantity},2024-01-01,1.0,7.0,EIRE\n");
    let text = [line("1", "2"), line("C2", "-2"), line("C3", "-2")].concat();
    let plan = super::plan(&rows(&text), None, Decimal::Point);
    assert_eq!(cancelled_by(&plan, "1"), Some("C2".to_owned()));
    assert_eq!(plan.unmapped, BTreeMap::from([(Unmapped::CancelsNoWholeOrder, 1)]));
}

#[test]
fn a_cancellation_does_not_mean_an_order_further_down() {
    assert_eq!(cancelled_by(&sample(), "900013"), None);
}

#[test]
fn another_customers_order_is_not_cancelled() {
    let text = "1,1,MUG,2,2024-01-01,1.0,7.0,EIRE\nC2,1,MUG,-2,2024-01-01,1.0,8.0,EIRE\n";
    assert_eq!(cancelled_by(&plan(&rows(text), None, Decimal::Point), "1"), None);
}

/// `line column value` of each fault.
fn faults(plan: &Plan) -> Vec<String> {
    plan.faults.iter().map(|fault| format!("{} {} {}", fault.line, fault.column, fault.value)).collect()
}

/// Catches: the rest of an invoice taken for the whole of it.
#[test]
fn an_invoice_with_a_cell_that_cannot_be_read_is_left_out_as_a_whole() {
    let text = "1,1,MUG,2,2024-01-01,\"2,55\",7.0,EIRE\n\
                1,2,CUP,1,2024-01-01,3.10,7.0,EIRE\n\
                1,POST,POSTAGE,1,2024-01-01,3.10,7.0,EIRE\n\
                2,2,CUP,one,2024-01-01,3.10,7.0,EIRE\n\
                2,2 2,CUP,1.5,2024-01-01,£3,7.0,EIRE\n\
                3,2,CUP,2.0,2024-01-01,3.10,7.0,EIRE\n";
    let plan = plan(&rows(text), None, Decimal::Point);
    assert_eq!(
        faults(&plan),
        ["2 UnitPrice 2,55", "5 Quantity one", "6 StockCode 2 2", "6 Quantity 1.5", "6 UnitPrice £3"]
    );
    assert_eq!((plan.unreadable_invoices, plan.unreadable_rows), (2, 5));
    assert_eq!(plan.unmapped, BTreeMap::new());
    assert_eq!((plan.orders.len(), order(&plan, "3").total_minor), (1, 620));
}

#[test]
fn more_than_an_order_can_have_is_a_fault_and_no_smaller_order() {
    let line = "1,1,MUG,1,2024-01-01,1.0,7.0,EIRE\n";
    let dear = "2,1,MUG,100000,2024-01-01,9999999999.0,7.0,EIRE\n".repeat(100);
    let many = "3,1,MUG,100001,2024-01-01,1.0,7.0,EIRE\n3,2,CUP,1,2024-01-01,1.0,7.0,EIRE\n";
    let text = [&*line.repeat(MAX_LINES + 1), &*dear, many].concat();
    let plan = plan(&rows(&text), None, Decimal::Point);
    assert!(plan.orders.is_empty() && plan.products.is_empty());
    let first_of = |rows: usize| MAX_LINES + 1 + rows + 2;
    assert_eq!(
        faults(&plan),
        [
            "2 InvoiceNo 1".to_owned(),
            format!("{} InvoiceNo 2", first_of(0)),
            format!("{} Quantity 100001", first_of(100)),
        ]
    );
    assert_eq!(plan.unreadable_rows, MAX_LINES as u64 + 1 + 100 + 2);
}

#[test]
fn who_an_invoice_is_for_must_be_readable_too() {
    let text =
        format!("1,1,MUG,1,2024-01-01,1.0,{},EIRE\n1,2,CUP,1,2024-01-01,1.0,8,EIRE\n", "7".repeat(200));
    let number = format!("{},1,MUG,1,2024-01-01,1.0,7.0,EIRE\n", "9".repeat(200));
    assert!(faults(&plan(&rows(&text), None, Decimal::Point))[0].starts_with("2 CustomerID 7"));
    assert!(faults(&plan(&rows(&number), None, Decimal::Point))[0].starts_with("2 InvoiceNo 9"));
}

#[test]
fn a_fault_says_where_it_is_and_what_is_left_out_because_of_it() {
    let plan = plan(&rows("7,1,MUG,two,2024-01-01,1.0,7.0,EIRE\n"), None, Decimal::Point);
    assert_eq!(
        plan.faults[0].to_string(),
        "line 2, column Quantity: \"two\" is not a number; invoice 7 is left out"
    );
}

#[test]
fn a_limit_counts_invoices_of_every_kind() {
    let plan = plan(&parse(SAMPLE.as_bytes(), None).expect("a CSV file"), Some(5), Decimal::Point);
    assert_eq!((plan.orders.len(), plan.cancellations()), (4, 1));
}

#[test]
fn the_same_file_makes_the_same_plan() {
    assert_eq!(sample().orders, sample().orders);
    assert_eq!(sample().products, sample().products);
}
