//! Writes `contract.json`: `make contract`. With `--check` it only compares.

use std::process::ExitCode;
use std::{env, fs, io};

fn main() -> io::Result<ExitCode> {
    let text = knocker_contract::text();
    if env::args().nth(1).as_deref() != Some("--check") {
        fs::write(knocker_contract::PATH, text)?;
        return Ok(ExitCode::SUCCESS);
    }
    if fs::read_to_string(knocker_contract::PATH)? == text {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("{} is not what the core says: run `make contract`", knocker_contract::PATH);
    Ok(ExitCode::FAILURE)
}
