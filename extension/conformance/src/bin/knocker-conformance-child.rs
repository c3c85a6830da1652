//! A process of the tests: `send <file> <sender> <count>`, `work <file> <worker> <lease_s>` or `fill <file> <name> <bytes>`.

use std::env;
use std::path::Path;
use std::process::ExitCode;

use knocker_conformance::worker;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [role, path, name, number] = arguments.as_slice() else {
        eprintln!("usage: knocker-conformance-child send|work|fill <file> <name> <number>");
        return ExitCode::from(2);
    };
    let path = Path::new(path);
    let number: u32 = number.parse().expect("a whole number");
    let done = match role.as_str() {
        "send" => worker::send(path, name, number.into()),
        "work" => worker::work(path, name, number.into()),
        "fill" => worker::fill(path, name, number as usize),
        other => panic!("there is no role {other:?}"),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{name}: {failure}");
            ExitCode::FAILURE
        }
    }
}
