//! The command lines of a PostgreSQL of one's own, that only listens on 127.0.0.1.

use std::{path::Path, process::Command};

use crate::program::program;

/// Begins the command that makes a cluster in `data`; how the superuser `postgres` logs in is for the caller to add.
pub fn initdb(data: &Path) -> Command {
    let mut command = Command::new(program("initdb"));
    command.args(["-U", "postgres", "-E", "UTF8", "--no-locale", "-D"]).arg(data);
    command
}

pub fn server(data: &Path, port: u16, settings: &[&str]) -> Command {
    let mut command = Command::new(program("postgres"));
    command.arg("-D").arg(data).arg("-p").arg(port.to_string());
    for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories="].iter().chain(settings) {
        command.arg("-c").arg(setting);
    }
    command
}
