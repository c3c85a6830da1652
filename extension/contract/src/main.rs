//! Writes `contract.json`: `make contract`.

use std::{fs, io};

fn main() -> io::Result<()> {
    fs::write(knocker_contract::PATH, knocker_contract::text())
}
