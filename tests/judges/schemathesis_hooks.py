"""What Schemathesis takes for faults of Daybook and is none: each by name, with the reason.

Three of its checks are replaced by ones that ask the same and leave out what is listed here.
"""

import os
import re
import sys
from pathlib import Path

import schemathesis
from schemathesis.core.failures import Failure
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+")

# Where a page has its problem's code for programs.
CODE_OF_PAGE = re.compile(rb'data-code="([a-z_]+)"')

# Problems of requests that a schema could have told. All others are rules of the business, such as too little stock, a
# key that was used before, or a version that is not the newest: no schema says which requests they let through.
TOLD_BY_SCHEMAS = {"malformed_request", "unknown_parameter", "idempotency_key_required", "validation_failed"}

# Texts of problems that no schema could have told.
RULES_OF_VALUES = {
    # A cursor is opaque; its alphabet is all that a schema says.
    "after is a cursor as this list gave it out, in next, and before one in prev",
    # Two parameters that exclude each other, or belong together.
    "after is a cursor as this list gave it out, in next",
    "after and before exclude each other",
    "as_of and as_of_position exclude each other",
    "from is not behind to, which is today if not given",
    "from and to are at most 366 days, both included",
}
# How such texts begin, where the rest is a figure.
RULES_OF_POSITIONS = (
    # How far the log has come is known to the server alone.
    "Daybook-Min-Position is beyond the head of the log",
    "as_of_position is beyond the head of the log",
    "the log has not come so far",
)


# How GraphQL refuses what a schema lets through: members that belong together, and texts in JSON.
RULES_OF_GRAPHQL = (
    "query is missing",
    "the query is not the one that has the sha256Hash",
    "extensions.persistedQuery has",
    "variables is an object in JSON",
    "extensions is an object in JSON",
)


def is_rule_of_graphql(response):
    try:
        return all(error["message"].startswith(RULES_OF_GRAPHQL) for error in response.json()["errors"])
    except (ValueError, KeyError, TypeError):
        return False


def is_rule_of_business(response):
    try:
        problem = response.json()
        code, detail = problem["code"], problem["detail"]
    except (ValueError, KeyError, TypeError):
        found = CODE_OF_PAGE.search(response.content or b"")
        return bool(found) and found[1].decode() not in TOLD_BY_SCHEMAS
    return code not in TOLD_BY_SCHEMAS or detail in RULES_OF_VALUES or detail.startswith(RULES_OF_POSITIONS)


def was_asked_to_be_quick(response):
    """A client that waits for a millisecond (`Request-Timeout-Ms`) is told that the time was over."""
    try:
        return response.json()["code"] in {"deadline_exceeded", "read_model_behind"}
    except (ValueError, KeyError, TypeError):
        return False


def has_whole_number_with_fraction(value):
    """JSON Schema takes 3.0 for an integer. Where pieces and cents are counted, Daybook reads no fractions."""
    if isinstance(value, dict):
        return any(map(has_whole_number_with_fraction, value.values()))
    if isinstance(value, list):
        return any(map(has_whole_number_with_fraction, value))
    return isinstance(value, float) and value.is_integer()


# Two members that belong together.
OF_A_RATE_AND_ITS_REASON = "a rate that is not 0 has the reason standard, and only such a rate has it"


def is_said_elsewhere(error):
    """Lists of ISO say which currencies and countries there are, Unicode which characters can be seen, a clock what is past,
    and `GET /v1/permissions` which permissions there are."""
    detail = error.get("detail", "")
    return (
        error.get("pointer", "").endswith(("/currency", "/country"))
        or detail in {"has nothing that can be seen", "is a time in the future", OF_A_RATE_AND_ITS_REASON}
        or detail.startswith(("a price is changed from ", "a price change begins ", "a price change ends "))
        or detail.endswith("is no permission that a key can have")
    )


def names_what_is_said_elsewhere(response):
    """What no schema says."""
    try:
        errors = response.json().get("errors", [])
    except ValueError:
        return False
    return bool(errors) and all(map(is_said_elsewhere, errors))


def has_an_empty_header(case):
    """It sends headers without a value, whatever length and pattern their schema asks for."""
    return any(value == "" for value in (case.headers or {}).values())


def has_only_an_unknown_header(case):
    """HTTP knows no unknown headers: what a server doesn't understand, it ignores (RFC 9110, section 5.1)."""
    return "x-schemathesis-unknown-property" in {name.lower() for name in case.headers or {}}


def has_no_last_event(case):
    """A browser that has received no event yet may send an empty `Last-Event-ID`, and it counts as none (HTML, section 9.2)."""
    return any(name.lower() == "last-event-id" and value == "" for name, value in (case.headers or {}).items())


def has_an_address_that_is_one(case):
    """It takes addresses for none that mail servers take (RFC 5322, section 3.2.3)."""
    body = case.body if isinstance(case.body, dict) else {}
    return list(body) == ["email"] and bool(ADDRESS.fullmatch(str(body["email"])))


@schemathesis.check
def the_server_has_no_errors(ctx, response, case):
    if not was_asked_to_be_quick(response):
        not_a_server_error(ctx, response, case)


@schemathesis.check
def allowed_requests_are_done(ctx, response, case):
    try:
        positive_data_acceptance(ctx, response, case)
    except Failure:
        is_no_fault = (
            is_rule_of_business(response)
            or is_rule_of_graphql(response)
            or names_what_is_said_elsewhere(response)
            or has_whole_number_with_fraction(case.body)
            or has_an_empty_header(case)
        )
        if not is_no_fault:
            raise


@schemathesis.check
def forbidden_requests_are_refused(ctx, response, case):
    is_no_fault = has_only_an_unknown_header(case) or has_no_last_event(case) or has_an_address_that_is_one(case)
    if not is_no_fault:
        negative_data_rejection(ctx, response, case)


# Where mails are, someone is told who needs their links to log in.
if "MAILS" in os.environ:
    sys.path.append(str(Path(__file__).parent))
    import schemathesis_person  # noqa: F401
