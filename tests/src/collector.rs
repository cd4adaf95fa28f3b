//! A collector of OpenTelemetry: takes spans over OTLP (protobuf over HTTP), and shows what it was sent.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    sync::{Arc, Mutex},
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1 as wire,
};
use prost::Message;
use tokio::{
    io::{self, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::until;

/// Listens until it is dropped.
pub struct Collector {
    url: String,
    sent: Arc<Mutex<Vec<Vec<u8>>>>,
    _task: JoinSet<()>,
}

/// A span as it was sent; ids are hexadecimal.
#[derive(Debug, Clone)]
pub struct Span {
    pub trace: String,
    pub id: String,
    /// Empty, if it is the first of its trace.
    pub parent: String,
    pub name: String,
    pub kind: wire::span::SpanKind,
    /// The ids of the spans that it links to.
    pub links: Vec<String>,
    pub attributes: BTreeMap<String, String>,
    pub failed: bool,
    /// What sent it.
    pub resource: BTreeMap<String, String>,
}

impl Collector {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound port"));
        let sent = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let (ours, mut task) = (Arc::clone(&sent), JoinSet::new());
        task.spawn(async move {
            let mut clients = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let sent = Arc::clone(&ours);
                // A client that goes away in the middle is no concern of ours.
                clients.spawn(async move { talk(client, &sent).await.ok() });
            }
        });
        Self { url, sent, _task: task }
    }

    /// What a process is told that sends its spans here, nearly at once, by this sampler.
    pub fn variables(&self, sampler: &str) -> [(&'static str, String); 3] {
        [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", self.url.clone()),
            ("OTEL_BSP_SCHEDULE_DELAY", "20".to_owned()),
            ("OTEL_TRACES_SAMPLER", sampler.to_owned()),
        ]
    }

    /// Everything that was sent, as bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.sent.lock().expect("a lock").concat()
    }

    pub fn spans(&self) -> Vec<Span> {
        let mut spans = Vec::new();
        for bytes in self.sent.lock().expect("a lock").iter() {
            let request = ExportTraceServiceRequest::decode(bytes.as_slice()).expect("OTLP");
            for of_resource in request.resource_spans {
                let resource =
                    texts(of_resource.resource.map(|resource| resource.attributes).unwrap_or_default());
                let all = of_resource.scope_spans.into_iter().flat_map(|of_scope| of_scope.spans);
                spans.extend(all.map(|span| Span::of(span, &resource)));
            }
        }
        spans
    }

    /// The spans of a trace, as soon as it has one of each name.
    pub async fn trace(&self, trace: &str, names: &[&str]) -> Vec<Span> {
        let mut found = Vec::new();
        until(&format!("{trace} has {names:?}"), async || {
            found = self.spans();
            found.retain(|span| span.trace == trace);
            let has: BTreeSet<&str> = found.iter().map(|span| span.name.as_str()).collect();
            names.iter().all(|name| has.contains(name))
        })
        .await;
        found
    }
}

impl Span {
    fn of(span: wire::Span, resource: &BTreeMap<String, String>) -> Self {
        Self {
            kind: span.kind(),
            trace: hex(&span.trace_id),
            id: hex(&span.span_id),
            parent: hex(&span.parent_span_id),
            name: span.name,
            links: span.links.iter().map(|link| hex(&link.span_id)).collect(),
            attributes: texts(span.attributes),
            failed: span.status.is_some_and(|status| status.code() == wire::status::StatusCode::Error),
            resource: resource.clone(),
        }
    }

    /// An attribute, as text.
    pub fn says(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }
}

fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |attribute: KeyValue| {
        let value = match attribute.value.and_then(|value| value.value)? {
            Value::StringValue(text) => text,
            Value::IntValue(number) => number.to_string(),
            other => format!("{other:?}"),
        };
        Some((attribute.key, value))
    };
    attributes.into_iter().filter_map(text).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Requests of one connection, each of which is taken.
async fn talk(client: TcpStream, sent: &Mutex<Vec<Vec<u8>>>) -> io::Result<()> {
    let mut client = BufReader::new(client);
    loop {
        let (mut length, mut line) = (0, String::new());
        while client.read_line(&mut line).await? > 2 {
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            line.clear();
        }
        if line.is_empty() {
            return Ok(());
        }
        let mut body = vec![0; length];
        client.read_exact(&mut body).await?;
        sent.lock().expect("a lock").push(body);
        client.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await?;
    }
}
