//! Makes Rust of the protocol files, without a compiler of the system. Messages are also read and written as JSON, in
//! which they have the members of the bodies, parameters and answers of HTTP.

use std::{env, error::Error, fs, path::Path};

use prost::Message;

const FILES: [&str; 6] = [
    "daybook/v1/orders.proto",
    "daybook/v1/catalog.proto",
    "daybook/v1/stock.proto",
    "daybook/v1/taxes.proto",
    "daybook/v1/events.proto",
    "grpc/health/v1/health.proto",
];
/// Members that are times.
const TIMES: [&str; 11] = [
    "at",
    "as_of",
    "placed_at",
    "updated_at",
    "created_at",
    "placed_from",
    "placed_before",
    "pay_until",
    "expires_at",
    "from",
    "until",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files = protox::compile(FILES, ["proto"])?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("descriptors.bin"), files.encode_to_vec())?;
    let json = "#[derive(::serde::Serialize, ::serde::Deserialize)] #[serde(default)]";
    let mut builder = tonic_prost_build::configure()
        .build_client(false)
        // Entries of maps have an order, so that bytes are always the same.
        .btree_map(".")
        .message_attribute(".daybook.v1", json)
        .type_attribute(
            ".daybook.v1.FollowEventsResponse.said",
            "#[derive(::serde::Serialize, ::serde::Deserialize)]",
        )
        .field_attribute(".daybook.v1.Event.recorded_at", "#[serde(skip)]")
        .field_attribute(".daybook.v1.FollowEventsResponse.said", "#[serde(skip)]")
        .field_attribute(".daybook.v1.UpdateProductRequest.update_mask", "#[serde(skip)]")
        .field_attribute(
            ".daybook.v1.Change.details",
            "#[serde(skip_serializing, deserialize_with = \"crate::json::details\")]",
        )
        .field_attribute(
            ".daybook.v1.ListOrdersRequest.status",
            "#[serde(serialize_with = \"crate::json::wanted_status\", skip_deserializing)]",
        );
    for (message, read) in
        [("Order", "order_status"), ("OrderReceipt", "order_status"), ("Product", "product_status")]
    {
        let with = format!("#[serde(skip_serializing, deserialize_with = \"crate::json::{read}\")]");
        builder = builder.field_attribute(format!(".daybook.v1.{message}.status"), with);
    }
    for time in TIMES {
        builder = builder.field_attribute(time, "#[serde(with = \"crate::time\")]");
    }
    builder.include_file("protocol.rs").compile_fds(files)?;
    Ok(())
}
