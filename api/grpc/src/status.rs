//! Problems, as clients of gRPC are told of them: a status, whose details say the rest.

use std::{collections::HashMap, time::Duration};

use daybook_domain::code::{GeneralCode, Kind};
use daybook_http::problem::Problem;
use tonic::{Code, Status, metadata::MetadataMap};
use tonic_types::{ErrorDetails, StatusExt};

/// Whose codes the reasons are.
const DOMAIN: &str = "daybook";
/// When a client that repeats calls by itself shall do so, in milliseconds.
const PUSHBACK: &str = "grpc-retry-pushback-ms";
const ALREADY_EXISTS: &str = "already_exists";

/// The problem of the call `request_id`.
pub fn of(problem: &Problem, request_id: &str) -> Status {
    let mut details =
        ErrorDetails::with_error_info(problem.code().as_str(), DOMAIN, HashMap::<String, String>::new());
    details.set_request_info(request_id, "");
    if let Some(seconds) = problem.retry_after_s() {
        details.set_retry_info(Some(Duration::from_secs(seconds)));
    }
    for error in problem.errors() {
        details.add_bad_request_violation(field(&error.pointer), &error.detail);
    }
    let mut metadata = MetadataMap::new();
    if let Some(seconds) = problem.retry_after_s() {
        metadata.insert(PUSHBACK, (seconds * 1_000).into());
    }
    Status::with_error_details_and_metadata(code(problem), problem.detail(), details, metadata)
}

/// The one place that says which status the kind of a code is.
fn code(problem: &Problem) -> Code {
    let code = problem.code();
    match code.kind() {
        Kind::Malformed | Kind::NoSuchForm | Kind::UnreadableForm | Kind::TooLarge | Kind::HeadTooLarge => {
            Code::InvalidArgument
        }
        Kind::Invalid if code == GeneralCode::ValidationFailed.code() => Code::InvalidArgument,
        Kind::Invalid => Code::FailedPrecondition,
        Kind::Unauthenticated => Code::Unauthenticated,
        Kind::Forbidden => Code::PermissionDenied,
        Kind::NotFound => Code::NotFound,
        Kind::WrongMethod => Code::Unimplemented,
        Kind::Conflict if code.as_str() == ALREADY_EXISTS => Code::AlreadyExists,
        Kind::Conflict | Kind::Stale => Code::Aborted,
        Kind::TooOften => Code::ResourceExhausted,
        Kind::Internal => Code::Internal,
        Kind::Unavailable => Code::Unavailable,
        Kind::TooSlow | Kind::TimedOut => Code::DeadlineExceeded,
    }
}

/// A pointer of JSON as a path of fields: `/lines/0/quantity` is `lines[0].quantity`.
fn field(pointer: &str) -> String {
    let mut path = String::new();
    for part in pointer.split('/').skip(1) {
        if !path.is_empty() && part.bytes().all(|c| c.is_ascii_digit()) {
            path.push_str(&format!("[{part}]"));
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&part.replace("~1", "/").replace("~0", "~"));
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use daybook_http::problem::catalogue;

    use super::*;

    fn of_code(name: &str) -> Code {
        code(&Problem::usual(daybook_http::problem::find(name).expect(name)))
    }

    #[test]
    fn a_kind_of_code_is_a_status() {
        for (name, expected) in [
            ("validation_failed", Code::InvalidArgument),
            ("malformed_request", Code::InvalidArgument),
            ("insufficient_stock", Code::FailedPrecondition),
            ("idempotency_key_reused", Code::FailedPrecondition),
            ("already_exists", Code::AlreadyExists),
            ("conflict", Code::Aborted),
            ("stale_version", Code::Aborted),
            ("rate_limited", Code::ResourceExhausted),
            ("unauthenticated", Code::Unauthenticated),
            ("forbidden", Code::PermissionDenied),
            ("not_found", Code::NotFound),
            ("overloaded", Code::Unavailable),
            ("unavailable", Code::Unavailable),
            ("outcome_unknown", Code::Unavailable),
            ("read_model_behind", Code::Unavailable),
            ("deadline_exceeded", Code::DeadlineExceeded),
            ("internal", Code::Internal),
        ] {
            assert_eq!(of_code(name), expected, "{name}");
        }
        assert!(catalogue().all(|one| of_code(one.as_str()) != Code::Unknown));
    }

    #[test]
    fn a_pointer_is_a_path_of_fields() {
        for (pointer, path) in [
            ("", ""),
            ("/lines/0/quantity", "lines[0].quantity"),
            ("/metadata/a~1b", "metadata.a/b"),
            ("/0", "0"),
        ] {
            assert_eq!(field(pointer), path);
        }
    }

    #[test]
    fn a_status_has_code_name_and_time_of_a_problem() {
        let status = of(&Problem::rate_limited(7), "r1");
        let details = status.get_error_details();
        let info = details.error_info().expect("a reason");
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("rate_limited", DOMAIN));
        assert_eq!(details.request_info().expect("a name").request_id, "r1");
        assert_eq!(details.retry_info().expect("a time").retry_delay, Some(Duration::from_secs(7)));
        assert_eq!(status.metadata().get(PUSHBACK).expect("a time"), "7000");
    }
}
