//! Metrics: the figures of a file and of the process that asks, as the text that a monitoring system reads.
//!
//! Everything comes from counters and the ends of indexes, so the cost does not grow with the file. Labels have values from closed lists and the names of
//! endpoints: nothing that a stranger sends makes a series.

mod catalogue;
mod exposition;
mod figures;
mod receives;

pub use catalogue::{Kind, METRICS, Metric};
pub use exposition::MetricsFormat;
pub use receives::RECEIVE_BOUNDS_US;

pub use crate::durations::BOUNDS_MS as HANDLER_BOUNDS_MS;
use crate::error::Result;
use crate::lifecycle::{AttemptResult, EventStatus};
use crate::minutes::Counter;
use crate::prune::PruneKind;
use crate::schema;
use crate::store::Store;
use crate::totals::OF_NO_ENDPOINT;
use catalogue as metric;
use exposition::Exposition;
use figures::Figures;

/// The tables that prunes delete from.
const PRUNED: [&str; 4] = ["events", "deliveries", "attempts", "audits"];

impl Store {
    /// The metrics as text. `receives` says how long the receipts of this process took, as a package counts them:
    /// `{endpoint: {"within": […], "sum_us": n}}`, one number for each of [`RECEIVE_BOUNDS_US`] and one for what took longer.
    ///
    /// # Errors
    /// `invalid_argument`, and those of a failing database.
    pub fn metrics(&self, format: MetricsFormat, receives: Option<&str>, now: i64) -> Result<String> {
        let receives = receives.map(receives::parse).transpose()?.unwrap_or_default();
        self.require_schema()?;
        // A statement that is under way holds what it reads: all that follows is of one state of the file, in which a minute is in the ring or in the
        // totals, and never in both.
        let mut state = self.conn().prepare_cached("SELECT version FROM main._knocker_schema")?;
        let mut held = state.query([])?;
        held.next()?;
        Ok(written(&self.figures(receives, now)?, format))
    }
}

fn written(figures: &Figures, format: MetricsFormat) -> String {
    let mut text = Exposition::new(format);
    let endpoints = &figures.endpoints;
    text.family(&metric::BUILD_INFO).sample(&[crate::version(), &schema::VERSION.to_string()], 1);
    let mut family = text.family(&metric::ENDPOINT_ENABLED);
    endpoints.iter().for_each(|one| family.sample(&[&one.name, &one.provider], i64::from(one.enabled)));
    let mut family = text.family(&metric::RECEIPTS);
    for one in endpoints {
        figures.outcomes(one).iter().for_each(|(outcome, n)| family.sample(&[&one.name, outcome], n));
    }
    let mut family = text.family(&metric::REFUSALS);
    for one in endpoints {
        for counter in Counter::ALL {
            if let Some(reason) = counter.reason() {
                family.sample(&[&one.name, reason], figures.total(one, *counter));
            }
        }
    }
    let mut family = text.family(&metric::REFUSED_KEPT);
    endpoints.iter().for_each(|one| family.sample(&[&one.name], one.refused.kept));
    let mut family = text.family(&metric::REFUSED_FULL);
    endpoints.iter().for_each(|one| family.sample(&[&one.name], i64::from(one.refused.full)));
    let mut family = text.family(&metric::EVENTS);
    for one in endpoints {
        EventStatus::NAMES.iter().for_each(|status| family.sample(&[&one.name, status], figures.events(one, status)));
    }
    let mut family = text.family(&metric::OLDEST_WAITING);
    endpoints.iter().for_each(|one| family.sample(&[&one.name], seconds(one.oldest_waiting_ms)));
    write_attempts(&mut text, figures);
    write_receives(&mut text, figures);
    text.family(&metric::DATABASE_BYTES).sample(&[], figures.database_bytes);
    text.family(&metric::FREE_BYTES).sample(&[], figures.free_bytes);
    text.family(&metric::WAL_BYTES).sample(&[], figures.wal_bytes);
    let mut family = text.family(&metric::PRUNES);
    for kind in PruneKind::NAMES {
        family.sample(&[kind], figures.totals.get(OF_NO_ENDPOINT, &format!("prunes_{kind}")));
    }
    let mut family = text.family(&metric::PRUNED_ROWS);
    for table in PRUNED {
        family.sample(&[table], figures.totals.get(OF_NO_ENDPOINT, &format!("pruned_{table}")));
    }
    text.finish()
}

fn write_attempts(text: &mut Exposition, figures: &Figures) {
    let mut family = text.family(&metric::ATTEMPTS);
    for one in &figures.endpoints {
        AttemptResult::ALL.iter().for_each(|&result| family.sample(&[&one.name, result.name()], figures.attempts(one, result).count));
    }
    let mut family = text.family(&metric::LEASE_EXPIRIES);
    for one in &figures.endpoints {
        family.sample(&[&one.name], figures.attempts(one, AttemptResult::LeaseExpired).count);
    }
    let mut family = text.family(&metric::HANDLER_DURATION);
    for one in &figures.endpoints {
        let took = figures.handlers(one);
        family.histogram(&[&one.name], HANDLER_BOUNDS_MS.map(seconds), &took.within, took.count, seconds(took.sum_ms));
    }
}

/// Left out where no process speaks of its own.
fn write_receives(text: &mut Exposition, figures: &Figures) {
    if figures.receives.is_empty() {
        return;
    }
    let mut family = text.family(&metric::RECEIVE_DURATION);
    for (endpoint, took) in &figures.receives {
        let sum_s = took.sum_us as f64 / 1e6;
        family.histogram(&[endpoint], RECEIVE_BOUNDS_US.map(|bound| bound as f64 / 1e6), &took.within, took.within.iter().sum(), sum_s);
    }
}

fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1e3
}
