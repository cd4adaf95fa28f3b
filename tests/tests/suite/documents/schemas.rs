//! What a client of one schema can't do with another one any more.

use std::{collections::BTreeSet, slice::from_ref};

use serde_json::{Map, Value};

/// Which way a value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// A client sends it: whatever it could send, it still can.
    Sent,
    /// A client gets it: whatever it relies on is still so. More members, words and forms may be added.
    Got,
}

/// Compares two documents' schemas.
pub struct Comparison<'a> {
    pub before: &'a Value,
    pub after: &'a Value,
    pub found: Vec<String>,
    /// Pairs of names that were compared. Schemas may contain themselves.
    seen: BTreeSet<(String, String, Way)>,
}

/// The least and the greatest of something: the more of it, the less is taken.
const LEAST: [&str; 4] = ["minimum", "minLength", "minItems", "minProperties"];
const GREATEST: [&str; 4] = ["maximum", "maxLength", "maxItems", "maxProperties"];

impl<'a> Comparison<'a> {
    pub fn new(before: &'a Value, after: &'a Value) -> Self {
        Self { before, after, found: vec![], seen: BTreeSet::new() }
    }

    pub fn say(&mut self, place: &str, what: impl std::fmt::Display) {
        self.found.push(format!("{place} {what}"));
    }

    pub fn schemas(&mut self, place: &str, was: &Value, is: &Value, way: Way) {
        if let (Some(was), Some(is)) = (name(was), name(is))
            && !self.seen.insert((was.to_owned(), is.to_owned(), way))
        {
            return;
        }
        let (was, is) = (resolved(self.before, was), resolved(self.after, is));
        let (was_forms, is_forms) = (forms(&was), forms(&is));
        if way == Way::Sent && may_be_null(&was) && !may_be_null(&is) {
            self.say(place, "may not be null any more");
        }
        if way == Way::Got && may_be_null(&is) && !may_be_null(&was) {
            self.say(place, "may be null");
        }
        match (&was_forms[..], &is_forms[..]) {
            ([was], [is]) => self.one(place, &resolved(self.before, was), &resolved(self.after, is), way),
            ([was], several) if way == Way::Sent => self.any(place, from_ref(was), several, way),
            ([was], several) => {
                several.iter().for_each(|is| {
                    self.one(place, &resolved(self.before, was), &resolved(self.after, is), way)
                });
            }
            (several, [is]) if way == Way::Sent => {
                several.iter().for_each(|was| {
                    self.one(place, &resolved(self.before, was), &resolved(self.after, is), way)
                });
            }
            (several, [is]) => self.any(place, several, from_ref(is), way),
            (was, is) => self.several(place, was, is, way),
        }
    }

    /// Each form is still there: by its name, or, without one, in its place.
    fn several(&mut self, place: &str, was: &[Value], is: &[Value], way: Way) {
        for (index, was) in was.iter().enumerate() {
            let same = match name(was) {
                Some(of_was) => is.iter().find(|is| name(is) == Some(of_was)),
                None => is.get(index),
            };
            let form = name(was).map_or_else(|| index.to_string(), str::to_owned);
            match same {
                Some(is) => self.schemas(&format!("{place}<{form}>"), was, is, way),
                None => self.say(place, format!("has no form {form} any more")),
            }
        }
    }

    /// One of the pairs fits; if none does, what is wrong with the first is told.
    fn any(&mut self, place: &str, was: &[Value], is: &[Value], way: Way) {
        let mut first = None;
        for (was, is) in was.iter().flat_map(|was| is.iter().map(move |is| (was, is))) {
            let mut inner = Comparison::new(self.before, self.after);
            inner.one(place, &resolved(self.before, was), &resolved(self.after, is), way);
            if inner.found.is_empty() {
                return;
            }
            first.get_or_insert(inner.found);
        }
        self.found.extend(first.unwrap_or_default());
    }

    /// Schemas of one form each.
    fn one(&mut self, place: &str, was: &Value, is: &Value, way: Way) {
        let (narrow, wide) = match way {
            Way::Sent => (was, is),
            Way::Got => (is, was),
        };
        if !types(narrow).is_subset(&types(wide)) && !types(wide).is_empty() {
            return self.say(place, format!("was {} and is {}", was["type"], is["type"]));
        }
        match (words(was), words(is)) {
            (Some(was), Some(is)) => {
                was.difference(&is).for_each(|word| self.say(place, format!("has no {word} any more")));
            }
            (None, Some(_)) if way == Way::Sent => self.say(place, "takes some words only"),
            (Some(_), None) if way == Way::Got => self.say(place, "may be any word"),
            _ => {}
        }
        if was["format"] != is["format"] {
            self.say(place, format!("had the format {} and has {}", was["format"], is["format"]));
        }
        if way == Way::Sent {
            self.bounds(place, was, is);
        }
        self.members(place, was, is, way);
        match (was.get("items"), is.get("items")) {
            (Some(was), Some(is)) => self.schemas(&format!("{place}[]"), was, is, way),
            (None, Some(_)) if way == Way::Sent => self.say(place, "takes some items only"),
            _ => {}
        }
    }

    fn bounds(&mut self, place: &str, was: &Value, is: &Value) {
        for (names, is_less) in [(LEAST, false), (GREATEST, true)] {
            for name in names {
                let (was, is) = (was[name].as_f64(), is[name].as_f64());
                let is_narrower = match (was, is) {
                    (Some(was), Some(is)) => {
                        if is_less {
                            is < was
                        } else {
                            is > was
                        }
                    }
                    (None, Some(_)) => true,
                    _ => false,
                };
                if is_narrower {
                    self.say(place, format!("has another {name}: {was:?}, {is:?}"));
                }
            }
        }
        if !is["pattern"].is_null() && was["pattern"] != is["pattern"] {
            self.say(place, format!("had the pattern {} and has {}", was["pattern"], is["pattern"]));
        }
    }

    fn members(&mut self, place: &str, was: &Value, is: &Value, way: Way) {
        let (of_was, of_is) = (properties(was), properties(is));
        for (name, was) in &of_was {
            match of_is.get(name) {
                Some(is) => self.schemas(&format!("{place}.{name}"), was, is, way),
                None => self.say(&format!("{place}.{name}"), "is gone"),
            }
        }
        let (must, must_now) = (required(was), required(is));
        match way {
            Way::Sent => {
                must_now
                    .difference(&must)
                    .for_each(|name| self.say(&format!("{place}.{name}"), "has to be given"));
            }
            Way::Got => {
                let may_lack = must.difference(&must_now).filter(|name| of_is.contains_key(**name));
                may_lack.for_each(|name| self.say(&format!("{place}.{name}"), "may be left out"));
            }
        }
        match (&was["additionalProperties"], &is["additionalProperties"]) {
            (was, Value::Bool(false)) if way == Way::Sent && *was != Value::Bool(false) => {
                self.say(place, "takes no other members any more");
            }
            (was @ Value::Object(_), is @ Value::Object(_)) => {
                self.schemas(&format!("{place}.*"), was, is, way)
            }
            _ => {}
        }
    }
}

fn name(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next())
}

/// The schema with what it refers to, and what it is put together from, in one.
fn resolved(document: &Value, schema: &Value) -> Value {
    let mut whole =
        match schema["$ref"].as_str().and_then(|name| document.pointer(name.trim_start_matches('#'))) {
            Some(target) => resolved(document, target),
            None => Value::Object(Map::new()),
        };
    for part in schema["allOf"].as_array().into_iter().flatten() {
        overlay(document, &mut whole, &resolved(document, part));
    }
    overlay(document, &mut whole, schema);
    whole
}

fn overlay(document: &Value, whole: &mut Value, part: &Value) {
    for (key, value) in part.as_object().into_iter().flatten() {
        match key.as_str() {
            "$ref" | "allOf" => {}
            "properties" => {
                for (name, member) in value.as_object().into_iter().flatten() {
                    let known = whole["properties"].get(name).map(|known| resolved(document, known));
                    let mut both = known.unwrap_or_else(|| Value::Object(Map::new()));
                    if both.as_object().is_some_and(Map::is_empty) {
                        both = member.clone();
                    } else {
                        overlay(document, &mut both, &resolved(document, member));
                    }
                    whole["properties"][name] = both;
                }
            }
            "required" => {
                let mut names: Vec<Value> = whole["required"].as_array().cloned().unwrap_or_default();
                names.extend(value.as_array().into_iter().flatten().cloned());
                whole["required"] = names.into();
            }
            _ => whole[key] = value.clone(),
        }
    }
}

/// What it may be, null excepted.
fn forms(schema: &Value) -> Vec<Value> {
    let several = ["oneOf", "anyOf"].iter().find_map(|choice| schema[choice].as_array());
    let Some(several) = several else { return vec![schema.clone()] };
    several.iter().filter(|form| form["type"] != "null").cloned().collect()
}

fn may_be_null(schema: &Value) -> bool {
    let several = ["oneOf", "anyOf"].iter().find_map(|choice| schema[choice].as_array());
    several.into_iter().flatten().chain([schema]).any(|form| {
        form["type"] == "null"
            || form["type"].as_array().is_some_and(|types| types.iter().any(|ty| ty == "null"))
    })
}

fn types(schema: &Value) -> BTreeSet<&str> {
    let all = match &schema["type"] {
        Value::Array(several) => several.iter().collect(),
        one => vec![one],
    };
    let mut types: BTreeSet<&str> =
        all.into_iter().filter_map(Value::as_str).filter(|ty| *ty != "null").collect();
    if types.contains("number") {
        types.insert("integer");
    }
    types
}

fn words(schema: &Value) -> Option<BTreeSet<String>> {
    let words = match (schema["enum"].as_array(), schema.get("const")) {
        (Some(words), _) => words.iter().map(ToString::to_string).collect(),
        (None, Some(word)) => BTreeSet::from([word.to_string()]),
        (None, None) => return None,
    };
    Some(words)
}

fn properties(schema: &Value) -> Map<String, Value> {
    schema["properties"].as_object().cloned().unwrap_or_default()
}

fn required(schema: &Value) -> BTreeSet<&str> {
    schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}
