//! Values as interfaces write them, each with its schema. They are types of their own beside those of the
//! domain, so that what is stored and what clients see can change apart from each other.

use daybook_domain::{contact, ids, money, order, product, quantity, sku, text};
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Object, ObjectBuilder, RefOr,
        schema::{AdditionalProperties, Schema, Type},
    },
};

/// `Name(domain's type) => its schema;` makes a type that is written as the domain's type is.
macro_rules! values {
    ($($(#[$doc:meta])* $name:ident($inner:ty) => $schema:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl From<$inner> for $name {
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let schema: ObjectBuilder = $schema;
                schema.into()
            }
        }

        impl ToSchema for $name {}
    )*};
}

values! {
    Sku(sku::Sku) => text(1, 64).pattern(Some("^[A-Za-z0-9._-]{1,64}$")).examples(["TEA-earl_grey.1"]);
    OrderId(ids::OrderId) => text(36, 36).pattern(Some("^ord_[0-9a-f]{32}$"));
    ProductName(text::ProductName) => text(1, 200).examples(["Earl Grey, 100 g"]);
    Description(text::Description) => text(0, 10_000);
    Reason(text::Reason) => text(1, 500);
    Reference(text::Reference) => text(1, 200);
    ExternalId(text::ExternalId) => text(1, 128);
    CustomerId(text::CustomerId) => text(1, 128);
    Email(contact::Email) => text(3, 254).examples(["alice@example.com"]);
    Line200(text::Line<1, 200>) => text(1, 200);
    Line100(text::Line<1, 100>) => text(1, 100);
    Postcode(text::Line<1, 20>) => text(1, 20);
    Country(contact::Country) => text(2, 2).pattern(Some("^[A-Z]{2}$")).examples(["DE"]);
    Currency(money::Currency) => text(3, 3).pattern(Some("^[A-Z]{3}$")).description(Some("ISO 4217")).examples(["EUR"]);
    Quantity(quantity::Quantity) => ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1.0))
        .maximum(Some(100_000.0));
    Metadata(text::Metadata) => ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some("Your own data: at most 20 pairs, 4 KiB in all"))
        .max_properties(Some(20))
        .additional_properties(Some(AdditionalProperties::<Schema>::RefOr(
            Object::with_type(Type::String).into(),
        )));
    OrderStatus(order::Status) => one_of(order::Status::ALL.map(order::Status::as_str));
    ProductStatus(product::Status) => one_of(["draft", "published", "archived"]);
}

fn text(min: usize, max: usize) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).min_length(Some(min)).max_length(Some(max))
}

fn one_of<const N: usize>(words: [&'static str; N]) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words))
}

/// Integer minor units of an ISO 4217 currency
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Money {
    pub amount: i64,
    pub currency: Currency,
}

/// Integer minor units of an ISO 4217 currency
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Price {
    #[schema(minimum = 0)]
    pub amount: i64,
    pub currency: Currency,
}

/// A person's name and e-mail address.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Contact {
    pub name: Line200,
    pub email: Email,
}

/// Where an order is sent.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Address {
    pub name: Line200,
    pub street: Line200,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub street2: Option<Line200>,
    pub city: Line100,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postcode: Option<Postcode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Line100>,
    pub country: Country,
}

impl From<money::Money> for Money {
    fn from(money: money::Money) -> Self {
        Self { amount: money.amount, currency: money.currency.into() }
    }
}

impl From<money::Price> for Price {
    fn from(price: money::Price) -> Self {
        Self { amount: price.amount(), currency: price.currency().into() }
    }
}

impl From<contact::Contact> for Contact {
    fn from(contact: contact::Contact) -> Self {
        Self { name: contact.name.into(), email: contact.email.into() }
    }
}

impl From<contact::Address> for Address {
    fn from(address: contact::Address) -> Self {
        Self {
            name: address.name.into(),
            street: address.street.into(),
            street2: address.street2.map(Into::into),
            city: address.city.into(),
            postcode: address.postcode.map(Into::into),
            region: address.region.map(Into::into),
            country: address.country.into(),
        }
    }
}
