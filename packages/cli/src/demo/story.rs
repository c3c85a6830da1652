//! Telling the demo, step by step, to somebody who sees Knocker for the first time.

use std::path::Path;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use knocker_core::Store;
use knocker_core::store::system_now;
use serde_json::json;

use super::expect::Expectations;
use super::orders;
use super::webhooks::Webhook;
use crate::failure::Result;
use crate::output::Output;
use crate::rows::{DELIVERY_COLUMNS, EVENT_COLUMNS, Row, select};
use crate::shell::quoted;
use crate::table::{Table, number, text};
use crate::{deliveries, events, printable, show, stats};

const BOLD: Style = Style::new().bold();
const GREEN: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Green)));
const YELLOW: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Yellow)));
const RED: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red)));

/// Writes the story, or with `--json` one document at its end.
pub struct Story<'a> {
    out: &'a Output,
    path: &'a Path,
}

impl<'a> Story<'a> {
    pub fn new(out: &'a Output, path: &'a Path) -> Self {
        Self { out, path }
    }

    /// What stands ready.
    pub fn set_up(&self, receiver: &str) -> Result {
        self.line(format!("{BOLD}Knocker: a webhook is stored before its sender hears \"ok\", and handled{BOLD:#}"))?;
        self.line(format!("{BOLD}afterwards, from the same SQLite file.{BOLD:#}"))?;
        self.chapter("1. Set up")?;
        self.line(format!("  database   {}: the application's tables and Knocker's", self.path.display()))?;
        self.line(format!("  receiver   {receiver}, which takes POST /github, /slack and /stripe"))?;
        self.line("  worker     a thread with its own connection to the same file")?;
        self.line("  secrets    made up for this demo; they are nowhere in the file")?;
        self.chapter("2. Six webhooks arrive, signed, over HTTP")
    }

    /// One webhook was answered.
    pub fn arrival(&self, webhook: &Webhook, status: u16) -> Result {
        let style = if status < 300 { GREEN } else { YELLOW };
        self.line(format!("  POST {:<8} {:<40} {style}{status}{style:#}", format!("/{}", webhook.provider), webhook.title))
    }

    /// What happens while nothing is printed.
    pub fn wait_for_worker(&self) -> Result {
        self.line("\n  The worker has started on them already; one of them needs a second attempt …")
    }

    /// Everything that the file holds now.
    pub fn outcome(&self, store: &Store, expectations: &Expectations, took: Duration) -> Result {
        let rows = |columns: &str, view: &str| select(store.conn(), &format!("SELECT {columns} FROM {view} ORDER BY id"), []);
        let deliveries = rows(DELIVERY_COLUMNS, "knocker_deliveries")?;
        let events = rows(EVENT_COLUMNS, "knocker_events")?;
        let attempts = rows("*", "knocker_attempts")?;
        let orders = orders(store)?;
        let stats = store.stats(system_now())?;
        if self.out.json() {
            return self.out.document(&json!({
                "db": self.path.to_string_lossy(), "deliveries": deliveries, "events": events, "attempts": attempts, "orders": orders,
                "stats": stats, "expectations": expectations, "took_ms": took.as_millis() as u64,
            }));
        }
        self.chapter("3. Every receipt is a delivery, the refused ones too")?;
        self.out.indented_table(deliveries::table(&deliveries), "  ")?;
        self.line("\n  The checkout came twice, with two signatures and one id: the second delivery")?;
        self.line("  is a duplicate of the same event. Of the push that was too large only size and")?;
        self.line("  digest are kept.")?;
        self.chapter("4. Every valid occurrence is one event")?;
        self.out.indented_table(events::table(&events, system_now()), "  ")?;
        self.chapter("5. The worker runs the handlers, and tries again")?;
        self.out.indented_table(show::attempt_table(&attempts, "event"), "  ")?;
        self.line("\n  The checkout's handler wrote its order and then failed: the order was rolled")?;
        self.line("  back with it. The next attempt wrote it, in the commit that also made the")?;
        self.line("  event handled and took its job off the queue. So there is one order:\n")?;
        self.out.indented_table(order_table(&orders), "  ")?;
        self.chapter("6. The figures")?;
        self.out.indented_table(stats::event_table(&stats), "  ")?;
        self.line("")?;
        self.out.indented_table(stats::hour_table(&stats), "  ")?;
        self.verdict(expectations, took)?;
        self.your_turn()
    }

    fn verdict(&self, expectations: &Expectations, took: Duration) -> Result {
        let all = expectations.all.len();
        let met = all - expectations.missed().count();
        let style = if met == all { GREEN } else { RED };
        self.line(format!("\n{style}{met} of {all} expectations met{style:#} in {:.1} s", took.as_secs_f64()))?;
        for missed in expectations.missed() {
            let (expected, found) = (printable::text(&missed.expected), printable::text(&missed.found));
            self.line(format!("  {RED}MISSED{RED:#} {}: expected {expected}, found {found}", missed.what))?;
        }
        Ok(())
    }

    fn your_turn(&self) -> Result {
        let file = quoted(&self.path.to_string_lossy());
        let command =
            quoted(&std::env::args_os().next().map_or_else(|| "knocker".into(), |command| command.to_string_lossy().into_owned()));
        self.chapter("Your turn")?;
        self.line("  The file is an ordinary SQLite database. Open it:\n")?;
        self.line(format!("    sqlite3 -box {file}\n"))?;
        self.line("  and type:\n")?;
        self.line("    SELECT id, endpoint, type, status, attempts FROM knocker_events;")?;
        self.line("    SELECT id, outcome, reason, body_size FROM knocker_deliveries;")?;
        self.line("    SELECT * FROM orders;\n")?;
        self.line("  Or look at it with this command:\n")?;
        let offered = [
            ("why 3", "the story of one webhook, and what to type next"),
            ("why --endpoint stripe", "what came, what was refused, and why"),
            ("top", "a screen with rates, backlog, failures and events"),
            ("show event 3", "its rows and its body"),
            ("replay 3", "back in the queue: it waits for a worker, and the demo's has ended"),
        ];
        offered.iter().try_for_each(|(line, about)| self.line(format!("    {command} --db {file} {line:<22}  # {about}")))
    }

    fn chapter(&self, title: &str) -> Result {
        self.line(format!("\n{BOLD}{title}{BOLD:#}\n"))
    }

    fn line(&self, text: impl AsRef<str>) -> Result {
        if self.out.json() { Ok(()) } else { self.out.line(text.as_ref()) }
    }
}

fn order_table(orders: &[Row]) -> Table {
    let mut table = Table::new(&["order of event", "session", "amount", "currency", "written by attempt"]);
    for order in orders {
        table.row([
            number(order.whole("event_id").unwrap_or_default()),
            text(order.text("session").unwrap_or_default()),
            number(order.whole("amount").unwrap_or_default()),
            text(order.text("currency").unwrap_or_default()),
            number(order.whole("attempt").unwrap_or_default()),
        ]);
    }
    table
}
