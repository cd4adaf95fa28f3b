//! `test --judges`: programs of others that judge Daybook from outside. They come from package registries, each in the
//! version that `tests/judges/` names, and are kept in the folder for builds. One that can't be installed is skipped,
//! and that is said; one that finds something fails the run.
//!
//! What orders come to is calculated a second time. Spectral and Redocly read the OpenAPI document of each listener.
//! Schemathesis plays requests that the document allows and that it forbids, with the token of each role and as someone who
//! logs in, and holds the answers against it. The audits of GraphQL over HTTP are made, clients of EventStoreDB go through
//! the door, and clients of gRPC place orders. So do clients that are generated from the documents. A browser walks through
//! the pages of accounts and through the console. The files of `deploy/` are read by the programs that they are for, what
//! alerts and the dashboard ask for is looked up in the metrics, and the image is built.

mod analysts;
mod arithmetic;
mod browser;
mod clients;
mod deploy;
mod generated;
mod graphql;
mod grpc;

use std::{
    env, fmt,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    time::{Duration, Instant},
};

use daybook_dev::program::look_for_program;
use tokio::time::timeout;

use crate::{
    catalogue::token,
    failure::{About, Failure, say},
    http::Http,
    servers::Servers,
    session::Group,
    surroundings::Surroundings,
};

/// The listeners that have a document, each with the roles that it is tried with.
const LISTENERS: [(&str, &[&str]); 2] = [
    ("api", &["customer", "merchandiser", "warehouse", "support", "analyst", "operator", "admin"]),
    ("admin", &["customer", "operator", "admin"]),
];
/// How many examples of each operation are tried, unless [`EXAMPLES`] says otherwise.
const FEW: &str = "8";
const EXAMPLES: &str = "JUDGES_EXAMPLES";
/// Examples are the same in each run, unless [`SEED`] says otherwise.
const USUAL_SEED: &str = "1";
const SEED: &str = "JUDGES_SEED";
/// How long one judge or one installation may take. The longest takes some minutes.
const TO_JUDGE: Duration = Duration::from_mins(15);
const TO_INSTALL: Duration = Duration::from_mins(5);

/// Installs `$2` in the environment `$1`. The programs of one name its path: if it was moved, it is made anew.
const INSTALL: &str = r#""$1/bin/pip" --version >/dev/null 2>&1 || rm -rf "$1"
    python3 -m venv "$1" && exec "$1/bin/pip" install --quiet --no-input --disable-pip-version-check \
        --only-binary :all: -r "$2""#;

/// Where judges are, and what they are told.
struct Bench<'a> {
    servers: &'a Servers,
    /// The files that say which judges there are, and what they are asked.
    files: PathBuf,
    /// Where they are installed.
    home: PathBuf,
    /// Copies of the documents.
    documents: PathBuf,
    group: &'a mut Group,
    /// What was found, skipped, or left behind to be looked at, for the end.
    verdicts: Vec<String>,
    has_failed: bool,
}

/// Asks all of them. Daybook must be ready.
pub async fn ask(around: &Surroundings, servers: &Servers, group: &mut Group) -> Result<(), Failure> {
    let home = around.programs.parent().unwrap_or(&around.root).join("judges");
    let documents = servers.place.join("documents");
    for folder in [&home, &documents] {
        fs::create_dir_all(folder).about(folder.display())?;
    }
    fetch_documents(servers, &documents).await?;
    let files = around.root.join("tests/judges");
    let verdicts = Vec::new();
    let mut bench = Bench { servers, files, home, documents, group, verdicts, has_failed: false };
    bench.calculate(around).await?;
    bench.lint().await?;
    bench.read_deployment().await?;
    // It says that all is well as long as others haven't tried what goes wrong.
    bench.walk_through_the_console().await?;
    bench.generate_clients().await?;
    bench.audit_graphql().await?;
    bench.open_the_door().await?;
    bench.call_by_grpc().await?;
    bench.ask_as_analyst().await?;
    bench.walk_through_the_pages().await?;
    bench.try_requests().await?;
    bench.look_up_metrics().await?;
    bench.build_image().await?;
    // What others print stands between them by now.
    for verdict in &bench.verdicts {
        say(format_args!("judges: {verdict}"));
    }
    if bench.has_failed { Err(Failure::silent(1)) } else { Ok(()) }
}

async fn fetch_documents(servers: &Servers, folder: &Path) -> Result<(), Failure> {
    let http = Http::new()?;
    for (listener, _) in LISTENERS {
        let url = format!("http://{}/openapi.json", servers.place.noted(&format!("{listener}.listen")));
        let path = folder.join(format!("{listener}.json"));
        fs::write(&path, http.get(&url).await?).about(path.display())?;
    }
    Ok(())
}

impl Bench<'_> {
    /// Programs of npm.
    async fn lint(&mut self) -> Result<(), Failure> {
        let home = self.home.join("npm");
        fs::create_dir_all(&home).about(home.display())?;
        for name in ["package.json", "package-lock.json", "spectral.yaml", "redocly.yaml"] {
            fs::copy(self.files.join(name), home.join(name)).about(name)?;
        }
        if !self.install("spectral and redocly", npm(&home), "npm").await? {
            return Ok(());
        }
        let documents: Vec<PathBuf> =
            LISTENERS.map(|(listener, _)| self.documents.join(format!("{listener}.json"))).into();
        let mut spectral = Command::new(home.join("node_modules/.bin/spectral"));
        spectral.args(["lint", "--fail-severity", "hint", "--ruleset", "spectral.yaml"]).args(&documents);
        let mut redocly = Command::new(home.join("node_modules/.bin/redocly"));
        redocly.args(["lint", "--config", "redocly.yaml"]).args(&documents);
        for (name, command) in [("spectral", &mut spectral), ("redocly", &mut redocly)] {
            command
                .current_dir(&home)
                .env("REDOCLY_TELEMETRY", "off")
                .env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
            self.judge(name, command).await?;
        }
        Ok(())
    }

    /// A program of PyPI.
    async fn try_requests(&mut self) -> Result<(), Failure> {
        let home = self.home.join("python");
        let install = python(&home, &self.files.join("requirements.txt"));
        if !self.install("schemathesis", install, "python3").await? {
            return Ok(());
        }
        for name in ["schemathesis.toml", "schemathesis_hooks.py", "schemathesis_person.py"] {
            fs::copy(self.files.join(name), self.documents.join(name)).about(name)?;
        }
        let program = home.join("bin/schemathesis");
        // Before those who may pause what someone waits for: the letters of accounts.
        let place = &self.servers.place;
        let mut command = self.schemathesis(&program, "api", false);
        command.env("API", format!("http://{}", place.noted("api.listen"))).env("MAILS", place.join("mail"));
        self.judge("schemathesis as someone who logs in", &command).await?;
        for (listener, roles) in LISTENERS {
            for role in roles {
                let token = token(self.servers, role).await?;
                // Every boundary of every parameter takes long, so it is tried with the role that may do everything.
                let mut command = self.schemathesis(&program, listener, *role == "admin");
                command.args(["--header", &format!("Authorization: Bearer {token}")]);
                self.judge(&format!("schemathesis as {role} at {listener}"), &command).await?;
            }
        }
        Ok(())
    }

    /// It asks a listener, for more if it is `thorough`.
    fn schemathesis(&self, program: &Path, listener: &str, thorough: bool) -> Command {
        let asked = setting(EXAMPLES);
        let phases =
            if thorough || asked.is_some() { "examples,coverage,fuzzing" } else { "examples,fuzzing" };
        let address = self.servers.place.noted(&format!("{listener}.listen"));
        let mut command = Command::new(program);
        command
            .args(["--config-file", "schemathesis.toml", "run", "--no-color", "--phases", phases])
            .args(["--max-examples", &asked.unwrap_or_else(|| FEW.to_owned())])
            .args(["--seed", &setting(SEED).unwrap_or_else(|| USUAL_SEED.to_owned())])
            .args(["--url", &format!("http://{address}")])
            .arg(self.documents.join(format!("{listener}.json")))
            .current_dir(&self.documents);
        command
    }

    /// Whether it is there, perhaps since a former run.
    async fn install(&mut self, what: &str, install: Command, tool: &str) -> Result<bool, Failure> {
        if look_for_program(tool).is_none() {
            self.skip(what, format_args!("there is no {tool}"));
            return Ok(false);
        }
        let is_there = match self.run(&install, None, TO_INSTALL).await? {
            Some(status) => status.success(),
            None => false,
        };
        if !is_there {
            self.skip(what, format_args!("{tool} could not install it"));
        }
        Ok(is_there)
    }

    /// Its words are shown if it finds something.
    async fn judge(&mut self, name: &str, command: &Command) -> Result<(), Failure> {
        let path = self.documents.join("said.txt");
        let output = File::create(&path).about(path.display())?;
        let begun = Instant::now();
        let status = self.run(command, Some(&output), TO_JUDGE).await?;
        let has_succeeded = status.is_some_and(|status| status.success());
        let verdict = match status {
            Some(_) if has_succeeded => "nothing found",
            Some(_) => "FOUND something",
            None => "did NOT END in time",
        };
        if !has_succeeded {
            self.has_failed = true;
            say(format_args!("{name}:\n{}", String::from_utf8_lossy(&fs::read(&path)?)));
        }
        let verdict = format!("{name}: {verdict}, in {} s", begun.elapsed().as_secs());
        match has_succeeded {
            true => say(format_args!("judges: {verdict}")),
            false => self.note(verdict),
        }
        Ok(())
    }

    /// Returns nothing if it was ended because it took too long.
    async fn run(
        &mut self,
        command: &Command,
        output: Option<&File>,
        limit: Duration,
    ) -> Result<Option<ExitStatus>, Failure> {
        match timeout(limit, self.group.run(command, output)).await {
            Ok(status) => status.map(Some),
            Err(_) => {
                self.group.stop().await;
                Ok(None)
            }
        }
    }

    fn skip(&mut self, what: &str, why: fmt::Arguments<'_>) {
        self.note(format!("SKIPPED {what}: {why}"));
    }

    /// It is told now, and again at the end.
    fn note(&mut self, verdict: String) {
        say(format_args!("judges: {verdict}"));
        self.verdicts.push(verdict);
    }
}

/// Installs what the files there name.
fn npm(home: &Path) -> Command {
    let mut install = Command::new("npm");
    install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]).current_dir(home);
    install
}

/// Makes an environment with what is required.
fn python(home: &Path, requirements: &Path) -> Command {
    let mut install = Command::new("sh");
    install.args(["-c", INSTALL, "sh"]).args([home, requirements]);
    install
}

fn setting(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
