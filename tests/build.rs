//! Makes the server's half of the protocol that the mirror speaks, from the mirror's own files. What is in them is held
//! against the client that others wrote, which speaks to that server, too. And it makes clients of gRPC, whose messages
//! are those of the server.

use std::error::Error;

const FOLDERS: [&str; 2] = ["../api/mirror/proto", "../api/door/proto"];

const CLIENTS: [&str; 6] = [
    "daybook/v1/orders.proto",
    "daybook/v1/catalog.proto",
    "daybook/v1/stock.proto",
    "daybook/v1/taxes.proto",
    "daybook/v1/events.proto",
    "grpc/health/v1/health.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    for folder in FOLDERS {
        println!("cargo::rerun-if-changed={folder}");
    }
    let files = protox::compile(["shared.proto", "appends.proto"], FOLDERS)?;
    tonic_prost_build::configure()
        .build_client(false)
        .bytes(".")
        .include_file("protocol.rs")
        .compile_fds(files)?;
    let (folder, ours) = ("../api/grpc/proto", "::daybook_grpc::protocol");
    println!("cargo::rerun-if-changed={folder}");
    let files = protox::compile(CLIENTS, [folder])?;
    tonic_prost_build::configure()
        .build_server(false)
        .build_transport(false)
        .extern_path(".daybook.v1", format!("{ours}::daybook::v1"))
        .extern_path(".grpc.health.v1", format!("{ours}::grpc::health::v1"))
        .include_file("clients.rs")
        .compile_fds(files)?;
    Ok(())
}
