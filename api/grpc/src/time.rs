//! Times of messages, which are text in JSON (RFC 3339).

use chrono::{DateTime, SecondsFormat, Utc};
use prost_types::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::Error};

pub fn of(time: DateTime<Utc>) -> Timestamp {
    let nanos = i32::try_from(time.timestamp_subsec_nanos()).unwrap_or_default();
    Timestamp { seconds: time.timestamp(), nanos }
}

pub fn serialize<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    let Some(time) = time else { return serializer.serialize_none() };
    let nanos = u32::try_from(time.nanos).ok();
    let known = nanos.and_then(|nanos| DateTime::from_timestamp(time.seconds, nanos));
    let known = known.ok_or_else(|| S::Error::custom("a time is out of range"))?;
    known.to_rfc3339_opts(SecondsFormat::AutoSi, true).serialize(serializer)
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    Ok(Option::<DateTime<Utc>>::deserialize(deserializer)?.map(of))
}
