//! Makes the server's half of the protocol that the mirror speaks, from the mirror's own files. What is in them is held
//! against the client that others wrote, which speaks to that server, too.

use std::error::Error;

const FOLDERS: [&str; 2] = ["../api/mirror/proto", "../api/door/proto"];

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
    Ok(())
}
