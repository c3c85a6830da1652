//! The command line: global flags and the list of commands. Each command's own flags stand in its own file.

use std::io;
use std::path::PathBuf;

use anstream::ColorChoice;
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::context::Context;
use crate::failure::Result;
use crate::{
    backup, compact, deliveries, demo, doctor, endpoint, events, forward, init, listen, operate, providers, prune, publish, restore,
    retention, send, show, stats, tail, top, verify,
};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the operation failed or was refused (a bad signature, a wrong state, an answer not 2xx)
  2  wrong usage, or a destructive call that nobody confirmed
  3  the database, endpoint, event, delivery or file is not there
  4  busy or unreachable: the same command may succeed later
  10, 11  doctor found warnings, or errors
  130  interrupted (Ctrl-C): what was done is whole, and the hint says how to go on

With a pattern one file that fails stops no other: each is named, and the exit code is theirs, or 1 where it differs.

Times are UTC. Where a time is wanted, give RFC 3339 (2026-01-31T12:00:00Z), a date, or an age (90s, 15m, 2h, 7d, 4w).";

/// Receive webhooks durably in SQLite: inspect and operate the inbox.
#[derive(Parser)]
#[command(name = "knocker", version = knocker_core::version(), after_help = EXIT_CODES, propagate_version = false)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,

    /// The database file, or many by a pattern in quotes, such as 'tenants/*.db' [env: KNOCKER_DB]
    #[arg(long, global = true, value_name = "PATH", help_heading = "Global options")]
    db: Option<PathBuf>,

    /// Print JSON: one document, or one object a line for lists
    #[arg(long, global = true, help_heading = "Global options")]
    json: bool,

    /// When to use colour; auto means on a terminal where NO_COLOR is not set
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = "Global options")]
    color: Color,
}

#[derive(Clone, Copy, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Create the database file, or bring its schema up to date
    Init,
    /// Show the whole story: signed requests over HTTP, a worker, and what the database holds afterwards
    ///
    /// Its database is the one of --db, or else knocker-demo.db; KNOCKER_DB is left alone. It replaces the file of an earlier demo and no
    /// other one. It ends with 1 where anything is not as told.
    Demo,
    /// Create, list, enable and disable endpoints
    #[command(subcommand)]
    Endpoint(endpoint::Command),
    /// List events, newest first
    Events(events::Args),
    /// List deliveries, newest first
    Deliveries(deliveries::Args),
    /// Show one event or one delivery with everything that belongs to it
    #[command(subcommand)]
    Show(show::Command),
    /// Tell the story of one webhook: what happened, why, what happens next, and what to type
    Why(crate::why::Args),
    /// Count events and receipts, by endpoint
    Stats(stats::Args),
    /// Tell what happens while it happens: receipts, attempts and what moves events
    ///
    /// It follows the file across all processes, and goes on with the new one where the file is replaced. Each row is told once, in the order of its
    /// id. End it with Ctrl-C.
    Tail(tail::Args),
    /// Watch it on a screen: rates, backlog, endpoints, slow handlers, workers and events, to look into and replay
    ///
    /// It reads a hundredth of the time at most, and takes no lock that a writer waits for.
    Top,
    /// Tell what is wrong with the file and what to do; for monitoring, by exit code
    Doctor(doctor::Args),
    /// Copy the file while it is in use
    Backup(backup::Args),
    /// Check a backup, or put it in the place of the file
    Restore(restore::Args),
    /// Run the handlers again, also for events that were handled
    Replay(operate::ReplayArgs),
    /// Put failed, dead or ignored events back in the queue
    Requeue(operate::RequeueArgs),
    /// Take events out of the way
    Ignore(operate::IgnoreArgs),
    /// Delete old rows, oldest first
    #[command(subcommand)]
    Prune(prune::Command),
    /// Store for how long rows are kept, or list what is stored
    Retention(retention::Args),
    /// Run the retention pass that is due
    ///
    /// It deletes what a stored policy says, and does not ask: it is made for timers.
    Retain,
    /// Give the room of deleted rows back to the system, while others write
    ///
    /// The file gets smaller in small transactions, if its auto_vacuum is INCREMENTAL. Another file is rewritten for that once, by --rewrite: SQLite's
    /// VACUUM keeps writers waiting for all of it, and may give other rowids to rows of tables that have no INTEGER PRIMARY KEY.
    Compact(compact::Args),
    /// Write deliveries with their events as JSON lines, redacted unless asked
    Export(crate::transfer::export::Args),
    /// Take over the lines of an export; what is here already is left alone
    Import(crate::transfer::import::Args),
    /// Check the signature of a captured HTTP request
    Verify(verify::Args),
    /// Sign a payload as a provider would and POST it
    Send(send::Args),
    /// Receive on a port for local development: store, show and pass on what comes in
    ///
    /// The database and the endpoint are created where they are not there. Without --db and KNOCKER_DB the file is knocker.db.
    Listen(listen::Args),
    /// Send stored or new deliveries to another URL, such as the app on a developer's machine
    ///
    /// From a server to your machine: `ssh host knocker --db app.db forward --stdout --since 1h | knocker forward --stdin URL`.
    Forward(forward::Args),
    /// Hand events over to a stream of NATS JetStream, or to an HTTP endpoint, which acknowledge each
    ///
    /// It is a worker: what it publishes is handled. Events wait in the file while the other side is away; SIGTERM ends it cleanly.
    Publish(publish::Args),
    /// List the providers, or describe one
    Providers(providers::Args),
    /// Print the completion script of a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

impl Cli {
    /// What every command gets.
    pub fn context(&self) -> Context {
        let color = match self.color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        Context::new(self.db.clone(), self.json, color)
    }
}

impl Command {
    /// Runs the command.
    pub fn run(&self, context: &Context) -> Result {
        match self {
            Command::Init => init::run(context),
            Command::Demo => demo::run(context),
            Command::Endpoint(command) => endpoint::run(context, command),
            Command::Events(args) => events::run(context, args),
            Command::Deliveries(args) => deliveries::run(context, args),
            Command::Show(command) => show::run(context, command),
            Command::Why(args) => crate::why::run(context, args),
            Command::Stats(args) => stats::run(context, args),
            Command::Tail(args) => tail::run(context, args),
            Command::Top => top::run(context),
            Command::Doctor(args) => doctor::run(context, args),
            Command::Backup(args) => backup::run(context, args),
            Command::Restore(args) => restore::run(context, args),
            Command::Replay(args) => operate::replay(context, args),
            Command::Requeue(args) => operate::requeue(context, args),
            Command::Ignore(args) => operate::ignore(context, args),
            Command::Prune(command) => prune::run(context, command),
            Command::Retention(args) => retention::run(context, args),
            Command::Retain => retention::retain(context),
            Command::Compact(args) => compact::run(context, args),
            Command::Export(args) => crate::transfer::export::run(context, args),
            Command::Import(args) => crate::transfer::import::run(context, args),
            Command::Verify(args) => verify::run(context, args),
            Command::Send(args) => send::run(context, args),
            Command::Listen(args) => listen::run(context, args),
            Command::Forward(args) => forward::run(context, args),
            Command::Publish(args) => publish::run(context, args),
            Command::Providers(args) => providers::run(context, args),
            Command::Completions { shell } => completions(*shell),
        }
    }
}

fn completions(shell: Shell) -> Result {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "knocker", &mut script);
    Ok(io::Write::write_all(&mut io::stdout(), &script)?)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_of_the_readme_and_of_the_page_behind_it_is_one() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/src/content/docs/reference/cli-in-depth.md");
        let text = include_str!("../README.md").to_owned() + &std::fs::read_to_string(page).expect("the page is in the checkout");
        let lines = text.lines().filter_map(|line| line.strip_prefix("    $ "));
        let commands: Vec<Vec<String>> = lines.map(words).collect();
        assert!(commands.len() > 30);
        for command in commands {
            if let Err(error) = Cli::try_parse_from(&command) {
                panic!("{}: {error}", command.join(" "));
            }
        }
    }

    /// The words of a shell line up to a pipe, a redirection or a comment. Single quotes hold a word together.
    fn words(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut quoted = false;
        for character in line.chars() {
            match character {
                '\'' => quoted = !quoted,
                '|' | '<' | '>' | '#' if !quoted => break,
                ' ' if !quoted => words.push(String::new()),
                other => words.last_mut().expect("there is always one").push(other),
            }
        }
        words.retain(|word| !word.is_empty());
        words
    }
}
