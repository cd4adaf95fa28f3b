//! API keys: what programs call with, for an account.

use actix_web::http::Method;
use chrono::{DateTime, TimeDelta, Utc};
use daybook_core::{
    identity::{
        api_keys::{Issued, KeyView, NewKey},
        codes::IdentityCode,
    },
    values::{Line100, RuleName},
};
use daybook_domain::{Code, account::AccountCode, policy::Action};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    act::{Empty, Made, act, show},
    arrived::{NoQuery, Nothing},
    problem::Problem,
    route::{Did, Door, Route},
};

const REFUSED: &[Code] = &[IdentityCode::ConfirmationRequired.code(), AccountCode::TooManyKeys.code()];
const OWN: Door = Door::Action(Action::ManageAccount);
/// How long a key that was replaced goes on at most: 30 days.
const LONGEST_OVERLAP_S: u32 = 30 * 24 * 3_600;

#[rustfmt::skip]
pub fn routes() -> Vec<Route> {
    vec![
        act("api_key.issue", Method::POST, "/v1/api-keys", "Makes a key for a program, which is shown this once. It acts for your account, and may do what both your account and its scopes allow. Needs a log-in that is not long ago.", OWN, REFUSED,
            |app, asker, (), New { name, scopes, expires_at }| async move {
                let scopes = scopes.into_iter().map(|scope| scope.0).collect();
                let new = NewKey { name: name.0, scopes, expires_at };
                Ok(Made(Key::from(app.identity.keys.issue(&asker, new).await?)))
            }),
        show("api_keys.list", "/v1/api-keys", "Your keys that are not revoked, the newest first.", Action::ManageAccount,
            |app, asker, (), NoQuery {}| async move {
                let keys = app.identity.keys.list(&asker).await?;
                Ok::<_, Problem>(Keys::from(keys))
            }),
        act("api_key.rotate", Method::POST, "/v1/api-keys/{id}/rotation", "Makes a key with the same name and scopes. The one of before goes on for as long as you say, so that programs can change over.", OWN, REFUSED,
            |app, asker, id: Uuid, Rotation { overlap_s }| async move {
                let overlap = TimeDelta::seconds(overlap_s.unwrap_or(0).min(LONGEST_OVERLAP_S).into());
                Ok(Made(Key::from(app.identity.keys.rotate(&asker, id, overlap).await?)))
            }),
        act("api_key.revoke", Method::DELETE, "/v1/api-keys/{id}", "Ends a key, in every process within a second.", OWN, &[],
            |app, asker, id: Uuid, Nothing {}| async move {
                app.identity.keys.revoke(&asker, id).await?;
                Ok(Did(Empty {}))
            }),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = IssueApiKey, examples(json!({ "name": "warehouse scanner", "scopes": ["order.read"] })))]
struct New {
    name: Line100,
    /// Permissions, by their names in `GET /v1/permissions`.
    #[schema(min_items = 1, max_items = 100)]
    scopes: Vec<RuleName>,
    /// In the future. Without it, the key is good until it is revoked.
    expires_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RotateApiKey, examples(json!({ "overlap_s": 3600 })))]
struct Rotation {
    /// How long the key of before goes on, in seconds: up to 30 days. Without it, it ends at once.
    #[schema(maximum = 2_592_000)]
    overlap_s: Option<u32>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = IssuedApiKey)]
struct Key {
    id: Uuid,
    /// To be sent as `Authorization: Bearer`. It is shown this once.
    #[schema(examples("dbk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"))]
    key: String,
}

impl From<Issued> for Key {
    fn from(issued: Issued) -> Self {
        Self { id: issued.id, key: issued.key }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = ApiKeyList)]
pub struct Keys {
    #[schema(max_items = 100)]
    data: Vec<OneKey>,
}

impl From<Vec<KeyView>> for Keys {
    fn from(keys: Vec<KeyView>) -> Self {
        Self { data: keys.into_iter().map(Into::into).collect() }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = ApiKey)]
struct OneKey {
    id: Uuid,
    #[schema(required)]
    name: Option<Line100>,
    #[schema(max_items = 100)]
    scopes: Vec<RuleName>,
    #[schema(required)]
    created_at: Option<DateTime<Utc>>,
    #[schema(required)]
    expires_at: Option<DateTime<Utc>>,
    /// To the minute.
    #[schema(required)]
    last_used: Option<DateTime<Utc>>,
}

impl From<KeyView> for OneKey {
    fn from(view: KeyView) -> Self {
        Self {
            id: view.id,
            name: view.name.map(Line100),
            scopes: view.scopes.into_iter().map(RuleName).collect(),
            created_at: view.created_at,
            expires_at: view.expires_at,
            last_used: view.last_used,
        }
    }
}
