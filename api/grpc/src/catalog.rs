//! The catalogue.

use daybook_http::problem::Problem;
use serde_json::{Map, Value};
use tonic::{Request, Response, Status};

use crate::{
    desk::Desk,
    protocol::v1::{
        ArchiveProductRequest, ArchiveProductResponse, CancelPriceChangeRequest, CancelPriceChangeResponse,
        CreateProductRequest, CreateProductResponse, GetProductRequest, GetProductResponse,
        ListProductChangesRequest, ListProductChangesResponse, ListProductsRequest, ListProductsResponse,
        PublishProductRequest, PublishProductResponse, SchedulePriceRequest, SchedulePriceResponse,
        SetPriceRequest, SetPriceResponse, SetTaxClassRequest, SetTaxClassResponse, UnpublishProductRequest,
        UnpublishProductResponse, UpdateProductRequest, UpdateProductResponse,
        catalog_service_server::CatalogService,
    },
};

pub struct Catalog(pub Desk);

#[tonic::async_trait]
impl CatalogService for Catalog {
    async fn create_product(
        &self,
        request: Request<CreateProductRequest>,
    ) -> Result<Response<CreateProductResponse>, Status> {
        self.0.command(request, "product.create", "product").await
    }

    async fn update_product(
        &self,
        request: Request<UpdateProductRequest>,
    ) -> Result<Response<UpdateProductResponse>, Status> {
        self.0.command_with(request, "product.describe", "product", described).await
    }

    async fn set_price(
        &self,
        request: Request<SetPriceRequest>,
    ) -> Result<Response<SetPriceResponse>, Status> {
        self.0.command(request, "product.set_price", "product").await
    }

    async fn schedule_price(
        &self,
        request: Request<SchedulePriceRequest>,
    ) -> Result<Response<SchedulePriceResponse>, Status> {
        self.0.command(request, "product.schedule_price", "product").await
    }

    async fn cancel_price_change(
        &self,
        request: Request<CancelPriceChangeRequest>,
    ) -> Result<Response<CancelPriceChangeResponse>, Status> {
        self.0.command(request, "product.cancel_price_change", "product").await
    }

    async fn set_tax_class(
        &self,
        request: Request<SetTaxClassRequest>,
    ) -> Result<Response<SetTaxClassResponse>, Status> {
        self.0.command(request, "product.set_tax_class", "product").await
    }

    async fn publish_product(
        &self,
        request: Request<PublishProductRequest>,
    ) -> Result<Response<PublishProductResponse>, Status> {
        self.0.command(request, "product.publish", "product").await
    }

    async fn unpublish_product(
        &self,
        request: Request<UnpublishProductRequest>,
    ) -> Result<Response<UnpublishProductResponse>, Status> {
        self.0.command(request, "product.unpublish", "product").await
    }

    async fn archive_product(
        &self,
        request: Request<ArchiveProductRequest>,
    ) -> Result<Response<ArchiveProductResponse>, Status> {
        self.0.command(request, "product.archive", "product").await
    }

    async fn get_product(
        &self,
        request: Request<GetProductRequest>,
    ) -> Result<Response<GetProductResponse>, Status> {
        self.0.read(request, "product.by_sku", "product").await
    }

    async fn list_products(
        &self,
        request: Request<ListProductsRequest>,
    ) -> Result<Response<ListProductsResponse>, Status> {
        self.0.read(request, "product.page", "products").await
    }

    async fn list_product_changes(
        &self,
        request: Request<ListProductChangesRequest>,
    ) -> Result<Response<ListProductChangesResponse>, Status> {
        self.0.read(request, "product.history", "changes").await
    }
}

/// With a mask, what it doesn't name stays, and what it names and is not there is removed: `null` (RFC 7396).
fn described(request: &UpdateProductRequest, members: &mut Map<String, Value>) -> Result<(), Problem> {
    let Some(mask) = &request.update_mask else { return Ok(()) };
    let given = std::mem::take(members);
    let pairs = |members: &Map<String, Value>| members.get("metadata").and_then(Value::as_object).cloned();
    for path in &mask.paths {
        let value = match path.split_once('.') {
            Some(("metadata", key)) => {
                let value = pairs(&given).and_then(|mut pairs| pairs.remove(key)).unwrap_or_default();
                let mut metadata = pairs(members).unwrap_or_default();
                metadata.insert(key.to_owned(), value);
                members.insert("metadata".to_owned(), metadata.into());
                continue;
            }
            None if ["name", "description", "metadata"].contains(&path.as_str()) => given.get(path),
            _ => {
                return Err(Problem::malformed(
                    "update_mask has the paths name, description, metadata and metadata.KEY",
                ));
            }
        };
        members.insert(path.clone(), value.cloned().unwrap_or_default());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use prost_types::FieldMask;
    use serde_json::json;

    use super::*;

    fn body(given: &Value, paths: &[&str]) -> Result<Value, Problem> {
        let update_mask = Some(FieldMask { paths: paths.iter().map(|&path| path.to_owned()).collect() });
        let request = UpdateProductRequest { update_mask, ..UpdateProductRequest::default() };
        let mut members = given.as_object().cloned().unwrap_or_default();
        described(&request, &mut members).map(|()| members.into())
    }

    #[test]
    fn a_mask_says_what_is_changed_and_what_is_removed() {
        let given = json!({ "name": "Tea", "metadata": { "a": "1", "b": "2" } });
        for (paths, expected) in [
            (&["name"][..], json!({ "name": "Tea" })),
            (&["description"], json!({ "description": null })),
            (&["metadata"], json!({ "metadata": { "a": "1", "b": "2" } })),
            (&["metadata.a", "metadata.c"], json!({ "metadata": { "a": "1", "c": null } })),
            (&[], json!({})),
        ] {
            assert_eq!(body(&given, paths).expect("a body"), expected, "{paths:?}");
        }
        assert_eq!(body(&json!({}), &["metadata"]).expect("a body"), json!({ "metadata": null }));
        assert!(body(&given, &["price"]).is_err());
    }
}
