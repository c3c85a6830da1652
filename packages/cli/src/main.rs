//! The `knocker` command: sets up, inspects and operates a webhook inbox in a SQLite database, and shows it at work (`knocker demo`).

mod args;
mod backup;
mod beside;
mod captured;
mod compact;
mod confirm;
mod context;
mod database;
mod deliveries;
mod demo;
mod doctor;
mod endpoint;
mod events;
mod failure;
mod file_id;
mod filter;
mod forward;
mod in_use;
mod init;
mod listen;
mod live;
mod lookup;
mod many;
mod moment;
mod mount;
mod operate;
mod options;
mod output;
mod pattern;
mod post;
mod printable;
mod progress;
mod providers;
mod prune;
mod publish;
mod received;
mod receiver;
mod restore;
mod retention;
mod rows;
mod secrets;
mod send;
mod shell;
mod show;
mod stats;
mod stop;
mod table;
mod tail;
mod tint;
mod top;
mod transfer;
mod usage;
mod verify;
mod wal_readers;
mod why;

use std::process::ExitCode;

use anstream::ColorChoice;
use clap::Parser;

use crate::failure::Failure;

fn main() -> ExitCode {
    let cli = match args::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => match usage::failure(&error) {
            // It was help that was wanted, or the version.
            None => error.exit(),
            Some(failure) => return end(&failure, ColorChoice::Auto),
        },
    };
    let context = cli.context();
    match cli.command.run(&context) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => end(&failure, context.color),
    }
}

fn end(failure: &Failure, color: ColorChoice) -> ExitCode {
    failure.report(color);
    ExitCode::from(failure.exit as u8)
}
