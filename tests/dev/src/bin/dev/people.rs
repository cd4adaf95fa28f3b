//! People of the demonstration: one for each role, who can log in.

use std::{fs, process::Stdio};

use tokio::{io::AsyncWriteExt, process::Command};

use crate::{
    failure::{Failure, say},
    servers::Servers,
};

/// Servers of `up` listen on this machine alone, so all of them have this one.
pub const PASSWORD: &str = "a kettle full of rooibos";

/// A person's first name, and their role. Their address is at example.com.
pub const PEOPLE: [(&str, &str); 7] = [
    ("alice", "customer"),
    ("mira", "merchandiser"),
    ("walter", "warehouse"),
    ("susan", "support"),
    ("anna", "analyst"),
    ("oscar", "operator"),
    ("ada", "admin"),
];

/// Makes their accounts, unless that has been done.
pub async fn make_once(servers: &Servers) -> Result<(), Failure> {
    let mark = servers.place.join("people-made");
    if mark.exists() {
        return Ok(());
    }
    say("Making the demo accounts ...");
    for (name, role) in PEOPLE {
        if let Err(failure) = make(servers, name, role).await {
            failure.told();
            say("The demo accounts could not be made: the next ./dev up tries again.");
            return Ok(());
        }
    }
    Ok(fs::write(mark, "")?)
}

/// Can be repeated: who is there stays.
async fn make(servers: &Servers, name: &str, role: &str) -> Result<(), Failure> {
    let email = address(name);
    let arguments =
        ["admin", "create", "--email", &email, "--name", name, "--role", role, "--password-stdin"];
    let mut command = Command::from(servers.daybook(&arguments));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(PASSWORD.as_bytes()).await?;
    }
    let status = child.wait().await?;
    if status.success() { Ok(()) } else { Err(Failure::new(format_args!("there is no account {email}"))) }
}

pub fn address(name: &str) -> String {
    format!("{name}@example.com")
}
