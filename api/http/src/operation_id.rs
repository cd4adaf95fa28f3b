//! The names of operations, as the functions of generated clients are called: a verb, and what it is done to.

use std::iter::once;

/// Names that have no verb, or none that says it to a client.
const OTHERS: &[(&str, &str)] = &[
    ("docs", "getDocs"),
    ("events.types", "listEventTypes"),
    ("graphql.ask", "askGraphql"),
    ("graphql.read", "queryGraphql"),
    ("jwks", "getSigningKeys"),
    ("log_levels.get", "getLogLevels"),
    ("metrics", "getMetrics"),
    ("openapi", "getOpenapi"),
    ("permissions", "listPermissions"),
    ("permissions.mine", "listMyPermissions"),
    ("problem", "getProblemPage"),
    ("revoke", "revokeTokens"),
    ("verify", "verifyReadModels"),
];

/// The name of the operation with this stable name: `order.place` is `placeOrder`, `order.page` is `listOrders`, and
/// `product.set_price` is `setProductPrice`.
pub fn of(name: &str) -> String {
    if let Some((_, id)) = OTHERS.iter().find(|(other, _)| *other == name) {
        return (*id).to_owned();
    }
    let (thing, done) = name.split_once('.').unwrap_or((name, "get"));
    match done {
        "list" => camel("list", &[thing]),
        "page" if thing.ends_with('s') => camel("list", &[thing]),
        "page" => camel("list", &[thing]) + "s",
        "get" => camel("get", &[thing.strip_suffix('s').unwrap_or(thing)]),
        "history" => camel("get", &[thing, done]),
        _ if done.starts_with("by_") => camel("get", &[thing]),
        _ => {
            let (verb, rest) = done.split_once('_').unwrap_or((done, ""));
            camel(verb, &[thing, rest])
        }
    }
}

fn camel(verb: &str, rest: &[&str]) -> String {
    let words = rest.iter().flat_map(|part| part.split(['_', '-'])).filter(|word| !word.is_empty());
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    once(verb.to_owned()).chain(words.map(capital)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes;

    #[test]
    fn an_operation_is_called_by_a_verb_and_what_it_is_done_to() {
        for (name, id) in [
            ("order.place", "placeOrder"),
            ("order.by_id", "getOrder"),
            ("order.page", "listOrders"),
            ("order.history", "getOrderHistory"),
            ("product.set_price", "setProductPrice"),
            ("sales.page", "listSales"),
            ("events.list", "listEvents"),
            ("projections.get", "getProjection"),
            ("dead_letters.list", "listDeadLetters"),
            ("dead_letter.retry", "retryDeadLetter"),
        ] {
            assert_eq!(of(name), id);
        }
    }

    /// A name that no rule fits to would be one word.
    #[test]
    fn every_operation_has_a_verb_and_a_noun() {
        for route in [routes::api(), routes::admin(), routes::telemetry()].into_iter().flatten() {
            let id = of(&route.about.name);
            let is_camel = id.chars().all(|c| c.is_ascii_alphanumeric())
                && id.starts_with(|c: char| c.is_ascii_lowercase());
            assert!(is_camel && id.contains(|c: char| c.is_ascii_uppercase()), "{id}");
        }
    }
}
