//! The streams: reads are answered, writes are refused.

use std::{net::IpAddr, pin::Pin, sync::Arc};

use daybook_core::app::App;
use futures::Stream;
use tonic::{Code, Request, Response, Status, Streaming};
use tracing::info;

use crate::{
    answers::Watched,
    ask::Ask,
    caller::{self, Peer},
    metrics,
    protocol::streams::{
        AppendReq, AppendResp, BatchAppendReq, BatchAppendResp, DeleteReq, DeleteResp, ReadReq, TombstoneReq,
        TombstoneResp, streams_server,
    },
    read,
    status::access_denied,
};

const READ_ONLY: &str = "this log is only read here: what may be in it is decided by commands, which the HTTP API takes, \
    such as POST /v1/orders";

pub struct Streams {
    pub app: Arc<App>,
}

impl Streams {
    fn refuse<Asked, Answered>(
        &self,
        method: &'static str,
        request: &Request<Asked>,
    ) -> Result<Answered, Status> {
        let address = caller::peer(request.extensions()).address;
        noted(method, address, caller::admit_anyone(&self.app, address).and(Err(access_denied(READ_ONLY))))
    }
}

/// Counts the call and writes its line in the log.
fn noted<T>(method: &'static str, address: IpAddr, outcome: Result<T, Status>) -> Result<T, Status> {
    let code = outcome.as_ref().err().map_or(Code::Ok, Status::code);
    let name = format!("{code:?}");
    metrics::CALLS.with_label_values(&[method, &name]).inc();
    info!(method, code = name, %address, "answered");
    outcome
}

#[tonic::async_trait]
impl streams_server::Streams for Streams {
    type ReadStream = Watched;
    type BatchAppendStream = Pin<Box<dyn Stream<Item = Result<BatchAppendResp, Status>> + Send>>;

    async fn read(&self, request: Request<ReadReq>) -> Result<Response<Watched>, Status> {
        let (metadata, extensions, request) = request.into_parts();
        let Peer { address, answers } = caller::peer(&extensions);
        let answered = async {
            // What is wrong with a request is nothing for those who may not make it.
            let asked = Ask::read(request);
            let target = asked.as_ref().map_or("", |ask| &ask.name);
            let caller = caller::admit(&self.app, &metadata, *address, target)?;
            read::open(&self.app, caller, asked?).await
        };
        noted("read", *address, answered.await.map(|answer| Response::new(answers.watch(answer))))
    }

    async fn append(&self, request: Request<Streaming<AppendReq>>) -> Result<Response<AppendResp>, Status> {
        self.refuse("append", &request)
    }

    async fn delete(&self, request: Request<DeleteReq>) -> Result<Response<DeleteResp>, Status> {
        self.refuse("delete", &request)
    }

    async fn tombstone(&self, request: Request<TombstoneReq>) -> Result<Response<TombstoneResp>, Status> {
        self.refuse("tombstone", &request)
    }

    async fn batch_append(
        &self,
        request: Request<Streaming<BatchAppendReq>>,
    ) -> Result<Response<Self::BatchAppendStream>, Status> {
        self.refuse("batch_append", &request)
    }
}
