//! What goes wrong: with a request as a whole, or with one field of it.

use daybook_http::{codes::HttpCode, problem::Problem};
use serde_json::{Map, Value, json};

/// The longest text that may repeat what was sent, in characters.
const LONGEST: usize = 200;

/// Why a field has no value.
#[derive(Debug, Clone)]
pub struct Failure {
    pub path: Vec<Part>,
    pub code: String,
    pub message: String,
}

/// A part of the way to a value of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Key(String),
    Index(usize),
}

/// Why a request is not executed at all.
#[derive(Debug, Clone)]
pub struct Refused {
    pub code: String,
    pub message: String,
    /// Line and column, from 1.
    pub places: Vec<(usize, usize)>,
}

impl Failure {
    pub fn of(problem: &Problem, path: Vec<Part>) -> Self {
        Self { path, code: problem.code().to_string(), message: problem.detail() }
    }

    pub fn json(&self, request_id: &str) -> Value {
        let path: Vec<Value> = self.path.iter().map(Part::json).collect();
        json!({ "message": self.message, "path": path, "extensions": extensions(&self.code, request_id) })
    }
}

impl Part {
    fn json(&self) -> Value {
        match self {
            Self::Key(key) => key.as_str().into(),
            Self::Index(index) => (*index).into(),
        }
    }
}

impl Refused {
    /// It can't be understood.
    pub fn new(message: impl Into<String>) -> Self {
        let code = HttpCode::MalformedRequest.code().to_string();
        Self { code, message: message.into(), places: vec![] }
    }

    pub fn json(&self, request_id: &str) -> Value {
        let mut error = Map::new();
        error.insert("message".into(), self.message.as_str().into());
        if !self.places.is_empty() {
            let places = self.places.iter().map(|(line, column)| json!({ "line": line, "column": column }));
            error.insert("locations".into(), places.collect());
        }
        error.insert("extensions".into(), extensions(&self.code, request_id));
        error.into()
    }
}

fn extensions(code: &str, request_id: &str) -> Value {
    json!({ "code": code, "requestId": request_id })
}

/// A text that may repeat what was sent.
pub fn short(message: &str) -> String {
    match message.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}
