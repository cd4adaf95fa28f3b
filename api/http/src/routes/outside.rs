//! Logging in at other issuers, for front ends, and as whom there one's account can be logged in to.

use actix_web::http::Method;
use chrono::{DateTime, Utc};
use daybook_core::{
    auth::relying_party::Callback,
    identity::{
        attempts::{self, Place},
        codes::IdentityCode,
        outside::{Arrival, IdentityView},
    },
    values::ProviderName,
};
use daybook_domain::{
    Code,
    account::{self, AccountCode},
    code::GeneralCode,
    policy::Action,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::sessions::Session;
use crate::{
    about::{About, Kind},
    act::{Empty, Made, act, show},
    answer,
    arrived::{NoQuery, Nothing},
    problem::Problem,
    route::{Did, Door, JSON, Route, other},
};

const ELSEWHERE: &[Code] = &[IdentityCode::AccountsElsewhere.code()];
const BEGIN: &[Code] = &[IdentityCode::AccountsElsewhere.code(), GeneralCode::NotFound.code()];
const LOG_IN: &[Code] = &[
    IdentityCode::InvalidAttempt.code(),
    IdentityCode::RefusedElsewhere.code(),
    IdentityCode::AddressUnverified.code(),
    IdentityCode::SecondFactorRequired.code(),
    IdentityCode::InvalidCredentials.code(),
    IdentityCode::AccountsElsewhere.code(),
    AccountCode::TooManyIdentities.code(),
];
const LINK: &[Code] = &[
    IdentityCode::InvalidAttempt.code(),
    IdentityCode::RefusedElsewhere.code(),
    IdentityCode::IdentityTaken.code(),
    AccountCode::TooManyIdentities.code(),
];
const CONFIRMED: &[Code] =
    &[IdentityCode::ConfirmationRequired.code(), IdentityCode::AccountsElsewhere.code()];
const UNLINK: &[Code] = &[IdentityCode::ConfirmationRequired.code(), AccountCode::LastWayIn.code()];
const PROVIDERS: &str = "/v1/sessions/providers";
const OWN: Door = Door::Action(Action::ManageAccount);

#[rustfmt::skip]
pub fn routes() -> Vec<Route> {
    vec![
        providers(),
        act("session.begin_outside", Method::POST, "/v1/sessions/outside", "Begins a log-in at another issuer (OpenID Connect). The person is sent to `url`; `attempt` is kept where only this browser has it, such as its session storage, and never in an address. They come back to the front end that the settings name, with parameters in the query of its address, or to the pages of accounts if none is named.", Door::Open, BEGIN,
            |app, asker, (), Begin { provider }| async move {
                Ok(Made(Departure::from(app.identity.outside.begin(&asker, &provider.0, Place::FrontEnd).await?)))
            }),
        act("session.finish_outside", Method::POST, "/v1/sessions/outside/completion", "Logs in with what the person came back with. An attempt is good for one answer, for 10 minutes. If the account has a second factor, the answer is `second_factor_required`: the same is sent again then, with `second_factor`. Someone who comes back for the first time is linked to the account that has verified the address which the issuer has verified, or registered with that address.", Door::Open, LOG_IN,
            |app, asker, (), LogIn { attempt, state, code, iss, error, second_factor, device }| async move {
                let callback = Callback { state: Some(state), code, iss, error };
                let arrival = Arrival { place: Place::FrontEnd, provider: None, attempt: &attempt, callback: &callback, code: second_factor.as_deref(), device: device.as_deref() };
                Ok(Made(Session::from(app.identity.outside.finish_log_in(&asker, &arrival).await?)))
            }),
        show("identities.list", "/v1/accounts/me/identities", "As whom at other issuers your account can be logged in to, the oldest first.", Action::ManageAccount,
            |app, asker, (), NoQuery {}| async move {
                Ok::<_, Problem>(Identities::from(app.identity.outside.list(&asker).await?))
            }),
        act("identity.begin_link", Method::POST, "/v1/accounts/me/identities", "Begins a log-in at another issuer, by which you log in to your account from then on, too. Needs a log-in that is not long ago. `url` and `attempt` are those of `POST /v1/sessions/outside`.", OWN, CONFIRMED,
            |app, asker, (), Begin { provider }| async move {
                Ok(Made(Departure::from(app.identity.outside.begin_link(&asker, &provider.0, Place::FrontEnd).await?)))
            }),
        act("identity.finish_link", Method::POST, "/v1/accounts/me/identities/completion", "Links your account with what you came back with. An attempt is good for one answer, for 10 minutes. You are told by mail.", OWN, LINK,
            |app, asker, (), Link { attempt, state, code, iss, error }| async move {
                let callback = Callback { state: Some(state), code, iss, error };
                let arrival = Arrival { place: Place::FrontEnd, provider: None, attempt: &attempt, callback: &callback, code: None, device: None };
                Ok(Made(OneIdentity::from(app.identity.outside.finish_link(&asker, &arrival).await?)))
            }),
        act("identity.unlink", Method::DELETE, "/v1/accounts/me/identities/{id}", "Takes a log-in elsewhere away. Needs a log-in that is not long ago. The last one stays if the account has no password.", OWN, UNLINK,
            |app, asker, id: Uuid, Nothing {}| async move {
                app.identity.outside.unlink(&asker, id).await?;
                Ok(Did(Empty {}))
            }),
    ]
}

fn providers() -> Route {
    let kind = Kind::Identity { needs_token: false, refusals: ELSEWHERE };
    let about =
        About::new("providers.list", PROVIDERS, "The other issuers at which people can log in.", kind)
            .answer::<Providers>(200);
    other(PROVIDERS, Door::Open, JSON, about, |arrived, (), NoQuery {}| async move {
        let one = |(name, label): (&account::ProviderName, &str)| Provider {
            provider: ProviderName(name.clone()),
            label: label.to_owned(),
        };
        let data = arrived.app.identity.outside.providers().map(one).collect();
        Ok(answer::json(&Providers { data }))
    })
}

#[derive(Serialize, ToSchema)]
#[schema(as = ProviderList)]
struct Providers {
    #[schema(max_items = 8)]
    data: Vec<Provider>,
}

#[derive(Serialize, ToSchema)]
struct Provider {
    provider: ProviderName,
    /// What a button calls it.
    #[schema(examples("Example"))]
    label: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BeginOutside)]
struct Begin {
    provider: ProviderName,
}

/// The way to another issuer.
#[derive(Serialize, ToSchema)]
#[schema(as = OutsideAttempt)]
struct Departure {
    /// Where the person is sent.
    #[schema(examples("https://issuer.example/authorize?response_type=code"))]
    url: String,
    /// To be sent with what they come back with. Nothing can be read in it.
    #[schema(examples("AAAA"))]
    attempt: String,
    /// It is good until then.
    expires_at: DateTime<Utc>,
}

impl From<attempts::Departure> for Departure {
    fn from(departure: attempts::Departure) -> Self {
        let attempts::Departure { url, attempt, until } = departure;
        Self { url: url.into(), attempt, expires_at: until }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FinishOutside)]
struct LogIn {
    #[schema(max_length = 4096, examples("AAAA"))]
    attempt: String,
    /// `state` of the address that they came back to.
    #[schema(max_length = 512, examples("AAAA"))]
    state: String,
    /// The same for `code`.
    #[schema(max_length = 4096, examples("AAAA"))]
    code: Option<String>,
    /// The same for `iss` (RFC 9207).
    #[schema(max_length = 512, examples("https://issuer.example"))]
    iss: Option<String>,
    /// The same for `error`.
    #[schema(max_length = 512, examples("access_denied"))]
    error: Option<String>,
    /// The code that an authenticator app shows, or a recovery code.
    #[schema(max_length = 64, examples("287082"))]
    second_factor: Option<String>,
    /// `device` of a log-in before: strangers can't use up what is left of its tries.
    #[schema(max_length = 200)]
    device: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FinishLink)]
struct Link {
    #[schema(max_length = 4096, examples("AAAA"))]
    attempt: String,
    /// `state` of the address that you came back to.
    #[schema(max_length = 512, examples("AAAA"))]
    state: String,
    /// The same for `code`.
    #[schema(max_length = 4096, examples("AAAA"))]
    code: Option<String>,
    /// The same for `iss` (RFC 9207).
    #[schema(max_length = 512, examples("https://issuer.example"))]
    iss: Option<String>,
    /// The same for `error`.
    #[schema(max_length = 512, examples("access_denied"))]
    error: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = IdentityList)]
pub struct Identities {
    #[schema(max_items = 10)]
    data: Vec<OneIdentity>,
}

impl From<Vec<IdentityView>> for Identities {
    fn from(identities: Vec<IdentityView>) -> Self {
        Self { data: identities.into_iter().map(Into::into).collect() }
    }
}

/// Someone at another issuer as whom the account can be logged in to.
#[derive(Serialize, ToSchema)]
#[schema(as = Identity)]
struct OneIdentity {
    id: Uuid,
    provider: ProviderName,
    /// The address that the issuer named when it was linked.
    #[schema(required, examples("alice@example.com"))]
    email: Option<String>,
    linked_at: DateTime<Utc>,
}

impl From<IdentityView> for OneIdentity {
    fn from(view: IdentityView) -> Self {
        let IdentityView { id, provider, email, linked_at } = view;
        Self { id, provider: ProviderName(provider), email, linked_at }
    }
}
