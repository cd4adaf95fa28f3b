//! The codes of requests that don't come as far as a command or a query.

use daybook_domain::codes;

codes! {
    "codes",
    pub enum HttpCode {
        MalformedRequest = Malformed, "malformed_request", "Malformed request";
        KeyRequired = Malformed, "idempotency_key_required", "Idempotency key required";
        UnknownParameter = Malformed, "unknown_parameter", "Unknown parameter";
        Unauthenticated = Unauthenticated, "unauthenticated", "Unauthenticated";
        MethodNotAllowed = WrongMethod, "method_not_allowed", "Method not allowed";
        NotAcceptable = NoSuchForm, "not_acceptable", "Not acceptable";
        RequestTimeout = TooSlow, "request_timeout", "Request timeout";
        PayloadTooLarge = TooLarge, "payload_too_large", "Payload too large";
        HeadTooLarge = HeadTooLarge, "head_too_large", "Head too large";
        UnsupportedMediaType = UnreadableForm, "unsupported_media_type", "Unsupported media type";
        LastSigningKey = Conflict, "last_signing_key", "Last signing key";
        RateLimited = TooOften, "rate_limited", "Rate limited";
    }
}
