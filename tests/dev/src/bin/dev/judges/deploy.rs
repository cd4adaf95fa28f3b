//! The files in `deploy/` are read by the programs that they are for, and held against a server's metrics. The image is built,
//! and what is in it serves; none of the others starts anything.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use daybook_dev::program::{look_for_program, program};

use super::{Bench, python};
use crate::failure::{About, Failure, say};

/// What compose takes from its environment: it says no as long as one of them is missing.
const VARIABLES: [&str; 11] = [
    "SUPERUSER_PASSWORD",
    "OWNER_PASSWORD",
    "APP_PASSWORD",
    "ANALYST_PASSWORD",
    "NATS_PASSWORD",
    "GRAFANA_PASSWORD",
    "MASTER_KEY",
    "ACCOUNTS_URL",
    "SMTP_URL",
    "MAIL_FROM",
    "SIGNING_KEY_FILE",
];
/// Fails if the command does well.
const REFUSED: &str = r#"if "$@" 2>/dev/null; then echo "it is content without a variable"; exit 1; fi"#;
/// Fails at any word: systemd-analyze ends well after a key that it doesn't know.
const SILENT: &str = r#"said=$("$@" 2>&1) && [ -z "$said" ] || { printf '%s\n' "$said"; exit 1; }"#;
/// Where the units have the program. systemd-analyze asks for it, so it is told where it is here.
const INSTALLED: &str = "/usr/local/bin/daybook";
/// What the package of nats-server has, as far as `nats-server.service.d` needs it.
const BROKERS_UNIT: &str = "[Service]\nExecStart=/usr/sbin/nats-server\n";

/// How long it may take to find out that something is forbidden.
const TO_PROBE: Duration = Duration::from_secs(10);

impl Bench<'_> {
    pub(super) async fn read_deployment(&mut self) -> Result<(), Failure> {
        let folder = self.files.join("../../deploy");
        self.read_compose(&folder.join("compose.yaml")).await?;
        self.read_manifests(&folder.join("k8s")).await?;
        self.read_units(&folder.join("systemd")).await?;
        let mut postgres = Command::new(program("postgres"));
        // It is refused to root unless it begins like this.
        postgres.args(["-C", "synchronous_commit", "-D"]).arg(folder.join("postgres"));
        self.judge("postgres -C", &postgres).await?;
        let mut nats = Command::new(program("nats-server"));
        nats.arg("-t").arg("-c").arg(folder.join("nats/server.conf")).env("NATS_PASSWORD", "a-password");
        self.judge("nats-server -t", &nats).await?;
        let prometheus = folder.join("prometheus");
        if let Some(promtool) = self.find("promtool") {
            for (action, what, file) in [
                ("check", "config", "prometheus.yml"),
                ("check", "rules", "alerts.yml"),
                ("test", "rules", "alerts_test.yml"),
            ] {
                let mut command = Command::new(&promtool);
                command.args([action, what]).arg(prometheus.join(file));
                self.judge(&format!("promtool {action} {what}"), &command).await?;
            }
        }
        Ok(())
    }

    /// Nothing is compiled for it: it gets the program that is here, and lies on a Debian that is kept for the next time.
    pub(super) async fn build_image(&mut self) -> Result<(), Failure> {
        for tool in ["buildah", "debootstrap", "unshare"] {
            if self.find(tool).is_none() {
                return Ok(());
            }
        }
        // What all of them need is refused to others than root, and in many a container to root, too.
        let mut probe = Command::new("unshare");
        probe.args(["--mount", "true"]);
        if !self.run(&probe, None, TO_PROBE).await?.is_some_and(|status| status.success()) {
            self.skip("the image", format_args!("mounting is not allowed here"));
            return Ok(());
        }
        let images = self.home.join("images");
        fs::create_dir_all(&images).about(images.display())?;
        let serve = self.servers.daybook(&[""; 0]);
        let mut build = Command::new("sh");
        build.arg(self.files.join("deploy/image.sh")).env("PROGRAM", serve.get_program());
        build.env("IMAGES", images).env("SOURCES", self.files.join("../.."));
        build.envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
        self.judge("the image", &build).await?;
        // It ends with how large the image is.
        let said = fs::read_to_string(self.documents.join("said.txt")).unwrap_or_default();
        say(format_args!("judges: {}", said.lines().last().unwrap_or_default()));
        Ok(())
    }

    /// What alerts and the dashboard ask for is looked up in a scrape, which has most after all other judges.
    pub(super) async fn look_up_metrics(&mut self) -> Result<(), Failure> {
        let root = self.files.join("../..");
        let Some(promtool) = self.find("promtool") else { return Ok(()) };
        let Some(python) = self.find("python3") else { return Ok(()) };
        let mut look_up = Command::new(python);
        look_up
            .arg(self.files.join("deploy/metrics.py"))
            .env("METRICS", format!("http://{}/metrics", self.servers.place.noted("telemetry.listen")))
            .env("PROMTOOL", promtool)
            .env("DEPLOY", root.join("deploy"))
            .env("SOURCES", &root);
        self.judge("metrics of alerts and dashboard", &look_up).await
    }

    async fn read_compose(&mut self, file: &Path) -> Result<(), Failure> {
        let Some(compose) = compose().await else {
            self.skip("compose", format_args!("there is no docker-compose and no docker compose"));
            return Ok(());
        };
        // A file of variables that is there belongs to a deployment, so another one is named.
        let none = self.documents.join("none.env");
        fs::write(&none, "").about(none.display())?;
        let config = |first: &[&str], missing: Option<&str>| {
            let mut command = Command::new(first.first().copied().unwrap_or("env"));
            command.args(first.iter().skip(1)).args(&compose).arg("--env-file").arg(&none);
            command.arg("-f").arg(file).args(["config", "-q"]);
            for name in VARIABLES {
                match missing == Some(name) {
                    true => command.env_remove(name),
                    false => command.env(name, "given"),
                };
            }
            command
        };
        self.judge("compose", &config(&[], None)).await?;
        for name in VARIABLES {
            let refused = config(&["sh", "-c", REFUSED, "sh"], Some(name));
            self.judge(&format!("compose without {name}"), &refused).await?;
        }
        Ok(())
    }

    /// Each file alone, and all of them as kustomize puts them together.
    async fn read_manifests(&mut self, folder: &Path) -> Result<(), Failure> {
        let home = self.home.join("deploy");
        let install = python(&home, &self.files.join("deploy/requirements.txt"));
        if !self.install("kubernetes-validate", install, "python3").await? {
            return Ok(());
        }
        let validate = |files: &[PathBuf]| {
            let mut command = Command::new(home.join("bin/kubernetes-validate"));
            command.args(["--strict", "--quiet"]).args(files);
            command
        };
        let is_manifest = |path: &PathBuf| !path.ends_with("kustomization.yaml");
        let manifests: Vec<PathBuf> = files(folder, "yaml")?.into_iter().filter(is_manifest).collect();
        self.judge("kubernetes-validate", &validate(&manifests)).await?;
        if let Some(kubectl) = self.find("kubectl") {
            let whole = self.documents.join("kubernetes.yaml");
            let mut kustomize = Command::new(kubectl);
            kustomize.arg("kustomize").arg(folder).arg("-o").arg(&whole);
            self.judge("kubectl kustomize", &kustomize).await?;
            self.judge("kubernetes-validate of the whole", &validate(&[whole])).await?;
        }
        Ok(())
    }

    async fn read_units(&mut self, folder: &Path) -> Result<(), Failure> {
        let Some(analyze) = self.find("systemd-analyze") else { return Ok(()) };
        let copies = self.documents.join("units");
        fs::create_dir_all(&copies).about(copies.display())?;
        let daybook = self.servers.daybook(&[""; 0]).get_program().display().to_string();
        let mut verify = Command::new("sh");
        verify.args(["-c", SILENT, "sh"]).arg(analyze).arg("verify");
        for unit in files(folder, "service")? {
            let copy = copies.join(unit.file_name().unwrap_or_default());
            let text = fs::read_to_string(&unit).about(unit.display())?.replace(INSTALLED, &daybook);
            fs::write(&copy, text).about(copy.display())?;
            verify.arg(copy);
        }
        let broker =
            |text: &str| text.replace("/usr/sbin/nats-server", &program("nats-server").display().to_string());
        let unit = copies.join("nats-server.service");
        fs::write(&unit, broker(BROKERS_UNIT)).about(unit.display())?;
        for drop_in in files(&folder.join("nats-server.service.d"), "conf")? {
            let copy = copies.join("nats-server.service.d").join(drop_in.file_name().unwrap_or_default());
            fs::create_dir_all(copy.parent().unwrap_or(&copies)).about(copy.display())?;
            let text = fs::read_to_string(&drop_in).about(drop_in.display())?;
            fs::write(&copy, broker(&text)).about(copy.display())?;
        }
        verify.arg(unit);
        self.judge("systemd-analyze", &verify).await
    }

    fn find(&mut self, tool: &str) -> Option<PathBuf> {
        let found = look_for_program(tool);
        if found.is_none() {
            self.skip(tool, format_args!("it is not there"));
        }
        found
    }
}

/// How compose is called here, if it is there.
async fn compose() -> Option<Vec<String>> {
    if let Some(program) = look_for_program("docker-compose") {
        return Some(vec![program.display().to_string()]);
    }
    let docker = look_for_program("docker")?.display().to_string();
    let mut version = tokio::process::Command::new(&docker);
    let output = version.args(["compose", "version"]).output().await.ok()?;
    output.status.success().then(|| vec![docker, "compose".into()])
}

fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(folder).about(folder.display())?.flatten();
    let is_one = |path: &PathBuf| path.extension().is_some_and(|found| found == ending);
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_one).collect();
    found.sort();
    Ok(found)
}
