//! A shop's client of Daybook.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response, StatusCode, header};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

#[derive(Serialize)]
pub struct PlaceOrder<'a> {
    pub lines: Vec<PlaceLine<'a>>,
    pub currency: &'a str,
}

#[derive(Serialize)]
pub struct PlaceLine<'a> {
    pub sku: &'a str,
    pub quantity: u32,
}

/// Members that are not needed here are left out.
#[derive(Deserialize)]
pub struct OrderReceipt {
    pub id: String,
    pub position: i64,
}

#[derive(Deserialize)]
pub struct Order {
    pub status: String,
}

#[derive(Deserialize)]
pub struct Product {
    pub sku: String,
}

#[derive(Deserialize)]
pub struct Page<T> {
    pub data: Vec<T>,
    pub next: Option<String>,
}

#[derive(Deserialize)]
pub struct Event {
    pub position: i64,
    pub r#type: String,
    pub stream: String,
    pub payload: Value,
}

#[derive(Debug, Deserialize)]
pub struct Problem {
    pub code: String,
    pub detail: String,
}

#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("{}: {}", .0.code, .0.detail)]
    Refused(Problem),
    #[error(transparent)]
    Broken(#[from] reqwest::Error),
}

pub struct Daybook {
    pub http: Client,
    pub base: String,
    pub token: String,
}

const ATTEMPTS: u32 = 5;

/// The answer to a request that may be repeated: a query, or a command with its key.
async fn send(request: RequestBuilder) -> Result<Response, Failure> {
    let mut attempt = 1;
    loop {
        let mut pause = Duration::from_millis(100 * 2_u64.pow(attempt));
        let is_last = attempt == ATTEMPTS;
        match request.try_clone().expect("the body is not a stream").send().await {
            Ok(answer) if answer.status().is_success() => return Ok(answer),
            Ok(answer) => {
                let after =
                    answer.headers().get(header::RETRY_AFTER).and_then(|it| it.to_str().ok()?.parse().ok());
                pause = after.map_or(pause, Duration::from_secs);
                let problem: Problem = answer.json().await?;
                if is_last || !is_worth_another_attempt(&problem.code) {
                    return Err(Failure::Refused(problem));
                }
            }
            Err(error) if is_last => return Err(error.into()),
            Err(_) => {}
        }
        tokio::time::sleep(pause).await;
        attempt += 1;
    }
}

fn is_worth_another_attempt(code: &str) -> bool {
    matches!(
        code,
        "rate_limited"
            | "overloaded"
            | "unavailable"
            | "outcome_unknown"
            | "read_model_behind"
            | "deadline_exceeded"
            | "request_timeout"
            | "idempotency_in_flight"
    )
}

impl Daybook {
    /// The receipt, and whether it is that of an earlier request with the same key.
    pub async fn place(&self, key: &str, order: &PlaceOrder<'_>) -> Result<(OrderReceipt, bool), Failure> {
        let request = self.http.post(format!("{}/v1/orders", self.base)).bearer_auth(&self.token);
        let answer = send(request.header("Idempotency-Key", key).json(order)).await?;
        debug_assert_eq!(answer.status(), StatusCode::CREATED);
        let is_repeat = answer.headers().contains_key("Idempotent-Replayed");
        Ok((answer.json().await?, is_repeat))
    }

    /// What is there, as it is at that position or later.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, min_position: i64) -> Result<T, Failure> {
        let request = self.http.get(format!("{}{path}", self.base)).bearer_auth(&self.token);
        Ok(send(request.header("Daybook-Min-Position", min_position)).await?.json().await?)
    }

    /// The whole catalogue.
    pub async fn products(&self) -> Result<Vec<Product>, Failure> {
        let (mut products, mut path) = (Vec::new(), "/v1/products?limit=2".to_owned());
        loop {
            let page: Page<Product> = self.get(&path, 0).await?;
            products.extend(page.data);
            match page.next {
                Some(next) => path = format!("/v1/products?limit=2&after={next}"),
                None => return Ok(products),
            }
        }
    }
}

impl Daybook {
    /// Hands over each event behind a position up to the end of the log, and returns the position to go on from. What was
    /// received before a break isn't asked for again.
    pub async fn events(&self, mut after: i64, mut each: impl FnMut(Event)) -> Result<i64, Failure> {
        for _ in 0..ATTEMPTS {
            let request =
                self.http.get(format!("{}/v1/events?after={after}", self.base)).bearer_auth(&self.token);
            let mut answer = send(request.header(header::ACCEPT, "application/x-ndjson")).await?;
            let mut rest = Vec::new();
            loop {
                match answer.chunk().await {
                    Ok(Some(bytes)) => rest.extend(bytes),
                    Ok(None) => return Ok(after),
                    Err(_) => break,
                }
                while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = rest.drain(..=end).collect();
                    let event: Event = serde_json::from_slice(&line).expect("a line is an event");
                    after = event.position;
                    each(event);
                }
            }
        }
        Ok(after)
    }
}

pub async fn buy(shop: &Daybook, analyst: &Daybook, key: &str) -> Result<(), Failure> {
    let order =
        |quantity| PlaceOrder { lines: vec![PlaceLine { sku: "TEA-EARL-GREY", quantity }], currency: "EUR" };
    let (placed, is_repeat) = shop.place(key, &order(2)).await?;
    assert!(!is_repeat);
    let (again, is_repeat) = shop.place(key, &order(2)).await?;
    assert!(is_repeat && again.id == placed.id);

    let seen: Order = shop.get(&format!("/v1/orders/{}", placed.id), placed.position).await?;
    assert_eq!(seen.status, "placed");

    match shop.place(&format!("{key}-too-many"), &order(100_000)).await {
        Err(Failure::Refused(problem)) => match problem.code.as_str() {
            "insufficient_stock" => println!("too few of it: {}", problem.detail),
            code => panic!("{code}: {}", problem.detail),
        },
        Err(broken) => return Err(broken),
        Ok(_) => panic!("there can't be so many"),
    }

    let skus: Vec<String> = shop.products().await?.into_iter().map(|product| product.sku).collect();
    assert!(skus.len() > 2, "{skus:?}");

    let mut ordered = None;
    let stream = format!("order/{}", placed.id);
    let end = analyst
        .events(placed.position - 1, |event| {
            if event.r#type == "OrderPlaced" && event.stream == stream {
                ordered = Some(event.payload["lines"][0]["name"].clone());
            }
        })
        .await?;
    assert!(ordered.is_some() && end >= placed.position);
    Ok(())
}
