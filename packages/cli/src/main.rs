//! The `knocker` command: sets up, inspects and operates a webhook inbox in a SQLite database, and shows it at work (`knocker demo`).

mod args;
mod captured;
mod confirm;
mod context;
mod database;
mod deliveries;
mod demo;
mod endpoint;
mod events;
mod failure;
mod filter;
mod init;
mod moment;
mod operate;
mod options;
mod output;
mod post;
mod printable;
mod providers;
mod prune;
mod retention;
mod rows;
mod secrets;
mod send;
mod show;
mod stats;
mod table;
mod verify;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = args::Cli::parse();
    let context = cli.context();
    match cli.command.run(&context) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report(context.color);
            ExitCode::from(failure.exit as u8)
        }
    }
}
