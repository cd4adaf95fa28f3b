//! Closed-loop load over plain HTTP/1.1: each connection sends its next request when the last one is
//! answered. One thread; a request costs it a few microseconds, so that what is measured has the machine.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::LocalSet,
};

use crate::report::quantile;

/// Writes the request of that number.
pub type Make = Arc<dyn Fn(u64, &mut Vec<u8>) + Send + Sync>;

pub struct Load {
    /// Answers with 2xx or 304 per second.
    pub per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub good: u64,
    pub bad: u64,
}

/// Which requests are sent, and until when.
#[derive(Clone, Copy)]
struct Plan {
    first: u64,
    end: u64,
    until: Option<Instant>,
    connections: u64,
    /// From one request of a connection to its next one; as fast as it is answered, if `None`.
    every: Option<Duration>,
}

/// Sends requests numbered from `first` over `connections` for `duration`.
pub async fn run(address: SocketAddr, connections: u64, duration: Duration, first: u64, make: Make) -> Load {
    let until = Some(Instant::now() + duration);
    drive(address, Plan { first, end: u64::MAX, until, connections, every: None }, make).await
}

/// The same at `rate` requests per second, if they are answered fast enough.
pub async fn run_at(
    address: SocketAddr,
    connections: u64,
    rate: f64,
    duration: Duration,
    first: u64,
    make: Make,
) -> Load {
    let until = Some(Instant::now() + duration);
    let every = Some(Duration::from_secs_f64(connections as f64 / rate));
    drive(address, Plan { first, end: u64::MAX, until, connections, every }, make).await
}

/// Sends the requests 0 to `count` - 1.
pub async fn run_count(address: SocketAddr, connections: u64, count: u64, make: Make) -> Load {
    drive(address, Plan { first: 0, end: count, until: None, connections, every: None }, make).await
}

async fn drive(address: SocketAddr, plan: Plan, make: Make) -> Load {
    on_a_thread(move || async move {
        let clients = (0..plan.connections).map(|client| {
            let make = Arc::clone(&make);
            async move { talk(address, plan, plan.first + client, &make).await }
        });
        talk_all(clients).await
    })
    .await
}

/// Runs a generator on a thread of its own.
pub async fn on_a_thread<F: Future<Output = Load>>(generate: impl FnOnce() -> F + Send + 'static) -> Load {
    let generator = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        LocalSet::new().block_on(&runtime, generate())
    });
    let joined = tokio::task::spawn_blocking(move || generator.join()).await;
    joined.expect("joining a thread").expect("the generator ends well")
}

/// What clients come to that talk at the same time.
pub async fn talk_all<F: Future<Output = Talked> + 'static>(clients: impl Iterator<Item = F>) -> Load {
    let begun = Instant::now();
    let clients: Vec<_> = clients.map(tokio::task::spawn_local).collect();
    let (mut latencies, mut bad) = (Vec::new(), 0);
    for client in clients {
        let talked = client.await.expect("a client doesn't panic");
        latencies.extend(talked.latencies_us);
        bad += talked.bad;
    }
    let seconds = begun.elapsed().as_secs_f64();
    latencies.sort_unstable();
    let latencies: Vec<f64> = latencies.into_iter().map(|us| f64::from(us) / 1_000.0).collect();
    let good = latencies.len() as u64;
    Load {
        per_second: good as f64 / seconds,
        p50_ms: quantile(&latencies, 0.5),
        p99_ms: quantile(&latencies, 0.99),
        good,
        bad,
    }
}

#[derive(Default)]
pub struct Talked {
    latencies_us: Vec<u32>,
    bad: u64,
}

impl Talked {
    pub fn good(&mut self, begun: Instant) {
        self.latencies_us.push(u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX));
    }

    /// The first bad answer is shown.
    pub fn bad(&mut self, answer: &str) {
        self.bad += 1;
        if self.bad == 1 {
            eprintln!("  ! {answer}");
        }
    }
}

async fn talk(address: SocketAddr, plan: Plan, mut number: u64, make: &Make) -> Talked {
    let mut talked = Talked::default();
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    stream.set_nodelay(true).expect("a TCP socket");
    let (mut request, mut answer) = (Vec::with_capacity(2_048), Vec::with_capacity(4_096));
    // Connections take turns from the beginning on.
    let share = ((number - plan.first) as f64) / plan.connections as f64;
    let mut due = Instant::now() + plan.every.unwrap_or_default().mul_f64(share);
    while number < plan.end && plan.until.is_none_or(|until| Instant::now() < until) {
        if let Some(every) = plan.every {
            tokio::time::sleep_until(due.into()).await;
            due += every;
        }
        request.clear();
        make(number, &mut request);
        number += plan.connections;
        let begun = Instant::now();
        stream.write_all(&request).await.expect("the server takes the request");
        if receive(&mut stream, &mut answer).await {
            talked.good(begun);
        } else {
            talked.bad(&String::from_utf8_lossy(&answer));
        }
    }
    talked
}

/// Reads one answer to its end. Whether it was a good one.
pub async fn receive(stream: &mut TcpStream, answer: &mut Vec<u8>) -> bool {
    answer.clear();
    let mut length = None;
    loop {
        let read = stream.read_buf(answer).await.expect("the server answers");
        assert!(read > 0, "the server closed the connection");
        if length.is_none() {
            length = head_length(answer).map(|head| head + content_length(&answer[..head]));
        }
        if length.is_some_and(|length| answer.len() >= length) {
            return answer.get(9) == Some(&b'2') || answer.starts_with(b"HTTP/1.1 304");
        }
    }
}

fn head_length(answer: &[u8]) -> Option<usize> {
    answer.windows(4).position(|window| window == b"\r\n\r\n").map(|end| end + 4)
}

fn content_length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let line =
        head.lines().find_map(|line| line.strip_prefix("content-length:").map(str::trim).map(str::to_owned));
    line.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The body of the answer to request 0.
pub async fn first_body(address: SocketAddr, make: &Make) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    let (mut request, mut answer) = (Vec::new(), Vec::new());
    make(0, &mut request);
    stream.write_all(&request).await.expect("the server takes the request");
    assert!(receive(&mut stream, &mut answer).await, "{}", String::from_utf8_lossy(&answer));
    let head = head_length(&answer).expect("received to its end");
    answer.split_off(head)
}
