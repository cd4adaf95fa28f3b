//! The text of refresh tokens and of device tokens, which are computed from a session and a key.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use super::secrets::SecretKey;

pub const REFRESH: &str = "drt_";
pub const DEVICE: &str = "ddv_";

pub fn refresh_token(key: &SecretKey, session: Uuid, generation: i32) -> String {
    let tag = URL_SAFE_NO_PAD.encode(key.sign(&refresh_message(session, generation)));
    format!("{REFRESH}{}_{}_{generation}_{tag}", key.id, session.simple())
}

pub fn device_token(key: &SecretKey, session: Uuid, account: &str) -> String {
    let tag = URL_SAFE_NO_PAD.encode(key.sign(&device_message(session, account)));
    format!("{DEVICE}{}_{}_{tag}", key.id, session.simple())
}

pub fn refresh_message(session: Uuid, generation: i32) -> Vec<u8> {
    format!("refresh\n{session}\n{generation}").into_bytes()
}

pub fn device_message(device: Uuid, account: &str) -> Vec<u8> {
    format!("device\n{device}\n{account}").into_bytes()
}

/// The id of the key, the id of the session, and what is behind them.
pub fn parts<'a>(token: &'a str, prefix: &str) -> Option<(&'a str, Uuid, &'a str)> {
    let (key, rest) = token.trim().strip_prefix(prefix)?.split_once('_')?;
    let (session, rest) = rest.split_once('_')?;
    Some((key, Uuid::try_parse(session).ok()?, rest))
}
