//! `knocker doctor` of many files: a row for each with the codes of what was found, and their sum.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::{Map, Value};

use super::finding::{Finding, Severity};
use super::{Args, Looked, examine, facts_document};
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::in_use::processes::Processes;
use crate::many::{self, Done};
use crate::printable::{count, size};
use crate::table::{Table, alarming, faint, number, text};

/// What was found of one file.
#[derive(Serialize)]
struct Examined {
    facts: Map<String, Value>,
    findings: Vec<Finding>,
    #[serde(skip)]
    bytes: i64,
    #[serde(flatten)]
    repaired: BTreeMap<&'static str, Vec<&'static str>>,
}

/// How many findings there are.
#[derive(Clone, Copy, Default, Serialize)]
struct Numbers {
    errors: i64,
    warnings: i64,
    notes: i64,
}

impl Numbers {
    fn of<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Self {
        let mut numbers = Self::default();
        for finding in findings {
            *match finding.severity {
                Severity::Error => &mut numbers.errors,
                Severity::Warning => &mut numbers.warnings,
                Severity::Note => &mut numbers.notes,
            } += 1;
        }
        numbers
    }
}

/// Looks at each, and repairs it where that is wanted, after a backup beside it.
pub fn run(context: &Context, args: &Args, files: &[PathBuf]) -> Result {
    if args.backup_to.is_some() {
        return Err(Failure::usage("--backup-to is one file, and --db names many", "Leave it out: each has its backup beside it."));
    }
    // Read once: it takes longer than most files do.
    let processes = Processes::read();
    let examine = |context: &Context| -> Result<Examined> {
        let Looked { reading, findings, repaired } = examine(context, args, &processes)?;
        let key = if args.dry_run { "would_repair" } else { "repaired" };
        let bytes = reading.files.database.size as i64;
        Ok(Examined { facts: facts_document(&reading), findings, bytes, repaired: BTreeMap::from([(key, repaired)]) })
    };
    let (done, ended) = match args.repair && !args.dry_run {
        true => many::in_turn(context, files, |context| Ok((examine(context)?, Ok(()))))?,
        false => (many::each(context, files, examine)?, Ok(())),
    };
    let numbers = Numbers::of(done.done.iter().flat_map(|(_, examined)| &examined.findings));
    match context.out.json() {
        true => done.document(context, numbers)?,
        false => report(context, args, &done, numbers)?,
    }
    let told = done.end(context);
    ended?;
    match numbers {
        // Of a file that cannot be looked at nobody knows what is lost.
        _ if told.is_err() => told.map_err(|failure| failure.with_exit(Exit::FoundErrors)),
        Numbers { errors: 1.., .. } => Err(Failure::told(Exit::FoundErrors)),
        Numbers { warnings: 1.., .. } => Err(Failure::told(Exit::FoundWarnings)),
        _ => Ok(()),
    }
}

fn report(context: &Context, args: &Args, done: &Done<Examined>, sum: Numbers) -> Result {
    let mut table = Table::new(&["file", "size", "errors", "warnings", "notes", "found"]);
    let mut bytes = 0;
    for (file, examined) in &done.done {
        bytes += examined.bytes;
        let Numbers { errors, warnings, notes } = Numbers::of(&examined.findings);
        let codes: Vec<&str> = examined.findings.iter().map(|finding| finding.code.name).collect();
        let codes = if codes.is_empty() { faint("-") } else { text(codes.join(", ")) };
        table.row([text(many::name(file)), text(size(examined.bytes)), alarming(errors), alarming(warnings), number(notes), codes]);
    }
    let all = format!("({})", count(done.done.len() as i64, "file"));
    table.row([text(all), text(size(bytes)), alarming(sum.errors), alarming(sum.warnings), number(sum.notes), faint("-")]);
    context.out.table(table, "")?;
    for (file, examined) in done.done.iter().filter(|_| args.repair) {
        for (key, codes) in examined.repaired.iter().filter(|(_, codes)| !codes.is_empty()) {
            context.out.line(format_args!("{}: {} {}", many::name(file), key.replace('_', " "), codes.join(", ")))?;
        }
    }
    if sum.errors + sum.warnings + sum.notes > 0 {
        context.out.line("what each is and what to do: `knocker --db FILE doctor`, or --json")?;
    }
    Ok(())
}
