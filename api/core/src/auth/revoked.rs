//! Which tokens have ended before their time.

use std::collections::{HashMap, HashSet};

use daybook_domain::{policy::Action, words};
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ObjectBuilder, OneOfBuilder, Ref, RefOr,
        schema::{AdditionalProperties, Schema, Type},
    },
};
use uuid::Uuid;

/// 1 to 256 characters without NUL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RevokedValue(String);

impl TryFrom<String> for RevokedValue {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = (1..=256).contains(&text.chars().count()) && !text.contains('\0');
        if fits { Ok(Self(text)) } else { Err("1 to 256 characters without NUL") }
    }
}

impl PartialSchema for RevokedValue {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(256))
            .pattern(Some(r"^[^\x00]+$"))
            .examples(["mallory"])
            .into()
    }
}

impl ToSchema for RevokedValue {}

impl From<RevokedValue> for String {
    fn from(value: RevokedValue) -> Self {
        value.0
    }
}

words! {
    /// What the value of a revocation is.
    pub enum RevokedKind {
        Token = "token",
        Subject = "subject",
        Key = "key",
    }
}

/// What ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revoked {
    /// The token with this `jti`.
    Token(RevokedValue),
    /// Every token of this `sub` that was issued up to now.
    Subject(RevokedValue),
    /// Every token that was signed with the key of this `kid`.
    Key(RevokedValue),
}

/// An object of one member, whose name is the kind. Deriving it would allow others beside that.
impl PartialSchema for Revoked {
    fn schema() -> RefOr<Schema> {
        let kinds = RevokedKind::ALL.into_iter().map(|kind| Ref::from_schema_name(kind.name_of_schema()));
        kinds.fold(OneOfBuilder::new(), OneOfBuilder::item).description(Some("What ends.")).into()
    }
}

impl ToSchema for Revoked {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((RevokedValue::name().into(), RevokedValue::schema()));
        for kind in RevokedKind::ALL {
            let schema = ObjectBuilder::new()
                .description(Some(kind.what_ends()))
                .property(kind.as_str(), Ref::from_schema_name(RevokedValue::name()))
                .required(kind.as_str())
                .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
            schemas.push((kind.name_of_schema().into(), schema.into()));
        }
    }
}

impl RevokedKind {
    fn name_of_schema(self) -> &'static str {
        match self {
            Self::Token => "RevokedToken",
            Self::Subject => "RevokedSubject",
            Self::Key => "RevokedKey",
        }
    }

    fn what_ends(self) -> &'static str {
        match self {
            Self::Token => "The token with this `jti`.",
            Self::Subject => "Every token of this `sub` that was issued up to now.",
            Self::Key => "Every token that was signed with the key of this `kid`.",
        }
    }
}

impl Revoked {
    /// A revocation as it was stored.
    pub fn stored(kind: RevokedKind, value: String) -> Self {
        let value = RevokedValue(value);
        match kind {
            RevokedKind::Token => Self::Token(value),
            RevokedKind::Subject => Self::Subject(value),
            RevokedKind::Key => Self::Key(value),
        }
    }

    pub fn kind(&self) -> RevokedKind {
        match self {
            Self::Token(_) => RevokedKind::Token,
            Self::Subject(_) => RevokedKind::Subject,
            Self::Key(_) => RevokedKind::Key,
        }
    }

    /// What is needed to end it, beside what every operator may do.
    pub fn demands(&self) -> Option<Action> {
        match self {
            Self::Token(_) | Self::Subject(_) => None,
            Self::Key(_) => Some(Action::RevokeKey),
        }
    }

    pub fn value(&self) -> &str {
        match self {
            Self::Token(value) | Self::Subject(value) | Self::Key(value) => &value.0,
        }
    }
}

/// What a token is known by.
pub struct Marks<'a> {
    pub id: &'a str,
    pub subject: &'a str,
    pub key: &'a str,
    pub session: Option<Uuid>,
    /// Unix time in seconds.
    pub issued_at: i64,
}

/// Everything that has ended, for those tokens that may still be around.
#[derive(Debug, Default)]
pub struct Revocations {
    tokens: HashSet<String>,
    /// Subjects, each with a Unix time: their tokens that were issued up to then no longer count.
    subjects: HashMap<String, i64>,
    keys: HashSet<String>,
    /// Sessions and API keys.
    ended: HashSet<Uuid>,
}

impl Revocations {
    pub fn add(&mut self, revoked: Revoked, issued_until: i64) {
        match revoked {
            Revoked::Token(id) => drop(self.tokens.insert(id.0)),
            Revoked::Key(id) => drop(self.keys.insert(id.0)),
            Revoked::Subject(subject) => {
                let until = self.subjects.entry(subject.0).or_insert(issued_until);
                *until = issued_until.max(*until);
            }
        }
    }

    pub fn end(&mut self, ids: impl IntoIterator<Item = Uuid>) {
        self.ended.extend(ids);
    }

    pub fn has_ended(&self, id: Uuid) -> bool {
        self.ended.contains(&id)
    }

    pub fn cover_subject(&self, subject: &str, issued_at: i64) -> bool {
        self.subjects.get(subject).is_some_and(|until| issued_at <= *until)
    }

    pub fn has_key(&self, id: &str) -> bool {
        self.keys.contains(id)
    }

    pub fn cover(&self, token: &Marks<'_>) -> bool {
        self.tokens.contains(token.id)
            || self.keys.contains(token.key)
            || token.session.is_some_and(|session| self.has_ended(session))
            || self.cover_subject(token.subject, token.issued_at)
    }
}
