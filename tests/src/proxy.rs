//! A TCP proxy that loses what it is told to lose.

use std::sync::Arc;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
};
use url::Url;

/// What happens to bytes on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Weather {
    Fair,
    /// Requests arrive, answers don't.
    AnswersLost,
    /// Neither arrives, and neither side is told.
    Blackhole,
    /// Fair until a request contains these bytes; it and all that follow are lost, both ways.
    BlackholeFrom(&'static str),
    /// Fair until a request contains these bytes; it and all that follow are held back, both ways, and
    /// arrive when the weather changes.
    HeldFrom(&'static str),
    /// New connections are closed at once.
    Away,
}

/// Listens until it is dropped.
pub struct Proxy {
    port: u16,
    weather: watch::Sender<Weather>,
    /// How often a `BlackholeFrom` or `HeldFrom` has struck.
    swallowed: watch::Receiver<u32>,
    /// How often all connections were closed.
    cuts: watch::Sender<u32>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    pub async fn to(target: &Url) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("a bound port").port();
        let target = (target.host_str().expect("a host").to_owned(), target.port().expect("a port"));
        let (weather, forecast) = watch::channel(Weather::Fair);
        let (swallow, swallowed) = watch::channel(0);
        let (cuts, cut) = watch::channel(0);
        let swallow = Arc::new(swallow);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                if *forecast.borrow() == Weather::Away {
                    continue;
                }
                if let Ok(server) = TcpStream::connect(target.clone()).await {
                    // Small messages must not wait for the ones in front of them to be acknowledged.
                    let _ = (client.set_nodelay(true), server.set_nodelay(true));
                    let mut cut = cut.clone();
                    cut.mark_unchanged();
                    connections.spawn(relay(client, server, forecast.clone(), Arc::clone(&swallow), cut));
                }
            }
        });
        Self { port, weather, swallowed, cuts, _tasks: tasks }
    }

    /// The same place by way of the proxy.
    pub fn url(&self, url: &Url) -> Url {
        let mut url = url.clone();
        url.set_host(Some("127.0.0.1")).expect("such URLs have hosts");
        url.set_port(Some(self.port)).expect("such URLs have ports");
        url
    }

    pub fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }

    /// Closes all connections. Whether there can be new ones is up to the weather.
    pub fn cut(&self) {
        self.cuts.send_modify(|times| *times += 1);
    }

    /// Until a `BlackholeFrom` or `HeldFrom` has struck.
    pub async fn struck(&mut self) {
        self.swallowed.wait_for(|count| *count > 0).await.expect("the proxy lives");
    }
}

async fn relay(
    client: TcpStream,
    server: TcpStream,
    forecast: watch::Receiver<Weather>,
    swallow: Arc<watch::Sender<u32>>,
    mut cut: watch::Receiver<u32>,
) {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut both = JoinSet::new();
    both.spawn(carry(Direction::Requests, from_client, to_server, forecast.clone(), Arc::clone(&swallow)));
    both.spawn(carry(Direction::Answers, from_server, to_client, forecast, swallow));
    tokio::select! {
        _ = cut.changed() => {}
        _ = both.join_next() => {}
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Direction {
    Requests,
    Answers,
}

async fn carry(
    direction: Direction,
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut forecast: watch::Receiver<Weather>,
    swallow: Arc<watch::Sender<u32>>,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = from.read(&mut buffer).await.unwrap_or(0);
        let weather = forecast.borrow().clone();
        let lost = match weather {
            Weather::Fair | Weather::Away => false,
            Weather::AnswersLost => direction == Direction::Answers,
            Weather::Blackhole => true,
            Weather::BlackholeFrom(pattern) => strikes(pattern, direction, &buffer[..count], &swallow),
            Weather::HeldFrom(pattern) => {
                if strikes(pattern, direction, &buffer[..count], &swallow)
                    && forecast.wait_for(|now| *now != weather).await.is_err()
                {
                    return;
                }
                false
            }
        };
        if lost {
            if count == 0 {
                // The other side must not learn that this one has gone.
                std::future::pending::<()>().await;
            }
            continue;
        }
        if count == 0 || to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

/// Whether the pattern was met, here or earlier elsewhere.
fn strikes(pattern: &str, direction: Direction, bytes: &[u8], swallow: &watch::Sender<u32>) -> bool {
    let found = bytes.windows(pattern.len()).any(|window| window == pattern.as_bytes());
    if found && direction == Direction::Requests {
        swallow.send_modify(|times| *times += 1);
    }
    *swallow.borrow() > 0
}
