//! The streams: reads are answered, writes are refused.

use std::{pin::Pin, sync::Arc};

use daybook_core::app::App;
use daybook_rpc::{
    answers::Watched,
    caller::{call, peer},
};
use futures::Stream;
use tonic::{Request, Response, Status, Streaming};

use crate::{
    ask::Ask,
    caller,
    protocol::streams::{
        AppendReq, AppendResp, BatchAppendReq, BatchAppendResp, DeleteReq, DeleteResp, ReadReq, ReadResp,
        TombstoneReq, TombstoneResp, streams_server,
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
    fn refuse<Asked, Answered>(&self, request: &Request<Asked>) -> Result<Answered, Status> {
        caller::admit_anyone(&self.app, call(request.extensions()))?;
        Err(access_denied(READ_ONLY))
    }
}

#[tonic::async_trait]
impl streams_server::Streams for Streams {
    type ReadStream = Watched<ReadResp>;
    type BatchAppendStream = Pin<Box<dyn Stream<Item = Result<BatchAppendResp, Status>> + Send>>;

    async fn read(&self, request: Request<ReadReq>) -> Result<Response<Watched<ReadResp>>, Status> {
        let (metadata, extensions, request) = request.into_parts();
        // What is wrong with a request is nothing for those who may not make it.
        let asked = Ask::read(request);
        let target = asked.as_ref().map_or("", |ask| &ask.name);
        let caller = caller::admit(&self.app, &metadata, call(&extensions), target).await?;
        let answer = read::open(&self.app, caller, asked?).await?;
        Ok(Response::new(peer(&extensions).answers.watch(answer)))
    }

    async fn append(&self, request: Request<Streaming<AppendReq>>) -> Result<Response<AppendResp>, Status> {
        self.refuse(&request)
    }

    async fn delete(&self, request: Request<DeleteReq>) -> Result<Response<DeleteResp>, Status> {
        self.refuse(&request)
    }

    async fn tombstone(&self, request: Request<TombstoneReq>) -> Result<Response<TombstoneResp>, Status> {
        self.refuse(&request)
    }

    async fn batch_append(
        &self,
        request: Request<Streaming<BatchAppendReq>>,
    ) -> Result<Response<Self::BatchAppendStream>, Status> {
        self.refuse(&request)
    }
}
