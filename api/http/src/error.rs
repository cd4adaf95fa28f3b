//! How commands and reads fail, as problems. No aggregate is named here: a rejection brings its code.

use daybook_commands::{CommandError, Failure, Refusal};
use daybook_core::{
    auth::{custom_roles::CustomRoleError, revocation::RevokeError},
    identity::{codes::IdentityCode, error::IdentityError},
    reads::ReadError,
    vault::VaultError,
};
use daybook_projections::{BadCursor, OperatorError, QueryError, codes::DownstreamCode};
use tracing::{error, warn};

use crate::{
    codes::HttpCode,
    problem::{FieldError, Problem},
};

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Refused(refusal) => refusal.into(),
            CommandError::Failed(failure) => failure.into(),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let problem = Self::new(refusal.code, refusal.detail);
        match refusal.pointer {
            Some(pointer) => problem.at(pointer),
            None => problem,
        }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Overloaded => Self::overloaded(),
            Failure::Unavailable => Self::unavailable(),
            Failure::OutcomeUnknown => Self::outcome_unknown(),
            Failure::DeadlineExceeded => Self::deadline_exceeded(),
            Failure::Internal => Self::internal(),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Unauthenticated => Self::unauthenticated(),
            ReadError::Forbidden(action) => Self::forbidden(action.rule().name),
            ReadError::NotFound => Self::not_found(),
            ReadError::Invalid(detail) => Self::malformed(detail),
            ReadError::Query(error) => error.into(),
            ReadError::Vault(error) => error.into(),
            ReadError::Unshown(error) => {
                error!(%error, "a stored event can't be shown");
                Self::internal()
            }
        }
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Behind { .. } => Self::read_model_behind(),
            QueryError::NotReady => Self::unavailable(),
            QueryError::Beyond { head } => {
                Self::malformed(format!("as_of_position is beyond the head of the log, which is {head}"))
            }
            QueryError::Ahead { head } => Self::ahead(head),
            QueryError::DeadlineExceeded => Self::deadline_exceeded(),
            QueryError::BadCursor(error) => error.into(),
            QueryError::Unavailable(error) => error.into(),
            QueryError::Unreadable(error) => {
                error!(%error, "cannot read a stored event");
                Self::internal()
            }
        }
    }
}

/// A database error of a query: nothing was changed, so trying again is always right.
impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        use daybook_migrations::{ErrorClass, classify};
        match classify(&error) {
            ErrorClass::Conflict | ErrorClass::Busy | ErrorClass::Gone => {
                warn!(%error, "the database is not available");
                Self::unavailable()
            }
            ErrorClass::Data | ErrorClass::Defect => {
                error!(%error, "a query failed");
                Self::internal()
            }
        }
    }
}

impl From<OperatorError> for Problem {
    fn from(error: OperatorError) -> Self {
        match error {
            OperatorError::NotFound => Self::not_found(),
            OperatorError::AlreadyRunning => Self::new(DownstreamCode::AlreadyRunning, error.to_string()),
            OperatorError::Conflict(detail) => Self::new(DownstreamCode::Conflict, detail),
            OperatorError::Unavailable(error) => error.into(),
        }
    }
}

impl From<RevokeError> for Problem {
    fn from(error: RevokeError) -> Self {
        match error {
            RevokeError::LastKey => Self::usual(HttpCode::LastSigningKey),
            RevokeError::Unavailable(error) => error.into(),
        }
    }
}

impl From<IdentityError> for Problem {
    fn from(error: IdentityError) -> Self {
        let usual = |code: IdentityCode| Self::usual(code);
        match error {
            IdentityError::Unauthenticated => Self::unauthenticated(),
            IdentityError::Forbidden(action) => Self::forbidden(action.rule().name),
            IdentityError::InvalidCredentials => usual(IdentityCode::InvalidCredentials).challenged("Bearer"),
            IdentityError::SecondFactorRequired => {
                usual(IdentityCode::SecondFactorRequired).challenged("Bearer")
            }
            // RFC 9470.
            IdentityError::ConfirmationRequired => usual(IdentityCode::ConfirmationRequired)
                .challenged(r#"Bearer error="insufficient_user_authentication""#),
            IdentityError::InvalidLink => usual(IdentityCode::InvalidLink),
            IdentityError::InvalidCode => usual(IdentityCode::InvalidCode),
            IdentityError::WeakPassword(why) => Self::new(IdentityCode::WeakPassword, why),
            IdentityError::AddressTaken => usual(IdentityCode::AddressTaken),
            IdentityError::InvalidAttempt => usual(IdentityCode::InvalidAttempt),
            IdentityError::RefusedElsewhere => usual(IdentityCode::RefusedElsewhere),
            IdentityError::AddressUnverified => usual(IdentityCode::AddressUnverified),
            IdentityError::IdentityTaken => usual(IdentityCode::IdentityTaken),
            IdentityError::IssuerUnavailable => Self::unavailable(),
            IdentityError::OrdersOpen => usual(IdentityCode::OrdersOpen),
            IdentityError::Elsewhere => usual(IdentityCode::AccountsElsewhere),
            IdentityError::NotFound => Self::not_found(),
            IdentityError::Role(error) => error.into(),
            IdentityError::Invalid(pointer, detail) => {
                let mistake = FieldError { pointer: pointer.to_owned(), code: "invalid_value", detail };
                Self::invalid(vec![mistake], 1)
            }
            IdentityError::TooOften(exceeded) => exceeded.into(),
            IdentityError::Busy => Self::overloaded(),
            IdentityError::Late => Self::deadline_exceeded(),
            IdentityError::Command(error) => error.into(),
            IdentityError::Vault(error) => error.into(),
            IdentityError::Database(error) => error.into(),
            IdentityError::Unreadable(error) => {
                error!(%error, "an account's stream can't be read");
                Self::internal()
            }
        }
    }
}

impl From<CustomRoleError> for Problem {
    fn from(error: CustomRoleError) -> Self {
        let detail = error.to_string();
        let at = |code, place| Self::new(code, detail.clone()).at(format!("/rules/{place}"));
        match error {
            // A path that names nothing possible names nothing that is there.
            CustomRoleError::Name | CustomRoleError::NotFound => Self::not_found(),
            CustomRoleError::BuiltIn => Self::usual(IdentityCode::RoleBuiltIn),
            CustomRoleError::Description => {
                let mistake = FieldError { pointer: "/description".into(), code: "invalid_value", detail };
                Self::invalid(vec![mistake], 1)
            }
            CustomRoleError::UnknownRule(place, _) => at(IdentityCode::UnknownRule, place),
            CustomRoleError::RuleForAdmins(place, _) => at(IdentityCode::RuleForAdmins, place),
            CustomRoleError::RuleNotHeld(place, _) => at(IdentityCode::RuleNotHeld, place),
            CustomRoleError::TooMany => Self::usual(IdentityCode::TooManyRoles),
            CustomRoleError::Unavailable(error) => error.into(),
        }
    }
}

impl From<BadCursor> for Problem {
    fn from(_: BadCursor) -> Self {
        Self::malformed("after is a cursor as this list gave it out, in next, and before one in prev")
    }
}

impl From<VaultError> for Problem {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Database(error) => error.into(),
            error => {
                error!(%error, "personal data can't be sealed or opened");
                Self::internal()
            }
        }
    }
}
