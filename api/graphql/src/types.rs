//! The types of the schema, as they are asked and answered. They are read from the schemas of what HTTP takes and
//! answers, so that a member, a word or a bound is said once for both.

use std::collections::{BTreeMap, HashMap};

use async_graphql::dynamic::TypeRef;
use daybook_http::asked::Ask;
use serde_json::Value;

use crate::names::{camel, upper};

const USUAL_ROWS: usize = 20;

/// Every type that is not one of GraphQL's own scalars.
#[derive(Default)]
pub struct Types {
    pub objects: Vec<Object>,
    pub named: BTreeMap<String, Named>,
}

/// What a name stands for.
#[derive(Debug, Clone)]
pub enum Named {
    Scalar {
        about: &'static str,
    },
    /// The words as HTTP writes them.
    Enum {
        words: Vec<String>,
        about: String,
    },
    /// Its place in the list of objects.
    Object(usize),
    Input(BTreeMap<String, Taken>),
    /// The places of the objects that have it. Its only field is the id.
    Node(Vec<usize>),
}

#[derive(Debug)]
pub struct Object {
    pub name: String,
    pub about: String,
    pub fields: Vec<Field>,
    places: HashMap<String, usize>,
}

#[derive(Debug)]
pub struct Field {
    pub name: String,
    pub about: String,
    pub ty: TypeRef,
    /// What its type is without lists and the like, once all types are there.
    pub base: Base,
    pub arguments: BTreeMap<String, Taken>,
    pub source: Source,
    /// The argument, or the member of the input, that the path of the route names.
    pub in_path: Vec<String>,
    /// How many rows a page has if its length isn't asked for.
    pub usual_rows: usize,
}

/// What values are written as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// JSON as it is.
    Scalar,
    Enum,
    /// One of these objects: the only one, or the one that the value names.
    Object(usize),
    Node(Vec<usize>),
}

/// An argument, or a member of an input.
#[derive(Debug, Clone)]
pub struct Taken {
    pub ty: TypeRef,
    pub about: String,
    /// Its name for HTTP.
    pub name: String,
}

/// Where the value of a field comes from.
#[derive(Clone)]
pub enum Source {
    /// A read or a command, from the root.
    Asked { ask: Ask, of: Whole },
    /// The log, which is followed for it.
    Followed(Followed),
    /// Whatever has that id, from the root.
    Node,
    /// A member of what the field is of.
    Member(String),
    /// The nodes of the rows of a page.
    Nodes,
    /// An id of its own for what is named by a member: the kind of the thing, and the member.
    Id { kind: &'static str, member: &'static str },
    /// Another thing, which a member names; it is read with all others of its kind.
    LookUp { thing: Thing, member: &'static str },
}

/// What a root field shows of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whole {
    Item,
    Page,
    /// The list in `data`.
    List,
    Payload,
}

/// What a subscription follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Followed {
    Order,
    Events,
}

/// What is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Thing {
    Product,
    Stock,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Asked { of, .. } => write!(f, "Asked({of:?})"),
            Self::Followed(followed) => write!(f, "Followed({followed:?})"),
            Self::Node => f.write_str("Node"),
            Self::Member(name) => write!(f, "Member({name})"),
            Self::Nodes => f.write_str("Nodes"),
            Self::Id { kind, .. } => write!(f, "Id({kind})"),
            Self::LookUp { thing, .. } => write!(f, "LookUp({thing:?})"),
        }
    }
}

impl Object {
    pub fn new(name: impl Into<String>, about: impl Into<String>, fields: Vec<Field>) -> Self {
        let places = fields.iter().enumerate().map(|(place, field)| (field.name.clone(), place)).collect();
        Self { name: name.into(), about: about.into(), fields, places }
    }

    /// The place of a field.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    fn add(&mut self, field: Field) {
        self.places.insert(field.name.clone(), self.fields.len());
        self.fields.push(field);
    }
}

impl Field {
    pub fn new(name: &str, ty: TypeRef, source: Source, about: &str) -> Self {
        Self {
            name: name.to_owned(),
            about: about.to_owned(),
            ty,
            base: Base::Scalar,
            arguments: BTreeMap::new(),
            source,
            in_path: vec![],
            usual_rows: USUAL_ROWS,
        }
    }
}

pub fn nn(ty: TypeRef) -> TypeRef {
    match ty {
        TypeRef::NonNull(_) => ty,
        ty => TypeRef::NonNull(Box::new(ty)),
    }
}

pub fn list_of(ty: TypeRef) -> TypeRef {
    TypeRef::List(Box::new(nn(ty)))
}

/// The name of the type without lists and the like.
pub fn base(ty: &TypeRef) -> &str {
    match ty {
        TypeRef::Named(name) => name,
        TypeRef::NonNull(inner) | TypeRef::List(inner) => base(inner),
    }
}

impl Types {
    pub fn object(&self, name: &str) -> Option<usize> {
        match self.named.get(name) {
            Some(Named::Object(place)) => Some(*place),
            _ => None,
        }
    }

    pub fn add(&mut self, object: Object) -> TypeRef {
        let name = object.name.clone();
        if !self.named.contains_key(&name) {
            self.named.insert(name.clone(), Named::Object(self.objects.len()));
            self.objects.push(object);
        }
        TypeRef::named(name)
    }

    /// Adds a field to an object that is there.
    pub fn extend(&mut self, object: &str, field: Field) {
        if let Some(place) = self.object(object) {
            self.objects[place].add(field);
        }
    }

    /// Says of each field what it is, so that this isn't looked up for each value.
    pub fn settle(&mut self) {
        for field in self.objects.iter_mut().flat_map(|object| &mut object.fields) {
            field.base = match self.named.get(base(&field.ty)) {
                Some(Named::Object(place)) => Base::Object(*place),
                Some(Named::Node(places)) => Base::Node(places.clone()),
                Some(Named::Enum { .. }) => Base::Enum,
                _ => Base::Scalar,
            };
        }
    }

    pub fn field(&self, (object, field): (usize, usize)) -> &Field {
        &self.objects[object].fields[field]
    }
}

/// Makes types of schemas (JSON Schema, as the OpenAPI document has it).
pub struct Maker {
    pub types: Types,
    /// The schemas that have names.
    pub schemas: BTreeMap<String, Value>,
}

/// Whether something comes in or goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    In,
    Out,
}

const I32: std::ops::RangeInclusive<i64> = i32::MIN as i64..=i32::MAX as i64;

/// Scalars, by the name of a schema or by their own.
const SCALARS: &[(&str, &str)] = &[
    ("DateTime", "A time of RFC 3339, in UTC, such as `2030-01-31T12:00:00Z`."),
    ("Date", "A day, such as `2030-01-31`."),
    ("Long", "A whole number of up to 64 bits, as a number of JSON."),
    ("Metadata", "Your own data: an object whose values are texts, or `null` where a pair is to be removed."),
    ("JSON", "Any value of JSON."),
];

impl Maker {
    /// The type of a schema, and whether it may be null.
    pub fn of(&mut self, schema: &Value, way: Way) -> (TypeRef, bool) {
        if let Some(reference) = schema["$ref"].as_str() {
            return self.named(reference.rsplit('/').next().unwrap_or_default(), way);
        }
        if let Some(forms) = ["oneOf", "anyOf", "allOf"].iter().find_map(|choice| schema[choice].as_array()) {
            let is_null = |form: &&Value| form["type"] == "null";
            let (nulls, others): (Vec<&Value>, Vec<&Value>) = forms.iter().partition(is_null);
            if let [form] = others[..] {
                let (ty, may_be_null) = self.of(form, way);
                return (ty, may_be_null || !nulls.is_empty());
            }
        }
        let kinds: Vec<&str> = match &schema["type"] {
            Value::String(kind) => vec![kind],
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            _ => vec![],
        };
        let kind = kinds.iter().find(|kind| **kind != "null").copied().unwrap_or_default();
        let ty = match (kind, schema["format"].as_str()) {
            ("string", Some("date-time")) => self.scalar("DateTime"),
            ("string", Some("date")) => self.scalar("Date"),
            ("string", _) => TypeRef::named(TypeRef::STRING),
            ("boolean", _) => TypeRef::named(TypeRef::BOOLEAN),
            ("integer", _) if is_int(schema) => TypeRef::named(TypeRef::INT),
            ("integer", _) => self.scalar("Long"),
            ("array", _) => list_of(self.of(&schema["items"], way).0),
            _ => self.scalar("JSON"),
        };
        (ty, kinds.contains(&"null"))
    }

    pub fn scalar(&mut self, name: &'static str) -> TypeRef {
        let about = SCALARS.iter().find(|(other, _)| *other == name).map_or("", |(_, about)| about);
        self.types.named.entry(name.to_owned()).or_insert(Named::Scalar { about });
        TypeRef::named(name)
    }

    fn named(&mut self, name: &str, way: Way) -> (TypeRef, bool) {
        let name = alias(name);
        let schema = self.schemas.get(name).cloned().unwrap_or_default();
        match name {
            "OrderId" | "Id" => return (TypeRef::named(TypeRef::ID), false),
            "Metadata" | "MetadataPatch" => return (self.scalar("Metadata"), false),
            _ => {}
        }
        if let Some(words) = schema["enum"].as_array() {
            let words = words.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            return (self.words(name.trim_end_matches("Name"), words, text(&schema["description"])), false);
        }
        let is_object = schema["properties"].is_object() || schema["oneOf"].is_array();
        if !is_object {
            return self.of(&schema, way);
        }
        let ty = match way {
            Way::In => {
                let name = format!("{name}Input");
                if !self.types.named.contains_key(&name) {
                    let members = self.members(&schema);
                    self.types.named.insert(name.clone(), Named::Input(members));
                }
                TypeRef::named(name)
            }
            Way::Out => {
                if self.types.object(name).is_none() {
                    let fields = self.fields(&schema);
                    self.types.add(Object::new(name, text(&schema["description"]), fields));
                }
                TypeRef::named(name.to_owned())
            }
        };
        (ty, false)
    }

    /// An enum of these words of HTTP.
    pub fn words(&mut self, name: &str, words: Vec<String>, about: String) -> TypeRef {
        self.types.named.entry(name.to_owned()).or_insert(Named::Enum { words, about });
        TypeRef::named(name.to_owned())
    }

    /// The fields of an object with this schema.
    pub fn fields(&mut self, schema: &Value) -> Vec<Field> {
        let required = required(schema);
        let Some(properties) = schema["properties"].as_object() else { return vec![] };
        let properties = properties.iter().map(|(name, member)| {
            let (ty, may_be_null) = self.of(member, Way::Out);
            // One that is left out is false.
            let is_flag = base(&ty) == TypeRef::BOOLEAN;
            let is_there = is_flag || (required.contains(&name.as_str()) && !may_be_null);
            let ty = if is_there { nn(ty) } else { ty };
            Field::new(&camel(name), ty, Source::Member(name.clone()), &self.about(member))
        });
        properties.collect()
    }

    /// The members of an input with this schema. Where one of several forms is taken, all their members are there, and
    /// only those that each form has must be given.
    pub fn members(&mut self, schema: &Value) -> BTreeMap<String, Taken> {
        let forms: Vec<Value> = match schema["oneOf"].as_array() {
            Some(forms) => forms.iter().map(|form| self.resolved(form)).collect(),
            None => vec![schema.clone()],
        };
        let mut members = BTreeMap::new();
        for form in &forms {
            for (name, member) in form["properties"].as_object().into_iter().flatten() {
                let (ty, may_be_null) = self.of(member, Way::In);
                let must = !may_be_null && forms.iter().all(|form| required(form).contains(&name.as_str()));
                let ty = if must { nn(ty) } else { ty };
                let taken = Taken { ty, about: self.about(member), name: name.clone() };
                members.insert(camel(name), taken);
            }
        }
        members
    }

    /// A schema by its name, or as it is.
    pub fn resolved(&self, schema: &Value) -> Value {
        let name = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
        name.and_then(|name| self.schemas.get(name)).unwrap_or(schema).clone()
    }

    /// What there is to say about a member: by itself, or by its schema.
    fn about(&self, schema: &Value) -> String {
        let forms = ["oneOf", "allOf"].iter().find_map(|choice| schema[choice].as_array());
        let form = forms.into_iter().flatten().find(|form| form["$ref"].is_string()).unwrap_or(schema);
        let named = form["$ref"]
            .as_str()
            .and_then(|reference| self.schemas.get(alias(reference.rsplit('/').next()?)));
        let own = text(&schema["description"]);
        let about = if own.is_empty() { named.map_or(own, |named| text(&named["description"])) } else { own };
        about.trim_end_matches('.').to_owned()
    }
}

/// A price is money with bounds, which its own type knows.
fn alias(name: &str) -> &str {
    if name == "Price" { "Money" } else { name }
}

fn required(schema: &Value) -> Vec<&str> {
    schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn is_int(schema: &Value) -> bool {
    let bound = |name: &str| schema[name].as_i64().is_some_and(|bound| I32.contains(&bound));
    schema["format"] == "int32" || (bound("minimum") && bound("maximum"))
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The values of an enum, in their order.
pub fn values(words: &[String]) -> impl Iterator<Item = String> + '_ {
    words.iter().map(|word| upper(word))
}
