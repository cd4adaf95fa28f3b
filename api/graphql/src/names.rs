//! Names as GraphQL writes them, and as HTTP does.

pub const QUERY: &str = "Query";
pub const MUTATION: &str = "Mutation";
pub const SUBSCRIPTION: &str = "Subscription";
/// The field of a query that reads an order.
pub const ORDER: &str = "order";
/// What an id of each kind of thing begins with, the name of its type, and of its read.
pub const NODES: [(&str, &str, &str); 3] =
    [("ord_", "Order", ORDER), ("product/", "Product", "product"), ("stock/", "Stock", "stock")];

/// `placed_at[gte]` is `placedAtGte`.
pub fn camel(name: &str) -> String {
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| name + &capital(word))
}

/// `order` is `Order`.
pub fn capital(word: &str) -> String {
    let mut characters = word.chars();
    characters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(characters).collect()
}

/// A word of a vocabulary as a value of an enum.
pub fn upper(word: &str) -> String {
    word.to_ascii_uppercase()
}

/// The root field of the read or the command with this stable name: `order.by_id` is `order`, `order.page` is
/// `orders`, and `product.set_price` is `productSetPrice`.
pub fn root(name: &str) -> String {
    match name.split_once('.') {
        Some((thing, "list")) => camel(thing),
        Some((thing, "page")) if thing.ends_with('s') => camel(thing),
        Some((thing, "page")) => camel(thing) + "s",
        Some((thing, by)) if by.starts_with("by_") => camel(thing),
        _ => camel(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_graphql() {
        assert_eq!(camel("external_id"), "externalId");
        assert_eq!(camel("placed_at[gte]"), "placedAtGte");
        for (name, field) in [
            ("order.by_id", "order"),
            ("order.page", "orders"),
            ("order.history", "orderHistory"),
            ("sales.page", "sales"),
            ("events.list", "events"),
            ("product.set_price", "productSetPrice"),
            ("permissions", "permissions"),
        ] {
            assert_eq!(root(name), field);
        }
    }
}
