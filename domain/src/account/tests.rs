mod properties;

use super::*;
use crate::{
    decider::fold,
    testing::{History, given, stored_and_read},
};

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn sealed(data: &str) -> Sealed {
    Sealed { key_id: id(0xbb), data: data.into() }
}

fn role(name: &str) -> RoleName {
    name.parse().expect("a name")
}

fn roles(names: &[&str]) -> BTreeSet<RoleName> {
    names.iter().map(|name| role(name)).collect()
}

fn register() -> Command {
    Command::Register {
        address: id(1),
        email: sealed("first"),
        name: Some(sealed("Ada")),
        password: id(100),
        roles: vec![role("customer")],
    }
}

fn registered() -> Event {
    Event::Registered {
        address: id(1),
        email: sealed("first"),
        name: Some(sealed("Ada")),
        password: id(100),
        roles: vec![role("customer")],
    }
}

fn verified(address: u128) -> Event {
    Event::AddressVerified { address: id(address) }
}

fn requested(address: u128, email: &str) -> Event {
    Event::AddressChangeRequested { address: id(address), email: sealed(email) }
}

fn added(factor: u128, kind: FactorKind) -> Event {
    Event::SecondFactorAdded { factor: id(factor), kind }
}

fn add(factor: u128, kind: FactorKind) -> Command {
    Command::AddFactor { factor: id(factor), kind }
}

fn removed(factor: u128, kind: FactorKind) -> Event {
    Event::SecondFactorRemoved { factor: id(factor), kind }
}

fn provider() -> ProviderName {
    "example".parse().expect("a name")
}

fn link(identity: u128) -> Command {
    Command::LinkIdentity { identity: id(identity), provider: provider() }
}

fn linked(identity: u128) -> Event {
    Event::IdentityLinked { identity: id(identity), provider: provider() }
}

fn unlink(identity: u128, may_be_last: bool) -> Command {
    Command::UnlinkIdentity { identity: id(identity), may_be_last }
}

fn unlinked(identity: u128) -> Event {
    Event::IdentityUnlinked { identity: id(identity), provider: provider() }
}

fn issue(key: u128, replaces: Option<u128>) -> Command {
    Command::IssueKey {
        key: id(key),
        name: sealed("till"),
        scopes: vec!["order.read".parse().expect("a name")],
        expires_at: None,
        replaces: replaces.map(id),
    }
}

fn issued(key: u128, replaces: Option<u128>) -> Event {
    Event::KeyIssued {
        key: id(key),
        name: sealed("till"),
        scopes: vec!["order.read".parse().expect("a name")],
        expires_at: None,
        replaces: replaces.map(id),
    }
}

fn revoked(key: u128) -> Event {
    Event::KeyRevoked { key: id(key) }
}

fn set_roles(names: &[&str]) -> Command {
    Command::SetRoles { roles: roles(names), reason: sealed("why") }
}

/// One of each that changes an account.
fn commands() -> Vec<Command> {
    vec![
        Command::RequestAddress { address: id(2), email: sealed("second") },
        Command::VerifyAddress { address: id(1) },
        Command::ChangePassword { password: id(101), why: PasswordChange::Changed },
        Command::Describe { name: None, language: None, news: true },
        add(200, FactorKind::Totp),
        Command::RemoveFactor { factor: id(200) },
        link(400),
        unlink(400, true),
        set_roles(&["support"]),
        issue(300, None),
        Command::RevokeKey { key: id(300) },
        Command::EndSessions { why: SessionsEnd::LoggedOut },
        Command::Erase,
    ]
}

// ---- registering and leaving

#[test]
fn a_person_can_register() {
    given::<Account>([]).when(register()).then([registered()]);
}

#[test]
fn an_account_is_usable_when_its_address_is_verified_and_until_it_is_erased() {
    let events = [registered(), verified(1), Event::Erased {}];
    let usable = |count: usize| fold::<Account>(&events[..count]).is_usable();
    assert_eq!([0, 1, 2, 3].map(usable), [false, false, true, false]);
}

/// Catches: a registration that is performed again and makes another account, or is refused as if it had failed.
#[test]
fn a_registration_that_is_repeated_is_there_already() {
    given::<Account>([registered()]).when(register()).rejected(Rejection::AlreadyExists);
    given::<Account>([registered(), Event::Erased {}]).when(register()).rejected(Rejection::AlreadyExists);
}

#[test]
fn nothing_can_be_done_to_an_account_that_is_not_there_or_erased() {
    for command in commands() {
        given::<Account>([]).when(command.clone()).rejected(Rejection::NotFound);
        let erased = [registered(), verified(1), Event::Erased {}];
        given::<Account>(erased).when(command).rejected(Rejection::NotFound);
    }
}

/// Catches: personal data that outlives the person in a snapshot.
#[test]
fn nothing_is_kept_of_an_account_that_is_erased() {
    let erased: Account = fold(&[registered(), verified(1), Event::Erased {}, requested(2, "second")]);
    assert_eq!((erased.is_erased(), erased.details()), (true, None));
    assert_eq!(serde_json::to_string(&erased).expect("a state"), r#""Erased""#);
}

// ---- addresses

#[test]
fn an_address_is_verified_by_its_id() {
    let verify = |address| Command::VerifyAddress { address: id(address) };
    given::<Account>([registered()]).when(verify(1)).then([verified(1)]);
    given::<Account>([registered(), verified(1)]).when(verify(1)).then([]);
    given::<Account>([registered()]).when(verify(2)).rejected(Rejection::AddressNotPending);
}

/// Catches: an old link that verifies an address that is not asked for any more.
#[test]
fn a_new_address_takes_the_place_of_the_one_that_waits() {
    let verify = |address| Command::VerifyAddress { address: id(address) };
    let history = [registered(), requested(2, "second"), requested(3, "third")];
    for forgotten in [1, 2] {
        given::<Account>(history.clone()).when(verify(forgotten)).rejected(Rejection::AddressNotPending);
    }
    given::<Account>(history).when(verify(3)).then([verified(3)]);
}

#[test]
fn the_verified_address_stays_until_another_one_is_verified() {
    let events = [registered(), verified(1), requested(2, "second"), verified(2)];
    let email = |count: usize| {
        let account: Account = fold(&events[..count]);
        account.details().and_then(|account| account.verified.clone()).map(|(_, email)| email.data)
    };
    assert_eq!(email(1), None);
    assert_eq!(email(3).as_deref(), Some("first"));
    assert_eq!(email(4).as_deref(), Some("second"));
}

#[test]
fn an_address_that_is_asked_for_twice_changes_nothing() {
    let request = |address, email| Command::RequestAddress { address: id(address), email: sealed(email) };
    given::<Account>([registered(), verified(1)]).when(request(1, "first")).then([]);
    given::<Account>([registered()]).when(request(1, "first")).then([]);
    given::<Account>([registered()]).when(request(2, "second")).then([requested(2, "second")]);
}

// ---- password and profile

#[test]
fn a_password_can_be_changed_and_is_changed_once() {
    let change = || Command::ChangePassword { password: id(101), why: PasswordChange::Reset };
    let changed = Event::PasswordChanged { password: id(101), why: PasswordChange::Reset };
    given::<Account>([registered()]).when(change()).then([changed.clone()]);
    given::<Account>([registered(), changed]).when(change()).then([]);
}

#[test]
fn a_description_is_the_whole_profile() {
    let language: Option<Language> = Some("de-AT".parse().expect("a tag"));
    let described = Event::Described { name: None, language: language.clone(), news: true };
    let describe = || Command::Describe { name: None, language: language.clone(), news: true };
    given::<Account>([registered()]).when(describe()).then([described.clone()]);
    given::<Account>([registered(), described.clone()]).when(describe()).then([]);
    let account: Account = fold(&[registered(), described]);
    let details = account.details().expect("it exists");
    assert_eq!((&details.name, &details.language, details.news), (&None, &language, true));
}

// ---- second factors

#[test]
fn there_is_one_app_for_codes() {
    let history = [registered(), added(200, FactorKind::Totp)];
    given::<Account>([registered()]).when(add(200, FactorKind::Totp)).then([added(200, FactorKind::Totp)]);
    given::<Account>(history.clone()).when(add(200, FactorKind::Totp)).then([]);
    given::<Account>(history.clone()).when(add(201, FactorKind::Totp)).rejected(Rejection::FactorExists);
    given::<Account>(history).when(add(202, FactorKind::Passkey)).then([added(202, FactorKind::Passkey)]);
}

/// Catches: recovery codes that were replaced because someone saw them, and that can still be used.
#[test]
fn new_recovery_codes_take_the_place_of_the_former_ones() {
    let codes = FactorKind::RecoveryCodes;
    given::<Account>([registered(), added(200, codes)])
        .when(add(201, codes))
        .then([removed(200, codes), added(201, codes)]);
}

#[test]
fn removing_a_factor_that_is_not_there_changes_nothing() {
    let remove = || Command::RemoveFactor { factor: id(200) };
    let history = [registered(), added(200, FactorKind::Totp), removed(200, FactorKind::Totp)];
    given::<Account>(history[..2].to_vec()).when(remove()).then([removed(200, FactorKind::Totp)]);
    given::<Account>(history).when(remove()).then([]);
}

#[test]
fn second_factors_are_bounded() {
    let full = (0..MAX_FACTORS as u128).map(|n| added(200 + n, FactorKind::Passkey));
    let history: Vec<Event> = std::iter::once(registered()).chain(full).collect();
    let one_more = add(300, FactorKind::Passkey);
    given::<Account>(history[..MAX_FACTORS].to_vec())
        .when(one_more.clone())
        .then([added(300, FactorKind::Passkey)]);
    given::<Account>(history).when(one_more).rejected(Rejection::TooManyFactors);
}

/// Catches: an account whose owner is locked out, because the codes that stand in for a factor are asked for without
/// one.
#[test]
fn recovery_codes_alone_are_no_second_factor() {
    let needs = |kind| {
        let account: Account = fold(&[registered(), added(200, kind)]);
        account.details().expect("it exists").needs_second_factor()
    };
    assert_eq!(FactorKind::ALL.map(needs), [true, true, false]);
}

// ---- log-ins elsewhere

#[test]
fn an_identity_is_linked_once_and_unlinked_once() {
    let history = [registered(), linked(400), unlinked(400)];
    given::<Account>([registered()]).when(link(400)).then([linked(400)]);
    given::<Account>(history[..2].to_vec()).when(link(400)).then([]);
    given::<Account>(history[..2].to_vec()).when(unlink(400, true)).then([unlinked(400)]);
    given::<Account>(history).when(unlink(400, true)).then([]);
}

/// Catches: a person without a password who takes away all that they can log in with.
#[test]
fn the_last_way_in_stays_where_there_is_no_other() {
    let history = [registered(), linked(400), linked(401)];
    given::<Account>(history[..2].to_vec()).when(unlink(400, false)).rejected(Rejection::LastWayIn);
    given::<Account>(history.clone()).when(unlink(400, false)).then([unlinked(400)]);
    given::<Account>(history).when(unlink(402, false)).then([]);
}

#[test]
fn log_ins_elsewhere_are_bounded() {
    let full = (0..MAX_IDENTITIES as u128).map(|n| linked(400 + n));
    let history: Vec<Event> = std::iter::once(registered()).chain(full).collect();
    given::<Account>(history[..MAX_IDENTITIES].to_vec()).when(link(500)).then([linked(500)]);
    given::<Account>(history).when(link(500)).rejected(Rejection::TooManyIdentities);
}

// ---- roles

#[test]
fn roles_become_exactly_those_that_are_named() {
    let reason = || sealed("why");
    given::<Account>([registered()]).when(set_roles(&["support", "analyst"])).then([
        Event::RoleGranted { role: role("analyst"), reason: reason() },
        Event::RoleGranted { role: role("support"), reason: reason() },
        Event::RoleRevoked { role: role("customer"), reason: reason() },
    ]);
    given::<Account>([registered()]).when(set_roles(&["customer"])).then([]);
}

// ---- keys

#[test]
fn a_key_is_issued_once_and_revoked_once() {
    let revoke = |key| Command::RevokeKey { key: id(key) };
    given::<Account>([registered()]).when(issue(300, None)).then([issued(300, None)]);
    given::<Account>([registered(), issued(300, None)]).when(issue(300, None)).then([]);
    given::<Account>([registered(), issued(300, None)]).when(revoke(300)).then([revoked(300)]);
    let history = [registered(), issued(300, None), revoked(300)];
    given::<Account>(history.clone()).when(revoke(300)).then([]);
    given::<Account>(history).when(revoke(301)).rejected(Rejection::NoSuchKey);
}

/// Catches: a key that was revoked and is live again because a repeat came late.
#[test]
fn a_key_that_was_revoked_is_not_issued_again() {
    given::<Account>([registered(), issued(300, None), revoked(300)]).when(issue(300, None)).then([]);
}

#[test]
fn a_key_takes_the_place_of_a_live_one_which_stays_until_it_is_revoked() {
    let history = [registered(), issued(300, None), issued(301, Some(300))];
    given::<Account>(history[..2].to_vec()).when(issue(301, Some(300))).then([issued(301, Some(300))]);
    let account: Account = fold(&history);
    let keys: Vec<Uuid> = account.details().expect("it exists").keys.keys().copied().collect();
    assert_eq!(keys, [id(300), id(301)]);
    let revoked = [registered(), issued(300, None), revoked(300)];
    given::<Account>(revoked).when(issue(301, Some(300))).rejected(Rejection::NoSuchKey);
}

#[test]
fn live_keys_are_bounded() {
    let full = (0..MAX_KEYS as u128).map(|n| issued(300 + n, None));
    let history: Vec<Event> = std::iter::once(registered()).chain(full).collect();
    given::<Account>(history.clone()).when(issue(400, None)).rejected(Rejection::TooManyKeys);
    let one_less = [history, vec![revoked(300)]].concat();
    given::<Account>(one_less).when(issue(400, None)).then([issued(400, None)]);
}

// ---- sessions

#[test]
fn sessions_can_be_ended_again_and_again() {
    let ended = Event::SessionsEnded { why: SessionsEnd::ByStaff };
    let end = Command::EndSessions { why: SessionsEnd::ByStaff };
    given::<Account>([registered(), ended.clone()]).when(end).then([ended]);
}

#[test]
fn each_rejection_has_its_code() {
    use crate::Rejection as R;
    let codes = [
        (Rejection::NotFound, "not_found"),
        (Rejection::AlreadyExists, "already_exists"),
        (Rejection::AddressNotPending, "address_not_pending"),
        (Rejection::FactorExists, "factor_exists"),
        (Rejection::TooManyFactors, "too_many_factors"),
        (Rejection::TooManyIdentities, "too_many_identities"),
        (Rejection::LastWayIn, "last_way_in"),
        (Rejection::NoSuchKey, "not_found"),
        (Rejection::TooManyKeys, "too_many_keys"),
    ];
    for (rejection, code) in codes {
        assert_eq!(rejection.code().as_str(), code);
        assert!(<Rejection as R>::CODES.contains(&rejection.code()));
    }
}
