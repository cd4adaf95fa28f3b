//! An answer of the API, as a test looks at it.

use reqwest::header::{HeaderMap, HeaderName};
use serde_json::Value;

/// An answer, read to its end.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        let name: HeaderName = name.parse().expect("a header's name");
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The same, if the status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// The code of a problem, after looking at what every problem has.
    #[track_caller]
    pub fn code(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text());
        let problem = self.json();
        let code = problem["code"].as_str().expect("a code").to_owned();
        assert_eq!(problem["status"], self.status);
        assert_eq!(problem["type"], format!("/problems/{code}"));
        assert_eq!(problem["request_id"].as_str(), self.header("x-request-id"));
        for member in ["title", "detail", "instance"] {
            assert!(problem[member].is_string(), "{member}: {problem}");
        }
        code
    }

    /// `status code`, and the pointer of the first error if there is one.
    #[track_caller]
    pub fn refusal(&self) -> String {
        let code = self.code();
        match self.json().pointer("/errors/0") {
            Some(error) => format!(
                "{} {code} {} {}",
                self.status,
                error["pointer"].as_str().expect("a pointer"),
                error["code"].as_str().expect("a code")
            ),
            None => format!("{} {code}", self.status),
        }
    }

    #[track_caller]
    pub fn position(&self) -> i64 {
        let position = self.header("daybook-position").expect("every answer tells a position");
        position.parse().expect("a number")
    }
}
