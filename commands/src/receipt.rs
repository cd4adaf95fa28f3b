//! What is stored with an idempotency key: the outcome of the first request, and how a repeat is told from
//! another request.
//!
//! Rows live for a week and two releases share a database, so there are two forms. Form 1, of release 0.1,
//! has the fingerprint of an HTTP request (method, path and body) in the row's column, and an outcome as the
//! body of its HTTP answer. Form 2 has the fingerprint of the request itself, in the receipt; its other
//! members are those of form 1, and the column still has the HTTP request's fingerprint where the request
//! came over HTTP, so release 0.1 can answer repeats of it.
//!
//! Stored for a week: add optional members, change none.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::{
    context::{Fingerprint, IdempotencyKey},
    use_case::{Outcome, UseCase},
};

const FORM: u16 = 2;

/// A receipt as it is read. Its other members are there for release 0.1.
#[derive(Debug, Deserialize)]
pub struct Receipt {
    /// The outcome: a JSON object.
    pub body: Box<RawValue>,
    /// The request's fingerprint in hexadecimal digits, from form 2 on.
    #[serde(default)]
    fingerprint: Option<String>,
}

/// A receipt as it is written, in one pass over the outcome.
#[derive(Serialize)]
struct Written<'a, O> {
    created: bool,
    id: String,
    version: i64,
    body: &'a O,
    form: u16,
    fingerprint: &'a str,
}

/// A caller's name for a request, and the request that it stands for.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    /// The caller: each has keys of their own.
    pub scope: String,
    pub key: String,
    pub fingerprint: Fingerprint,
    /// How release 0.1 tells the same request, if it can.
    former_fingerprint: Option<Fingerprint>,
}

/// The receipt of a command that came to this outcome, as JSON.
pub fn written<U: UseCase>(outcome: &U::Outcome, fingerprint: Fingerprint) -> String {
    let receipt = Written {
        created: U::CREATES,
        id: outcome.id(),
        version: outcome.version(),
        body: outcome,
        form: FORM,
        fingerprint: &hexadecimal(fingerprint),
    };
    serde_json::to_string(&receipt).expect("outcomes serialize: string keys, finite numbers")
}

impl Key {
    /// `request` is what was asked of the use case `name`.
    pub fn of(scope: &str, key: &IdempotencyKey, name: &str, request: &impl Serialize) -> Self {
        Self {
            scope: scope.to_owned(),
            key: key.key.clone(),
            fingerprint: fingerprint(name, request),
            former_fingerprint: key.http_fingerprint,
        }
    }

    /// The fingerprint as the row's column has it.
    pub fn stored_fingerprint(&self) -> &[u8] {
        self.former_fingerprint.as_ref().unwrap_or(&self.fingerprint)
    }

    /// Whether a stored answer is that of this very request. `column` is the row's fingerprint.
    pub fn is_of(&self, receipt: &Receipt, column: &[u8]) -> bool {
        match &receipt.fingerprint {
            Some(stored) => *stored == hexadecimal(self.fingerprint),
            None => self.former_fingerprint.is_some_and(|former| former == column),
        }
    }
}

/// What makes two requests the same, whichever interface they come through: the use case's name and the
/// request in JSON.
fn fingerprint(name: &str, request: &impl Serialize) -> Fingerprint {
    let request = serde_json::to_vec(request).expect("requests serialize: string keys, finite numbers");
    Sha256::new().chain_update(name).chain_update([0]).chain_update(request).finalize().into()
}

/// Without formatting each byte, because the committer does this for every command that has a key.
fn hexadecimal(fingerprint: Fingerprint) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = fingerprint.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

#[cfg(test)]
mod tests {
    use daybook_domain::ids::OrderId;
    use uuid::Uuid;

    use super::*;
    use crate::{
        orders::{ConfirmOrder, DeliverOrder},
        products::SetPrice,
        stock::ReceiveStock,
    };

    fn confirm(number: u128) -> ConfirmOrder {
        ConfirmOrder { id: OrderId::new(Uuid::from_u128(number)) }
    }

    fn key(request: &ConfirmOrder, http: Option<Fingerprint>) -> Key {
        let key = IdempotencyKey { key: "K".into(), http_fingerprint: http };
        Key::of("alice", &key, ConfirmOrder::NAME, request)
    }

    /// A row as some release stored it.
    #[derive(Deserialize)]
    struct Row {
        use_case: String,
        fingerprint: String,
        receipt: String,
    }

    impl Row {
        fn receipt(&self) -> Receipt {
            serde_json::from_str(&self.receipt).expect("a receipt of some release")
        }

        fn form(&self) -> usize {
            json(&self.receipt)["form"]
                .as_u64()
                .map_or(1, |form| usize::try_from(form).expect("a small number"))
        }

        /// What this release writes for the same outcome.
        fn written_again(&self) -> String {
            fn again<U: UseCase>(body: &RawValue) -> String {
                let outcome: U::Outcome = serde_json::from_str(body.get()).expect("an outcome");
                written::<U>(&outcome, [7; 32])
            }
            let body = self.receipt().body;
            match self.use_case.as_str() {
                SetPrice::NAME => again::<SetPrice>(&body),
                ReceiveStock::NAME => again::<ReceiveStock>(&body),
                ConfirmOrder::NAME => again::<ConfirmOrder>(&body),
                other => panic!("an outcome of {other} is not among those that were stored"),
            }
        }
    }

    fn json(text: &str) -> serde_json::Value {
        serde_json::from_str(text).expect("JSON")
    }

    fn rows() -> Vec<Row> {
        let lines = include_str!("../testdata/receipts.ndjson").lines();
        lines.map(|line| serde_json::from_str(line).expect("a row")).collect()
    }

    #[test]
    fn a_fingerprint_is_of_the_use_case_and_what_is_asked_of_it() {
        let id = confirm(1).id;
        let first = fingerprint(ConfirmOrder::NAME, &confirm(1));
        assert_eq!(first, fingerprint(ConfirmOrder::NAME, &confirm(1)));
        assert_ne!(first, fingerprint(ConfirmOrder::NAME, &confirm(2)));
        assert_ne!(first, fingerprint(DeliverOrder::NAME, &DeliverOrder { id }));
    }

    /// Catches: a receipt that the release before, or the one after, can't read.
    #[test]
    fn receipts_of_every_form_are_answered_as_they_were() {
        let mut forms = [0, 0, 0];
        for row in rows() {
            let receipt = row.receipt();
            forms[row.form()] += 1;
            let again: Receipt = serde_json::from_str(&row.written_again()).expect("a receipt");
            assert_eq!(again.body.get(), receipt.body.get());
            assert_eq!(again.fingerprint, Some(hexadecimal([7; 32])));
            let (written, stored) = (json(&row.written_again()), json(&row.receipt));
            assert_eq!(written["form"], FORM);
            for member in ["created", "id", "version", "body"] {
                assert_eq!(written[member], stored[member], "release 0.1 reads it");
            }
        }
        assert_eq!(forms, [0, 3, 3]);
    }

    /// Catches: a fingerprint that changes with a release.
    #[test]
    fn a_request_has_the_fingerprint_that_it_had() {
        let row = rows()
            .into_iter()
            .find(|row| row.use_case == ConfirmOrder::NAME && row.form() == usize::from(FORM));
        let row = row.expect("a row of today's form");
        let http = Some([7; 32]);
        assert_eq!(row.fingerprint, hexadecimal([7; 32]));
        assert!(key(&confirm(1), http).is_of(&row.receipt(), &[7; 32]));
        assert!(key(&confirm(1), None).is_of(&row.receipt(), &[7; 32]));
        assert!(!key(&confirm(2), http).is_of(&row.receipt(), &[7; 32]));
    }

    #[test]
    fn a_repeat_is_recognised_in_a_row_of_release_0_1_by_its_http_request_alone() {
        let former = rows().into_iter().find(|row| row.form() == 1);
        let former = former.expect("a row of release 0.1").receipt();
        assert!(key(&confirm(1), Some([7; 32])).is_of(&former, &[7; 32]));
        assert!(!key(&confirm(1), Some([8; 32])).is_of(&former, &[7; 32]));
        // Another interface can't know what the HTTP request was.
        assert!(!key(&confirm(1), None).is_of(&former, &[7; 32]));
    }

    #[test]
    fn a_row_has_the_fingerprint_that_release_0_1_compares() {
        assert_eq!(key(&confirm(1), Some([7; 32])).stored_fingerprint(), [7; 32]);
        let native = key(&confirm(1), None);
        assert_eq!(native.stored_fingerprint(), native.fingerprint);
    }
}
