//! Items in the JSON of a judgement: short rows, since a batch has many.

use std::ops::Range;

use serde::{Deserialize, Deserializer, Serializer};

use crate::providers::Item;

/// Each item as `[type, key, start, length]`.
type Row = (Option<String>, Option<String>, Option<usize>, usize);

/// Writes them.
pub(crate) fn serialize<S: Serializer>(items: &[Item], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(items.iter().map(|item| {
        let span = item.span.as_ref();
        (&item.event_type, &item.key, span.map(|span| span.start), span.map_or(0, Range::len))
    }))
}

/// Reads them.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Item>, D::Error> {
    let rows = Vec::<Row>::deserialize(deserializer)?;
    let item = |(event_type, key, start, length): Row| {
        let span = start.map(|start| start..start.saturating_add(length));
        Item { event_type, key, span }
    };
    Ok(rows.into_iter().map(item).collect())
}
