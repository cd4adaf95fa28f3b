//! What a read found: a view, and what an interface needs to know to answer with it.

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use daybook_domain::Position;
use serde::Serialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ArrayBuilder, Object, ObjectBuilder, Ref, RefOr,
        schema::{Schema, SchemaType, Type},
    },
};

use super::access::Owner;

/// A view that was made once and is shared by all callers that are shown it.
#[derive(Debug)]
pub struct Kept<V> {
    pub view: V,
    /// Compared with the caller at every answer.
    pub owner: Owner,
    /// What changes whenever the view does; `None` if only the view itself can tell.
    pub tag: Option<String>,
    /// The pages beside it, if it is a page of a list.
    pub beside: Option<Beside>,
    form: OnceLock<Form>,
    links: OnceLock<Links>,
}

/// The cursors of the pages beside a page, where there are such pages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beside {
    /// To be sent as `before`.
    pub prev: Option<String>,
    /// To be sent as `after`.
    pub next: Option<String>,
    /// One for each row: the list goes on behind it, and before it.
    pub rows: Arc<[String]>,
}

/// A view as an interface sends it.
#[derive(Debug)]
pub struct Form {
    pub body: Bytes,
    pub tag: String,
}

/// The pages beside a page, as an interface tells of them to who asked at that address.
#[derive(Debug)]
struct Links {
    address: String,
    text: Bytes,
}

/// The answer of a read.
#[derive(Debug)]
pub struct Found<V> {
    pub kept: Arc<Kept<V>>,
    /// The answer reflects every event up to here.
    pub position: Position,
    /// A cache on the way may keep it and give it to others.
    pub is_for_caches: bool,
}

impl<V> Kept<V> {
    pub fn new(view: V, owner: Owner, tag: Option<String>) -> Self {
        Self { view, owner, tag, beside: None, form: OnceLock::new(), links: OnceLock::new() }
    }

    /// The same, as a page of a list.
    #[must_use]
    pub fn among(self, beside: Beside) -> Self {
        Self { beside: Some(beside), ..self }
    }

    /// The view as it is sent; `write` is called once, by the first caller that needs it.
    pub fn form(&self, write: impl FnOnce(&Self) -> Form) -> &Form {
        self.form.get_or_init(|| write(self))
    }

    /// Where the pages beside it are, for who asked at that address. What `write` says to the first caller is kept: most
    /// ask at the same.
    pub fn links(&self, address: &str, write: impl Fn(&Beside) -> String) -> Option<Bytes> {
        let beside = self.beside.as_ref()?;
        let kept =
            self.links.get_or_init(|| Links { address: address.to_owned(), text: write(beside).into() });
        Some(if kept.address == address { kept.text.clone() } else { write(beside).into() })
    }
}

/// How many rows a page has at most, whatever it is a page of.
const MAX_ROWS: usize = 1_000;

/// A page of a list.
#[derive(Debug, Serialize)]
pub struct Page<V> {
    pub data: Vec<V>,
    pub has_more: bool,
    /// Send this as `after` to get the next page.
    pub next: Option<String>,
    /// Send this as `before` to get the page before. The first page has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prev: Option<String>,
}

impl<V> Page<V> {
    pub fn new(data: Vec<V>, beside: Beside) -> Self {
        let Beside { prev, next, rows: _ } = beside;
        Self { data, has_more: next.is_some(), next, prev }
    }
}

impl<V: ToSchema> PartialSchema for Page<V> {
    fn schema() -> RefOr<Schema> {
        let cursor = || {
            ObjectBuilder::new()
                .pattern(Some("^[A-Za-z0-9_-]+$"))
                .max_length(Some(256))
                .examples(["b3JkZXIucGFnZQ"])
        };
        let next = cursor()
            .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
            .description(Some("To be sent as `after`."));
        let prev = cursor().schema_type(Type::String).description(Some(
            "To be sent as `before`. The first page has none, nor have lists that are read forwards only.",
        ));
        ObjectBuilder::new()
            .description(Some("A page of a list."))
            .property(
                "data",
                ArrayBuilder::new().items(Ref::from_schema_name(V::name())).max_items(Some(MAX_ROWS)),
            )
            .property("has_more", Object::with_type(Type::Boolean))
            .property("next", next)
            .property("prev", prev)
            .required("data")
            .required("has_more")
            .required("next")
            .into()
    }
}

impl<V: ToSchema> ToSchema for Page<V> {
    fn name() -> Cow<'static, str> {
        format!("{}Page", V::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((V::name().into(), V::schema()));
        V::schemas(schemas);
    }
}
