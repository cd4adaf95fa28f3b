//! Values as interfaces write them, each with its schema. They are types of their own beside those of the
//! domain, so that what is stored and what clients see can change apart from each other.

mod buyer;
mod day;
mod percent;

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use daybook_domain::{
    account, contact, ids, incoming::Incoming, money, order, patch, policy, pricing, product, quantity, sku,
    tax, text,
};
use daybook_projections::workers;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, MapAccess, Visitor},
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        KnownFormat, ObjectBuilder, RefOr, SchemaFormat,
        schema::{AdditionalProperties, Schema, SchemaType, Type},
    },
};

use crate::log_levels;

pub use buyer::Buyer;
pub use day::Day;
pub use percent::Percent;

/// `Name(domain's type) => its schema;` makes a type that is written as the domain's type is. What is read of it comes
/// from outside, so it keeps the rules of [`Incoming`].
macro_rules! values {
    ($($(#[$doc:meta])* $name:ident($inner:ty) => $schema:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = <$inner>::deserialize(deserializer)?;
                value.take().map(Self).map_err(D::Error::custom)
            }
        }

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
    )*

        /// Whether a value of the type with this name may come in; `None` if there is no such type here.
        pub fn check(name: &str, value: &serde_json::Value) -> Option<Result<(), serde_json::Error>> {
            match name {
                $(stringify!($name) => Some($name::deserialize(value).map(drop)),)*
                "Percent" => Some(Percent::deserialize(value).map(drop)),
                "Day" => Some(Day::deserialize(value).map(drop)),
                "Price" => Some(Price::deserialize(value).map(drop)),
                "Metadata" => Some(Metadata::deserialize(value).map(drop)),
                "MetadataPatch" => Some(MetadataPatch::deserialize(value).map(drop)),
                _ => None,
            }
        }
    };
}

/// The name of something that the server has, such as a projection, as a part of a path.
pub struct Name;

impl PartialSchema for Name {
    fn schema() -> RefOr<Schema> {
        text(1, 64).pattern(Some("^[a-z_]{1,64}$")).examples(["orders"]).into()
    }
}

impl ToSchema for Name {}

values! {
    Sku(sku::Sku) => text(1, 64).pattern(Some(SKU)).examples(["TEA-earl_grey.1"]);
    OrderId(ids::OrderId) => text(36, 36)
        .pattern(Some("^ord_[0-9a-f]{32}$"))
        .examples(["ord_019b0000000070008000000000000001"]);
    AccountId(ids::AccountId) => text(36, 36)
        .pattern(Some("^acc_[0-9a-f]{32}$"))
        .examples(["acc_019b0000000070008000000000000001"]);
    PriceChangeId(ids::PriceChangeId) => text(36, 36)
        .pattern(Some("^prc_[0-9a-f]{32}$"))
        .examples(["prc_019b0000000070008000000000000001"]);
    Language(account::Language) => text(2, 35)
        .pattern(Some("^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$"))
        .description(Some("A language (BCP 47)"))
        .examples(["de"]);
    /// The name of a role, one that Daybook brings along or one that was made.
    AccountRole(account::RoleName) => text(1, 64).pattern(Some("^[a-z0-9_-]+$")).examples(["warehouse"]);
    /// The name of another issuer at which people log in, as this server has it.
    ProviderName(account::ProviderName) => text(1, 32).pattern(Some("^[a-z0-9_-]{1,32}$")).examples(["example"]);
    /// The name of a permission, as `GET /v1/permissions` lists them.
    RuleName(account::RuleName) => text(1, 64).pattern(Some("^[a-z0-9._-]+$")).examples(["order.read"]);
    ProductName(text::ProductName) => line(1, 200).examples(["Earl Grey, 100 g"]);
    #[derive(Default)]
    Description(text::Description) => text(0, 10_000)
        .pattern(Some(r"^[^\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F]*$"))
        .examples(["Black tea with oil of bergamot."]);
    /// An id that isn't a customer's to make.
    Id(uuid::Uuid) => text(36, 36)
        .pattern(Some("^[0-9a-f-]{36}$"))
        .examples(["019b0000-0000-7000-8000-000000000001"]);
    Reason(text::Reason) => line(1, 500).description(Some(NOTE)).examples(["The customer asked for it."]);
    /// Why something was done to an account or a role. It is kept as long as what happened around accounts
    /// (`accounts.activity_kept`), for administrators.
    NoticedReason(text::Reason) => line(1, 500).examples(["They left the team."]);
    #[derive(Default)]
    RoleDescription(text::Paragraphs<500>) => text(0, 500)
        .pattern(Some(r"^[^\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F]*$"))
        .examples(["Takes goods back."]);
    Reference(text::Reference) => line(1, 200).description(Some(NOTE)).examples(["DN-4711"]);
    ExternalId(text::ExternalId) => line(1, 128).description(Some(IN_CLEAR)).examples(["SHOP-4711"]);
    CustomerId(text::CustomerId) => line(1, 128).description(Some(IN_CLEAR)).examples(["alice"]);
    Email(contact::Email) => text(3, 254).format(Some(SchemaFormat::KnownFormat(KnownFormat::Email))).examples(["alice@example.com"]);
    Line200(text::Line<1, 200>) => line(1, 200).examples(["12 Long Lane"]);
    Line100(text::Line<1, 100>) => line(1, 100).examples(["Leeds"]);
    Postcode(text::Line<1, 20>) => line(1, 20).examples(["LS1 4AP"]);
    Country(contact::Country) => text(2, 2).pattern(Some("^[A-Z]{2}$")).description(Some("ISO 3166-1 alpha-2")).examples(["DE"]);
    Currency(money::Currency) => text(3, 3).pattern(Some("^[A-Z]{3}$")).description(Some("A currency of ISO 4217 that money is made in")).examples(["EUR"]);
    Quantity(quantity::Quantity) => ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1))
        .maximum(Some(100_000));
    TaxClass(tax::TaxClass) => text(1, 40)
        .pattern(Some("^[a-z0-9_]{1,40}$"))
        .description(Some("What a thing is for the tax"))
        .examples(["standard"]);
    TaxRegion(tax::Region) => text(1, 3)
        .pattern(Some("^[A-Z0-9]{1,3}$"))
        .description(Some("The second part of a code of ISO 3166-2, without the country"))
        .examples(["NY"]);
    TaxReason(tax::TaxReason) => one_of(tax::TaxReason::WORDS)
        .description(Some("Why a rate is what it is: the categories of EN 16931. `standard` has a rate that is not 0, all others have 0"));
    OrderStatus(order::Status) => one_of(order::Status::WORDS);
    CancelCause(order::CancelCause) => one_of(order::CancelCause::WORDS);
    /// Whether taxes are in the prices, or are added to them.
    PriceMode(pricing::Mode) => one_of(pricing::Mode::WORDS);
    BuyerKind(tax::BuyerKind) => one_of(tax::BuyerKind::WORDS);
    /// Its form is checked, and not whether it belongs to the buyer.
    VatId(tax::VatId) => text(4, 16).pattern(Some("^[A-Z]{2}[0-9A-Z+*]{2,14}$")).examples(["FR12345678901"]);
    RoleName(policy::Role) => one_of(policy::Role::WORDS);
    ActorKind(policy::ActorKind) => one_of(policy::ActorKind::WORDS);
    WorkerState(workers::WorkerState) => one_of(workers::WorkerState::WORDS);
    ProductStatus(product::Status) => one_of(product::Status::WORDS);
    /// A crate of Daybook or a module in one, and all that is in it.
    LogTarget(log_levels::Target) => text(7, log_levels::Target::LONGEST)
        .pattern(Some("^daybook(_[a-z0-9_]*)?(::[a-z0-9_]+)*$"))
        .examples(["daybook_http"]);
    LogLevel(log_levels::Level) => one_of(log_levels::Level::WORDS);
    LogMinutes(log_levels::Minutes) => ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1))
        .maximum(Some(log_levels::Minutes::MAX));
}

/// The characters of metadata.
const VISIBLE: &str = r"^[^\x00-\x1F\x7F-\x9F]*$";

const NOTE: &str = "It is kept in the log for good. If it is about an order and the feature `seal_notes` is on, it is \
                    sealed with the key of the person whose order it is. Otherwise it is kept in clear, and no erasure \
                    reaches it: no place for personal data";
const IN_CLEAR: &str =
    "It is kept in the log for good, in clear, and no erasure reaches it: no place for personal data";

/// What [`sku::Sku`] takes of what comes in: its characters, but neither `.` nor `..`.
const SKU: &str = r"^([A-Za-z0-9_-]|\.[A-Za-z0-9_-]|\.\.[A-Za-z0-9._-])[A-Za-z0-9._-]*$";

fn text(min: usize, max: usize) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).min_length(Some(min)).max_length(Some(max))
}

/// Text on one line, without spaces around it.
fn line(min: usize, max: usize) -> ObjectBuilder {
    text(min, max).pattern(Some(r"^[^\s\x00-\x1F\x7F-\x9F]([^\x00-\x1F\x7F-\x9F]*[^\s\x00-\x1F\x7F-\x9F])?$"))
}

fn one_of<const N: usize>(words: [&'static str; N]) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words))
}

/// Your own data: at most 20 pairs, 4 KiB in all. It is kept in the log for good, in clear, and no erasure reaches it: no
/// place for personal data.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Metadata(pub text::Metadata);

impl<'de> Deserialize<'de> for Metadata {
    /// A map would silently keep the last of two pairs with one key.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pairs = deserializer.deserialize_map(UniquePairs(PhantomData))?;
        text::Metadata::try_from(pairs).map_err(D::Error::custom)?.take().map(Self).map_err(D::Error::custom)
    }
}

/// What changes of your own data: a text sets a pair, `null` removes it, and what is left out stays as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct MetadataPatch(pub patch::MetadataPatch);

impl<'de> Deserialize<'de> for MetadataPatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pairs = deserializer.deserialize_map(UniquePairs(PhantomData))?;
        let patch = patch::MetadataPatch::try_from(pairs).map_err(D::Error::custom)?;
        patch.take().map(Self).map_err(D::Error::custom)
    }
}

struct UniquePairs<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for UniquePairs<V> {
    type Value = BTreeMap<String, V>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<BTreeMap<String, V>, A::Error> {
        let mut pairs = BTreeMap::new();
        while let Some((key, value)) = map.next_entry::<String, V>()? {
            if pairs.contains_key(&key) {
                return Err(A::Error::custom(format!("duplicate field `{key}`")));
            }
            pairs.insert(key, value);
        }
        Ok(pairs)
    }
}

impl From<text::Metadata> for Metadata {
    fn from(metadata: text::Metadata) -> Self {
        Self(metadata)
    }
}

/// A value of a pair of metadata.
fn metadata_value() -> ObjectBuilder {
    text(0, 4096).pattern(Some(VISIBLE))
}

fn metadata_key() -> ObjectBuilder {
    text(1, 64).pattern(Some(VISIBLE))
}

impl PartialSchema for Metadata {
    fn schema() -> RefOr<Schema> {
        let value = AdditionalProperties::<Schema>::RefOr(metadata_value().into());
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some(
                "Your own data: at most 20 pairs, 4 KiB in all. It is kept in the log for good, in clear, and no erasure \
                 reaches it: no place for personal data",
            ))
            .max_properties(Some(20))
            .property_names(Some(metadata_key()))
            .examples([serde_json::json!({ "gift": "yes" })])
            .additional_properties(Some(value))
            .into()
    }
}

impl ToSchema for Metadata {}

impl PartialSchema for MetadataPatch {
    fn schema() -> RefOr<Schema> {
        let text_or_null = metadata_value().schema_type(SchemaType::from_iter([Type::String, Type::Null]));
        let values = AdditionalProperties::<Schema>::RefOr(text_or_null.into());
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some(
                "What changes of your own data: a text sets a pair, and null removes it. Pairs that are left out stay. \
                 At most 20 are set, and at most 20 removed",
            ))
            .max_properties(Some(40))
            .property_names(Some(metadata_key()))
            .examples([serde_json::json!({ "gift": "yes", "note": null })])
            .additional_properties(Some(values))
            .into()
    }
}

impl ToSchema for MetadataPatch {}

/// Integer minor units of an ISO 4217 currency
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Money {
    pub amount: i64,
    pub currency: Currency,
}

/// Integer minor units of an ISO 4217 currency
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Money", into = "Money")]
pub struct Price(pub money::Price);

/// As [`Price`] is written.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "the schema of another type")]
struct PriceForm {
    #[schema(minimum = 0, maximum = 1_000_000_000_000i64)]
    amount: i64,
    currency: Currency,
}

impl PartialSchema for Price {
    fn schema() -> RefOr<Schema> {
        PriceForm::schema()
    }
}

impl ToSchema for Price {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        PriceForm::schemas(schemas);
    }
}

/// A person's name and e-mail address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    pub name: Line200,
    pub email: Email,
}

/// Where an order is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Address {
    pub name: Line200,
    pub street: Line200,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub street2: Option<Line200>,
    pub city: Line100,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postcode: Option<Postcode>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Line100>,
    pub country: Country,
}

impl From<money::Money> for Money {
    fn from(money: money::Money) -> Self {
        Self { amount: money.amount, currency: money.currency.into() }
    }
}

impl From<Money> for money::Money {
    fn from(money: Money) -> Self {
        Self::new(money.amount, money.currency.0)
    }
}

impl From<money::Price> for Price {
    fn from(price: money::Price) -> Self {
        Self(price)
    }
}

impl From<Price> for Money {
    fn from(price: Price) -> Self {
        price.0.money().into()
    }
}

impl TryFrom<Money> for Price {
    type Error = <money::Price as TryFrom<money::Money>>::Error;

    fn try_from(money: Money) -> Result<Self, Self::Error> {
        money::Price::try_from(money::Money::from(money)).map(Self)
    }
}

impl From<Contact> for contact::Contact {
    fn from(contact: Contact) -> Self {
        Self { name: contact.name.0, email: contact.email.0 }
    }
}

impl From<Address> for contact::Address {
    fn from(address: Address) -> Self {
        Self {
            name: address.name.0,
            street: address.street.0,
            street2: address.street2.map(|line| line.0),
            city: address.city.0,
            postcode: address.postcode.map(|postcode| postcode.0),
            region: address.region.map(|region| region.0),
            country: address.country.0,
        }
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
