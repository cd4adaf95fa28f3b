use sqlx::postgres::PgPoolOptions;

use super::*;

/// Without a database: only what needs none may be called.
fn vault(master_key: u8) -> Vault {
    let pool = PgPoolOptions::new().connect_lazy("postgres://nowhere.invalid/none").expect("a URL");
    Vault::new(pool, [master_key; KEY_LEN])
}

fn seal(key: &PersonKey, text: &str) -> Sealed {
    let data = encrypt(&key.key, key.id.as_bytes(), serde_json::to_vec(text).expect("JSON"));
    Sealed { key_id: key.id, data: BASE64_STANDARD.encode(data.expect("sealed")) }
}

fn is_refused<T>(opened: &Result<T, VaultError>) -> bool {
    matches!(opened, Err(VaultError::NotAuthentic))
}

#[tokio::test]
async fn what_is_sealed_can_be_opened_and_tells_nothing() {
    let (key, _) = vault(1).make_key("customer/alice").expect("a key");
    let sealed = seal(&key, "alice@example.com");
    assert_eq!(key.open::<String>(&sealed).expect("opens"), "alice@example.com");
    let data = BASE64_STANDARD.decode(&sealed.data).expect("base64");
    assert!(!data.windows(5).any(|bytes| bytes == b"alice"));
    assert_ne!(sealed, seal(&key, "alice@example.com"), "a nonce is used once");
}

#[tokio::test]
async fn sealed_data_that_was_changed_is_refused() {
    let (key, _) = vault(1).make_key("customer/alice").expect("a key");
    let sealed = seal(&key, "alice@example.com");
    let data = BASE64_STANDARD.decode(&sealed.data).expect("base64");
    for place in 0..data.len() {
        let mut changed = data.clone();
        changed[place] ^= 1;
        let changed = Sealed { data: BASE64_STANDARD.encode(changed), ..sealed.clone() };
        assert!(is_refused(&key.open::<String>(&changed)), "byte {place}");
    }
    for shorter in [String::new(), BASE64_STANDARD.encode(&data[..NONCE_LEN]), "no base64!".into()] {
        assert!(is_refused(&key.open::<String>(&Sealed { data: shorter, ..sealed.clone() })));
    }
}

#[tokio::test]
async fn sealed_data_under_another_key_id_is_refused() {
    let (key, _) = vault(1).make_key("customer/alice").expect("a key");
    let moved = Sealed { key_id: Uuid::from_u128(7), ..seal(&key, "alice@example.com") };
    assert!(is_refused(&key.open::<String>(&moved)));
}

#[tokio::test]
async fn another_persons_key_opens_nothing() {
    let vault = vault(1);
    let (alice, _) = vault.make_key("customer/alice").expect("a key");
    let (bob, _) = vault.make_key("customer/bob").expect("a key");
    assert!(is_refused(&bob.open::<String>(&seal(&alice, "alice@example.com"))));
}

#[tokio::test]
async fn a_wrapped_key_needs_its_master_key_and_its_row() {
    let (key, wrapped) = vault(1).make_key("customer/alice").expect("a key");
    let unwrapped = vault(1).unwrap_key(key.id, "customer/alice", wrapped.clone()).expect("its own");
    assert_eq!(unwrapped.open::<String>(&seal(&key, "tea")).expect("opens"), "tea");
    assert!(is_refused(&vault(2).unwrap_key(key.id, "customer/alice", wrapped.clone())));
    assert!(is_refused(&vault(1).unwrap_key(key.id, "customer/bob", wrapped.clone())));
    assert!(is_refused(&vault(1).unwrap_key(Uuid::from_u128(7), "customer/alice", wrapped)));
}

#[tokio::test]
async fn no_error_quotes_the_data() {
    let (key, _) = vault(1).make_key("customer/alice").expect("a key");
    let error = key.open::<u32>(&seal(&key, "alice@example.com")).expect_err("not a number");
    assert!(!format!("{error} {error:?}").contains("alice"));
}
