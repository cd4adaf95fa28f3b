//! What others are told of taxes.

use super::{
    fields::{integer, text},
    public_type::{PublicType, as_stored},
};

pub(super) const TYPES: &[PublicType] = &[as_stored(
    "TaxRateSet",
    "tax.rate_set",
    "How things of a class are taxed in a country from a day on. The stream's id is the country, ISO 3166-1 alpha-2.",
    &[
        text("class", "What is taxed, such as `standard`."),
        text(
            "region",
            "The second part of a code of ISO 3166-2. Left out: where no region has its own rate.",
        )
        .optional(),
        text("valid_from", "The first day, such as `2007-01-01`."),
        integer("rate_ppm", "Parts per million: 190000 are 19 %. Left out: 0.").optional(),
        text(
            "reason",
            "Why the rate is what it is: `standard` if it isn't 0, else `zero`, `export`, `reverse_charge`, \
             `intra_community`, `exempt` or `not_subject`.",
        ),
    ],
)];
