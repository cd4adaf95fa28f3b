//! Accounts: registering, and what people do with their own and administrators with others'.

use std::collections::BTreeSet;

use actix_web::http::Method;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use daybook_core::{
    identity::{
        accounts::{AccountView, ProfileChange},
        activity::{ActivityLine, Lines},
        codes::IdentityCode,
        passwords::Password,
    },
    values::{AccountId, AccountRole, Email, Language, Line200, Reason},
};
use daybook_domain::{Code, account::AccountCode, ids, patch::Patch, policy::Action};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    act::{Empty, WillBe, act, show},
    arrived::{NoQuery, Nothing},
    params::Limit,
    problem::Problem,
    route::{Did, Door, Route},
};

const VERIFICATION: &[Code] = &[
    IdentityCode::InvalidLink.code(),
    IdentityCode::AddressTaken.code(),
    AccountCode::AddressNotPending.code(),
];
const RESET: &[Code] = &[IdentityCode::InvalidLink.code(), IdentityCode::WeakPassword.code()];
const LEAVING: &[Code] = &[IdentityCode::ConfirmationRequired.code(), IdentityCode::OrdersOpen.code()];
const PASSWORD: &[Code] = &[IdentityCode::InvalidCredentials.code(), IdentityCode::WeakPassword.code()];
const CODE: &[Code] = &[IdentityCode::InvalidCode.code(), AccountCode::FactorExists.code()];
const WEAK: &[Code] = &[IdentityCode::WeakPassword.code(), IdentityCode::AccountsElsewhere.code()];
const ELSEWHERE: &[Code] = &[IdentityCode::AccountsElsewhere.code()];
const CONFIRMED: &[Code] = &[IdentityCode::ConfirmationRequired.code()];
const OWN: Door = Door::Action(Action::ManageAccount);

#[rustfmt::skip]
pub fn routes() -> Vec<Route> {
    vec![
        act("account.register", Method::POST, "/v1/accounts", "Registers someone, who is sent a link to verify their e-mail address. The answer is the same whether there is an account with that address or not; its owner is told by mail.", Door::Open, WEAK,
            |app, asker, (), Registration { email, password, name }| async move {
                let name = name.map(|name| name.0);
                app.identity.registering.register(&asker, email.0, name, &password).await?;
                Ok(WillBe)
            }),
        act("account.verify", Method::POST, "/v1/accounts/verification", "Verifies an e-mail address with the token of the link that was sent to it. Of several accounts that registered with an address, the first has it.", Door::Open, VERIFICATION,
            |app, asker, (), Token { token }| async move {
                app.identity.accounts.verify(&asker, &token).await?;
                Ok(Did(Empty {}))
            }),
        act("account.forget_password", Method::POST, "/v1/accounts/password-resets", "Sends the owner of an address a link to choose a new password. The answer is the same whether there is such an account or not.", Door::Open, ELSEWHERE,
            |app, asker, (), Address { email }| async move {
                app.identity.registering.forgot(&asker, email.0).await?;
                Ok(WillBe)
            }),
        act("account.reset_password", Method::POST, "/v1/accounts/password-resets/confirmation", "Sets a new password with the token of a link. All sessions end.", Door::Open, RESET,
            |app, asker, (), NewPassword { token, password }| async move {
                app.identity.registering.reset(&asker, &token, &password).await?;
                Ok(Did(Empty {}))
            }),
        show("accounts.me", "/v1/accounts/me", "Your account.", Action::ReadAccount,
            |app, asker, (), NoQuery {}| async move { Ok(Account::from(app.identity.accounts.me(&asker).await?)) }),
        act("account.describe", Method::PATCH, "/v1/accounts/me", "Changes your name, your language, and whether you want news. What is left out stays; `null` takes it away.", OWN, &[],
            |app, asker, (), Profile { name, language, news }| async move {
                let change = ProfileChange { name: changed(name.map(|it| it.0)), language: changed(language.map(|it| it.0)), news };
                Ok(Did(Account::from(app.identity.accounts.describe(&asker, change).await?)))
            }),
        act("account.leave", Method::DELETE, "/v1/accounts/me", "Erases your account and all that is known of you, in orders, too. Can't be taken back. Needs a log-in that is not long ago, and that no order is on its way.", OWN, LEAVING,
            |app, asker, (), Nothing {}| async move {
                super::leaving::leave(&app, &asker).await?;
                Ok(Did(Empty {}))
            }),
        act("account.change_password", Method::PUT, "/v1/accounts/me/password", "Changes your password. All your other sessions end.", OWN, PASSWORD,
            |app, asker, (), PasswordChange { current, new }| async move {
                app.identity.accounts.change_password(&asker, &current, &new).await?;
                Ok(Did(Empty {}))
            }),
        act("account.change_email", Method::PUT, "/v1/accounts/me/email", "Sends a link to another e-mail address, which is yours when the link was followed. The answer is the same whether it belongs to someone already or not.", OWN, CONFIRMED,
            |app, asker, (), Address { email }| async move {
                app.identity.accounts.change_address(&asker, &email.0).await?;
                Ok(WillBe)
            }),
        act("account.begin_totp", Method::POST, "/v1/accounts/me/totp", "Makes a secret for an authenticator app (RFC 6238). It counts when a code of it was confirmed.", OWN, CONFIRMED,
            |app, asker, (), Nothing {}| async move {
                app.identity.sessions.demand_confirmation(&asker).await?;
                let begun = app.identity.factors.begin_totp(&asker).await?;
                Ok(Did(TotpSecret { secret: begun.secret, uri: begun.uri }))
            }),
        act("account.confirm_totp", Method::POST, "/v1/accounts/me/totp/confirmation", "Shows that an authenticator app has the secret: a log-in needs a code from now on. The recovery codes are shown this once.", OWN, CODE,
            |app, asker, (), OneCode { code }| async move {
                Ok(Did(RecoveryCodes { recovery_codes: app.identity.factors.confirm_totp(&asker, &code).await? }))
            }),
        act("account.remove_totp", Method::DELETE, "/v1/accounts/me/totp", "Takes the second factor away: a password is enough again.", OWN, CONFIRMED,
            |app, asker, (), Nothing {}| async move {
                app.identity.sessions.demand_confirmation(&asker).await?;
                app.identity.factors.remove_totp(&asker).await?;
                Ok(Did(Empty {}))
            }),
        act("account.make_recovery_codes", Method::POST, "/v1/accounts/me/recovery-codes", "Makes new recovery codes. Those of before are good for nothing any more.", OWN, CONFIRMED,
            |app, asker, (), Nothing {}| async move {
                app.identity.sessions.demand_confirmation(&asker).await?;
                Ok(Did(RecoveryCodes { recovery_codes: app.identity.factors.make_recovery_codes(&asker).await? }))
            }),
        show("accounts.activity", "/v1/accounts/me/activity", "What happened around the security of your account, the newest first.", Action::ManageAccount,
            |app, asker, (), page: PageOfActivity| async move {
                let account = Some(asker.subject().unwrap_or_default().to_owned());
                activity(app.identity.accounts.own_activity(&page.lines(account)?).await?, page.limit.get().into())
            }),
        show("accounts.find", "/v1/accounts", "The account with this e-mail address, as a list of one or none.", Action::FindAccounts,
            |app, _, (), Which { email }| async move {
                let found = app.identity.accounts.find(&email.0).await?;
                Ok(Accounts { data: found.into_iter().map(Account::from).collect() })
            }),
        show("accounts.get", "/v1/accounts/{id}", "An account.", Action::ReadAccount,
            |app, asker, id: ids::AccountId, NoQuery {}| async move {
                Ok(Account::from(app.identity.accounts.get(&asker, &id.to_string()).await?))
            }),
        act("account.set_roles", Method::PUT, "/v1/accounts/{id}/roles", "Gives an account exactly these roles. Its tokens end at once, in every process within a second; its sessions go on, with the new roles. Needs a log-in that is not long ago.", Door::Action(Action::GrantRoles), CONFIRMED,
            |app, asker, id: ids::AccountId, Roles { roles, reason }| async move {
                let roles: BTreeSet<_> = roles.into_iter().map(|role| role.0).collect();
                let account = app.identity.accounts.set_roles(&asker, &id.to_string(), roles, &reason.0).await?;
                Ok(Did(Account::from(account)))
            }),
        show("activity.list", "/v1/activity", "What happened around the security of all accounts, or of one, the newest first.", Action::ReadAudit,
            |app, _, (), AllActivity { account, limit, after }| async move {
                let page = PageOfActivity { limit, after };
                let lines = page.lines(account.map(|account| account.0.to_string()))?;
                activity(app.identity.accounts.activity(&lines).await?, page.limit.get().into())
            }),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RegisterAccount, examples(json!({ "email": "alice@example.com", "password": "correct horse battery staple", "name": "Alice Example" })))]
struct Registration {
    email: Email,
    password: Password,
    name: Option<Line200>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LinkToken)]
pub struct Token {
    /// What is behind `#token=` in the link.
    #[schema(max_length = 200, examples("dlt_0a1b2c3d_019b0000000070008000000000000001_AAAA"))]
    pub token: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EmailAddress)]
struct Address {
    email: Email,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ResetPassword)]
struct NewPassword {
    /// What is behind `#token=` in the link.
    #[schema(max_length = 200, examples("dlt_0a1b2c3d_019b0000000070008000000000000001_AAAA"))]
    token: String,
    password: Password,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChangePassword)]
struct PasswordChange {
    current: Password,
    new: Password,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DescribeAccount, examples(json!({ "name": "Alice Example", "language": "de", "news": false })))]
struct Profile {
    #[serde(default)]
    #[schema(value_type = Option<Line200>)]
    name: Patch<Line200>,
    #[serde(default)]
    #[schema(value_type = Option<Language>)]
    language: Patch<Language>,
    news: Option<bool>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TotpCode)]
struct OneCode {
    #[schema(max_length = 64, examples("287082"))]
    code: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SetRoles, examples(json!({ "roles": ["support"], "reason": "Joined the team." })))]
struct Roles {
    #[schema(max_items = 20)]
    roles: Vec<AccountRole>,
    reason: Reason,
}

#[derive(Serialize, ToSchema)]
struct TotpSecret {
    /// Base32, as it is typed into an app.
    #[schema(examples("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"))]
    secret: String,
    /// What an app reads from a QR code.
    #[schema(examples(
        "otpauth://totp/daybook:alice%40example%2Ecom?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    ))]
    uri: String,
}

#[derive(Serialize, ToSchema)]
struct RecoveryCodes {
    /// Each is good once, in the place of a code of the app.
    #[schema(max_items = 20)]
    recovery_codes: Vec<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Account {
    id: AccountId,
    /// Null until one was verified.
    #[schema(required)]
    email: Option<Email>,
    /// One that waits to be verified.
    #[schema(required)]
    pending_email: Option<Email>,
    #[schema(required)]
    name: Option<Line200>,
    #[schema(required)]
    language: Option<Language>,
    /// Whether they want to be told of news by mail.
    news: bool,
    #[schema(max_items = 100)]
    roles: Vec<AccountRole>,
    second_factor: bool,
    #[schema(required)]
    registered_at: Option<DateTime<Utc>>,
    #[schema(minimum = 1)]
    version: i64,
}

#[derive(Serialize, ToSchema)]
struct Accounts {
    #[schema(max_items = 1)]
    data: Vec<Account>,
}

impl From<AccountView> for Account {
    fn from(view: AccountView) -> Self {
        Self {
            id: AccountId(view.id.parse().expect("accounts are kept by their ids")),
            email: view.email.map(Email),
            pending_email: view.pending_email.map(Email),
            name: view.name.map(Line200),
            language: view.language.map(Language),
            news: view.news,
            roles: view.roles.into_iter().map(AccountRole).collect(),
            second_factor: view.has_second_factor,
            registered_at: view.registered_at,
            version: view.version,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    #[param(value_type = Email)]
    email: Email,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PageOfActivity {
    #[serde(default)]
    #[param(value_type = u16, minimum = 1, maximum = 100, default = 20)]
    limit: Limit,
    /// `next` of the page before.
    #[param(pattern = "^[A-Za-z0-9_-]+$", max_length = 64)]
    after: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AllActivity {
    #[param(value_type = Option<AccountId>)]
    account: Option<AccountId>,
    #[serde(default)]
    #[param(value_type = u16, minimum = 1, maximum = 100, default = 20)]
    limit: Limit,
    /// `next` of the page before.
    #[param(pattern = "^[A-Za-z0-9_-]+$", max_length = 64)]
    after: Option<String>,
}

impl PageOfActivity {
    /// One more than is shown, so that it is known whether there are more.
    fn lines(&self, account: Option<String>) -> Result<Lines, Problem> {
        let cursor = |text: &String| {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
            Some(i64::from_be_bytes(bytes.try_into().ok()?))
        };
        let before =
            match &self.after {
                None => None,
                Some(text) => Some(cursor(text).ok_or_else(|| {
                    Problem::malformed("after is a cursor as this list gave it out, in next")
                })?),
            };
        let limit = i64::from(self.limit.get()) + 1;
        Ok(Lines { account, before, limit })
    }
}

/// A page of what happened.
#[derive(Serialize, ToSchema)]
pub struct Activity {
    #[schema(max_items = 100)]
    data: Vec<ActivityLine>,
    has_more: bool,
    #[schema(required)]
    next: Option<String>,
}

pub fn activity(mut data: Vec<ActivityLine>, limit: usize) -> Result<Activity, Problem> {
    let has_more = data.len() > limit;
    data.truncate(limit);
    let last = data.last().filter(|_| has_more);
    let next = last.map(|line| URL_SAFE_NO_PAD.encode(line.id.to_be_bytes()));
    Ok(Activity { data, has_more, next })
}

/// As a service has it: `None` stays, `Some(None)` is taken away.
#[allow(clippy::option_option, reason = "keep, remove, set")]
fn changed<T>(patch: Patch<T>) -> Option<Option<T>> {
    match patch {
        Patch::Keep => None,
        Patch::Remove => Some(None),
        Patch::Set(value) => Some(Some(value)),
    }
}
