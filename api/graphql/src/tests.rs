mod breaking;

use daybook_core::reads::READS;
use daybook_http::{about::Kind, routes};

use super::{
    names::{MUTATION, QUERY, root},
    registry, schema,
    types::{Source, Types},
};

const UNDER_REVIEW: &str = include_str!("../schema.graphql");

fn types() -> Types {
    schema::of(&routes::api())
}

fn fields(types: &Types, object: &str) -> Vec<String> {
    let place = types.object(object).expect("it is there");
    types.objects[place].fields.iter().map(|field| field.name.clone()).collect()
}

/// A change of what clients see is seen here first.
#[test]
fn the_schema_is_the_one_under_review() {
    let now = registry::of(&types(), true).expect("the types fit together").sdl();
    let path = std::env::temp_dir().join("daybook-schema.graphql");
    if now != UNDER_REVIEW {
        std::fs::write(&path, now).expect("the schema is written");
        panic!("look at the difference, then: cp {} api/graphql/schema.graphql", path.display());
    }
}

#[test]
fn every_read_and_every_command_of_http_has_a_field() {
    let types = types();
    let (queries, mutations) = (fields(&types, QUERY), fields(&types, MUTATION));
    for (name, _) in READS {
        let name = if *name == "events" { "events.list" } else { name };
        assert!(queries.contains(&root(name)), "{name}: {queries:?}");
    }
    let routes = routes::api();
    let commands = routes.iter().filter(|route| matches!(route.about.kind, Kind::Command { .. }));
    let commands: Vec<_> = commands.map(|route| root(&route.about.name)).collect();
    assert!(commands.len() > 10, "{commands:?}");
    assert!(commands.iter().all(|command| mutations.contains(command)), "{commands:?}");
    assert_eq!(mutations.len(), commands.len());
}

/// A field that is of nothing would be null for ever.
#[test]
fn every_field_of_the_root_asks_something() {
    let types = types();
    for object in [QUERY, MUTATION] {
        let place = types.object(object).expect("it is there");
        for field in &types.objects[place].fields {
            assert!(matches!(field.source, Source::Asked { .. } | Source::Node), "{}", field.name);
        }
    }
}
