//! A client that follows the log: reads Server-Sent Events piece by piece.

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::Value;
use tokio::time::timeout;

use crate::Client;

/// How long a frame, or an event, may take before the test is given up.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Live {
    pub response: Response,
    unread: String,
}

/// What stands between two empty lines.
#[derive(Debug, Default)]
pub struct Frame {
    pub id: Option<i64>,
    pub event: Option<String>,
    pub data: Option<Value>,
    pub retry: Option<u64>,
    pub comment: Option<String>,
}

impl Live {
    /// `last` is what the client comes back with.
    pub async fn open(client: &Client, query: &str, last: Option<i64>) -> Self {
        let response = ask(client, query, last).await;
        if response.status() != 200 {
            panic!("{}: {}", response.status(), response.text().await.unwrap_or_default());
        }
        Self::of(response)
    }

    /// What is sent in answer to another question.
    pub fn of(response: Response) -> Self {
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, unread: String::new() }
    }

    /// What is sent as lines of JSON.
    pub fn lines(response: Response) -> Self {
        assert_eq!(response.headers()["content-type"], "application/x-ndjson");
        Self { response, unread: String::new() }
    }

    /// `None` after the last one; an error, if it breaks off.
    pub async fn frame(&mut self) -> Result<Option<Frame>, reqwest::Error> {
        Ok(self.up_to("\n\n").await?.map(|frame| parse(&frame)))
    }

    /// The next line of JSON. `None` after the last one; an error, if it breaks off.
    pub async fn line(&mut self) -> Result<Option<Value>, reqwest::Error> {
        Ok(self.up_to("\n").await?.map(|line| serde_json::from_str(&line).expect("a line of JSON")))
    }

    async fn up_to(&mut self, end: &str) -> Result<Option<String>, reqwest::Error> {
        loop {
            if let Some((part, rest)) = self.unread.split_once(end) {
                let part = part.to_owned();
                self.unread = rest.to_owned();
                return Ok(Some(part));
            }
            let chunk = timeout(PATIENCE, self.response.chunk()).await.expect("something is sent in time");
            let Some(chunk) = chunk? else { return Ok(None) };
            self.unread.push_str(std::str::from_utf8(&chunk).expect("characters are sent whole"));
        }
    }

    /// The next frame that has an event.
    pub async fn event(&mut self) -> Frame {
        let event = async {
            loop {
                let frame = self.frame().await.expect("it doesn't break off").expect("it goes on");
                if frame.data.is_some() {
                    return frame;
                }
            }
        };
        timeout(PATIENCE, event).await.expect("an event comes in time")
    }

    pub async fn events(&mut self, count: usize) -> Vec<Value> {
        let mut events = Vec::new();
        while events.len() < count {
            events.push(self.event().await.data.expect("an event"));
        }
        events
    }

    /// Until its regular end.
    pub async fn end(mut self) {
        while self.frame().await.expect("it ends and doesn't break off").is_some() {}
    }
}

/// Whatever is answered.
pub async fn ask(client: &Client, query: &str, last: Option<i64>) -> Response {
    let request = client.request(Method::GET, &format!("/v1/events{query}"));
    let request = request.header("accept", "text/event-stream");
    let request = match last {
        Some(last) => request.header("last-event-id", last),
        None => request,
    };
    request.send().await.expect("the server answers")
}

fn parse(text: &str) -> Frame {
    let mut frame = Frame::default();
    for line in text.lines() {
        let (field, value) = line.split_once(':').expect("a field, a colon and a value");
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" => frame.comment = Some(value.to_owned()),
            "id" => frame.id = Some(value.parse().expect("a position")),
            "event" => frame.event = Some(value.to_owned()),
            "data" if value.is_empty() => {}
            "data" => frame.data = Some(serde_json::from_str(value).expect("one line of JSON")),
            "retry" => frame.retry = Some(value.parse().expect("milliseconds")),
            other => panic!("a field that nobody knows: {other}"),
        }
    }
    frame
}
