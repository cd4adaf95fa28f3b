use std::collections::BTreeSet;

use daybook_domain::policy::Role;
use daybook_tests::{Client, TestApp};
use serde_json::{Value, json};

use super::orders::{order, place};

/// All pages, from the first to the last.
async fn pages(client: &Client, path: &str) -> Vec<Value> {
    let mut pages = vec![client.get(path).await.expect(200).json()];
    while let Some(next) = pages.last().unwrap()["next"].as_str() {
        assert_eq!(pages.last().unwrap()["has_more"], true);
        let joint = if path.contains('?') { '&' } else { '?' };
        let page = client.get(&format!("{path}{joint}after={next}")).await.expect(200).json();
        pages.push(page);
        assert!(pages.len() < 100, "pages have an end");
    }
    assert_eq!(pages.last().unwrap()["has_more"], false);
    assert_eq!(pages.last().unwrap()["next"], Value::Null);
    pages
}

fn names(pages: &[Value], member: &str) -> Vec<String> {
    let rows = pages.iter().flat_map(|page| page["data"].as_array().unwrap());
    rows.map(|row| row[member].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_show_everything_once() {
    let app = TestApp::start().await;
    let codes: Vec<String> = (0..25).map(|number| format!("P{number:02}")).collect();
    for code in &codes {
        app.sell(code, 100, 0).await;
    }
    let listed = pages(&app.anonymous, "/v1/products?limit=10").await;
    assert_eq!(
        listed.iter().map(|page| page["data"].as_array().unwrap().len()).collect::<Vec<_>>(),
        [10, 10, 5]
    );
    assert_eq!(names(&listed, "sku"), codes);
    // A page that is just full has no successor.
    assert_eq!(pages(&app.anonymous, "/v1/products?limit=25").await.len(), 1);
    assert_eq!(pages(&app.anonymous, "/v1/products").await.len(), 2);

    app.by(Role::Warehouse).post("/v1/stock/P00/receipts", json!({"quantity": 100})).await.expect(200);
    let alice = app.customer("alice");
    let mut placed = BTreeSet::new();
    for _ in 0..7 {
        placed.insert(place(&alice, order(&[("P00", 1)])).await);
    }
    let listed = names(&pages(&alice, "/v1/orders?limit=3").await, "id");
    assert_eq!(listed.len(), 7);
    assert!(listed.iter().rev().eq(placed.iter()), "the newest first");
}

/// Catches: pages that are bounded in rows only; a page cut on the wrong side.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_large_things_has_fewer_of_them() {
    let app = TestApp::start().await;
    let merchandiser = app.by(Role::Merchandiser);
    let codes: Vec<String> = (0..120).map(|number| format!("P{number:03}")).collect();
    for code in &codes {
        app.sell(code, 100, 0).await;
        let large = json!({ "description": "🫖".repeat(10_000) });
        merchandiser.patch(&format!("/v1/products/{code}"), large).await.expect(200);
    }
    let listed = pages(&app.anonymous, "/v1/products?limit=100").await;
    let mut back = vec![listed.last().unwrap().clone()];
    while let Some(before) = back.last().unwrap()["prev"].as_str() {
        let path = format!("/v1/products?limit=100&before={before}");
        back.push(app.anonymous.get(&path).await.expect(200).json());
        assert_eq!(back.last().unwrap()["has_more"], true);
    }
    back.reverse();
    for walk in [listed, back] {
        assert!(walk.len() >= 3 && walk.iter().all(|page| page.to_string().len() < 3 << 20));
        assert_eq!(names(&walk, "sku"), codes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_is_a_page() {
    let app = TestApp::start().await;
    let empty = json!({"data": [], "has_more": false, "next": null});
    assert_eq!(app.anonymous.get("/v1/products").await.expect(200).json(), empty);
    assert_eq!(app.customer("alice").get("/v1/orders").await.expect(200).json(), empty);
    assert_eq!(app.by(Role::Analyst).get("/v1/events").await.expect(200).json(), empty);
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_are_checked() {
    let app = TestApp::start().await;
    for code in ["A", "B", "C"] {
        app.sell(code, 100, 0).await;
    }
    let support = app.by(Role::Support);
    for path in ["/v1/products", "/v1/orders"] {
        for (query, expected) in [
            ("limit=0", "400 malformed_request"),
            ("limit=101", "400 malformed_request"),
            ("limit=ten", "400 malformed_request"),
            ("limit=1&limit=2", "400 malformed_request"),
            ("after=", "400 malformed_request"),
            ("after=nonsense", "400 malformed_request"),
            ("after=%00", "400 malformed_request"),
            ("page=2", "400 unknown_parameter"),
            ("limit=5&colour=red", "400 unknown_parameter"),
        ] {
            assert_eq!(support.get(&format!("{path}?{query}")).await.refusal(), expected, "{path}?{query}");
        }
    }
    assert_eq!(support.get("/v1/orders?status=lost").await.refusal(), "400 malformed_request");
    assert_eq!(support.get("/v1/products/A?x=1").await.refusal(), "400 unknown_parameter");
    // A cursor of another list.
    let products = app.anonymous.get("/v1/products?limit=1").await.expect(200).json();
    let cursor = products["next"].as_str().unwrap();
    assert_eq!(support.get(&format!("/v1/orders?after={cursor}")).await.refusal(), "400 malformed_request");
}

/// Catches: a cursor that says where a page ended, and not of what.
#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_is_good_for_the_list_that_gave_it() {
    let app = TestApp::start().await;
    for code in ["A", "B"] {
        app.sell(code, 100, 10).await;
    }
    let admin = app.by(Role::Admin);
    let ids = [place(&admin, order(&[("A", 1)])).await, place(&admin, order(&[("B", 1)])).await];
    for id in &ids {
        admin.post(&format!("/v1/orders/{id}/confirmation"), json!({})).await.expect(200);
    }
    app.settle().await;
    let today = &app.by(Role::Admin).get("/v1/orders").await.json()["data"][0]["placed_at"];
    let today = today.as_str().unwrap().split('T').next().unwrap().to_owned();
    let joint = |list: &str| if list.contains('?') { '&' } else { '?' };
    let lists = [
        "/v1/products".to_owned(),
        "/v1/orders".to_owned(),
        format!("/v1/sales?from={today}&to={today}"),
        "/v1/products/A/history".to_owned(),
        "/v1/products/B/history".to_owned(),
        "/v1/stock/A/history".to_owned(),
        format!("/v1/orders/{}/history", ids[0]),
        format!("/v1/orders/{}/history", ids[1]),
    ];
    let mut cursors = Vec::new();
    for list in &lists {
        let page = admin.get(&format!("{list}{}limit=1", joint(list))).await.expect(200).json();
        cursors.push(page["next"].as_str().unwrap_or_else(|| panic!("{list}: {page}")).to_owned());
    }
    for (given, cursor) in cursors.iter().enumerate() {
        for (asked, list) in lists.iter().enumerate() {
            let reply = admin.get(&format!("{list}{}limit=1&after={cursor}", joint(list))).await;
            if asked == given {
                reply.expect(200);
            } else {
                assert_eq!(
                    reply.refusal(),
                    "400 malformed_request",
                    "{list} with a cursor of {}",
                    lists[given]
                );
            }
        }
    }
    // As release 0.1.0 gave them out: a byte for the form, and the key. They come from pages of before.
    for (list, former) in [("/v1/products", "AUE"), ("/v1/products", "AXg")] {
        let reply = admin.get(&format!("{list}?limit=1&after={former}")).await;
        assert_eq!(reply.refusal(), "400 malformed_request", "{former}");
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("this list"), "{detail}");
    }
}

/// Follows `Link` from page to page.
#[tokio::test(flavor = "multi_thread")]
async fn links_lead_from_page_to_page_and_back_to_the_first() {
    let app = TestApp::start().await;
    for code in ["A", "B", "C"] {
        app.sell(code, 100, 10).await;
    }
    let admin = app.by(Role::Admin);
    for code in ["A", "B", "C"] {
        place(&admin, order(&[(code, 1)])).await;
    }
    app.settle().await;
    for list in ["/v1/products", "/v1/orders", "/v1/events", "/v1/products/A/history", "/v1/stock/A/history"]
    {
        let (begin, mut seen) = (format!("{list}?limit=1"), Vec::new());
        let mut next = Some(begin.clone());
        while let Some(address) = next {
            let page = admin.get(&address).await.expect(200);
            let link = page.header("link").unwrap_or_else(|| panic!("{address} has no link")).to_owned();
            assert_eq!(linked(&link, "first").as_deref(), Some(begin.as_str()), "{link}");
            seen.push(page.json()["data"][0].clone());
            next = linked(&link, "next");
            assert_eq!(next.is_some(), page.json()["has_more"], "{link}");
        }
        let all = admin.get(&format!("{list}?limit=100")).await.expect(200).json();
        assert_eq!(all["data"].as_array().unwrap(), &seen, "{list}");
    }
}

fn linked(link: &str, relation: &str) -> Option<String> {
    let of_relation = link.split(", ").find_map(|one| one.strip_suffix(&format!(">; rel=\"{relation}\"")));
    of_relation.map(|address| address.trim_start_matches('<').to_owned())
}

/// Catches: links of the caller for whom a page was made.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_from_the_cache_has_the_links_of_each_callers_own_address() {
    let app = TestApp::start().await;
    app.sell("A", 100, 1).await;
    app.settle().await;
    for address in ["/v1/products", "/v1/products?limit=20", "/v1/products?limit=20&q=", "/v1/products"] {
        let page = app.anonymous.get(address).await.expect(200);
        let first = linked(page.header("link").unwrap(), "first");
        assert_eq!(first.as_deref(), Some(address));
    }
}

/// Catches: a page before another that has other rows, or has them in another order, than on the way there.
#[tokio::test(flavor = "multi_thread")]
async fn lists_are_walked_forth_and_back() {
    let app = TestApp::start().await;
    let admin = app.by(Role::Admin);
    for code in ["A", "B", "C", "D", "E"] {
        app.sell(code, 100, 10).await;
        place(&admin, order(&[(code, 1)])).await;
    }
    for quantity in 1..4 {
        admin.post("/v1/stock/A/receipts", json!({"quantity": quantity})).await.expect(200);
    }
    app.settle().await;
    for list in ["/v1/products", "/v1/orders", "/v1/orders?status=placed", "/v1/stock/A/history"] {
        let joint = if list.contains('?') { '&' } else { '?' };
        let all = admin.get(list).await.expect(200).json();
        assert!(all["data"].as_array().unwrap().len() >= 5 && all.get("prev").is_none(), "{list}");
        for limit in 1..=3 {
            let (mut forth, mut next) = (Vec::new(), Some(format!("{list}{joint}limit={limit}")));
            while let Some(address) = next {
                let page = admin.get(&address).await.expect(200);
                next = linked(page.header("link").unwrap(), "next");
                forth.push((address, page));
            }
            let (_, last) = forth.pop().unwrap();
            let mut rows = last.json()["data"].as_array().unwrap().clone();
            let (mut page, mut pages) = (last, 1);
            while let Some(address) = linked(page.header("link").unwrap(), "prev") {
                let cursor = page.json()["prev"].as_str().unwrap().to_owned();
                assert!(address.ends_with(&format!("&before={cursor}")), "{address}");
                page = admin.get(&address).await.expect(200);
                assert_eq!(page.json()["has_more"], true, "{address}");
                let (_, there) = forth.pop().unwrap();
                assert_eq!(page.json()["data"], there.json()["data"], "{address}");
                assert_eq!(page.json()["next"], there.json()["next"], "{address}");
                rows.splice(0..0, page.json()["data"].as_array().unwrap().clone());
                pages += 1;
                assert!(pages < 20, "pages have a beginning");
            }
            assert_eq!(
                (rows.as_slice(), forth.len()),
                (all["data"].as_array().unwrap().as_slice(), 0),
                "{list}"
            );
            assert_eq!(page.json().get("prev"), None, "the first page");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_before_or_after_a_row_of_its_own_list() {
    let app = TestApp::start().await;
    for code in ["A", "B"] {
        app.sell(code, 100, 10).await;
    }
    let admin = app.by(Role::Admin);
    let cursor = admin.get("/v1/products?limit=1").await.json()["next"].as_str().unwrap().to_owned();
    let refused = async |query: &str| {
        let reply = admin.get(query).await;
        assert_eq!(reply.refusal(), "400 malformed_request", "{query}");
        reply.json()["detail"].as_str().unwrap().to_owned()
    };
    let both = refused(&format!("/v1/products?after={cursor}&before={cursor}")).await;
    assert_eq!(both, "after and before exclude each other");
    for list in ["/v1/orders", "/v1/products/A/history", "/v1/stock/A/history"] {
        refused(&format!("{list}?before={cursor}")).await;
    }
    for bad in ["", "nonsense", "%00"] {
        refused(&format!("/v1/products?before={bad}")).await;
    }
    // There is nothing in front of the first row.
    let nothing = admin.get(&format!("/v1/products?before={cursor}")).await.expect(200);
    assert_eq!(nothing.json(), json!({"data": [], "has_more": false, "next": null}));
    assert_eq!(linked(nothing.header("link").unwrap(), "first").as_deref(), Some("/v1/products"));
}

/// Catches: a time that is taken for the one before or after it.
#[tokio::test(flavor = "multi_thread")]
async fn orders_are_listed_by_when_they_were_placed() {
    let app = TestApp::start().await;
    app.sell("A", 100, 10).await;
    let alice = app.customer("alice");
    for _ in 0..4 {
        place(&alice, order(&[("A", 1)])).await;
    }
    let all = alice.get("/v1/orders").await.expect(200).json();
    let all = [all];
    let (ids, times) = (names(&all, "id"), names(&all, "placed_at"));
    let listed = async |query: String| {
        names(&[alice.get(&format!("/v1/orders?{query}")).await.expect(200).json()], "id")
    };
    assert_eq!(listed(format!("placed_at[gte]={}", times[1])).await, ids[..2]);
    assert_eq!(listed(format!("placed_at[lt]={}", times[1])).await, ids[2..]);
    let between = format!("placed_at%5Bgte%5D={}&placed_at%5Blt%5D={}", times[2], times[0]);
    assert_eq!(listed(between).await, ids[1..3]);
    assert_eq!(listed("placed_at[gte]=2999-01-01T00:00:00Z".into()).await, Vec::<String>::new());
    assert_eq!(listed("placed_at[lt]=1970-01-01T00:00:00Z".into()).await, Vec::<String>::new());
    assert_eq!(alice.get("/v1/orders?placed_at[gte]=soon").await.refusal(), "400 malformed_request");
}
