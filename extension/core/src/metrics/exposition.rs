//! The text that a monitoring system reads: the text format of Prometheus, and OpenMetrics.

use std::borrow::Cow;
use std::fmt::Write;

use super::catalogue::{Kind, Metric};
use crate::error::{Error, Result};
use crate::words::words;

words! {
    /// How metrics are written.
    pub enum MetricsFormat {
        /// The text format of Prometheus, version 0.0.4.
        Prometheus = "prometheus",
        /// OpenMetrics 1.0.
        Openmetrics = "openmetrics",
    }
}

impl MetricsFormat {
    /// Reads the name of one.
    ///
    /// # Errors
    /// `invalid_argument` for another name.
    pub fn parse(name: &str) -> Result<Self> {
        Self::from_name(name).ok_or_else(|| Error::invalid(format!("format: {name:?} is none of {}", Self::NAMES.join(", "))))
    }

    /// What an HTTP response says of it.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::Openmetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The text under construction.
pub(super) struct Exposition {
    format: MetricsFormat,
    text: String,
}

impl Exposition {
    pub fn new(format: MetricsFormat) -> Self {
        Self { format, text: String::new() }
    }

    pub fn finish(mut self) -> String {
        if self.format == MetricsFormat::Openmetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    /// Starts a metric; its samples follow.
    pub fn family(&mut self, metric: &'static Metric) -> Family<'_> {
        // OpenMetrics names a counter's family without the suffix of its samples.
        let name = match self.format {
            MetricsFormat::Openmetrics => metric.name.strip_suffix("_total").unwrap_or(metric.name),
            MetricsFormat::Prometheus => metric.name,
        };
        self.text.push_str(&format!("# HELP {name} {}\n# TYPE {name} {}\n", escaped(metric.about.trim(), false), metric.kind.name()));
        Family { metric, text: &mut self.text }
    }
}

/// One metric under construction.
pub(super) struct Family<'e> {
    metric: &'static Metric,
    text: &'e mut String,
}

impl Family<'_> {
    /// One number, with the values of the metric's labels.
    pub fn sample(&mut self, values: &[&str], number: impl std::fmt::Display) {
        self.line("", values, None, number);
    }

    /// The counts between the bounds become those up to them, which is what the formats want.
    pub fn histogram(&mut self, values: &[&str], bounds_s: impl IntoIterator<Item = f64>, within: &[i64], count: i64, sum_s: f64) {
        debug_assert_eq!(self.metric.kind, Kind::Histogram);
        let mut so_far = 0;
        for (bound, n) in bounds_s.into_iter().zip(within) {
            so_far += n;
            self.line("_bucket", values, Some(&format!("{bound:?}")), so_far);
        }
        self.line("_bucket", values, Some("+Inf"), count);
        self.line("_sum", values, None, sum_s);
        self.line("_count", values, None, count);
    }

    fn line(&mut self, suffix: &str, values: &[&str], bound: Option<&str>, number: impl std::fmt::Display) {
        debug_assert_eq!(values.len(), self.metric.labels.len());
        // With thousands of endpoints this is what metrics cost: everything is written in its place.
        self.text.push_str(self.metric.name);
        self.text.push_str(suffix);
        let labels = self.metric.labels.iter().copied().zip(values.iter().copied()).chain(bound.map(|bound| ("le", bound)));
        let mut before = '{';
        for (name, value) in labels {
            self.text.push(before);
            self.text.push_str(name);
            self.text.push_str("=\"");
            self.text.push_str(&escaped(value, true));
            self.text.push('"');
            before = ',';
        }
        if before == ',' {
            self.text.push('}');
        }
        writeln!(self.text, " {number}").expect("a text takes what is written");
    }
}

/// In a label's value and in a help text; OpenMetrics has quotation marks escaped in both, Prometheus in the former, and no help text has one.
fn escaped(text: &str, quotes: bool) -> Cow<'_, str> {
    if !text.contains(['\\', '\n', '"']) {
        return Cow::Borrowed(text);
    }
    let text = text.replace('\\', r"\\").replace('\n', r"\n");
    Cow::Owned(if quotes { text.replace('"', r#"\""#) } else { text })
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::EVENTS;
    use super::*;

    #[test]
    fn what_stands_in_a_label_cannot_end_it() {
        let mut exposition = Exposition::new(MetricsFormat::Openmetrics);
        exposition.family(&EVENTS).sample(&["a\"} 1\nb\\", "dead"], 2);
        let text = exposition.finish();
        assert!(text.ends_with("knocker_events{endpoint=\"a\\\"} 1\\nb\\\\\",status=\"dead\"} 2\n# EOF\n"), "{text}");
    }
}
