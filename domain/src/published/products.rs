//! What others are told of products.

use super::{
    fields::{Field, OWN_DATA, money, text},
    public_type::{PublicType, as_stored},
};

const NAME: Field = text("name", "For customers.");
const DESCRIPTION: Field = text("description", "For customers; may be empty.");

pub(super) const TYPES: &[PublicType] = &[
    as_stored(
        "ProductCreated",
        "product.created",
        "A product was entered into the catalogue. It is not for sale yet. The stream's id is its SKU.",
        &[
            NAME,
            DESCRIPTION.optional(),
            money("price", "Its first price."),
            text("external_id", "The shop's own id, if it named one.").optional(),
            OWN_DATA,
        ],
    ),
    as_stored(
        "ProductDescribed",
        "product.described",
        "The words for a product changed: this is the whole of them.",
        &[NAME, DESCRIPTION, OWN_DATA],
    ),
    as_stored(
        "ProductPriceSet",
        "product.price_set",
        "The price in one currency changed, or is there for the first time. Orders that were placed keep theirs.",
        &[money("price", "From now on.")],
    ),
    as_stored(
        "ProductTaxClassSet",
        "product.tax_class_set",
        "What the product is for taxes was said. Without it, it is `standard`.",
        &[text("class", "Such as `books`; countries have rates for it.")],
    ),
    as_stored("ProductPublished", "product.published", "The product is for sale.", &[]),
    as_stored("ProductUnpublished", "product.unpublished", "The product is not for sale any more.", &[]),
    as_stored(
        "ProductArchived",
        "product.archived",
        "The product will never be for sale again, and doesn't change any more.",
        &[],
    ),
];
