//! A mail server that keeps what it is given, and can break off in the worst moment.

use std::{
    fs,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use tokio::{
    io::{self, AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
    task::JoinSet,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::aws_lc_rs},
};

use crate::authority::{Authority, Issued};

/// Listens until it is dropped.
pub struct MailSink {
    scheme: &'static str,
    port: u16,
    shared: Arc<Shared>,
    _task: JoinSet<()>,
}

#[derive(Default)]
struct Shared {
    mails: Mutex<Vec<String>>,
    /// How many times more a mail is taken and its sender not told.
    breaks: AtomicU32,
    /// How many times more a mail is refused for now.
    refusals: AtomicU32,
}

impl MailSink {
    pub async fn start() -> Self {
        Self::serve("smtp", None).await
    }

    /// Encrypted, with a certificate of an authority of its own, whose certificate is written to the file.
    pub async fn start_encrypted(ca_file: &Path) -> Self {
        let authority = Authority::new();
        fs::write(ca_file, authority.pem()).expect("written");
        let Issued { certificate, key } = authority.issue();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has them")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key.into())
            .expect("they belong together");
        Self::serve("smtps", Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn serve(scheme: &'static str, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("a bound port").port();
        let shared = Arc::new(Shared::default());
        let mut task = JoinSet::new();
        let ours = Arc::clone(&shared);
        task.spawn(async move {
            let mut clients = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (shared, tls) = (Arc::clone(&ours), tls.clone());
                // A client that goes away in the middle is no concern of ours.
                clients.spawn(async move {
                    match tls {
                        None => talk(client, &shared).await.ok(),
                        Some(tls) => talk(tls.accept(client).await.ok()?, &shared).await.ok(),
                    }
                });
            }
        });
        Self { scheme, port, shared, _task: task }
    }

    pub fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.port)
    }

    pub fn mails(&self) -> Vec<String> {
        self.shared.mails.lock().expect("nobody panics while holding it").clone()
    }

    /// Takes the next `times` mails, and drops the connection instead of saying so.
    pub fn break_off(&self, times: u32) {
        self.shared.breaks.store(times, Ordering::SeqCst);
    }

    /// Refuses the next `times` mails for now.
    pub fn refuse(&self, times: u32) {
        self.shared.refusals.store(times, Ordering::SeqCst);
    }
}

fn take_one(left: &AtomicU32) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |times| times.checked_sub(1)).is_ok()
}

async fn talk(client: impl AsyncRead + AsyncWrite, shared: &Shared) -> io::Result<()> {
    let (from, mut to) = io::split(client);
    let mut lines = BufReader::new(from).lines();
    to.write_all(b"220 sink ESMTP\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        let answer: &[u8] = match verb.as_str() {
            "EHLO" => b"250-sink\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
            "RCPT" if take_one(&shared.refusals) => b"451 later\r\n",
            "DATA" => {
                to.write_all(b"354 go on\r\n").await?;
                let mut mail = String::new();
                while let Some(line) = lines.next_line().await? {
                    if line == "." {
                        break;
                    }
                    mail.push_str(line.strip_prefix('.').unwrap_or(&line));
                    mail.push('\n');
                }
                shared.mails.lock().expect("nobody panics while holding it").push(mail);
                if take_one(&shared.breaks) {
                    return Ok(());
                }
                b"250 taken\r\n"
            }
            "QUIT" => {
                to.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => b"250 ok\r\n",
        };
        to.write_all(answer).await?;
    }
    Ok(())
}
