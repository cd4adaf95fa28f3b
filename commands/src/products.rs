//! The catalogue's use cases.

use daybook_domain::{
    Decider,
    external_id::{self, ExternalIdUse},
    money::Price,
    policy::Action,
    product::{Command, Product},
    sku::Sku,
    text::{Description, ExternalId, Metadata, ProductName},
};
use serde::Serialize;

use crate::{
    Commands, Context,
    outcome::{Accepted, NotDone, Receipt},
    work::{Halt, Wanted, Work},
};

/// Commands on products. Each is refused with `forbidden` without its permission, and with
/// `stale_version` if the context names another version than the product's.
pub struct Products<'a>(pub(crate) &'a Commands);

#[derive(Debug, Clone)]
pub struct CreateProduct {
    pub name: ProductName,
    pub description: Description,
    pub price: Price,
    pub external_id: Option<ExternalId>,
    pub metadata: Metadata,
}

/// What is `None` stays as it is.
#[derive(Debug, Clone)]
pub struct DescribeProduct {
    pub name: Option<ProductName>,
    pub description: Option<Description>,
    pub metadata: Option<Metadata>,
}

impl Products<'_> {
    /// Refused with `already_exists` if the SKU or the external id is taken.
    pub async fn create(
        &self,
        context: Context,
        sku: Sku,
        product: CreateProduct,
    ) -> Result<Accepted, NotDone> {
        context.authorize(Action::CreateProduct, None)?;
        let size = product.description.as_str().len() + 1_024;
        let decide = move |work: &mut Work<'_>| {
            let external_id = product.external_id.as_ref().map(|id| format!("{}:{id}", Product::KIND));
            let claim = external_id.as_deref().map(Wanted::of::<ExternalIdUse>);
            work.need([Wanted::of::<Product>(sku.as_str())].into_iter().chain(claim))?;
            let CreateProduct { name, description, price, external_id: _, metadata } = product.clone();
            work.execute::<Product>(
                sku.as_str(),
                Command::Create {
                    name,
                    description,
                    price,
                    external_id: product.external_id.clone(),
                    metadata,
                },
            )?;
            if let Some(id) = &external_id {
                work.execute::<ExternalIdUse>(id, external_id::Command::Take { by: sku.to_string() })?;
            }
            receipt(work, &sku, true)
        };
        self.0.submit(context, size, Box::new(decide)).await
    }

    pub async fn describe(
        &self,
        context: Context,
        sku: Sku,
        changes: DescribeProduct,
    ) -> Result<Accepted, NotDone> {
        let DescribeProduct { name, description, metadata } = changes;
        let command = Command::Describe { name, description, metadata };
        self.change(context, Action::DescribeProduct, sku, command).await
    }

    /// Sets the price in the price's currency; prices in others stay.
    pub async fn set_price(&self, context: Context, sku: Sku, price: Price) -> Result<Accepted, NotDone> {
        self.change(context, Action::PriceProduct, sku, Command::SetPrice(price)).await
    }

    pub async fn publish(&self, context: Context, sku: Sku) -> Result<Accepted, NotDone> {
        self.change(context, Action::PublishProduct, sku, Command::Publish).await
    }

    pub async fn unpublish(&self, context: Context, sku: Sku) -> Result<Accepted, NotDone> {
        self.change(context, Action::PublishProduct, sku, Command::Unpublish).await
    }

    /// For good: an archived product can't be changed or sold again.
    pub async fn archive(&self, context: Context, sku: Sku) -> Result<Accepted, NotDone> {
        self.change(context, Action::ArchiveProduct, sku, Command::Archive).await
    }

    async fn change(
        &self,
        context: Context,
        action: Action,
        sku: Sku,
        command: Command,
    ) -> Result<Accepted, NotDone> {
        context.authorize(action, None)?;
        let if_match = context.if_match;
        let decide = move |work: &mut Work<'_>| {
            work.expect_version::<Product>(sku.as_str(), if_match)?;
            work.execute::<Product>(sku.as_str(), command.clone())?;
            receipt(work, &sku, false)
        };
        self.0.submit(context, 16 * 1_024, Box::new(decide)).await
    }
}

#[derive(Serialize)]
struct Body<'a> {
    id: &'a Sku,
    sku: &'a Sku,
    version: i64,
}

fn receipt(work: &mut Work<'_>, sku: &Sku, created: bool) -> Result<Receipt, Halt> {
    let version = work.version::<Product>(sku.as_str())?;
    Ok(Receipt::new(created, sku, version, &Body { id: sku, sku, version })?)
}
