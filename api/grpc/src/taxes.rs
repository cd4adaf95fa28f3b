//! Tax rates.

use tonic::{Request, Response, Status};

use crate::{
    desk::Desk,
    protocol::v1::{
        GetTaxRequest, GetTaxResponse, ListTaxChangesRequest, ListTaxChangesResponse, ListTaxesRequest,
        ListTaxesResponse, SetTaxRateRequest, SetTaxRateResponse, tax_service_server::TaxService,
    },
};

pub struct Taxes(pub Desk);

#[tonic::async_trait]
impl TaxService for Taxes {
    async fn set_tax_rate(
        &self,
        request: Request<SetTaxRateRequest>,
    ) -> Result<Response<SetTaxRateResponse>, Status> {
        self.0.command(request, "tax.set_rate", "tax").await
    }

    async fn get_tax(&self, request: Request<GetTaxRequest>) -> Result<Response<GetTaxResponse>, Status> {
        self.0.read(request, "tax.by_country", "tax").await
    }

    async fn list_taxes(
        &self,
        request: Request<ListTaxesRequest>,
    ) -> Result<Response<ListTaxesResponse>, Status> {
        self.0.read(request, "taxes.page", "taxes").await
    }

    async fn list_tax_changes(
        &self,
        request: Request<ListTaxChangesRequest>,
    ) -> Result<Response<ListTaxChangesResponse>, Status> {
        self.0.read(request, "tax.history", "changes").await
    }
}
