//! `daybook export`, run as people run it.

use std::process::{Output, Stdio};

use daybook_core::config::variable;
use daybook_dev::process::{Signal, send};
use tokio::process::{Child, Command};

use crate::{Program, server::Folder};

/// A folder for files, and where events come from.
pub struct Exporter {
    pub folder: Folder,
    database_url: Option<String>,
}

/// How a run ended.
#[derive(Debug)]
pub struct Exported {
    pub is_well: bool,
    /// Standard output.
    pub lines: String,
    /// Standard error.
    pub told: String,
}

impl Exporter {
    /// One who has the credentials of the database.
    pub fn at_database(url: &str) -> Self {
        Self { folder: Folder::new("daybook-export", None), database_url: Some(url.to_owned()) }
    }

    /// One who has none.
    pub fn elsewhere() -> Self {
        Self { folder: Folder::new("daybook-export", None), database_url: None }
    }

    /// The arguments are separated by spaces. Paths are those of the folder.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(Program::this().path());
        command.current_dir(self.folder.path()).env_clear().arg("export").args(arguments.split_whitespace());
        if let Some(url) = &self.database_url {
            command.env(variable("database_url"), url);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    pub async fn run(&self, arguments: &str) -> Exported {
        Exported::of(self.command(arguments).output().await.expect("it is built"))
    }

    /// Runs it, and expects that all goes well.
    pub async fn expect(&self, arguments: &str) -> Exported {
        let exported = self.run(arguments).await;
        assert!(exported.is_well, "{arguments}: {}", exported.told);
        exported
    }

    /// Begins it; it ends with the child that is given back.
    pub fn start(&self, arguments: &str) -> Child {
        self.command(arguments).spawn().expect("it is built")
    }

    /// Asks one that was begun to end, and waits until it has.
    pub async fn end(mut child: Child) -> bool {
        send(Signal::Terminate, child.id());
        child.wait().await.expect("it is our child").success()
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }
}

impl Exported {
    pub fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Self { is_well: output.status.success(), lines: text(output.stdout), told: text(output.stderr) }
    }
}
