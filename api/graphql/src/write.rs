//! Answers, written as they are asked for (GraphQL, section 6.4).

use async_graphql::dynamic::TypeRef;
use daybook_domain::code::GeneralCode;
use daybook_http::{codes::HttpCode, problem::Problem};
use serde_json::Value;

use crate::{
    failure::{Failure, Part},
    limits::{MOST_ERRORS, MOST_VALUES},
    look_ups::LookUps,
    names::upper,
    plan::Step,
    types::{Base, Field, Source, Types, base},
};

/// A value can't be null and has to be: so is the one that it is a part of.
pub struct Null;

type Written = Result<(), Null>;

pub struct Writer<'a> {
    types: &'a Types,
    look_ups: &'a LookUps,
    out: Vec<u8>,
    failures: Vec<Failure>,
    /// How many failures are not told.
    untold: usize,
    path: Vec<At<'a>>,
    values: usize,
}

#[derive(Clone, Copy)]
enum At<'a> {
    Key(&'a str),
    Index(usize),
}

impl<'a> Writer<'a> {
    /// `out` has what comes in front.
    pub fn new(types: &'a Types, look_ups: &'a LookUps, out: Vec<u8>) -> Self {
        Self { types, look_ups, out, failures: vec![], untold: 0, path: vec![], values: 0 }
    }

    /// All of it, or `null`; and what went wrong.
    pub fn write(
        mut self,
        root: usize,
        steps: &'a [Step],
        answers: &'a Value,
    ) -> (Vec<u8>, Vec<Failure>, usize) {
        let start = self.out.len();
        if self.object(root, steps, answers).is_err() {
            self.null(start);
        }
        (self.out, self.failures, self.untold)
    }

    fn object(&mut self, object: usize, steps: &'a [Step], value: &'a Value) -> Written {
        self.out.push(b'{');
        for (index, step) in steps.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            self.quoted(&step.key);
            self.out.push(b':');
            match step.place {
                None => {
                    let name = &self.types.objects[object].name;
                    self.quoted(name);
                }
                Some(place) => {
                    self.path.push(At::Key(&step.key));
                    let written = self.field(self.types.field(place), step, value);
                    self.path.pop();
                    written?;
                }
            }
        }
        self.out.push(b'}');
        Ok(())
    }

    fn field(&mut self, field: &'a Field, step: &'a Step, parent: &'a Value) -> Written {
        match &field.source {
            Source::Member(name) => self.value(&field.ty, field, step, parent.get(name)),
            Source::Asked { .. } | Source::Followed(_) | Source::Node => {
                self.value(&field.ty, field, step, parent.get(&step.key))
            }
            Source::Nodes => {
                let edges = parent.get("edges").and_then(Value::as_array);
                let nodes = edges.into_iter().flatten().filter_map(|edge| edge.get("node"));
                self.list(element(&field.ty), field, step, nodes)
            }
            Source::Id { kind, member } => {
                match parent.get(member).and_then(Value::as_str) {
                    Some(id) if id.starts_with(kind) => self.quoted(id),
                    Some(id) => self.quoted(&format!("{kind}{id}")),
                    None => self.out.extend(b"null"),
                }
                Ok(())
            }
            Source::LookUp { thing, member } => {
                let id = parent.get(member).and_then(Value::as_str).unwrap_or_default();
                let look_ups = self.look_ups;
                match look_ups.get(*thing, id) {
                    Some(Err(problem)) => self.fail(problem),
                    Some(Ok(found)) => return self.value(&field.ty, field, step, found),
                    None => {}
                }
                self.out.extend(b"null");
                Ok(())
            }
        }
    }

    fn value(
        &mut self,
        ty: &'a TypeRef,
        field: &'a Field,
        step: &'a Step,
        value: Option<&'a Value>,
    ) -> Written {
        self.values += 1;
        if self.values == MOST_VALUES {
            self.fail(&Problem::new(HttpCode::MalformedRequest, "the answer would be too large"));
        }
        if self.values >= MOST_VALUES {
            return Err(Null);
        }
        let value = value.filter(|value| !value.is_null());
        match (ty, value) {
            (TypeRef::NonNull(inner), Some(value)) => self.present(inner, field, step, value),
            (TypeRef::NonNull(inner), None) if base(inner) == TypeRef::BOOLEAN => {
                self.out.extend(b"false");
                Ok(())
            }
            (TypeRef::NonNull(_), None) => {
                self.fail(&Problem::usual(GeneralCode::Internal));
                Err(Null)
            }
            (ty, Some(value)) => {
                let start = self.out.len();
                match self.present(ty, field, step, value) {
                    Err(Null) if self.values < MOST_VALUES => self.null(start),
                    written => return written,
                }
                Ok(())
            }
            (_, None) => {
                self.out.extend(b"null");
                Ok(())
            }
        }
    }

    fn present(&mut self, ty: &'a TypeRef, field: &'a Field, step: &'a Step, value: &'a Value) -> Written {
        match ty {
            TypeRef::NonNull(inner) => return self.present(inner, field, step, value),
            TypeRef::List(inner) => {
                return self.list(inner, field, step, value.as_array().into_iter().flatten());
            }
            TypeRef::Named(_) => {}
        }
        match &field.base {
            Base::Object(object) => self.object(*object, step.of(*object), value),
            Base::Node(_) => {
                let thing = value.as_object().and_then(|thing| thing.iter().next());
                let Some((object, value)) = thing.and_then(|(ty, it)| Some((self.types.object(ty)?, it)))
                else {
                    return Err(Null);
                };
                self.object(object, step.of(object), value)
            }
            Base::Enum => {
                self.quoted(&upper(value.as_str().unwrap_or_default()));
                Ok(())
            }
            Base::Scalar => {
                serde_json::to_writer(&mut self.out, value).expect("JSON is written to memory");
                Ok(())
            }
        }
    }

    fn list(
        &mut self,
        ty: &'a TypeRef,
        field: &'a Field,
        step: &'a Step,
        values: impl Iterator<Item = &'a Value>,
    ) -> Written {
        self.out.push(b'[');
        for (index, value) in values.enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            self.path.push(At::Index(index));
            let written = self.value(ty, field, step, Some(value));
            self.path.pop();
            written?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn null(&mut self, start: usize) {
        self.out.truncate(start);
        self.out.extend(b"null");
    }

    /// A name, a word or an id, which has nothing that JSON writes differently.
    fn quoted(&mut self, name: &str) {
        self.out.push(b'"');
        self.out.extend(name.as_bytes());
        self.out.push(b'"');
    }

    fn fail(&mut self, problem: &Problem) {
        if self.failures.len() == MOST_ERRORS {
            self.untold += 1;
            return;
        }
        let part = |at: &At<'_>| match at {
            At::Key(key) => Part::Key((*key).to_owned()),
            At::Index(index) => Part::Index(*index),
        };
        self.failures.push(Failure::of(problem, self.path.iter().map(part).collect()));
    }
}

/// The type of an element of a list.
fn element(ty: &TypeRef) -> &TypeRef {
    match ty {
        TypeRef::NonNull(inner) => element(inner),
        TypeRef::List(inner) => inner,
        TypeRef::Named(_) => ty,
    }
}
