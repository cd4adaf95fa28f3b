//! Messages have what HTTP has.

use std::collections::BTreeSet;

use daybook_http::{openapi, routes};
use prost::Message;
use prost_types::FileDescriptorSet;

use crate::protocol::DESCRIPTORS;

/// Each message with the schema of HTTP beside it, and the members of that schema which it has no place for.
const BESIDE: &[(&str, &str, &[&str])] = &[
    ("Order", "Order", &[]),
    ("OrderLine", "OrderLine", &[]),
    ("OrderReceipt", "OrderReceipt", &["position"]),
    ("OrderReceiptLine", "OrderReceiptLine", &[]),
    ("Contact", "Contact", &[]),
    ("Address", "Address", &[]),
    ("Product", "Product", &[]),
    ("ProductReceipt", "ProductReceipt", &["id", "position"]),
    ("Stock", "Stock", &[]),
    ("Stock", "StockReceipt", &["id", "position"]),
    ("Tax", "Tax", &[]),
    ("TaxRate", "TaxRate", &[]),
    ("TaxReceipt", "TaxReceipt", &["id", "position"]),
    ("SetTaxRateRequest", "SetTaxRate", &[]),
    ("Change", "Change", &[]),
    ("Event", "OrderPlacedEvent", &[]),
    ("PlaceOrderRequest", "PlaceOrder", &[]),
    ("PlaceOrderLine", "PlaceLine", &[]),
    ("CancelOrderRequest", "CancelOrder", &[]),
    ("ShipOrderRequest", "ShipOrder", &[]),
    ("ShipOrderLine", "ShipLine", &[]),
    ("CreateProductRequest", "CreateProduct", &[]),
    ("UpdateProductRequest", "DescribeProduct", &[]),
    ("PriceChange", "PriceChange", &[]),
    ("PriceChangeReceipt", "PriceChangeReceipt", &["id", "position"]),
    ("SchedulePriceRequest", "SchedulePrice", &[]),
    ("SetTaxClassRequest", "SetTaxClass", &[]),
    ("ReceiveStockRequest", "ReceiveStock", &[]),
    ("AdjustStockRequest", "AdjustStock", &[]),
];

fn fields(files: &FileDescriptorSet, message: &str) -> BTreeSet<String> {
    let messages = files.file.iter().flat_map(|file| &file.message_type);
    let found = messages.filter(|one| one.name() == message).flat_map(|one| &one.field);
    found.map(|field| field.name().to_owned()).collect()
}

/// Catches: a member that is added to an answer or a body of HTTP, and to no message.
#[test]
fn a_message_has_every_member_of_the_schema_beside_it() {
    let files = FileDescriptorSet::decode(DESCRIPTORS).expect("the build has written it");
    let document = serde_json::to_value(openapi::document(&routes::api())).expect("it serializes");
    for (message, schema, without) in BESIDE {
        let properties = document["components"]["schemas"][schema]["properties"].as_object();
        let properties = properties.unwrap_or_else(|| panic!("{schema} is no schema with members"));
        let fields = fields(&files, message);
        let missing: Vec<&String> = properties
            .keys()
            .filter(|name| !fields.contains(*name) && !without.contains(&name.as_str()))
            .collect();
        assert!(missing.is_empty(), "{message} lacks {missing:?}");
    }
}
