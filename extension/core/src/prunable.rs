//! Which rows a prune or a pass of retention may take.

use crate::conditions::Conditions;
use crate::event_times::Times;

/// Which events go: those that ended and were last delivered before `cutoff`. What was received later than `now` came while the clock was ahead: its
/// time says nothing.
pub(crate) struct EventSelection {
    pub cutoff: i64,
    pub now: i64,
    pub statuses: Vec<String>,
    pub endpoint_id: Option<i64>,
    pub event_type: Option<String>,
    /// The id at which the walk ends; `None` to look at every event.
    pub end: Option<i64>,
}

/// Which deliveries go: those that created no event, received before `cutoff`.
pub(crate) struct DeliverySelection {
    pub cutoff: i64,
    pub outcomes: Option<Vec<String>>,
    pub endpoint_id: Option<i64>,
    /// The id at which the walk ends; `None` to look at every delivery.
    pub end: Option<i64>,
}

impl EventSelection {
    /// When they were received.
    pub fn times(&self) -> Times {
        Times { until: Some(self.cutoff), ahead: self.now, ..Times::ALL }
    }

    fn conditions(&self) -> Conditions {
        let mut conditions = Conditions::default();
        // As times() says. An event that ended before it was received came while the clock was ahead, or is of a clock that went back. It is asked first,
        // since it costs the least to compare.
        conditions.add_plain(format!("(received_at < {} OR received_at > {})", self.cutoff, self.now));
        conditions.add_one_of("status", &self.statuses);
        if let Some(end) = self.end {
            conditions.add("id < {}", end);
        }
        conditions.add("coalesce(ended_at, received_at) < {}", self.cutoff);
        conditions.add(
            "NOT EXISTS (SELECT 1 FROM main._knocker_redeliveries r WHERE r.event_id = _knocker_events.id AND r.received_at >= {})",
            self.cutoff,
        );
        if let Some(endpoint_id) = self.endpoint_id {
            conditions.add("endpoint_id = {}", endpoint_id);
        }
        if let Some(pattern) = &self.event_type {
            conditions.add_type(pattern);
        }
        conditions
    }
}

impl DeliverySelection {
    fn conditions(&self) -> Conditions {
        let mut conditions = Conditions::default();
        // What created no event: refused and repeated ones, and valid empty batches. Uses _knocker_deliveries_loose.
        conditions.add_plain("first_event_id IS NULL");
        if let Some(outcomes) = &self.outcomes {
            conditions.add_one_of("outcome", outcomes);
        }
        if let Some(end) = self.end {
            conditions.add("id < {}", end);
        }
        conditions.add("received_at < {}", self.cutoff);
        conditions.add_plain(
            "NOT EXISTS (SELECT 1 FROM main._knocker_redeliveries r JOIN main._knocker_events e ON e.id = r.event_id
                         WHERE r.delivery_id = _knocker_deliveries.id AND e.status IN ('received', 'processing', 'failed'))",
        );
        if let Some(endpoint_id) = self.endpoint_id {
            conditions.add("endpoint_id = {}", endpoint_id);
        }
        conditions
    }
}

/// Rows that go.
pub(crate) enum Selection {
    Events(EventSelection),
    Deliveries(DeliverySelection),
    /// Records of earlier prunes, those before this time.
    Audits(i64),
}

impl Selection {
    pub fn table(&self) -> &'static str {
        match self {
            Selection::Events(_) => "_knocker_events",
            Selection::Deliveries(_) => "_knocker_deliveries",
            Selection::Audits(_) => "_knocker_prunes",
        }
    }

    pub fn conditions(&self) -> Conditions {
        match self {
            Selection::Events(selection) => selection.conditions(),
            Selection::Deliveries(selection) => selection.conditions(),
            Selection::Audits(cutoff) => {
                let mut conditions = Conditions::default();
                conditions.add("pruned_at < {}", *cutoff);
                conditions
            }
        }
    }

    pub fn set_endpoint(&mut self, id: i64) {
        match self {
            Selection::Events(selection) => selection.endpoint_id = Some(id),
            Selection::Deliveries(selection) => selection.endpoint_id = Some(id),
            Selection::Audits(_) => {}
        }
    }
}
