//! Connections to PostgreSQL and nats-server are encrypted as the files in `deploy/` say, and a server whose certificate
//! isn't trusted is told nothing.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use daybook_domain::policy::Role;
use daybook_tests::{
    Client, Daybook, Home, OwnNats, OwnPostgres, TestDatabase, authority::Authority, server::Folder, until,
};
use serde_json::json;
use url::Url;

/// A PostgreSQL and a nats-server that encrypt, with certificates of an authority of their own.
struct Encrypted {
    home: Arc<Home>,
    authority: PathBuf,
    /// Another one, that has signed nothing here.
    stranger: PathBuf,
    database: TestDatabase,
    nats: OwnNats,
    _postgres: OwnPostgres,
    _folder: Folder,
}

/// What a file has in comments without a space, as if it were no comment.
fn uncommented(text: &str, first: &str, folder: &str, here: &Path) -> String {
    let is_one = |line: &&str| line.starts_with('#') && !line.starts_with("# ");
    let (_, part) = text.split_once(&format!("\n#{first}")).expect(first);
    let whole = format!("#{first}{part}");
    let lines = whole.lines().take_while(is_one).map(|line| &line[1..]).collect::<Vec<_>>().join("\n");
    lines.replace(folder, &format!("{}/", here.display()))
}

impl Encrypted {
    async fn start() -> Self {
        let folder = Folder::new("daybook-encrypted", None);
        let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
        let write = |name: &str, text: String| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let authority = Authority::new();
        let issued = authority.issue();
        let (certificate, key) = (issued.certificate.pem(), issued.key.serialize_pem());
        let trusted = write("authority.crt", authority.pem());
        let stranger = write("stranger.crt", Authority::new().pem());

        let conf = fs::read_to_string(deploy.join("postgres/postgresql.conf")).unwrap();
        // A path that begins nowhere is below the folder of the data.
        let ssl = uncommented(&conf, "ssl = on", "/etc/postgresql/", Path::new("."));
        let settings = ["fsync=off", "shared_buffers=32MB", "max_connections=120"];
        let settings: Vec<String> = settings
            .into_iter()
            .chain(ssl.lines())
            .map(|line| line.replace(" = ", "=").replace('\'', ""))
            .collect();
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let files = [("server.crt", certificate.clone()), ("server.key", key.clone())];
        let postgres = OwnPostgres::start_beside(&settings, &files);

        write("server.crt", certificate);
        write("server.key", key);
        let conf = fs::read_to_string(deploy.join("nats/server.conf")).unwrap();
        let tls = uncommented(&conf, "tls: {", "/etc/nats/", folder.path());
        let nats = OwnNats::configured(&write("server.conf", format!("{conf}\n{tls}\n")));

        let database = TestDatabase::on(&postgres.url()).await;
        let (home, authority) = (Home::new(), trusted);
        Self { home, authority, stranger, database, nats, _postgres: postgres, _folder: folder }
    }

    fn server(&self, name: &str, trusted_database: &Path, trusted_nats: &Path) -> Daybook {
        Daybook::new(&self.home, name, &self.database_url(trusted_database), &self.nats_url())
            .with("nats.ca_file", trusted_nats.display())
            // The rights are for these names.
            .with("stream.name", "DAYBOOK")
            .with("stream.subject_prefix", "daybook")
            .with("database.start_timeout", "0s")
    }

    fn database_url(&self, trusted: &Path) -> Url {
        let mut url = self.database.app_url();
        url.set_query(Some(&format!("sslmode=verify-full&sslrootcert={}", trusted.display())));
        url
    }

    fn nats_url(&self) -> String {
        self.nats.url().replace("nats://", "tls://")
    }
}

fn refusal(server: &Daybook) -> String {
    let ended = server.command(&["serve"]).output().unwrap();
    assert!(!ended.status.success());
    String::from_utf8_lossy(&ended.stderr).into_owned()
}

/// Catches: a build that can't encrypt; a URL whose wish for it is not heard; events that go to who says that it is the
/// broker.
#[tokio::test(flavor = "multi_thread")]
async fn connections_are_encrypted_and_go_only_to_servers_that_are_trusted() {
    let it = Encrypted::start().await;
    let mut server = it.server("server", &it.authority, &it.authority);
    server.start();
    let client = Client::new(String::new());
    let stock = server.api(&client).with_token(server.token("merchandiser", Role::Merchandiser));
    let product = json!({"sku": "TEAPOT", "name": "Teapot", "price": {"amount": 1999, "currency": "EUR"}});
    stock.post("/v1/products", product).await.expect(201);
    let operator = client.at(format!("http://{}", server.admin));
    let operator = operator.with_token(server.token("operator", Role::Operator));
    until("the broker has the log", async || {
        let log = operator.get("/admin/log").await.expect(200).json();
        log["head"] != 0 && log["relay_position"] == log["head"]
    })
    .await;
    let sessions = |encrypted: bool| {
        format!(
            "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
              WHERE usename = 'daybook_app' AND datname = current_database() AND ssl IS {encrypted}"
        )
    };
    assert!(it.database.count(&sessions(true)).await > 5);
    assert_eq!(it.database.count(&sessions(false)).await, 0);
    server.kill();

    let refused = refusal(&it.server("misled", &it.stranger, &it.authority));
    assert!(
        refused.contains("cannot use the database") && refused.contains("invalid peer certificate"),
        "{refused}"
    );
    let mut cut_off = it.server("cut-off", &it.authority, &it.stranger);
    cut_off.start();
    until("it says why it has no broker", async || {
        let log = cut_off.log();
        log.contains("NATS is away") && log.contains("invalid peer certificate")
    })
    .await;
}

/// Catches: a typing mistake in a path that shows only as a broker that is away.
#[tokio::test(flavor = "multi_thread")]
async fn authorities_that_cannot_be_read_or_are_of_no_use_are_refused() {
    let (home, database) = (Home::new(), TestDatabase::new().await);
    let folder = Folder::new("daybook-authorities", None);
    let empty = folder.path().join("empty.crt");
    fs::write(&empty, "").unwrap();
    for (url, file, problem) in [
        ("tls://nats.invalid", folder.path().join("none.crt"), "No such file"),
        ("tls://nats.invalid", empty.clone(), "no certificate in it"),
        ("nats://nats.invalid", empty, "nats_url doesn't begin with tls://"),
    ] {
        let server =
            Daybook::new(&home, "server", &database.app_url(), url).with("nats.ca_file", file.display());
        let refused = refusal(&server);
        assert!(refused.contains("ca_file") || refused.contains("CA_FILE"), "{refused}");
        assert!(refused.contains(problem), "{refused}");
    }
}
