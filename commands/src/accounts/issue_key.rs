//! An account gets a key for programs, whose hash is in a row already.

use chrono::{DateTime, Utc};
use daybook_domain::{Code, account::AccountCode, code::GeneralCode};
use daybook_domain::{
    account::{Command, RuleName},
    ids::AccountId,
    policy::{Action, Actor, Demand},
    sealed::Sealed,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AccountOutcome, change, managed};
use crate::{
    Context,
    use_case::{AsAsked, UseCase},
    work::{Halt, Work},
};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IssueKey {
    pub id: AccountId,
    pub key: Uuid,
    pub name: Sealed,
    pub scopes: Vec<RuleName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Uuid>,
}

impl AsAsked for IssueKey {}

impl UseCase for IssueKey {
    const NAME: &'static str = "account.issue_key";
    const ACTION: Action = Action::ManageAccount;
    const REFUSALS: &'static [Code] = &[GeneralCode::NotFound.code(), AccountCode::TooManyKeys.code()];
    type Outcome = AccountOutcome;

    fn demands(&self, _: &Actor) -> Vec<Demand> {
        managed(self.id)
    }

    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<AccountOutcome, Halt> {
        let Self { id, key, name, scopes, expires_at, replaces } = self.clone();
        change(context, work, id, Command::IssueKey { key, name, scopes, expires_at, replaces })
    }
}
