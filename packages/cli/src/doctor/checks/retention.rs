//! Whether old rows go, and whether what was freed is given back.

use crate::compact::rewrite;
use crate::compact::space::Mode;
use crate::doctor::finding::{Code, Finding, Severity};
use crate::doctor::reading::Reading;
use crate::doctor::reading::rows::DAY;
use crate::moment;
use crate::printable::{count, size};

pub const NO_RETENTION: Code = Code::new("no_retention", Severity::Note);
pub const RETENTION_LATE: Code = Code::new("retention_late", Severity::Warning);
pub const FREE_PAGES: Code = Code::new("free_pages", Severity::Note);
pub const CODES: &[Code] = &[NO_RETENTION, RETENTION_LATE, FREE_PAGES];

/// A small inbox needs no retention.
const MANY: i64 = 10_000;
/// Free room below this is no matter. Nor is a quarter of the file, as retention leaves it from pass to pass: new rows use it before the file grows.
const MUCH_FREE: i64 = 64 << 20;

pub fn check(reading: &Reading) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(rows) = &reading.rows {
        let retention = &rows.retention;
        if retention.policies == 0 && retention.deliveries >= MANY {
            let what = format!("no retention policy is set: all {} stay for ever", count(retention.deliveries, "delivery"));
            let cure = reading.command("retention --handled 30d --ignored 30d --deliveries 7d");
            found.push(NO_RETENTION.found(what, format!("For example: {cure}")));
        }
        if let Some(next) = retention.next_run_at.filter(|&next| reading.now - next > DAY) {
            let what = format!("a retention pass is due {}, and nobody ran it", moment::relative(next, reading.now));
            found.push(RETENTION_LATE.found(what, format!("A worker runs it; without one, from a timer: {}", reading.command("retain"))));
        }
    }
    if let Ok(database) = &reading.database {
        let free = database.free_pages * database.page_size;
        if free > MUCH_FREE && database.free_pages > database.pages / 4 {
            let what = format!(
                "{} of the file's {} are free pages, which new rows use again",
                size(free),
                size(database.pages * database.page_size)
            );
            let cure = match database.auto_vacuum {
                Mode::None => {
                    let wait = moment::duration(1000 * rewrite::seconds((database.pages - database.free_pages) * database.page_size));
                    format!(
                        "To give them back, once with writers waiting for about {wait}: {}",
                        reading.command("compact --rewrite --dry-run")
                    )
                }
                _ => format!("To give them back, while others write: {}", reading.command("compact")),
            };
            found.push(FREE_PAGES.found(what, cure));
        }
    }
    found
}
