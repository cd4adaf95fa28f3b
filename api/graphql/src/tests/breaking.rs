//! What clients of the last release rely on is still there. A release copies `schema.graphql` to `released.graphql`.

use std::collections::BTreeMap;

use async_graphql::parser::{
    parse_schema,
    types::{
        BaseType, FieldDefinition, InputValueDefinition, Type, TypeDefinition, TypeKind, TypeSystemDefinition,
    },
};

const RELEASED: &str = include_str!("../../released.graphql");
const UNDER_REVIEW: &str = include_str!("../../schema.graphql");

type Types = BTreeMap<String, TypeDefinition>;

fn types(schema: &str) -> Types {
    let document = parse_schema(schema).expect("a schema");
    let types = document.definitions.into_iter().filter_map(|definition| match definition {
        TypeSystemDefinition::Type(ty) => Some((ty.node.name.node.to_string(), ty.node)),
        _ => None,
    });
    types.collect()
}

/// What a client of the first schema can't do with the second one any more.
fn broken(before: &str, after: &str) -> Vec<String> {
    let (before, after) = (types(before), types(after));
    let mut found = Vec::new();
    for (name, was) in &before {
        match after.get(name) {
            None => found.push(format!("{name} is gone")),
            Some(is) => compare(name, was, is, &mut found),
        }
    }
    found
}

fn compare(name: &str, was: &TypeDefinition, is: &TypeDefinition, found: &mut Vec<String>) {
    match (&was.kind, &is.kind) {
        (TypeKind::Scalar, TypeKind::Scalar) => {}
        (TypeKind::Object(was), TypeKind::Object(is)) => {
            let interfaces = was
                .implements
                .iter()
                .filter(|interface| is.implements.iter().all(|other| other.node != interface.node));
            found.extend(interfaces.map(|interface| format!("{name} is no {} any more", interface.node)));
            fields(name, was.fields.iter().map(|it| &it.node), &is.fields.iter().map(|it| &it.node), found);
        }
        (TypeKind::Interface(was), TypeKind::Interface(is)) => {
            fields(name, was.fields.iter().map(|it| &it.node), &is.fields.iter().map(|it| &it.node), found);
        }
        (TypeKind::Enum(was), TypeKind::Enum(is)) => {
            let gone = was
                .values
                .iter()
                .filter(|value| is.values.iter().all(|it| it.node.value.node != value.node.value.node));
            found.extend(gone.map(|value| format!("{name}.{} is gone", value.node.value.node)));
        }
        (TypeKind::InputObject(was), TypeKind::InputObject(is)) => {
            inputs(name, &was.fields.iter().map(|it| &it.node), is.fields.iter().map(|it| &it.node), found);
        }
        _ => found.push(format!("{name} is something else")),
    }
}

fn fields<'a>(
    of: &str,
    was: impl Iterator<Item = &'a FieldDefinition>,
    is: &(impl Iterator<Item = &'a FieldDefinition> + Clone),
    found: &mut Vec<String>,
) {
    for was in was {
        let name = format!("{of}.{}", was.name.node);
        match is.clone().find(|is| is.name.node == was.name.node) {
            None => found.push(format!("{name} is gone")),
            Some(is) => {
                if !fits(&was.ty.node, &is.ty.node) {
                    found.push(format!("{name} was {} and is {}", was.ty.node, is.ty.node));
                }
                inputs(
                    &name,
                    &was.arguments.iter().map(|it| &it.node),
                    is.arguments.iter().map(|it| &it.node),
                    found,
                );
            }
        }
    }
}

/// What is taken: all that was, and nothing more that has to be given.
fn inputs<'a>(
    of: &str,
    was: &(impl Iterator<Item = &'a InputValueDefinition> + Clone),
    is: impl Iterator<Item = &'a InputValueDefinition> + Clone,
    found: &mut Vec<String>,
) {
    for was in was.clone() {
        let name = format!("{of}.{}", was.name.node);
        match is.clone().find(|is| is.name.node == was.name.node) {
            None => found.push(format!("{name} is gone")),
            // What was given then is still taken.
            Some(is) if !fits(&is.ty.node, &was.ty.node) => {
                found.push(format!("{name} took {} and takes {}", was.ty.node, is.ty.node));
            }
            Some(_) => {}
        }
    }
    let is_new = |is: &&InputValueDefinition| was.clone().all(|was| was.name.node != is.name.node);
    let needed = is.filter(is_new).filter(|is| !is.ty.node.nullable && is.default_value.is_none());
    found.extend(needed.map(|is| format!("{of}.{} has to be given", is.name.node)));
}

/// Whether each value of the second type is one of the first.
fn fits(wide: &Type, narrow: &Type) -> bool {
    let bases = match (&wide.base, &narrow.base) {
        (BaseType::Named(wide), BaseType::Named(narrow)) => wide == narrow,
        (BaseType::List(wide), BaseType::List(narrow)) => fits(wide, narrow),
        _ => false,
    };
    bases && (wide.nullable || !narrow.nullable)
}

#[test]
fn clients_of_the_last_release_go_on() {
    assert_eq!(broken(RELEASED, UNDER_REVIEW), [""; 0]);
}

#[test]
fn what_breaks_a_client_is_found_and_what_is_added_is_not() {
    let before = "interface N { id: ID! } type T implements N { id: ID! a(x: Int!): String b: [T!]! c: E! } enum E { A B } \
                  input I { m: Int n: String! } scalar S";
    for (after, expected) in [
        (before.replace("c: E!", "c: E! d(y: Int): S"), vec![]),
        (before.replace("a(x: Int!): String", "a(x: Int): String!"), vec![]),
        (before.replace("m: Int", "m: Int o: Int p: Int! = 1").replace("n: String!", "n: String"), vec![]),
        (before.replace("A B", "A B C"), vec![]),
        (before.replace("b: [T!]!", ""), vec!["T.b is gone"]),
        (before.replace("b: [T!]!", "b: [T]!"), vec!["T.b was [T!]! and is [T]!"]),
        (
            before.replace("a(x: Int!): String", "a(x: Int!, y: Int!): Int"),
            vec!["T.a was String and is Int", "T.a.y has to be given"],
        ),
        (before.replace("m: Int", "m: Int!"), vec!["I.m took Int and takes Int!"]),
        (before.replace("m: Int", "o: Int!"), vec!["I.m is gone", "I.o has to be given"]),
        (before.replace("A B", "B"), vec!["E.A is gone"]),
        (before.replace(" implements N", ""), vec!["T is no N any more"]),
        (before.replace("scalar S", "enum S { X }"), vec!["S is something else"]),
        (before.replace("scalar S", ""), vec!["S is gone"]),
    ] {
        assert_eq!(broken(before, &after), expected, "{after}");
    }
}
