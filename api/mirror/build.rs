//! Makes Rust of the protocol files, without a compiler of the system.

use std::error::Error;

/// The door's folder has what the services of the protocol have in common.
const FOLDERS: [&str; 2] = ["proto", "../door/proto"];

fn main() -> Result<(), Box<dyn Error>> {
    for folder in FOLDERS {
        println!("cargo::rerun-if-changed={folder}");
    }
    let files = protox::compile(["shared.proto", "appends.proto"], FOLDERS)?;
    tonic_prost_build::configure()
        .build_server(false)
        // Payloads are shared and not copied; entries of maps have an order, so that bytes are always the same.
        .bytes(".")
        .btree_map(".")
        .include_file("protocol.rs")
        .compile_fds(files)?;
    Ok(())
}
