//! Calls of the door as bytes over HTTP/2: what the client of EventStoreDB can't ask for, and doesn't show.

use std::net::SocketAddr;

use prost::Message;
use reqwest::{
    Client,
    header::{HeaderMap, HeaderValue},
};

/// A message begins with whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;

/// What a call was answered.
pub struct Answered<M> {
    pub headers: HeaderMap,
    pub messages: Vec<M>,
}

/// Calls a method of a door without TLS, and returns when it is answered to its end.
pub async fn call<M: Message + Default>(
    door: SocketAddr,
    method: &str,
    headers: &[(&'static str, &str)],
    asked: &impl Message,
) -> Answered<M> {
    call_path(door, &format!("event_store.client.{method}"), headers, asked).await
}

/// The same for any service.
pub async fn call_path<M: Message + Default>(
    door: SocketAddr,
    path: &str,
    headers: &[(&'static str, &str)],
    asked: &impl Message,
) -> Answered<M> {
    let (headers, body) = send(door, path, headers, message(asked)).await;
    Answered { headers, messages: messages(&body) }
}

/// The same with the bytes of a message: the status of a call that was refused before anything was answered.
pub async fn call_bytes(
    door: SocketAddr,
    path: &str,
    headers: &[(&'static str, &str)],
    asked: &[u8],
) -> Option<String> {
    let (headers, _) = send(door, path, headers, prefixed(asked)).await;
    headers.get("grpc-status").map(|status| status.to_str().expect("text").to_owned())
}

async fn send(
    door: SocketAddr,
    path: &str,
    headers: &[(&'static str, &str)],
    body: Vec<u8>,
) -> (HeaderMap, Vec<u8>) {
    let client = Client::builder().tls_certs_only([]).http2_prior_knowledge().build().expect("a client");
    let mut request = client.post(format!("http://{door}/{path}"));
    request = request.header("content-type", "application/grpc").header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.body(body).send().await.expect("it is answered");
    let headers = response.headers().clone();
    let body = response.bytes().await.expect("it is answered to its end");
    (headers, body.to_vec())
}

impl<M> Answered<M> {
    /// The code of a call that was refused.
    pub fn refused(&self) -> Option<&str> {
        self.header("grpc-status")
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(HeaderValue::to_str).transpose().expect("text")
    }
}

/// A message as it is sent.
pub fn message(message: &impl Message) -> Vec<u8> {
    prefixed(&message.encode_to_vec())
}

fn prefixed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("a short message");
    [&[0][..], &length.to_be_bytes()[..], message].concat()
}

fn messages<M: Message + Default>(mut body: &[u8]) -> Vec<M> {
    let mut messages = Vec::new();
    while let Some((prefix, rest)) = body.split_at_checked(PREFIX_BYTES) {
        let length = u32::from_be_bytes(prefix[1..].try_into().expect("four bytes"));
        let (message, rest) = rest.split_at(usize::try_from(length).expect("a length"));
        messages.push(M::decode(message).expect("a message of the protocol"));
        body = rest;
    }
    messages
}
