//! How the values of the domain look in the OpenAPI document. Each is named in a body by
//! `#[schema(value_type = …)]`; the domain itself knows nothing of HTTP.

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Object, ObjectBuilder, RefOr,
        schema::{AdditionalProperties, Schema, SchemaType, Type},
    },
};

macro_rules! schemas {
    ($($(#[$doc:meta])* $name:ident => $schema:expr;)*) => {$(
        $(#[$doc])*
        pub struct $name;
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let schema: ObjectBuilder = $schema;
                schema.into()
            }
        }
        impl ToSchema for $name {}
    )*};
}

schemas! {
    Sku => text(1, 64).pattern(Some("^[A-Za-z0-9._-]{1,64}$")).examples(["TEA-earl_grey.1"]);
    OrderId => text(36, 36).pattern(Some("^ord_[0-9a-f]{32}$"));
    ProductName => text(1, 200).examples(["Earl Grey, 100 g"]);
    Description => text(0, 10_000);
    Reason => text(1, 500);
    Reference => text(1, 200);
    ExternalId => text(1, 128);
    CustomerId => text(1, 128);
    Email => text(3, 254).examples(["alice@example.com"]);
    Line200 => text(1, 200);
    Line100 => text(1, 100);
    Postcode => text(1, 20);
    Country => text(2, 2).pattern(Some("^[A-Z]{2}$")).examples(["DE"]);
    Currency => text(3, 3).pattern(Some("^[A-Z]{3}$")).description(Some("ISO 4217")).examples(["EUR"]);
    Quantity => number(1.0, 100_000.0);
    Money => money(None);
    Price => money(Some(0.0));
    Metadata => ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some("Your own data: at most 20 pairs, 4 KiB in all"))
        .max_properties(Some(20))
        .additional_properties(Some(AdditionalProperties::<Schema>::RefOr(
            Object::with_type(Type::String).into(),
        )));
    AnyObject => ObjectBuilder::new().schema_type(SchemaType::new(Type::Object));
}

fn text(min: usize, max: usize) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).min_length(Some(min)).max_length(Some(max))
}

fn number(min: f64, max: f64) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(min)).maximum(Some(max))
}

fn money(minimum: Option<f64>) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some("Integer minor units of an ISO 4217 currency"))
        .property("amount", ObjectBuilder::new().schema_type(Type::Integer).minimum(minimum))
        .property("currency", Currency::schema())
        .required("amount")
        .required("currency")
}

/// A person's name and e-mail address.
#[derive(ToSchema)]
pub struct Contact {
    #[schema(value_type = Line200)]
    pub name: (),
    #[schema(value_type = Email)]
    pub email: (),
}

/// Where an order is sent.
#[derive(ToSchema)]
pub struct Address {
    #[schema(value_type = Line200)]
    pub name: (),
    #[schema(value_type = Line200)]
    pub street: (),
    #[schema(value_type = Option<Line200>)]
    pub street2: (),
    #[schema(value_type = Line100)]
    pub city: (),
    #[schema(value_type = Option<Postcode>)]
    pub postcode: (),
    #[schema(value_type = Option<Line100>)]
    pub region: (),
    #[schema(value_type = Country)]
    pub country: (),
}

/// What a successful command answers.
#[derive(ToSchema)]
pub struct Receipt {
    pub id: String,
    /// Of the thing, also in `ETag`.
    pub version: i64,
    /// Of the log, also in `Daybook-Position`.
    pub position: i64,
}

/// What a successful command on an order answers.
#[derive(ToSchema)]
pub struct OrderReceipt {
    #[schema(value_type = OrderId)]
    pub id: (),
    pub status: OrderStatus,
    pub version: i64,
    pub position: i64,
    #[schema(value_type = Vec<AnyObject>)]
    pub lines: (),
    #[schema(value_type = Money)]
    pub total: (),
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum OrderStatus {
    Placed,
    Confirmed,
    PartlyShipped,
    Shipped,
    Delivered,
    Cancelled,
    Rejected,
}

/// RFC 9457.
#[derive(ToSchema)]
pub struct Problem {
    /// A page about the code.
    pub r#type: String,
    pub title: String,
    pub status: u16,
    pub detail: String,
    /// The path of the request.
    pub instance: String,
    /// Stable, for programs.
    pub code: String,
    pub request_id: String,
    pub errors: Option<Vec<FieldProblem>>,
}

#[derive(ToSchema)]
pub struct FieldProblem {
    /// JSON Pointer (RFC 6901) into the body.
    pub pointer: String,
    pub code: String,
    pub detail: String,
}
