//! Arguments and variables as values of JSON with the names and words of HTTP, if they are of their types (GraphQL,
//! sections 3.5 to 3.12 and 6.1.2). What else is wrong with them, only their types know.

use std::collections::BTreeMap;

use async_graphql::{
    Name, Positioned,
    dynamic::TypeRef,
    parser::types::{BaseType, OperationDefinition, Type},
};
use async_graphql_value::Value as Literal;
use serde_json::{Map, Value};

use crate::types::{Named, Taken, Types};

/// The variables of an operation, coerced. One that is absent is not in here.
pub type Variables = BTreeMap<String, Value>;

/// A value as it was given.
#[derive(Clone, Copy)]
enum Given<'a> {
    Literal(&'a Literal),
    Json(&'a Value),
}

/// One layer of it.
enum Seen<'a> {
    Variable(&'a Name),
    Null,
    Flag(bool),
    Whole(i64),
    /// A number that is none of those that are counted with.
    Number,
    Text(&'a str),
    Word(&'a str),
    List(Vec<Given<'a>>),
    Object(Vec<(&'a str, Given<'a>)>),
}

impl<'a> Given<'a> {
    fn seen(self) -> Seen<'a> {
        let whole = |number: &serde_json::Number| number.as_i64().map_or(Seen::Number, Seen::Whole);
        match self {
            Self::Literal(literal) => match literal {
                Literal::Variable(name) => Seen::Variable(name),
                Literal::Null => Seen::Null,
                Literal::Boolean(flag) => Seen::Flag(*flag),
                Literal::Number(number) => whole(number),
                Literal::String(text) => Seen::Text(text),
                Literal::Enum(word) => Seen::Word(word),
                Literal::List(list) => Seen::List(list.iter().map(Given::Literal).collect()),
                Literal::Object(members) => Seen::Object(
                    members.iter().map(|(name, it)| (name.as_str(), Given::Literal(it))).collect(),
                ),
                Literal::Binary(_) => Seen::Number,
            },
            Self::Json(json) => match json {
                Value::Null => Seen::Null,
                Value::Bool(flag) => Seen::Flag(*flag),
                Value::Number(number) => whole(number),
                Value::String(text) => Seen::Text(text),
                Value::Array(list) => Seen::List(list.iter().map(Given::Json).collect()),
                Value::Object(members) => {
                    Seen::Object(members.iter().map(|(name, it)| (name.as_str(), Given::Json(it))).collect())
                }
            },
        }
    }
}

/// The variables of `operation` of what its client sent.
pub fn variables(
    types: &Types,
    operation: &OperationDefinition,
    sent: &Map<String, Value>,
) -> Result<Variables, String> {
    let mut variables = Variables::new();
    for definition in &operation.variable_definitions {
        let (name, ty) = (definition.node.name.node.as_str(), type_ref(&definition.node.var_type.node));
        let default = definition.node.default_value.as_ref().map(|value| value.node.clone().into_value());
        let given = match (sent.get(name), &default) {
            (Some(value), _) => Given::Json(value),
            (None, Some(default)) => Given::Literal(default),
            (None, None) if matches!(ty, TypeRef::NonNull(_)) => {
                return Err(format!("the variable ${name} of the type {ty} has to be given"));
            }
            (None, None) => continue,
        };
        let coerced = coerce(types, given, &ty, &Variables::new());
        let coerced = coerced.map_err(|wrong| format!("the variable ${name}{wrong}"))?;
        variables.extend(coerced.map(|value| (name.to_owned(), value)));
    }
    Ok(variables)
}

/// The arguments of a field, by their names for HTTP. One that is absent is left out.
pub fn arguments(
    types: &Types,
    taken: &BTreeMap<String, Taken>,
    given: &[(Positioned<Name>, Positioned<Literal>)],
    variables: &Variables,
) -> Result<Map<String, Value>, String> {
    // Most fields take nothing.
    if taken.is_empty() && given.is_empty() {
        return Ok(Map::new());
    }
    let given = given.iter().map(|(name, value)| (name.node.as_str(), Given::Literal(&value.node))).collect();
    members(types, taken, given, variables)
        .map_err(|wrong| format!("the argument {}", wrong.trim_start_matches('.')))
}

/// Whether a directive such as `@skip(if: …)` says so.
pub fn flag(literal: Option<&Literal>, variables: &Variables) -> bool {
    match literal.map(|literal| Given::Literal(literal).seen()) {
        Some(Seen::Flag(flag)) => flag,
        Some(Seen::Variable(name)) => variables.get(name.as_str()).and_then(Value::as_bool).unwrap_or(false),
        _ => false,
    }
}

/// `None`: it is a variable that is absent. What is wrong is told with the way to it in front.
fn coerce(
    types: &Types,
    given: Given<'_>,
    ty: &TypeRef,
    variables: &Variables,
) -> Result<Option<Value>, String> {
    let seen = match given.seen() {
        Seen::Variable(name) => {
            let value = variables.get(name.as_str());
            return match (ty, value) {
                (TypeRef::NonNull(_), None | Some(Value::Null)) => Err(format!(": ${name} has to be given")),
                _ => Ok(value.cloned()),
            };
        }
        seen => seen,
    };
    match (ty, seen) {
        (TypeRef::NonNull(_), Seen::Null) => Err(" must not be null".to_owned()),
        (TypeRef::NonNull(inner), _) => coerce(types, given, inner, variables),
        (_, Seen::Null) => Ok(Some(Value::Null)),
        (TypeRef::List(inner), Seen::List(list)) => {
            let elements = list.into_iter().enumerate().map(|(index, element)| {
                let element = coerce(types, element, inner, variables);
                element.map(Option::unwrap_or_default).map_err(|wrong| format!(".{index}{wrong}"))
            });
            Ok(Some(Value::Array(elements.collect::<Result<_, _>>()?)))
        }
        // One element is taken for a list of it.
        (TypeRef::List(inner), _) => {
            Ok(Some(Value::Array(coerce(types, given, inner, variables)?.into_iter().collect())))
        }
        (TypeRef::Named(name), seen) => named(types, name, seen, variables).map(Some),
    }
}

fn named(types: &Types, name: &str, seen: Seen<'_>, variables: &Variables) -> Result<Value, String> {
    let is_int = |number: i64| i32::try_from(number).is_ok();
    let value = match (name, seen) {
        (TypeRef::INT, Seen::Whole(number)) if is_int(number) => number.into(),
        ("Long", Seen::Whole(number)) => number.into(),
        (TypeRef::BOOLEAN, Seen::Flag(flag)) => flag.into(),
        (TypeRef::STRING | TypeRef::ID | "DateTime" | "Date", Seen::Text(text)) => text.into(),
        (TypeRef::ID, Seen::Whole(number)) => number.to_string().into(),
        ("Metadata", Seen::Object(members)) => plain(Seen::Object(members), variables),
        (_, seen) => match (types.named.get(name), seen) {
            (Some(Named::Enum { words, .. }), Seen::Word(word) | Seen::Text(word)) => {
                let known = words.iter().find(|known| known.to_ascii_uppercase() == word);
                known.ok_or_else(|| format!(" is none of the values of {name}"))?.as_str().into()
            }
            (Some(Named::Input(taken)), Seen::Object(given)) => {
                members(types, taken, given, variables)?.into()
            }
            _ => return Err(format!(" is no value of the type {name}")),
        },
    };
    Ok(value)
}

fn members(
    types: &Types,
    taken: &BTreeMap<String, Taken>,
    given: Vec<(&str, Given<'_>)>,
    variables: &Variables,
) -> Result<Map<String, Value>, String> {
    let mut values = Map::new();
    for (name, value) in given {
        let Some(member) = taken.get(name) else { return Err(format!(".{name} is not known here")) };
        let value = coerce(types, value, &member.ty, variables).map_err(|wrong| format!(".{name}{wrong}"))?;
        values.extend(value.map(|value| (member.name.clone(), value)));
    }
    let missing = taken
        .iter()
        .find(|(_, member)| matches!(member.ty, TypeRef::NonNull(_)) && !values.contains_key(&member.name));
    match missing {
        Some((name, _)) => Err(format!(".{name} has to be given")),
        None => Ok(values),
    }
}

/// Any value as JSON.
fn plain(seen: Seen<'_>, variables: &Variables) -> Value {
    match seen {
        Seen::Variable(name) => variables.get(name.as_str()).cloned().unwrap_or_default(),
        Seen::Null | Seen::Number => Value::Null,
        Seen::Flag(flag) => flag.into(),
        Seen::Whole(number) => number.into(),
        Seen::Text(text) | Seen::Word(text) => text.into(),
        Seen::List(list) => list.into_iter().map(|element| plain(element.seen(), variables)).collect(),
        Seen::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name.to_owned(), plain(value.seen(), variables)))
            .collect(),
    }
}

fn type_ref(ty: &Type) -> TypeRef {
    let base = match &ty.base {
        BaseType::Named(name) => TypeRef::named(name.to_string()),
        BaseType::List(inner) => TypeRef::List(Box::new(type_ref(inner))),
    };
    if ty.nullable { base } else { TypeRef::NonNull(Box::new(base)) }
}
