//! All that is wrong with a body, told by place, in words of our own. The schema that the OpenAPI document shows
//! says what a body looks like; what a value may be is known by its type.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use daybook_core::values;
use utoipa::{
    ToSchema,
    openapi::{
        RefOr, Type,
        schema::{AdditionalProperties, ArrayItems, Object, Schema, SchemaType},
    },
};

use super::json::Json;
use crate::{brief::cut, problem::FieldError};

/// The most mistakes that are named. The rest is counted.
pub const MOST_NAMED: usize = 20;
/// The longest part of a pointer, in characters: names of members come from the body.
const LONGEST_TOKEN: usize = 64;
/// The longest pointer, in characters.
pub const LONGEST_POINTER: usize = 200;

/// The first mistakes, and how many there are in all.
#[derive(Default)]
pub struct Mistakes {
    pub named: Vec<FieldError>,
    pub count: usize,
}

/// All mistakes of a body that should be a `T`. There may be none: a type may refuse more than can be told here.
pub fn of<T: ToSchema>(body: &Json) -> Mistakes {
    let mut schemas = Vec::new();
    T::schemas(&mut schemas);
    let name = T::name().into_owned();
    schemas.push((name.clone(), T::schema()));
    let schemas = schemas.into_iter().map(|(name, schema)| (name, Rc::new(schema))).collect();
    let mut look = Look { schemas, at: String::new(), found: Mistakes::default() };
    look.at_named(&name, body);
    look.found
}

struct Look {
    schemas: BTreeMap<String, Rc<RefOr<Schema>>>,
    /// A JSON Pointer (RFC 6901).
    at: String,
    found: Mistakes,
}

impl Look {
    /// A large body can have very many mistakes, so nothing is said of those that are only counted.
    fn mistake<D: Into<String>>(&mut self, code: &'static str, detail: impl FnOnce() -> D) {
        self.found.count += 1;
        if self.found.named.len() < MOST_NAMED {
            let pointer = cut(&self.at, LONGEST_POINTER);
            self.found.named.push(FieldError { pointer, code, detail: detail().into() });
        }
    }

    /// Looks at a part of what it looks at.
    fn within(&mut self, part: &str, look: impl FnOnce(&mut Self)) {
        let here = self.at.len();
        self.at.push('/');
        self.at.push_str(&escape(&cut(part, LONGEST_TOKEN)));
        look(self);
        self.at.truncate(here);
    }

    fn look(&mut self, schema: &RefOr<Schema>, json: &Json) {
        match schema {
            RefOr::Ref(reference) => {
                let name = reference.ref_location.rsplit('/').next().unwrap_or_default();
                self.at_named(name, json);
            }
            RefOr::T(Schema::Object(object)) => self.at_object(object, json),
            RefOr::T(Schema::Array(array)) => {
                let Json::List(list) = json else { return self.check_type(&array.schema_type, json) };
                if let ArrayItems::RefOrSchema(items) = &array.items {
                    for (index, element) in list.iter().enumerate() {
                        self.within(&index.to_string(), |look| look.look(items, element));
                    }
                }
            }
            RefOr::T(Schema::OneOf(choice)) => self.at_choice(&choice.items, json),
            RefOr::T(Schema::AnyOf(choice)) => self.at_choice(&choice.items, json),
            RefOr::T(Schema::AllOf(all)) => all.items.iter().for_each(|schema| self.look(schema, json)),
            RefOr::T(_) => {}
        }
    }

    /// A value that looks right is asked of its type.
    fn at_named(&mut self, name: &str, json: &Json) {
        let before = self.found.count;
        if let Some(schema) = self.schemas.get(name).map(Rc::clone) {
            self.look(&schema, json);
        }
        if self.found.count == before
            && let Some(Err(error)) = values::check(name, &json.value())
        {
            self.mistake("invalid_value", || in_plain_words(&error.to_string()));
        }
    }

    fn at_object(&mut self, object: &Object, json: &Json) {
        self.check_type(&object.schema_type, json);
        let Json::Object(members) = json else { return };
        if !allows(&object.schema_type, &Type::Object) {
            return;
        }
        let mut seen = BTreeSet::new();
        for (name, value) in members {
            let is_first = seen.insert(name.as_str());
            self.within(name, |look| match (object.properties.get(name), &object.additional_properties) {
                _ if !is_first => look.mistake("duplicate_field", || "is given more than once"),
                (Some(schema), _) => look.look(schema, value),
                (None, Some(others)) => match &**others {
                    AdditionalProperties::RefOr(schema) => look.look(schema, value),
                    AdditionalProperties::FreeForm(true) => {}
                    AdditionalProperties::FreeForm(false) => {
                        look.mistake("unknown_field", || "there is no such member here");
                    }
                },
                (None, None) => {}
            });
        }
        for name in &object.required {
            if !seen.contains(name.as_str()) {
                self.within(name, |look| look.mistake("missing_field", || "has to be given"));
            }
        }
    }

    /// One of several forms, each of which is an object with a member of its own, or null.
    fn at_choice(&mut self, forms: &[RefOr<Schema>], json: &Json) {
        let is_null = |form: &&RefOr<Schema>| matches!(form, RefOr::T(Schema::Object(form)) if form.schema_type == SchemaType::Type(Type::Null));
        if matches!(json, Json::Null) && forms.iter().any(|form| is_null(&form)) {
            return;
        }
        let forms: Vec<&RefOr<Schema>> = forms.iter().filter(|form| !is_null(form)).collect();
        if let [form] = forms[..] {
            return self.look(form, json);
        }
        let forms: Vec<_> = forms.into_iter().map(|form| (form, self.members(form))).collect();
        let names = forms.iter().map(|(_, names)| names.join(" and ")).collect::<Vec<_>>().join(", or ");
        let Json::Object(given) = json else {
            let detail =
                || format!("is {} and has to be an object with {names}, and nothing else", json.kind());
            return self.mistake("invalid_type", detail);
        };
        let likeness =
            |names: &[String]| names.iter().filter(|name| given.iter().any(|it| it.0 == **name)).count();
        let most = forms.iter().map(|(_, names)| likeness(names)).max().unwrap_or_default();
        let alike: Vec<_> = forms.iter().filter(|(_, names)| most > 0 && likeness(names) == most).collect();
        match alike[..] {
            [(form, names)] if names.len() > 1 || given.len() == 1 => self.look(form, json),
            _ => self
                .mistake("invalid_value", || format!("has to be an object with {names}, and nothing else")),
        }
    }

    /// The names of the members of an object.
    fn members(&self, schema: &RefOr<Schema>) -> Vec<String> {
        match schema {
            RefOr::Ref(reference) => {
                let name = reference.ref_location.rsplit('/').next().unwrap_or_default();
                self.schemas.get(name).map(|schema| self.members(schema)).unwrap_or_default()
            }
            RefOr::T(Schema::Object(object)) => object.properties.keys().cloned().collect(),
            RefOr::T(_) => vec![],
        }
    }

    fn check_type(&mut self, allowed: &SchemaType, json: &Json) {
        if matches!(json, Json::Huge) && allows(allowed, &Type::Integer) {
            return self.mistake("invalid_value", || "is larger than can be counted");
        }
        let is_allowed = match json {
            Json::Null => allows(allowed, &Type::Null),
            Json::Bool(_) => allows(allowed, &Type::Boolean),
            Json::Whole(_) => allows(allowed, &Type::Integer) || allows(allowed, &Type::Number),
            Json::Huge | Json::Fraction => allows(allowed, &Type::Number),
            Json::Text(_) => allows(allowed, &Type::String),
            Json::List(_) => allows(allowed, &Type::Array),
            Json::Object(_) => allows(allowed, &Type::Object),
        };
        if !is_allowed {
            self.mistake("invalid_type", || {
                format!("is {} and has to be {}", json.kind(), in_words(allowed))
            });
        }
    }
}

fn allows(allowed: &SchemaType, wanted: &Type) -> bool {
    match allowed {
        SchemaType::Type(allowed) => allowed == wanted,
        SchemaType::Array(allowed) => allowed.contains(wanted),
        SchemaType::AnyValue => true,
    }
}

fn in_words(allowed: &SchemaType) -> String {
    let word = |allowed: &Type| match allowed {
        Type::Object => "an object",
        Type::String => "a text",
        Type::Integer => "a whole number",
        Type::Number => "a number",
        Type::Boolean => "true or false",
        Type::Array => "a list",
        Type::Null => "null",
    };
    match allowed {
        SchemaType::Type(allowed) => word(allowed).to_owned(),
        SchemaType::Array(allowed) => allowed.iter().map(word).collect::<Vec<_>>().join(" or "),
        SchemaType::AnyValue => "anything".to_owned(),
    }
}

/// A type's own complaint as it is; one that the library made of the type's declaration is not for users.
pub fn in_plain_words(complaint: &str) -> String {
    const OF_THE_LIBRARY: [&str; 6] = [
        "invalid type",
        "invalid value",
        "invalid length",
        "unknown ",
        "missing field",
        "data did not match",
    ];
    if OF_THE_LIBRARY.iter().any(|beginning| complaint.starts_with(beginning)) {
        return "is not one of the values that are allowed here".to_owned();
    }
    cut(complaint, LONGEST_POINTER)
}

pub fn escape(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}
