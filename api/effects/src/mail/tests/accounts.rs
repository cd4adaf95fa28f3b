//! Mails about accounts.

use daybook_domain::{
    account::{Event, FactorKind, PasswordChange, ProviderName, SessionsEnd},
    stored::encode,
};

use super::super::{
    accounts::{News, What, news},
    *,
};

const ACCOUNT: &str = "acc_0192abcd000070008000000000000001";
const TIME: &str = "2023-11-14 22:13 UTC";

fn sealed(data: &str) -> Sealed {
    Sealed { key_id: Uuid::nil(), data: data.into() }
}

fn registered() -> Event {
    Event::Registered {
        address: Uuid::from_u128(1),
        email: sealed("first"),
        name: Some(sealed("Ada")),
        password: Uuid::from_u128(9),
        roles: vec![],
    }
}

fn verified(address: u128) -> Event {
    Event::AddressVerified { address: Uuid::from_u128(address) }
}

fn requested(address: u128, email: &str) -> Event {
    Event::AddressChangeRequested { address: Uuid::from_u128(address), email: sealed(email) }
}

fn changed() -> Event {
    Event::PasswordChanged { password: Uuid::from_u128(10), why: PasswordChange::Changed }
}

fn ended() -> Event {
    Event::SessionsEnded { why: SessionsEnd::TokenReused }
}

fn factor(is_added: bool) -> Event {
    let (factor, kind) = (Uuid::from_u128(20), FactorKind::Totp);
    if is_added {
        Event::SecondFactorAdded { factor, kind }
    } else {
        Event::SecondFactorRemoved { factor, kind }
    }
}

fn provider() -> ProviderName {
    "example".parse().expect("a name")
}

fn identity(is_linked: bool) -> Event {
    let (identity, provider) = (Uuid::from_u128(30), provider());
    if is_linked {
        Event::IdentityLinked { identity, provider }
    } else {
        Event::IdentityUnlinked { identity, provider }
    }
}

fn stream(events: &[Event]) -> Vec<Record> {
    let like = &super::stream(&[super::tea()])[0];
    let record = |event: &Event| {
        let stored = encode(event);
        Record {
            aggregate_type: Account::KIND.into(),
            aggregate_id: ACCOUNT.into(),
            event_type: stored.name.into(),
            event_version: stored.version.to_string(),
            payload: serde_json::value::RawValue::from_string(stored.payload).expect("JSON"),
            ..like.clone()
        }
    };
    events.iter().map(record).collect()
}

fn told(events: &[Event], kind: EffectKind) -> Option<(String, What)> {
    let told = news(&stream(events), kind).expect("it fits");
    told.map(|News { email, what, .. }| (email.data, what))
}

fn to(email: &str, what: What) -> Option<(String, What)> {
    Some((email.into(), what))
}

#[test]
fn an_address_that_waits_is_written_to_itself() {
    let verify = |number| What::Verify(Uuid::from_u128(number));
    let kind = EffectKind::MailAccountVerify;
    assert_eq!(told(&[registered()], kind), to("first", verify(1)));
    let another = [registered(), verified(1), requested(2, "second")];
    assert_eq!(told(&another, kind), to("second", verify(2)));
}

/// Catches: a thief of an account who is told of it in its owner's place.
#[test]
fn a_change_of_the_address_is_told_to_the_former_one() {
    let kind = EffectKind::MailAccountAddressChanged;
    let events = [registered(), verified(1), requested(2, "second"), verified(2)];
    assert_eq!(told(&events, kind), to("first", What::AddressChanged));
    assert_eq!(told(&events[..2], kind), None, "the first one is no change");
}

#[test]
fn other_news_go_to_the_verified_address_and_to_none_without_one() {
    let cases = [
        (changed(), EffectKind::MailAccountPasswordChanged, What::Password(PasswordChange::Changed)),
        (ended(), EffectKind::MailAccountSessionsEnded, What::SessionsEnded(SessionsEnd::TokenReused)),
        (factor(true), EffectKind::MailAccountFactorChanged, What::FactorAdded(FactorKind::Totp)),
        (factor(false), EffectKind::MailAccountFactorChanged, What::FactorRemoved(FactorKind::Totp)),
        (identity(true), EffectKind::MailAccountIdentityChanged, What::IdentityLinked(provider())),
        (identity(false), EffectKind::MailAccountIdentityChanged, What::IdentityUnlinked(provider())),
    ];
    for (event, kind, what) in cases {
        let pending = [registered(), verified(1), requested(2, "second"), event.clone()];
        assert_eq!(told(&pending, kind), to("first", what), "{kind}");
        assert_eq!(told(&[registered(), event], kind), None, "{kind}");
    }
}

#[test]
fn a_kind_that_does_not_fit_an_event_of_an_account_is_refused() {
    let kind = EffectKind::MailAccountVerify;
    assert!(news(&stream(&[registered(), verified(1)]), kind).is_err());
    assert!(news(&stream(&[registered()]), EffectKind::MailOrderPlaced).is_err());
    assert!(news(&[], kind).is_err());
    assert!(news(&super::stream(&[super::tea()]), kind).is_err(), "an order is no account");
}

#[test]
fn a_letter_asks_to_follow_the_link() {
    let text = What::Verify(Uuid::nil()).text(Some("Ada"), Some("https://shop.example/verify#t"), TIME);
    let expected = "\
Hello Ada,

please confirm that this e-mail address is yours. Follow this link:

https://shop.example/verify#t

If you didn't ask for this, you need not do anything.
";
    assert_eq!(text, expected);
}

#[test]
fn a_letter_about_a_change_says_when_and_what_to_do() {
    let expected = "\
Hello,

the password of your account was changed.

Time       2023-11-14 22:13 UTC

If that wasn't you, please choose another password at once.
";
    assert_eq!(What::Password(PasswordChange::Changed).text(None, None, TIME), expected);
    let former = What::AddressChanged.text(Some("Ada"), None, TIME);
    assert!(former.contains("another e-mail address") && former.contains("write to us"), "{former}");
    let [by_staff, reused] = [SessionsEnd::ByStaff, SessionsEnd::TokenReused]
        .map(|why| What::SessionsEnded(why).text(None, None, TIME));
    assert!(by_staff.contains("someone of the shop") && by_staff.contains("write to us"), "{by_staff}");
    assert!(reused.contains("another password") && !reused.contains("the shop"), "{reused}");
    for kind in FactorKind::ALL {
        let [added, removed] = [What::FactorAdded(kind), What::FactorRemoved(kind)];
        assert_ne!(added.text(None, None, TIME), removed.text(None, None, TIME));
        assert_ne!(added.subject(), removed.subject());
    }
}
