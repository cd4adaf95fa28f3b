//! Given a record, these effects are proposed.

use std::collections::BTreeMap;

use chrono::DateTime;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::*;
use crate::{
    Position,
    account::{FactorKind, PasswordChange, SessionsEnd},
};

const ORDER: &str = "ord_019b0000000070008000000000000001";
const ACCOUNT: &str = "acc_019b0000000070008000000000000001";

fn record(kind: &str, name: &str, payload: &str) -> Record {
    Record {
        position: Position(7),
        event_id: Uuid::from_u128(7),
        aggregate_type: kind.into(),
        aggregate_id: ORDER.into(),
        sequence: 1,
        event_type: name.into(),
        event_version: "1".into(),
        payload: RawValue::from_string(payload.into()).expect("JSON"),
        metadata: BTreeMap::new(),
        recorded_at: DateTime::UNIX_EPOCH,
    }
}

fn placed(contact: &str) -> Record {
    let payload = format!(
        r#"{{"lines":[{{"sku":"CUP","name":"Cup","quantity":1,"unit_price":{{"amount":1,"currency":"EUR"}}}}],
            "currency":"EUR","total":{{"amount":1,"currency":"EUR"}}{contact}}}"#
    );
    record("order", "OrderPlaced", &payload)
}

fn mail(kind: EffectKind) -> Vec<Effect> {
    vec![Effect { order_key: Some(ORDER.into()), ..Effect::new(kind, ORDER) }]
}

#[test]
fn whoever_left_a_contact_hears_of_their_order() {
    let contact = r#","contact":{"key_id":"019b0000-0000-7000-8000-0000000000aa","data":"AAAA"}"#;
    assert_eq!(order_mails::react(&placed(contact)).expect("readable"), mail(EffectKind::MailOrderPlaced));
}

#[test]
fn nobody_is_written_to_without_a_contact() {
    assert_eq!(order_mails::react(&placed("")).expect("readable"), []);
}

#[test]
fn shipments_and_cancellations_are_written_about() {
    let shipped = record("order", "OrderShipped", r#"{"parcels":[],"complete":true}"#);
    assert_eq!(order_mails::react(&shipped).expect("readable"), mail(EffectKind::MailOrderShipped));
    let cancelled = record("order", "OrderCancelled", "{}");
    assert_eq!(order_mails::react(&cancelled).expect("readable"), mail(EffectKind::MailOrderCancelled));
}

#[test]
fn other_events_cause_no_mail() {
    for quiet in [
        record("order", "OrderConfirmed", "{}"),
        record("order", "OrderDelivered", "{}"),
        record("stock", "StockReceived", r#"{"quantity":1}"#),
        record("a kind of a later release", "OrderCancelled", "{}"),
    ] {
        assert_eq!(order_mails::react(&quiet).expect("readable"), [], "{}", quiet.event_type);
    }
}

#[test]
fn an_order_event_that_cannot_be_read_is_not_passed_over() {
    assert!(order_mails::react(&record("order", "OrderTeleported", "{}")).is_err());
}

const ADDRESS: &str = "019b0000-0000-7000-8000-0000000000c1";

fn of_account(name: &str, payload: &str) -> Vec<Effect> {
    let record = Record { aggregate_id: ACCOUNT.into(), ..record("account", name, payload) };
    account_mails::react(&record).expect("readable")
}

fn account_mail(kind: EffectKind) -> Vec<Effect> {
    vec![Effect::new(kind, ACCOUNT)]
}

#[test]
fn an_address_that_is_new_is_written_to() {
    let email = r#""email":{"key_id":"019b0000-0000-7000-8000-0000000000bb","data":"AAAA"}"#;
    let registered = format!(r#"{{"address":"{ADDRESS}",{email},"password":"{ADDRESS}","roles":[]}}"#);
    assert_eq!(of_account("AccountRegistered", &registered), account_mail(EffectKind::MailAccountVerify));
    let requested = format!(r#"{{"address":"{ADDRESS}",{email}}}"#);
    let effects = of_account("AccountAddressChangeRequested", &requested);
    assert_eq!(effects, account_mail(EffectKind::MailAccountVerify));
    let verified = of_account("AccountAddressVerified", &format!(r#"{{"address":"{ADDRESS}"}}"#));
    assert_eq!(verified, account_mail(EffectKind::MailAccountAddressChanged));
}

#[test]
fn a_person_hears_what_they_may_not_have_done_themselves() {
    for why in PasswordChange::WORDS {
        let changed = format!(r#"{{"password":"{ADDRESS}","why":"{why}"}}"#);
        let effects = of_account("AccountPasswordChanged", &changed);
        assert_eq!(effects, account_mail(EffectKind::MailAccountPasswordChanged));
    }
    for kind in FactorKind::ALL {
        let factor = format!(r#"{{"factor":"{ADDRESS}","kind":"{kind}"}}"#);
        let expected = match kind {
            FactorKind::Totp | FactorKind::Passkey => account_mail(EffectKind::MailAccountFactorChanged),
            FactorKind::RecoveryCodes => vec![],
        };
        assert_eq!(of_account("AccountSecondFactorAdded", &factor), expected, "{kind}");
        assert_eq!(of_account("AccountSecondFactorRemoved", &factor), expected, "{kind}");
    }
    for event in ["AccountIdentityLinked", "AccountIdentityUnlinked"] {
        let effects = of_account(event, &format!(r#"{{"identity":"{ADDRESS}","provider":"example"}}"#));
        assert_eq!(effects, account_mail(EffectKind::MailAccountIdentityChanged), "{event}");
    }
    for why in SessionsEnd::ALL {
        let is_alarming = [SessionsEnd::TokenReused, SessionsEnd::ByStaff].contains(&why);
        let expected = if is_alarming { account_mail(EffectKind::MailAccountSessionsEnded) } else { vec![] };
        assert_eq!(of_account("AccountSessionsEnded", &format!(r#"{{"why":"{why}"}}"#)), expected, "{why}");
    }
}

#[test]
fn other_events_of_an_account_cause_no_mail() {
    assert_eq!(of_account("AccountDescribed", r#"{"news":true}"#), []);
    assert_eq!(of_account("AccountKeyRevoked", &format!(r#"{{"key":"{ADDRESS}"}}"#)), []);
    assert_eq!(of_account("AccountErased", "{}"), []);
    assert_eq!(account_mails::react(&record("order", "OrderCancelled", "{}")).expect("readable"), []);
    assert!(account_mails::react(&record("account", "AccountTeleported", "{}")).is_err());
}

/// Catches: a person who stays known because the process died that they asked to forget them.
#[test]
fn who_leaves_is_forgotten_outside_of_the_log() {
    let of = |kind: &str, name: &str| account_erasure::react(&record(kind, name, "{}")).expect("readable");
    let erased = of("account", "AccountErased");
    assert_eq!(erased, [Effect::new(EffectKind::AccountErase, ORDER)]);
    assert_eq!(EffectKind::AccountErase.lane(), Lane::Clock, "no mail server delays it");
    assert_eq!(of("order", "OrderDelivered"), []);
}

#[test]
fn reactions_have_names_of_their_own() {
    for reaction in REACTIONS {
        assert_eq!(REACTIONS.iter().filter(|other| other.name == reaction.name).count(), 1);
    }
}

#[test]
fn an_order_is_looked_at_when_it_was_to_be_paid() {
    assert_eq!(order_expiry::react(&placed("")).expect("readable"), []);
    let due = DateTime::from_timestamp(1_800_000_000, 0);
    let to_be_paid = placed(r#","pay_until":"2027-01-15T08:00:00Z""#);
    let expire = Effect { due, ..Effect::new(EffectKind::OrderExpire, ORDER) };
    assert_eq!(order_expiry::react(&to_be_paid).expect("readable"), [expire]);
}
