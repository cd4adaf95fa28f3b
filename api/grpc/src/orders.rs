//! Orders.

use daybook_http::problem::Problem;
use serde_json::{Map, Value};
use tonic::{Request, Response, Status};

use crate::{
    desk::Desk,
    protocol::v1::{
        AskQuoteRequest, AskQuoteResponse, CancelOrderRequest, CancelOrderResponse, ConfirmOrderRequest,
        ConfirmOrderResponse, DeliverOrderRequest, DeliverOrderResponse, GetOrderRequest, GetOrderResponse,
        ListOrderChangesRequest, ListOrderChangesResponse, ListOrdersRequest, ListOrdersResponse,
        PlaceOrderRequest, PlaceOrderResponse, ShipOrderRequest, ShipOrderResponse,
        order_service_server::OrderService,
    },
};

pub struct Orders(pub Desk);

#[tonic::async_trait]
impl OrderService for Orders {
    async fn ask_quote(
        &self,
        request: Request<AskQuoteRequest>,
    ) -> Result<Response<AskQuoteResponse>, Status> {
        self.0.command(request, "quote.ask", "quote").await
    }

    async fn place_order(
        &self,
        request: Request<PlaceOrderRequest>,
    ) -> Result<Response<PlaceOrderResponse>, Status> {
        self.0.command(request, "order.place", "order").await
    }

    async fn confirm_order(
        &self,
        request: Request<ConfirmOrderRequest>,
    ) -> Result<Response<ConfirmOrderResponse>, Status> {
        self.0.command(request, "order.confirm", "order").await
    }

    async fn cancel_order(
        &self,
        request: Request<CancelOrderRequest>,
    ) -> Result<Response<CancelOrderResponse>, Status> {
        self.0
            .command_with(request, "order.cancel", "order", |_, members| all_or_lines("whole_order", members))
            .await
    }

    async fn ship_order(
        &self,
        request: Request<ShipOrderRequest>,
    ) -> Result<Response<ShipOrderResponse>, Status> {
        self.0
            .command_with(request, "order.ship", "order", |_, members| {
                all_or_lines("all_that_is_left", members)
            })
            .await
    }

    async fn deliver_order(
        &self,
        request: Request<DeliverOrderRequest>,
    ) -> Result<Response<DeliverOrderResponse>, Status> {
        self.0.command(request, "order.deliver", "order").await
    }

    async fn get_order(
        &self,
        request: Request<GetOrderRequest>,
    ) -> Result<Response<GetOrderResponse>, Status> {
        self.0.read(request, "order.by_id", "order").await
    }

    async fn list_orders(
        &self,
        request: Request<ListOrdersRequest>,
    ) -> Result<Response<ListOrdersResponse>, Status> {
        self.0.read(request, "order.page", "orders").await
    }

    async fn list_order_changes(
        &self,
        request: Request<ListOrderChangesRequest>,
    ) -> Result<Response<ListOrderChangesResponse>, Status> {
        self.0.read(request, "order.history", "changes").await
    }
}

/// In a body, no list says that all is meant, and messages can't tell it from an empty one: they say `all` by name.
fn all_or_lines(all: &str, members: &mut Map<String, Value>) -> Result<(), Problem> {
    let is_all = members.remove(all) == Some(Value::Bool(true));
    match (is_all, members.contains_key("lines")) {
        (true, true) => Err(Problem::malformed(format!("either {all} is true, or there are lines"))),
        (false, false) => {
            members.insert("lines".to_owned(), Vec::<Value>::new().into());
            Ok(())
        }
        _ => Ok(()),
    }
}
