//! A delivery on its way to somewhere else: what was received, and what is needed to sign it anew.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use knocker_core::Store;
use knocker_core::request::Headers;
use rusqlite::OptionalExtension;
use serde_json::{Map, Value, json};

use crate::failure::{Exit, Failure, Result};
use crate::received::headers;
use crate::rows::select;

/// A delivery to send.
#[derive(Debug, Clone, Default)]
pub struct Parcel {
    /// Its id; none where it was not stored.
    pub delivery_id: Option<i64>,
    pub endpoint: String,
    /// The provider of the endpoint with its options.
    pub provider: Option<String>,
    pub options: Value,
    pub event_type: Option<String>,
    pub method: String,
    pub url: String,
    pub headers: Headers,
    pub body: Vec<u8>,
}

impl Parcel {
    /// A stored delivery; none where it was deleted meanwhile, or has no body.
    pub fn load(store: &Store, id: i64) -> Result<Option<Self>> {
        let sql = "SELECT d.endpoint, d.method, d.url, d.headers, p.provider, p.options,
                          (SELECT type FROM knocker_events e WHERE e.id = d.event_id) AS type
                   FROM knocker_deliveries d LEFT JOIN knocker_endpoints p ON p.name = d.endpoint WHERE d.id = ?1 AND d.body IS NOT NULL";
        let Some(row) = select(store.conn(), sql, [id])?.pop() else { return Ok(None) };
        let body =
            store.conn().query_row("SELECT body FROM knocker_deliveries WHERE id = ?1", [id], |row| row.get::<_, Vec<u8>>(0)).optional()?;
        let text = |column: &str| row.text(column).unwrap_or_default().to_owned();
        Ok(Some(Self {
            delivery_id: Some(id),
            endpoint: text("endpoint"),
            provider: row.text("provider").map(str::to_owned),
            options: row.get("options").clone(),
            event_type: row.text("type").map(str::to_owned),
            method: text("method"),
            url: text("url"),
            headers: headers(row.get("headers")),
            body: body.unwrap_or_default(),
        }))
    }

    /// One line of JSON.
    pub fn to_line(&self) -> String {
        let mut headers: Map<String, Value> = Map::new();
        for (name, value) in self.headers.iter() {
            let values = headers.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            values.as_array_mut().expect("it was made one").push(value.into());
        }
        json!({
            "delivery_id": self.delivery_id, "endpoint": self.endpoint, "provider": self.provider, "options": self.options, "type": self.event_type,
            "method": self.method, "url": self.url, "headers": headers, "body_base64": STANDARD.encode(&self.body),
        })
        .to_string()
    }

    /// Reads what [`Parcel::to_line`] has written.
    pub fn parse(line: &str) -> Result<Self> {
        let wrong = || {
            let hint = "Give what `knocker forward --stdout` writes, one object a line.";
            Failure::new(Exit::Failed, "standard input holds a line that is no delivery", hint)
        };
        let value: Value = serde_json::from_str(line).map_err(|_| wrong())?;
        let optional = |key: &str| value[key].as_str().map(str::to_owned);
        let text = |key: &str| optional(key).ok_or_else(wrong);
        Ok(Self {
            delivery_id: value["delivery_id"].as_i64(),
            endpoint: text("endpoint")?,
            provider: optional("provider"),
            options: value["options"].clone(),
            event_type: optional("type"),
            method: text("method")?,
            url: text("url")?,
            headers: headers(&value["headers"]),
            body: STANDARD.decode(text("body_base64")?).map_err(|_| wrong())?,
        })
    }
}
