//! What a client sends: a document, the name of an operation, variables and extensions (GraphQL over HTTP, section 5).

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{documents::Hash, failure::Refused, forms::GraphQuery};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    pub query: Option<String>,
    pub operation_name: Option<String>,
    pub variables: Option<Map<String, Value>>,
    pub extensions: Option<Map<String, Value>>,
}

impl Asked {
    pub fn of_body(body: &[u8]) -> Result<Self, Refused> {
        let body = if body.is_empty() { b"{}" } else { body };
        match serde_json::from_slice::<Value>(body) {
            Ok(Value::Array(_)) => Err(Refused::new("one request is taken at a time, and no list of them")),
            Ok(object @ Value::Object(_)) => serde_json::from_value(object).map_err(|_| {
                Refused::new("query and operationName are texts, variables and extensions are objects")
            }),
            Ok(_) => Err(Refused::new("the body is an object with a query")),
            Err(error) => Err(Refused::new(format!("the body is not JSON: {error}"))),
        }
    }

    pub fn of_query_string(query: GraphQuery) -> Result<Self, Refused> {
        let object = |name: &str, text: Option<String>| match text.map(|text| serde_json::from_str(&text)) {
            None => Ok(None),
            Some(Ok(object)) => Ok(object),
            Some(Err(_)) => Err(Refused::new(format!("{name} is an object in JSON"))),
        };
        let GraphQuery { query, operation_name, variables, extensions } = query;
        let (variables, extensions) = (object("variables", variables)?, object("extensions", extensions)?);
        Ok(Self { query, operation_name, variables, extensions })
    }

    /// The hash of a document that the client believes to be known here.
    pub fn hash(&self) -> Result<Option<Hash>, Refused> {
        let Some(persisted) = self.extensions.as_ref().and_then(|all| all.get("persistedQuery")) else {
            return Ok(None);
        };
        let bad = || {
            Refused::new("extensions.persistedQuery has version 1, and a sha256Hash of 64 hexadecimal digits")
        };
        let text = persisted["sha256Hash"].as_str().filter(|text| text.len() == 64 && text.is_ascii());
        let text = text.filter(|_| persisted["version"] == 1).ok_or_else(bad)?;
        let mut hash = Hash::default();
        for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = str::from_utf8(digits).map_err(|_| bad())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| bad())?;
        }
        Ok(Some(hash))
    }
}
