//! A process of the crash tests: `<file> <name> <policy> <seed> <steps>`, recorded by the preloaded library.

#[cfg(target_os = "linux")]
fn main() {
    use std::env;
    use std::path::Path;

    use knocker_conformance::crash::workload;

    let arguments: Vec<String> = env::args().skip(1).collect();
    let [file, name, policy, seed, steps] = arguments.as_slice() else {
        panic!("usage: knocker-conformance-crash <file> <name> <policy> <seed> <steps>");
    };
    let marks = env::var_os("KNOCKER_RECORDER_MARKS").expect("KNOCKER_RECORDER_MARKS names the file of marks");
    let policy = policy.parse().expect("a policy");
    workload::run(Path::new(file), name, policy, seed.parse().expect("a number"), steps.parse().expect("a number"), Path::new(&marks));
}

#[cfg(not(target_os = "linux"))]
fn main() {
    panic!("the recorder is for Linux");
}
