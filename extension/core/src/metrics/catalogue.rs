//! The metrics as data: their names, what they count and their labels. The exposition is written from this table, and `docs/metrics.md` as well.

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How many were at most so large, by bound.
    Histogram,
}

impl Kind {
    /// As both formats call it.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// One metric.
#[derive(Debug)]
pub struct Metric {
    /// Its name; that of a counter ends in `_total`.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// Whether each process counts its own, from its start.
    pub of_process: bool,
    /// What it says.
    pub about: &'static str,
}

macro_rules! metrics {
    ($( $(#[doc = $about:literal])+ $constant:ident = $name:literal, $kind:ident, [$($label:literal),*] $(, $of_process:ident)?; )+) => {
        $(
            $(#[doc = $about])+
            pub(super) static $constant: Metric = Metric {
                name: $name,
                kind: Kind::$kind,
                labels: &[$($label),*],
                of_process: metrics!(@of_process $($of_process)?),
                about: concat!($($about),+),
            };
        )+

        /// Every one, in the order of the exposition.
        pub static METRICS: &[&Metric] = &[$(&$constant),+];
    };
    (@of_process) => { false };
    (@of_process of_process) => { true };
}

metrics! {
    /// Version of the library that answers, and of the schema; always 1.
    BUILD_INFO = "knocker_build_info", Gauge, ["version", "schema"];
    /// Whether the endpoint takes receipts.
    ENDPOINT_ENABLED = "knocker_endpoint_enabled", Gauge, ["endpoint", "provider"];
    /// HTTP receipts by what became of them.
    RECEIPTS = "knocker_receipts_total", Counter, ["endpoint", "outcome"];
    /// Receipts that were refused, by why, those that were only counted included; handshakes are none.
    REFUSALS = "knocker_refusals_total", Counter, ["endpoint", "reason"];
    /// Refused deliveries that are kept.
    REFUSED_KEPT = "knocker_refused_deliveries", Gauge, ["endpoint"];
    /// Whether as many refused deliveries are kept as may be, so that further ones are only counted.
    REFUSED_FULL = "knocker_refused_deliveries_full", Gauge, ["endpoint"];
    /// Events by status.
    EVENTS = "knocker_events", Gauge, ["endpoint", "status"];
    /// How long the longest-waiting due event has been due; 0 where none is.
    OLDEST_WAITING = "knocker_oldest_waiting_seconds", Gauge, ["endpoint"];
    /// Attempts by how they ended.
    ATTEMPTS = "knocker_attempts_total", Counter, ["endpoint", "result"];
    /// Leases that ran out without a verdict: the worker died, or was stuck.
    LEASE_EXPIRIES = "knocker_lease_expiries_total", Counter, ["endpoint"];
    /// How long the handlers of one attempt took.
    HANDLER_DURATION = "knocker_handler_duration_seconds", Histogram, ["endpoint"];
    /// How long a receipt took in this process, from the call to the commit.
    RECEIVE_DURATION = "knocker_receive_duration_seconds", Histogram, ["endpoint"], of_process;
    /// Size of the database file.
    DATABASE_BYTES = "knocker_database_bytes", Gauge, [];
    /// What of the database file is free and used first.
    FREE_BYTES = "knocker_database_free_bytes", Gauge, [];
    /// Size of the write-ahead log beside it; 0 where there is none.
    WAL_BYTES = "knocker_wal_bytes", Gauge, [];
    /// Prunes that were recorded, by what they were.
    PRUNES = "knocker_prunes_total", Counter, ["kind"];
    /// Rows that prunes deleted, by table.
    PRUNED_ROWS = "knocker_pruned_rows_total", Counter, ["table"];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_they_are() {
        for metric in METRICS {
            assert!(metric.name.starts_with("knocker_"), "{metric:?}");
            assert_eq!(metric.name.ends_with("_total"), metric.kind == Kind::Counter, "{metric:?}");
            assert_eq!(metric.name.ends_with("_seconds"), metric.kind == Kind::Histogram || metric.name.contains("waiting"), "{metric:?}");
            assert!(metric.about.trim().ends_with('.'), "{metric:?}");
        }
    }
}
