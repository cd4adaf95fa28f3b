//! Answers from the cache, beside a bare handler of the same framework that sends the same bytes.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use actix_web::{HttpResponse, web};
use daybook_domain::policy::Role;
use daybook_tests::TestDatabase;

use crate::{
    generator::{self, Make},
    orders::{orders, stock_up},
    report::Report,
    server::{Daybook, SUBJECTS, serve},
};

const ROUNDS: usize = 5;
const SKUS: u64 = 200;
const ORDERS: u64 = 2_000;
pub const CONNECTIONS: u64 = 64;
const SLICE: Duration = Duration::from_secs(4);

pub async fn run() -> Report {
    let mut report = Report::new("queries", ROUNDS);
    report.condition("64 connections; GET /v1/orders/{id} of 2,000 orders by their 1,000 customers with token and rate limit; a page of 20 products");
    report.condition("two audiences: the same orders, each by its customer and by support in turn");
    report.condition(
        "bare: an actix-web handler with as many workers that sends the same bytes, without any check",
    );
    let database = TestDatabase::new().await;
    let daybook = Daybook::start(&database, "api,relay,projections,reactor");
    let [item, two_audiences, page] = asked(&database, &daybook).await;
    let bare_item = bare(generator::first_body(daybook.api, &item).await);
    let bare_page = bare(generator::first_body(daybook.api, &page).await);
    for (ours, bare, name) in
        [(&item, bare_item, "item"), (&two_audiences, bare_item, "two_audiences"), (&page, bare_page, "page")]
    {
        let (mut our_rounds, mut bare_rounds, mut p99_ms) = (vec![], vec![], vec![]);
        generator::run(bare, CONNECTIONS, Duration::from_secs(1), 0, ours.clone()).await;
        for _ in 0..ROUNDS {
            let load = generator::run(daybook.api, CONNECTIONS, SLICE, 0, ours.clone()).await;
            assert_eq!(load.bad, 0, "every query is answered");
            our_rounds.push(load.per_second);
            p99_ms.push(load.p99_ms);
            bare_rounds.push(generator::run(bare, CONNECTIONS, SLICE, 0, ours.clone()).await.per_second);
        }
        let ours = report.figure(&format!("{name}_queries_per_second"), &our_rounds);
        let bare = report.figure(&format!("bare_{name}_answers_per_second"), &bare_rounds);
        report.figure(&format!("{name}_p99_ms"), &p99_ms);
        report.ratio(&format!("{name}_vs_bare"), ours, bare);
    }
    report
}

/// The queries of an order, of the same order by two audiences, and of a page. Their answers are in the server's
/// cache from here on.
pub async fn asked(database: &TestDatabase, daybook: &Daybook) -> [Make; 3] {
    stock_up(daybook, SKUS).await;
    generator::run_count(daybook.api, CONNECTIONS, ORDERS, orders(daybook, SKUS)).await;
    daybook_tests::until("the read models have caught up", || async {
        daybook.metric("daybook_projection_lag_events") == 0.0
    })
    .await;
    let items = Items::of(database, ORDERS).await;
    let (item, two_audiences) = (items.make(daybook), items.make_for_two_audiences(daybook));
    // With a token, since callers without one share the limit of their address.
    let tokens = daybook.tokens(Role::Customer);
    let page: Make = Arc::new(move |number, request| {
        get(request, "/v1/products?limit=20", &tokens[(number % SUBJECTS) as usize])
    });
    for make in [&item, &two_audiences, &page] {
        generator::run_count(daybook.api, CONNECTIONS, 2 * ORDERS, make.clone()).await;
    }
    [item, two_audiences, page]
}

/// Orders, each asked for by the customer whose it is.
pub struct Items(Vec<(String, usize)>);

impl Items {
    /// `count` of them, spread over the log.
    pub async fn of(database: &TestDatabase, count: u64) -> Self {
        let placed: Vec<(String, String)> = sqlx::query_as(
            "SELECT aggregate_id, payload->>'customer'
               FROM (SELECT *, row_number() OVER (ORDER BY position) - 1 AS number, count(*) OVER () AS orders
                       FROM events WHERE event_type = 'OrderPlaced') o
              WHERE number % greatest(orders / $1, 1) = 0 ORDER BY position LIMIT $1",
        )
        .bind(i64::try_from(count).expect("a small number"))
        .fetch_all(&database.superuser)
        .await
        .expect("the log can be read");
        let subject =
            |customer: &str| customer.rsplit('-').next().and_then(|n| n.parse().ok()).expect("customer-N");
        Self(placed.into_iter().map(|(id, customer)| (id, subject(&customer))).collect())
    }

    pub fn make(&self, daybook: &Daybook) -> Make {
        in_turn(self.by(&daybook.tokens(Role::Customer)).collect())
    }

    /// The same, and after each the same order for support.
    pub fn make_for_two_audiences(&self, daybook: &Daybook) -> Make {
        let (owners, staff) = (daybook.tokens(Role::Customer), daybook.tokens(Role::Support));
        in_turn(self.by(&owners).zip(self.by(&staff)).flat_map(|(owner, staff)| [owner, staff]).collect())
    }

    /// Path and token of each.
    fn by<'a>(&'a self, tokens: &'a [String]) -> impl Iterator<Item = (String, String)> {
        self.0.iter().map(|(id, subject)| (format!("/v1/orders/{id}"), tokens[*subject].clone()))
    }
}

fn in_turn(requests: Vec<(String, String)>) -> Make {
    Arc::new(move |number, request| {
        let (path, token) = &requests[number as usize % requests.len()];
        get(request, path, token);
    })
}

fn get(request: &mut Vec<u8>, path: &str, token: &str) {
    use std::io::Write;
    write!(request, "GET {path} HTTP/1.1\r\nHost: daybook\r\nAuthorization: Bearer {token}\r\n\r\n")
        .expect("a Vec takes everything");
}

/// A handler that does nothing but answer these bytes.
fn bare(body: Vec<u8>) -> SocketAddr {
    let body = web::Bytes::from(body);
    serve(move |routes| {
        let body = body.clone();
        routes.default_service(web::to(move || {
            let body = body.clone();
            async move { HttpResponse::Ok().content_type("application/json").body(body) }
        }));
    })
}
