//! Stock.

use tonic::{Request, Response, Status};

use crate::{
    desk::Desk,
    protocol::v1::{
        AdjustStockRequest, AdjustStockResponse, GetStockRequest, GetStockResponse, ListStockChangesRequest,
        ListStockChangesResponse, ReceiveStockRequest, ReceiveStockResponse,
        stock_service_server::StockService,
    },
};

pub struct Stocks(pub Desk);

#[tonic::async_trait]
impl StockService for Stocks {
    async fn receive_stock(
        &self,
        request: Request<ReceiveStockRequest>,
    ) -> Result<Response<ReceiveStockResponse>, Status> {
        self.0.command(request, "stock.receive", "stock").await
    }

    async fn adjust_stock(
        &self,
        request: Request<AdjustStockRequest>,
    ) -> Result<Response<AdjustStockResponse>, Status> {
        self.0.command(request, "stock.adjust", "stock").await
    }

    async fn get_stock(
        &self,
        request: Request<GetStockRequest>,
    ) -> Result<Response<GetStockResponse>, Status> {
        self.0.read(request, "stock.by_sku", "stock").await
    }

    async fn list_stock_changes(
        &self,
        request: Request<ListStockChangesRequest>,
    ) -> Result<Response<ListStockChangesResponse>, Status> {
        self.0.read(request, "stock.history", "changes").await
    }
}
