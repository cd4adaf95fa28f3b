//! Given a record, these effects are proposed.

use std::collections::BTreeMap;

use chrono::DateTime;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::*;
use crate::Position;

const ORDER: &str = "ord_019b0000000070008000000000000001";

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
    vec![Effect { kind, target: ORDER.into() }]
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

#[test]
fn reactions_have_names_of_their_own() {
    for reaction in REACTIONS {
        assert_eq!(REACTIONS.iter().filter(|other| other.name == reaction.name).count(), 1);
    }
}
