//! Documents: read, checked against the schema, and kept, so that one that comes again is neither read nor checked.

use std::sync::Arc;

use async_graphql::{
    Request, Response, ServerError, Value,
    dynamic::Schema,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextExecute},
    parser::{self, parse_query, types::ExecutableDocument},
};
use moka::sync::Cache;
use sha2::{Digest, Sha256};

use crate::{
    failure::{Refused, short},
    limits,
};

/// The texts of all documents that are kept, in bytes. In memory, a document is some twenty times as large as its text.
const MOST_KEPT_BYTES: u64 = 1024 * 1024;

/// SHA-256 of a document's text.
pub type Hash = [u8; 32];

pub struct Documents {
    schema: Schema,
    /// By their texts.
    kept: Cache<String, Arc<Document>>,
    /// The same by their hashes.
    hashed: Cache<Hash, Arc<Document>>,
}

pub struct Document {
    pub parsed: ExecutableDocument,
    bytes: usize,
}

impl Documents {
    pub fn new(schema: Schema) -> Self {
        let bytes = |document: &Arc<Document>| u32::try_from(document.bytes).unwrap_or(u32::MAX);
        let (of_text, of_hash) = (Cache::builder(), Cache::builder());
        let kept = of_text.weigher(move |_, document| bytes(document)).max_capacity(MOST_KEPT_BYTES).build();
        let hashed =
            of_hash.weigher(move |_, document| bytes(document)).max_capacity(MOST_KEPT_BYTES).build();
        Self { schema, kept, hashed }
    }

    pub fn hash(text: &str) -> Hash {
        Sha256::digest(text).into()
    }

    /// The document with that hash, if it was read before and is still kept.
    pub fn known(&self, hash: &Hash) -> Option<Arc<Document>> {
        self.hashed.get(hash)
    }

    pub async fn read(&self, text: &str) -> Result<Arc<Document>, Vec<Refused>> {
        if let Some(document) = self.kept.get(text) {
            return Ok(document);
        }
        let refused = |message| vec![Refused::new(message)];
        limits::check_text(text).map_err(refused)?;
        let parsed = parse_query(text).map_err(|error| vec![not_read(&error)])?;
        limits::check(&parsed).map_err(refused)?;
        self.check(&parsed).await?;
        let document = Arc::new(Document { parsed, bytes: text.len() });
        self.kept.insert(text.to_owned(), document.clone());
        self.hashed.insert(Self::hash(text), document.clone());
        Ok(document)
    }

    /// Whether the document fits the schema. The values of its variables don't matter to that.
    async fn check(&self, document: &ExecutableDocument) -> Result<(), Vec<Refused>> {
        // The library wants to know which of several operations is meant, and checks all of them.
        let name = document.operations.iter().find_map(|(name, _)| name.map(ToString::to_string));
        let mut request = Request::new("").data(Check);
        request.operation_name = name;
        request.set_parsed_query(document.clone());
        let response = self.schema.execute(request).await;
        let errors: Vec<Refused> = response.errors.iter().map(invalid).collect();
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// What the schema says of itself.
    pub async fn introspect(&self, request: Request) -> Response {
        self.schema.execute(request).await
    }
}

/// With this, a request is checked and not executed.
struct Check;

/// Ends a request that is only checked.
pub struct Checks;

impl ExtensionFactory for Checks {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for Checks {
    async fn execute(
        &self,
        context: &ExtensionContext<'_>,
        operation_name: Option<&str>,
        next: NextExecute<'_>,
    ) -> Response {
        match context.data_opt::<Check>() {
            Some(Check) => Response::new(Value::Null),
            None => next.run(context, operation_name).await,
        }
    }
}

/// The parser's message draws the document, so what is wrong is told by its place.
fn not_read(error: &parser::Error) -> Refused {
    let message = match error {
        parser::Error::Syntax { .. } => {
            "the document is not one of GraphQL: its syntax is wrong here".to_owned()
        }
        other => short(&other.to_string()),
    };
    let places = error.positions().map(|place| (place.line, place.column)).collect();
    Refused { places, ..Refused::new(message) }
}

fn invalid(error: &ServerError) -> Refused {
    let places = error.locations.iter().map(|place| (place.line, place.column)).collect();
    Refused { places, ..Refused::new(short(&error.message)) }
}
