//! An event on its way: the leased job with everything that the other side is told.

use knocker_core::Store;
use knocker_core::request::{Headers, REDACTED};
use rusqlite::OptionalExtension;
use sha2::{Digest, Sha256};

use super::escape;
use crate::failure::Result;
use crate::received;

/// Under this the provider's headers go along, so that none of them can mean anything to the system that carries them.
const RECEIVED_PREFIX: &str = "Knocker-Header-";

/// An event to publish.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    pub job_id: i64,
    pub event_id: i64,
    pub delivery_id: i64,
    pub endpoint: String,
    pub event_type: Option<String>,
    pub key: Option<String>,
    pub received_at: i64,
    pub method: String,
    pub url: String,
    /// As they were received and stored.
    pub headers: Headers,
    pub body: Vec<u8>,
}

impl Message {
    /// The leased job; none where the lease is another's meanwhile.
    pub fn load(store: &Store, worker: &str, job_id: i64) -> Result<Option<Self>> {
        let sql = "SELECT event_id, delivery_id, endpoint, type, key, received_at, method, url, headers, body
                   FROM knocker_jobs WHERE worker = ?1 AND job_id = ?2";
        let mut statement = store.conn().prepare_cached(sql)?;
        let message = statement.query_row((worker, job_id), |row| {
            let headers: Option<String> = row.get(8)?;
            Ok(Self {
                job_id,
                event_id: row.get(0)?,
                delivery_id: row.get(1)?,
                endpoint: row.get(2)?,
                event_type: row.get(3)?,
                key: row.get(4)?,
                received_at: row.get(5)?,
                method: row.get::<_, Option<String>>(6)?.unwrap_or_default(),
                url: row.get::<_, Option<String>>(7)?.unwrap_or_default(),
                headers: received::headers(&serde_json::from_str(&headers.unwrap_or_default()).unwrap_or_default()),
                body: row.get::<_, Option<Vec<u8>>>(9)?.unwrap_or_default(),
            })
        });
        Ok(message.optional()?)
    }

    /// By this the other side knows it again: see [`escape`].
    pub fn id(&self) -> String {
        match &self.key {
            Some(key) => escape::id_of_key(&self.endpoint, key),
            None => {
                let digest = hex(&Sha256::digest(&self.body)[..16]);
                escape::id_of_event(&self.endpoint, self.event_id, self.received_at, &digest)
            }
        }
    }

    /// What is told beside the body. Without what was stored redacted, and what belonged to the connection to the provider.
    pub fn told(&self) -> Vec<(String, String)> {
        let mut told = vec![
            ("Knocker-Endpoint".to_owned(), self.endpoint.clone()),
            ("Knocker-Event-Id".to_owned(), self.event_id.to_string()),
            ("Knocker-Delivery-Id".to_owned(), self.delivery_id.to_string()),
            ("Knocker-Received-At".to_owned(), self.received_at.to_string()),
        ];
        let optional = [("Knocker-Type", &self.event_type), ("Knocker-Key", &self.key)];
        told.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), one_line(value.as_ref()?)))));
        let kept = self.headers.iter().filter(|(name, value)| {
            *value != REDACTED && !received::of_the_connection(name, &self.headers) && !name.is_empty() && name.bytes().all(in_a_name)
        });
        told.extend(kept.map(|(name, value)| (format!("{RECEIVED_PREFIX}{name}"), one_line(value))));
        told
    }
}

fn in_a_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// A value that ends where it ends: control characters are none of a header's.
fn one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        Message {
            job_id: 1,
            event_id: 12,
            delivery_id: 30,
            endpoint: "orders".into(),
            event_type: Some("order.paid".into()),
            key: Some("evt_1".into()),
            received_at: 1_767_225_600_000,
            method: "POST".into(),
            url: "/orders".into(),
            headers: Headers::new(),
            body: b"{}".to_vec(),
        }
    }

    #[test]
    fn no_header_of_a_stranger_is_one_of_the_carrier_or_ends_early() {
        let strange = [("nats-msg-id", "x"), ("nats-rollup", "all"), ("x-two", "a\r\nNats-Rollup: all"), ("bad name", "x"), ("", "x")];
        let headers: Headers =
            strange.into_iter().chain([("host", "h"), ("authorization", REDACTED), ("x-a", "1"), ("x-a", "2")]).collect();
        let told = Message { headers, key: Some("a\nb".into()), ..message() }.told();
        assert!(told.iter().all(|(name, value)| name.starts_with("Knocker-") && !value.contains(['\r', '\n'])), "{told:?}");
        let names: Vec<&str> = told.iter().filter_map(|(name, _)| name.strip_prefix(RECEIVED_PREFIX)).collect();
        assert_eq!(names, ["nats-msg-id", "nats-rollup", "x-two", "x-a", "x-a"]);
    }

    #[test]
    fn an_event_without_a_key_is_known_again_and_taken_for_no_other() {
        let one = Message { key: None, ..message() };
        assert_eq!(one.id(), one.clone().id());
        for other in [
            Message { event_id: 13, ..one.clone() },
            Message { received_at: 1, ..one.clone() },
            Message { body: b"[]".to_vec(), ..one.clone() },
            Message { endpoint: "other".into(), ..one.clone() },
            message(),
        ] {
            assert_ne!(one.id(), other.id());
        }
        assert_eq!(Message { event_id: 99, received_at: 5, ..message() }.id(), message().id(), "with a key nothing else counts");
    }
}
