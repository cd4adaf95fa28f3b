//! A small issuer of OpenID Connect, without TLS: its keys, what it publishes of them, tokens that say what they are told
//! to, and log-ins of a person who always agrees.

pub mod keys;
pub mod login;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use serde_json::{Value, json};
use tokio::{
    io::{self, AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

pub use keys::Key;
use login::Logins;

const UNPOISONED: &str = "nobody panics while holding it";

/// Listens until it is dropped.
pub struct Issuer {
    shared: Arc<Shared>,
    _task: JoinSet<()>,
}

struct Shared {
    base: String,
    keys: [Key; 3],
    logins: Logins,
    published: Mutex<Vec<Value>>,
    /// The paths of all requests.
    asked: Mutex<Vec<String>>,
    is_away: AtomicBool,
}

/// What came in.
struct Request {
    method: String,
    path: String,
    query: String,
    body: String,
    authorization: Option<String>,
}

/// What goes out.
struct Response {
    status: u16,
    location: Option<String>,
    body: Value,
}

impl Issuer {
    /// It publishes a key of each kind.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("a bound port"));
        let keys = [Key::rsa("rsa-1"), Key::p256("ec-1"), Key::ed25519("ed-1")];
        let shared = Arc::new(Shared {
            logins: Logins::new(&base),
            base,
            published: Mutex::new(keys.iter().map(Key::jwk).collect()),
            keys,
            asked: Mutex::default(),
            is_away: AtomicBool::new(false),
        });
        let (ours, mut task) = (Arc::clone(&shared), JoinSet::new());
        task.spawn(async move {
            let mut clients = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let shared = Arc::clone(&ours);
                // A client that goes away in the middle is no concern of ours.
                clients.spawn(async move { talk(client, &shared).await.ok() });
            }
        });
        Self { shared, _task: task }
    }

    /// One of each kind: of RSA, of P-256 and of Ed25519.
    pub fn keys(&self) -> &[Key; 3] {
        &self.shared.keys
    }

    pub fn url(&self) -> &str {
        &self.shared.base
    }

    pub fn jwks_url(&self) -> String {
        format!("{}/jwks", self.shared.base)
    }

    /// These are its keys from now on.
    pub fn publish(&self, keys: impl IntoIterator<Item = Value>) {
        *self.shared.published.lock().expect(UNPOISONED) = keys.into_iter().collect();
    }

    /// Whether it answers 503 to everything.
    pub fn be_away(&self, is_away: bool) {
        self.shared.is_away.store(is_away, Ordering::SeqCst);
    }

    /// ID tokens have these members, too, or other ones than they would have. `null` takes one away.
    pub fn say(&self, members: Value) {
        self.shared.logins.say(members);
    }

    /// The paths of all requests, in their order.
    pub fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().expect(UNPOISONED).clone()
    }
}

impl Shared {
    fn answer(&self, request: &Request) -> Response {
        self.asked.lock().expect(UNPOISONED).push(request.path.clone());
        if self.is_away.load(Ordering::SeqCst) {
            return Response::of(503, json!({}));
        }
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/.well-known/openid-configuration") => Response::of(200, self.about()),
            ("GET", "/jwks") => {
                Response::of(200, json!({ "keys": *self.published.lock().expect(UNPOISONED) }))
            }
            ("GET", "/authorize") => match self.logins.authorize(&request.query) {
                Some(location) => Response { location: Some(location), ..Response::of(302, json!({})) },
                None => Response::of(400, json!({"error": "invalid_request"})),
            },
            ("POST", "/token") => {
                match self.logins.exchange(&request.body, request.authorization.as_deref(), &self.keys[0]) {
                    Some(token) => Response::of(200, json!({"id_token": token, "token_type": "Bearer"})),
                    None => Response::of(400, json!({"error": "invalid_grant"})),
                }
            }
            _ => Response::of(404, json!({})),
        }
    }

    fn about(&self) -> Value {
        let base = &self.base;
        json!({
            "issuer": base,
            "authorization_endpoint": format!("{base}/authorize"),
            "token_endpoint": format!("{base}/token"),
            "jwks_uri": format!("{base}/jwks"),
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
        })
    }
}

impl Response {
    fn of(status: u16, body: Value) -> Self {
        Self { status, location: None, body }
    }
}

/// One request and its answer.
async fn talk(mut client: TcpStream, shared: &Shared) -> io::Result<()> {
    let Some(request) = read(&mut client).await? else { return Ok(()) };
    let Response { status, location, body } = shared.answer(&request);
    let (body, location) = (body.to_string(), location.map(|to| format!("location: {to}\r\n")));
    let head = format!(
        "HTTP/1.1 {status} .\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n{}\r\n",
        body.len(),
        location.unwrap_or_default(),
    );
    client.write_all(format!("{head}{body}").as_bytes()).await
}

async fn read(client: &mut TcpStream) -> io::Result<Option<Request>> {
    let (mut all, mut buffer) = (Vec::new(), [0; 4_096]);
    loop {
        if let Some(request) = parse(&String::from_utf8_lossy(&all)) {
            return Ok(Some(request));
        }
        let count = client.read(&mut buffer).await?;
        if count == 0 {
            return Ok(None);
        }
        all.extend_from_slice(&buffer[..count]);
    }
}

/// A request that has come in as a whole.
fn parse(text: &str) -> Option<Request> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: Vec<(String, &str)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value))
        .collect();
    let header = |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| *value);
    let length = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    (body.len() >= length).then(|| Request {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        body: body.to_owned(),
        authorization: header("authorization").map(str::to_owned),
    })
}
