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
    as_stored(
        "ProductPriceScheduled",
        "product.price_scheduled",
        "A price was scheduled. While it holds, it takes the place of the one that is set in its currency.",
        &[
            text("price_change", "Its id, which `ProductPriceChangeCancelled` names."),
            money("price", "What the product costs then."),
            text("from", "When it begins to hold, in whole seconds; RFC 3339."),
            text("until", "When it no longer holds, in whole seconds; RFC 3339. Left out: it has no end.")
                .optional(),
        ],
    ),
    as_stored(
        "ProductPriceChangeCancelled",
        "product.price_change_cancelled",
        "A price that was scheduled doesn't hold from now on.",
        &[text("price_change", "Its id.")],
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
