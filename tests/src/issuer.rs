//! A small issuer of OpenID Connect, without TLS: its keys, what it publishes of them, and tokens that say what they are
//! told to.

pub mod keys;

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

const UNPOISONED: &str = "nobody panics while holding it";

/// Listens until it is dropped.
pub struct Issuer {
    /// One of each kind.
    pub keys: [Key; 3],
    shared: Arc<Shared>,
    _task: JoinSet<()>,
}

struct Shared {
    base: String,
    published: Mutex<Vec<Value>>,
    /// The paths of all requests.
    asked: Mutex<Vec<String>>,
    is_away: AtomicBool,
}

/// What came in.
struct Request {
    method: String,
    path: String,
}

/// What goes out.
struct Response {
    status: u16,
    body: Value,
}

impl Issuer {
    /// It publishes a key of each kind.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("a bound port"));
        let keys = [Key::rsa("rsa-1"), Key::p256("ec-1"), Key::ed25519("ed-1")];
        let shared = Arc::new(Shared {
            base,
            published: Mutex::new(keys.iter().map(Key::jwk).collect()),
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
        Self { keys, shared, _task: task }
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

    /// The paths of all requests, in their order.
    pub fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().expect(UNPOISONED).clone()
    }
}

impl Shared {
    fn answer(&self, request: &Request) -> Response {
        self.asked.lock().expect(UNPOISONED).push(request.path.clone());
        if self.is_away.load(Ordering::SeqCst) {
            return Response { status: 503, body: json!({}) };
        }
        let body = match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/.well-known/openid-configuration") => self.about(),
            ("GET", "/jwks") => json!({ "keys": *self.published.lock().expect(UNPOISONED) }),
            _ => return Response { status: 404, body: json!({}) },
        };
        Response { status: 200, body }
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

/// One request and its answer.
async fn talk(mut client: TcpStream, shared: &Shared) -> io::Result<()> {
    let Some(request) = read(&mut client).await? else { return Ok(()) };
    let Response { status, body } = shared.answer(&request);
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status} .\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    client.write_all(format!("{head}{body}").as_bytes()).await
}

async fn read(client: &mut TcpStream) -> io::Result<Option<Request>> {
    let (mut head, mut buffer) = (Vec::new(), [0; 4_096]);
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        let count = client.read(&mut buffer).await?;
        if count == 0 {
            return Ok(None);
        }
        head.extend_from_slice(&buffer[..count]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut words = head.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    Ok(Some(Request { method, path }))
}
