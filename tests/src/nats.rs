//! A nats-server of one test's own, to be killed, stopped and emptied.

use std::{
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
};

use crate::server::{Folder, Server, Signal, find_program, free_port};

/// Ended and removed with the test.
pub struct OwnNats {
    server: Server,
    port: u16,
    folder: Folder,
    configuration: Option<Configuration>,
}

/// A file that says how it is, with the user of Daybook, whose password it takes from the environment.
struct Configuration {
    file: PathBuf,
    monitor_port: u16,
}

/// It has what a URL can't have.
const PASSWORD: &str = "p@ss/word";

impl OwnNats {
    pub fn start() -> Self {
        Self::start_with(None)
    }

    /// As this file says. It only listens and stores elsewhere.
    pub fn configured(file: &Path) -> Self {
        Self::start_with(Some(Configuration { file: file.to_owned(), monitor_port: free_port() }))
    }

    fn start_with(configuration: Option<Configuration>) -> Self {
        let folder = Folder::new("daybook-nats", None);
        let port = free_port();
        let server = launch(folder.path(), port, configuration.as_ref());
        Self { server, port, folder, configuration }
    }

    pub fn url(&self) -> String {
        match self.configuration {
            Some(_) => format!("nats://daybook:p%40ss%2Fword@127.0.0.1:{}", self.port),
            None => format!("nats://127.0.0.1:{}", self.port),
        }
    }

    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// After [`kill`](Self::kill).
    pub fn restart(&mut self) {
        self.server = launch(self.folder.path(), self.port, self.configuration.as_ref());
    }

    /// While it is killed: everything that it had stored is gone.
    pub fn wipe(&self) {
        let _ = std::fs::remove_dir_all(self.folder.path().join("store"));
    }

    /// The bytes of all that it has stored.
    pub fn stored(&self) -> Vec<u8> {
        let (mut folders, mut bytes) = (vec![self.folder.path().join("store")], vec![]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                    // It may have been compacted away meanwhile.
                    _ => bytes.extend(std::fs::read(entry.path()).unwrap_or_default()),
                }
            }
        }
        bytes
    }

    pub fn freeze(&self) {
        self.server.signal(Signal::Stop);
    }

    pub fn thaw(&self) {
        self.server.signal(Signal::Continue);
    }
}

impl Drop for OwnNats {
    fn drop(&mut self) {
        let _ = self.server.end(Signal::Kill);
    }
}

fn launch(folder: &Path, port: u16, configuration: Option<&Configuration>) -> Server {
    let mut command = Command::new(find_program("nats-server"));
    command.arg("-sd").arg(folder.join("store")).args(["-a", "127.0.0.1", "-p", &port.to_string()]);
    match configuration {
        Some(Configuration { file, monitor_port }) => {
            command.arg("-c").arg(file).args(["-m", &monitor_port.to_string()]);
            command.env("NATS_PASSWORD", PASSWORD)
        }
        None => command.arg("-js"),
    };
    Server::start(&mut command, &folder.join("log"), || TcpStream::connect(("127.0.0.1", port)).is_ok())
}
