//! Every code that a problem may have, for the pages under `/problems`.

use actix_web::http::StatusCode;

/// One code. The same code always has the same status.
pub struct Entry {
    pub code: &'static str,
    status: u16,
    pub title: &'static str,
    /// What it means and what a client can do.
    pub explanation: &'static str,
}

const fn is(status: u16, code: &'static str, title: &'static str, explanation: &'static str) -> Entry {
    Entry { code, status, title, explanation }
}

#[rustfmt::skip]
pub const CATALOGUE: &[Entry] = &[
    is(400, "malformed_request", "Malformed request", "the request can't be read: check its syntax, headers and parameters"),
    is(400, "idempotency_key_required", "Idempotency key required", "send an Idempotency-Key header: a name of your choice for this request, so that it can be repeated safely"),
    is(400, "unknown_parameter", "Unknown parameter", "the query string has a parameter that this resource doesn't know"),
    is(401, "unauthenticated", "Unauthenticated", "send a valid token in the header Authorization: Bearer, and nowhere else"),
    is(403, "forbidden", "Forbidden", "the action needs a permission that the caller doesn't have; GET /v1/permissions lists who has which"),
    is(404, "not_found", "Not found", "there is nothing here, or it isn't yours"),
    is(405, "method_not_allowed", "Method not allowed", "the resource exists, but not with this method; the header Allow says which it has"),
    is(406, "not_acceptable", "Not acceptable", "the Accept header excludes every form that this resource has"),
    is(408, "request_timeout", "Request timeout", "the request was sent too slowly"),
    is(409, "conflict", "Conflict", "somebody else changed the same thing at the same time: read it again and repeat"),
    is(409, "already_exists", "Already exists", "the SKU or external_id is taken"),
    is(409, "idempotency_in_flight", "Request in flight", "a request with the same Idempotency-Key is being worked on: repeat it a little later"),
    is(409, "already_running", "Already running", "the same work is under way already"),
    is(412, "stale_version", "Stale version", "the thing has changed since it was read: read it again, or leave If-Match away"),
    is(413, "payload_too_large", "Payload too large", "the body is larger than this server accepts"),
    is(415, "unsupported_media_type", "Unsupported media type", "send the body as application/json, in UTF-8, without a content encoding"),
    is(422, "validation_failed", "Validation failed", "the body is JSON, but its content isn't allowed; errors says which part and why"),
    is(422, "idempotency_key_reused", "Idempotency key reused", "the same Idempotency-Key was sent with another request; use a new one for each request"),
    is(429, "rate_limited", "Rate limited", "too many requests: wait as long as Retry-After says"),
    is(500, "internal", "Internal error", "a defect of this server; its log has more under the request_id"),
    is(503, "overloaded", "Overloaded", "too much at once, so this request was turned away unread: repeat it later"),
    is(503, "unavailable", "Unavailable", "something that this server needs is away; the request was not carried out: repeat it later"),
    is(503, "outcome_unknown", "Outcome unknown", "the connection to the database broke: the command may have been carried out or not; repeat it with the same Idempotency-Key"),
    is(503, "read_model_behind", "Read model behind", "what you asked to see is not visible yet: repeat the query"),
    is(504, "deadline_exceeded", "Deadline exceeded", "the time was over first; a command may have been carried out or not: repeat it with the same Idempotency-Key"),
    // Rules of the business.
    is(422, "product_archived", "Product archived", "an archived product can't be changed or sold"),
    is(422, "too_many_currencies", "Too many currencies", "the product has prices in as many currencies as one may have"),
    is(422, "product_not_found", "Product not found", "a line names a SKU that is not in the catalogue"),
    is(422, "product_not_published", "Product not published", "a line names a product that is not for sale"),
    is(422, "price_not_available", "Price not available", "a product has no price in the currency of the order"),
    is(422, "insufficient_stock", "Insufficient stock", "less is available than was asked for"),
    is(422, "stock_out_of_range", "Stock out of range", "the stock of one SKU would be larger than can be counted"),
    is(422, "nothing_to_adjust", "Nothing to adjust", "an adjustment of 0 changes nothing"),
    is(422, "stock_not_promised", "Stock not promised", "more was to be released than is promised"),
    is(422, "currency_mismatch", "Currency mismatch", "all lines of an order have its currency"),
    is(422, "total_out_of_range", "Total out of range", "the total of the order is larger than can be counted"),
    is(422, "order_not_confirmable", "Order not confirmable", "only an order that is placed can be confirmed"),
    is(422, "order_not_cancellable", "Order not cancellable", "only an order that is placed or confirmed can be cancelled; what is shipped is returned"),
    is(422, "order_not_shippable", "Order not shippable", "only an order that is confirmed, or shipped in part, can be shipped"),
    is(422, "order_not_deliverable", "Order not deliverable", "only an order that is wholly shipped can be delivered"),
    is(422, "shipment_exceeds_order", "Shipment exceeds order", "a shipment has more of a SKU than is left to be shipped"),
    is(422, "nothing_to_ship", "Nothing to ship", "a shipment has at least one piece"),
];

impl Entry {
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).expect("statuses of the catalogue are valid")
    }
}

pub fn entry(code: &str) -> Option<&'static Entry> {
    CATALOGUE.iter().find(|entry| entry.code == code)
}

/// `order_not_found` as words.
pub fn title_of(code: &str) -> String {
    let words = code.replace('_', " ");
    match words.split_at_checked(1) {
        Some((first, rest)) => first.to_uppercase() + rest,
        None => words,
    }
}
