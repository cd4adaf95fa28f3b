//! What holds whatever is asked of an account.

use proptest::{collection::vec, prelude::*};

use super::*;

fn any_id() -> impl Strategy<Value = Uuid> {
    (0..6_u128).prop_map(id)
}

fn any_text() -> impl Strategy<Value = Sealed> {
    prop_oneof![Just("a"), Just("b")].prop_map(sealed)
}

fn any_roles() -> impl Strategy<Value = BTreeSet<RoleName>> {
    let name = prop_oneof![Just("customer"), Just("support"), Just("admin"), Just("night-shift")];
    vec(name, 0..4).prop_map(|names| roles(&names))
}

fn any_kind() -> impl Strategy<Value = FactorKind> {
    proptest::sample::select(&FactorKind::ALL[..])
}

fn any_command() -> impl Strategy<Value = Command> {
    let option = |text| proptest::option::of(text);
    let language = proptest::option::of(Just("de").prop_map(|tag| tag.parse().expect("a tag")));
    let why = proptest::sample::select(&SessionsEnd::ALL[..]);
    prop_oneof![
        (any_id(), any_text()).prop_map(|(address, email)| Command::RequestAddress { address, email }),
        any_id().prop_map(|address| Command::VerifyAddress { address }),
        any_id().prop_map(|password| Command::ChangePassword { password, why: PasswordChange::Changed }),
        (option(any_text()), language, any::<bool>()).prop_map(|(name, language, news)| Command::Describe {
            name,
            language,
            news
        }),
        (any_id(), any_kind()).prop_map(|(factor, kind)| Command::AddFactor { factor, kind }),
        any_id().prop_map(|factor| Command::RemoveFactor { factor }),
        any_id().prop_map(|identity| Command::LinkIdentity { identity, provider: provider() }),
        (any_id(), any::<bool>())
            .prop_map(|(identity, may_be_last)| Command::UnlinkIdentity { identity, may_be_last }),
        (any_roles(), any_text()).prop_map(|(roles, reason)| Command::SetRoles { roles, reason }),
        (any_id(), any_text(), proptest::option::of(any_id())).prop_map(|(key, name, replaces)| {
            Command::IssueKey { key, name, scopes: vec![], expires_at: None, replaces }
        }),
        any_id().prop_map(|key| Command::RevokeKey { key }),
        why.prop_map(|why| Command::EndSessions { why }),
        Just(register()),
        Just(Command::Erase),
    ]
}

fn any_history() -> impl Strategy<Value = History<Account>> {
    vec(any_command(), 0..20).prop_map(|commands| History::of(std::iter::once(register()).chain(commands)))
}

proptest! {
    /// Sessions are not known here, so their end is always something new.
    #[test]
    fn a_command_repeated_changes_nothing_or_is_refused(
        before in vec(any_command(), 0..12),
        command in any_command().prop_filter("is new", |c| !matches!(c, Command::EndSessions { .. })),
    ) {
        let mut account = History::<Account>::of(std::iter::once(register()).chain(before));
        account.ask(command.clone());
        prop_assert_eq!(account.ask(command), vec![]);
    }

    #[test]
    fn roles_become_exactly_those_that_are_named_whichever_there_were(
        before in vec(any_roles(), 0..5),
        wanted in any_roles(),
    ) {
        let set = |roles| Command::SetRoles { roles, reason: sealed("why") };
        let mut account = History::<Account>::of(std::iter::once(register()).chain(before.into_iter().map(set)));
        let had = account.state.details().expect("it exists").roles.clone();
        let events = account.ask(set(wanted.clone()));
        prop_assert_eq!(&account.state.details().expect("it exists").roles, &wanted);
        prop_assert_eq!(events.len(), had.symmetric_difference(&wanted).count());
    }

    #[test]
    fn the_log_gives_back_the_same_account(account in any_history()) {
        let events = stored_and_read::<Account>(&account.events);
        prop_assert_eq!(&events, &account.events);
        prop_assert_eq!(fold::<Account>(&events), account.state);
    }

    #[test]
    fn nothing_follows_an_erasure(account in any_history()) {
        let events = account.events;
        let erased = events.iter().position(|event| matches!(event, Event::Erased {}));
        prop_assert!(erased.is_none_or(|place| place + 1 == events.len()));
    }

    #[test]
    fn a_key_is_either_live_or_revoked(account in any_history()) {
        if let Some(details) = account.state.details() {
            prop_assert!(details.keys.keys().all(|key| !details.revoked_keys.contains(key)));
        }
    }

    #[test]
    fn whatever_was_stored_can_be_folded(account in any_history(), skipped in 0..20_usize) {
        let _: Account = fold(account.events.iter().skip(skipped));
    }

    #[test]
    fn a_state_survives_being_written_down(account in any_history()) {
        let text = serde_json::to_string(&account.state).expect("states serialize");
        prop_assert_eq!(serde_json::from_str::<Account>(&text).expect("and back"), account.state);
    }
}
