//! The endpoints that a connection has seen, so that a request is judged without a read.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::endpoint::Endpoint;
use crate::error::Result;

/// How often somebody in this process has noticed that settings changed.
static CHANGES: AtomicU64 = AtomicU64::new(0);

/// For so long a judgement may be made under the settings seen last, without a read. One made under former settings is refused when it is
/// stored, and the refusal makes everybody in this process read them again.
const SEEN_FOR: Duration = Duration::from_secs(1);

/// So many endpoints are remembered, of those that were asked for last.
const MOST_SEEN: usize = 1_000;

/// An endpoint as it was read last.
#[derive(Debug)]
struct Seen {
    endpoint: Arc<Endpoint>,
    changes: u64,
    read_at: Instant,
}

/// Tells every connection of this process to read settings again.
pub(crate) fn settings_changed() {
    CHANGES.fetch_add(1, Ordering::AcqRel);
}

/// What a connection has seen, by name.
#[derive(Debug, Default)]
pub(crate) struct SeenEndpoints(RefCell<HashMap<String, Seen>>);

/// The moment before a read.
pub(crate) struct Look {
    changes: u64,
    at: Instant,
}

/// Remember it before reading: what changes meanwhile is then noticed.
pub(crate) fn look() -> Look {
    Look { changes: CHANGES.load(Ordering::Acquire), at: Instant::now() }
}

impl SeenEndpoints {
    /// The endpoint seen before, where the row is still that which was read after `look`. Most are, and then nothing of the row is copied.
    pub fn unchanged(&self, look: &Look, id: i64, name: &str, text: &[u8]) -> Option<Arc<Endpoint>> {
        let mut seen = self.0.borrow_mut();
        let seen = seen.get_mut(name).filter(|seen| seen.endpoint.id == id && seen.endpoint.text.as_bytes() == text)?;
        (seen.changes, seen.read_at) = (look.changes, look.at);
        Some(seen.endpoint.clone())
    }

    /// The endpoint that the row is which was read after `look`: the one seen before where nothing changed.
    pub fn remember(&self, look: Look, id: i64, name: &str, text: String) -> Result<Arc<Endpoint>> {
        if let Some(endpoint) = self.unchanged(&look, id, name, text.as_bytes()) {
            return Ok(endpoint);
        }
        let Look { changes, at: read_at } = look;
        let endpoint = Arc::new(Endpoint::from_row(id, name, text)?);
        let mut seen = self.0.borrow_mut();
        if seen.len() >= MOST_SEEN {
            // Half of them at once, so that not every further one pays for the search.
            let mut times: Vec<Instant> = seen.values().map(|seen| seen.read_at).collect();
            let (_, median, _) = times.select_nth_unstable(MOST_SEEN / 2);
            let median = *median;
            seen.retain(|_, seen| seen.read_at > median);
        }
        seen.insert(name.to_owned(), Seen { endpoint: endpoint.clone(), changes, read_at });
        Ok(endpoint)
    }

    /// The endpoint as it was read last.
    pub fn last(&self, name: &str) -> Option<Arc<Endpoint>> {
        self.0.borrow().get(name).map(|seen| seen.endpoint.clone())
    }

    /// The same, if that is not long ago and nobody has noticed a change since.
    pub fn fresh(&self, name: &str) -> Option<Arc<Endpoint>> {
        let seen = self.0.borrow();
        let seen = seen.get(name)?;
        let fresh = seen.changes == CHANGES.load(Ordering::Acquire) && seen.read_at.elapsed() < SEEN_FOR;
        fresh.then(|| seen.endpoint.clone())
    }
}
