//! Endpoints whose senders went silent, are all refused, or flood.

use crate::doctor::finding::{Code, Finding, Severity};
use crate::doctor::reading::Reading;
use crate::doctor::reading::rows::{DAY, Traffic};
use crate::moment;
use crate::printable::{count, text};

pub const ENDPOINT_SILENT: Code = Code::new("endpoint_silent", Severity::Warning);
pub const ALL_REFUSED: Code = Code::new("all_refused", Severity::Error);
pub const REFUSED_FLOOD: Code = Code::new("refused_flood", Severity::Warning);
pub const REFUSED_FULL: Code = Code::new("refused_full", Severity::Note);
pub const CODES: &[Code] = &[ENDPOINT_SILENT, ALL_REFUSED, REFUSED_FLOOD, REFUSED_FULL];

/// So many refused requests in a row are no accident.
const IN_A_ROW: i64 = 5;
/// Fewer events say nothing of a habit.
const HABIT: i64 = 10;

pub fn check(reading: &Reading) -> Vec<Finding> {
    let Some(rows) = &reading.rows else { return Vec::new() };
    let mut found = Vec::new();
    for traffic in &rows.endpoints {
        found.extend(silent(reading, traffic));
        found.extend(all_refused(reading, traffic));
        found.extend(flood(reading, traffic));
    }
    for figures in rows.stats.endpoints.iter().filter(|figures| figures.refused.full) {
        let endpoint = text(&figures.endpoint);
        let what = format!("{endpoint} keeps as many refused requests as it may ({}); further ones are only counted", figures.refused.kept);
        let cure = reading.command(&format!("prune deliveries --endpoint {endpoint} --outcome invalid --older-than 1d --dry-run"));
        found.push(REFUSED_FULL.found(what, format!("Make room: {cure}")));
    }
    found
}

/// Silent for a day, and for twenty times as long as between two receipts so far.
fn silent(reading: &Reading, traffic: &Traffic) -> Option<Finding> {
    let last = traffic.last_receipt_at.filter(|_| traffic.enabled && traffic.events >= HABIT)?;
    let usual = (last - traffic.created_at).max(0) / traffic.events;
    let silence = reading.now - last;
    if silence < DAY.max(20 * usual) {
        return None;
    }
    let endpoint = text(&traffic.endpoint);
    let what = format!(
        "{endpoint} got its last request {}; before, one came every {} or so",
        moment::relative(last, reading.now),
        moment::duration(usual.max(1000))
    );
    let cure = format!(
        "Look into the provider's dashboard: a URL that changed, or a webhook that it switched off after failures. {}",
        reading.command(&format!("deliveries --endpoint {endpoint} --limit 5"))
    );
    Some(ENDPOINT_SILENT.found(what, cure))
}

fn all_refused(reading: &Reading, traffic: &Traffic) -> Option<Finding> {
    let since = traffic.refused_since.filter(|_| traffic.refused_in_a_row >= IN_A_ROW)?;
    let endpoint = text(&traffic.endpoint);
    let (reason, usual) = match traffic.reason.as_deref() {
        Some("bad_signature") => (
            "bad_signature",
            "The secret is a wrong one, of another endpoint or of the test mode, or something before the application changes the body",
        ),
        Some("no_secret") => ("no_secret", "The application gives no secret: see its configuration"),
        Some("missing_header") => ("missing_header", "Somebody else than the provider calls, or a proxy takes the signature's header away"),
        Some("timestamp_out_of_tolerance") => ("timestamp_out_of_tolerance", "The clock of this machine is wrong: timedatectl"),
        Some(_) | None => ("see its deliveries", "Look at one of them"),
    };
    let what = format!(
        "{endpoint} refused each of the last {} ({reason}), since {} UTC",
        count(traffic.refused_in_a_row, "request"),
        moment::show(since)
    );
    let cure = format!(
        "{usual}. One that was refused: {}; the same captured as a file: knocker verify PROVIDER request.http --secret-env NAME",
        reading.command(&format!("deliveries --endpoint {endpoint} --outcome invalid --limit 1"))
    );
    Some(ALL_REFUSED.found(what, cure))
}

fn flood(reading: &Reading, traffic: &Traffic) -> Option<Finding> {
    if traffic.only_counted == 0 {
        return None;
    }
    let endpoint = text(&traffic.endpoint);
    let what = format!(
        "somebody floods {endpoint}: {} of the last hour were refused and only counted, beyond what it keeps",
        count(traffic.only_counted, "request")
    );
    let cure = format!(
        "Genuine ones are not held up. Find the sender and block it in front of the application: {}",
        reading.command(&format!("deliveries --endpoint {endpoint} --outcome invalid --limit 20"))
    );
    Some(REFUSED_FLOOD.found(what, cure))
}
