//! `knocker doctor`: what is wrong with a file, how bad it is, and what to do.

mod checks;
mod finding;
mod integrity;
mod many;
mod reading;
mod repair;

use std::path::PathBuf;

use anstyle::{AnsiColor, Style};
use serde_json::json;

use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::in_use::files::FileFacts;
use crate::in_use::processes::{Holder, Processes};
use crate::printable::{count, size, text};
use crate::table::{Table, faint, text as cell};
use finding::{Finding, Severity};
use reading::Reading;

#[derive(clap::Args)]
pub struct Args {
    /// Also read the whole file, page by page, which takes as long as that takes
    #[arg(long)]
    integrity: bool,

    /// Put right what is safe, after a backup: missing indexes, triggers and views, event and job in disagreement, a log that was not checkpointed
    #[arg(long)]
    repair: bool,

    /// Where the backup before a repair goes [default: beside the file, with the time in its name]
    #[arg(long, value_name = "FILE", requires = "repair")]
    backup_to: Option<PathBuf>,

    /// Tell what a repair would do and change nothing
    #[arg(long, requires = "repair")]
    dry_run: bool,
}

pub fn run(context: &Context, args: &Args) -> Result {
    if let Some(files) = context.db_files()? {
        return many::run(context, args, &files);
    }
    let Looked { reading, findings, repaired } = examine(context, args, &Processes::read())?;
    report(context, args, &reading, &findings, &repaired)?;
    match findings.iter().map(|finding| finding.severity).max() {
        Some(Severity::Error) => Err(Failure::told(Exit::FoundErrors)),
        Some(Severity::Warning) => Err(Failure::told(Exit::FoundWarnings)),
        _ => Ok(()),
    }
}

/// What a look found.
struct Looked {
    reading: Reading,
    findings: Vec<Finding>,
    /// The codes of what was repaired, or would be.
    repaired: Vec<&'static str>,
}

/// Looks at the file, and where that is wanted repairs it and looks again.
fn examine(context: &Context, args: &Args, processes: &Processes) -> Result<Looked> {
    crate::database::require_file(&context.db_path()?)?;
    let (mut reading, mut findings) = look(context, args, processes)?;
    let mut repaired = Vec::new();
    if args.repair {
        let repairable: Vec<&Finding> = findings.iter().filter(|finding| finding.code.repairable).collect();
        repaired = repairable.iter().map(|finding| finding.code.name).collect();
        if !repairable.is_empty() && !args.dry_run {
            repair::run(context, &reading, &repairable, args.backup_to.as_deref())?;
            drop(reading.store.take());
            (reading, findings) = look(context, args, processes)?;
        }
    }
    Ok(Looked { reading, findings, repaired })
}

fn look(context: &Context, args: &Args, processes: &Processes) -> Result<(Reading, Vec<Finding>)> {
    let reading = Reading::read(&context.db_path()?, processes, context.now)?;
    let mut findings = checks::run(&reading);
    if args.integrity {
        findings.splice(0..0, integrity::check(&reading)?);
    }
    Ok((reading, findings))
}

fn report(context: &Context, args: &Args, reading: &Reading, findings: &[Finding], repaired: &[&str]) -> Result {
    let facts = facts(reading);
    if context.out.json() {
        let facts = facts_document(reading);
        let key = if args.dry_run { "would_repair" } else { "repaired" };
        return context.out.document(&json!({"facts": facts, "findings": findings, key: repaired}));
    }
    let mut table = Table::new(&[]);
    for (name, fact) in &facts {
        table.row([faint(name), cell(fact)]);
    }
    context.out.indented_table(table, "")?;
    for finding in findings {
        let style = Style::new().bold().fg_color(Some(color(finding.severity).into()));
        context.out.line(format_args!("\n{style}{}{style:#} {}", finding.severity.name(), finding.code.name))?;
        let mut lines = Table::new(&[]);
        lines.row([cell(&finding.what)]);
        context.out.indented_table(lines, "  ")?;
        // A cure has commands in it, which a break of ours would cut in two for who copies them: the terminal's own does not.
        context.out.line(format_args!("  -> {}", text(&finding.cure)))?;
    }
    if args.repair && repaired.is_empty() {
        context.out.line("\nnothing that a repair puts right: no backup was made, and nothing was changed")?;
    } else if args.repair {
        let done = if args.dry_run { "dry run: a backup would be made and this repaired" } else { "repaired" };
        context.out.line(format_args!("\n{done}: {}", repaired.join(", ")))?;
    }
    context.out.line(format_args!("\n{}", verdict(findings)))
}

fn color(severity: Severity) -> AnsiColor {
    match severity {
        Severity::Error => AnsiColor::Red,
        Severity::Warning => AnsiColor::Yellow,
        Severity::Note => AnsiColor::Cyan,
    }
}

fn verdict(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return "nothing is wrong".into();
    }
    let number = |severity| findings.iter().filter(|finding| finding.severity == severity).count() as i64;
    let all = [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Note, "note")];
    let some: Vec<String> =
        all.into_iter().map(|(severity, noun)| (number(severity), noun)).filter(|(n, _)| *n > 0).map(|(n, noun)| count(n, noun)).collect();
    some.join(", ")
}

/// What is told of every file, healthy or not.
fn facts(reading: &Reading) -> Vec<(&'static str, String)> {
    let files = &reading.files;
    let mode = |facts: &Option<FileFacts>| facts.as_ref().and_then(|facts| facts.mode).map_or("-".into(), |mode| format!("{mode:o}"));
    let mut facts = vec![("file", reading.path.display().to_string())];
    match &reading.database {
        Ok(database) => {
            let pages = format!("{} of {} bytes, {} free", count(database.pages, "page"), database.page_size, database.free_pages);
            // What is committed and still in the log alone is in these pages, and not in the file's size.
            let whole = database.pages * database.page_size;
            let in_file = files.database.size as i64;
            let part = if in_file < whole { format!("; {} of it in the file, the rest in the log", size(in_file)) } else { String::new() };
            facts.push(("size", format!("{} ({pages}){part}", size(whole))));
            facts.push(("log", checks::wal::summary(reading)));
            facts.push(("synchronous", "each connection's own, and not in the file; packages and this command commit with FULL".into()));
            facts.push((
                "schema",
                format!("version {}; the file was last written by SQLite {}", database.schema_version, text(&database.written_by)),
            ));
        }
        Err(_) => facts.push(("size", size(files.database.size as i64))),
    }
    facts.push(("file system", checks::file_system::summary(reading)));
    let modes = format!(
        "file {}, log {}, its index {}, folder {}",
        mode(&Some(files.database.clone())),
        mode(&files.wal),
        mode(&files.shm),
        mode(&files.folder)
    );
    facts.push(("permissions", modes));
    if cfg!(target_os = "linux") {
        let holders: Vec<String> = reading.holders.iter().map(Holder::title).collect();
        facts.push(("open in", if holders.is_empty() { "no other process that this user may look at".into() } else { holders.join(", ") }));
    }
    facts
}

/// The same for programs.
fn facts_document(reading: &Reading) -> serde_json::Map<String, serde_json::Value> {
    facts(reading).into_iter().map(|(name, fact)| (name.replace(' ', "_"), fact.into())).collect()
}

#[cfg(test)]
mod tests {
    use super::checks::codes;

    #[test]
    fn every_code_is_documented_and_tested() {
        let page = include_str!("../../../../docs/doctor.md");
        let tests = concat!(
            include_str!("../../tests/cli/doctor.rs"),
            include_str!("../../tests/cli/doctor_rows.rs"),
            include_str!("../../tests/cli/publish.rs"),
            include_str!("unit.rs")
        );
        let mut names = std::collections::HashSet::new();
        for code in codes() {
            assert!(names.insert(code.name), "{} is there twice", code.name);
            let row = format!("| `{}` | {} |", code.name, code.severity.name());
            assert!(page.contains(&row), "docs/doctor.md has no row {row}");
            assert!(tests.contains(&format!("\"{}\"", code.name)), "no test of {}", code.name);
        }
    }
}

#[cfg(test)]
mod unit;
