//! Makes Rust of the protocol files, without a compiler of the system.

use std::error::Error;

const FILES: [&str; 4] = ["shared.proto", "streams.proto", "server_features.proto", "gossip.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files = protox::compile(FILES, ["proto"])?;
    tonic_prost_build::configure()
        .build_client(false)
        // Payloads are shared and not copied; entries of maps have an order, so that bytes are always the same.
        .bytes(".")
        .btree_map(".")
        .include_file("protocol.rs")
        .compile_fds(files)?;
    Ok(())
}
