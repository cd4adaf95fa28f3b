//! A person says who they are: the whole of it, each time.

use daybook_domain::{Code, code::GeneralCode};
use daybook_domain::{
    account::{Command, Language},
    ids::AccountId,
    policy::{Action, Actor, Demand},
    sealed::Sealed,
};
use serde::{Deserialize, Serialize};

use super::{AccountOutcome, change, managed};
use crate::{
    Context,
    use_case::{AsAsked, UseCase},
    work::{Halt, Work},
};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DescribeAccount {
    pub id: AccountId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Sealed>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    pub news: bool,
}

impl AsAsked for DescribeAccount {}

impl UseCase for DescribeAccount {
    const NAME: &'static str = "account.describe";
    const ACTION: Action = Action::ManageAccount;
    const REFUSALS: &'static [Code] = &[GeneralCode::NotFound.code()];
    type Outcome = AccountOutcome;

    fn demands(&self, _: &Actor) -> Vec<Demand> {
        managed(self.id)
    }

    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<AccountOutcome, Halt> {
        let Self { id, name, language, news } = self.clone();
        change(context, work, id, Command::Describe { name, language, news })
    }
}
