//! `examples/sql/quickstart.sql` typed into the `sqlite3` shell of the system gives `quickstart.txt`, letter for letter.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use knocker_conformance::library;

#[test]
fn the_quick_start_runs_in_the_sqlite_shell_as_printed() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let folder = tempfile::tempdir().unwrap();
    let release = folder.path().join("target/release");
    fs::create_dir_all(&release).unwrap();
    fs::copy(library::path(), release.join(library::FILE_NAME)).unwrap();
    let payloads = folder.path().join("examples/payloads");
    fs::create_dir_all(&payloads).unwrap();
    fs::copy(examples.join("payloads/github-push.json"), payloads.join("github-push.json")).unwrap();

    let output = Command::new("sqlite3")
        .arg("shop.db")
        .current_dir(folder.path())
        .stdin(File::open(examples.join("sql/quickstart.sql")).unwrap())
        .output()
        .expect("the sqlite3 shell is installed (Debian: apt-get install sqlite3)");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{}: {errors}", output.status);
    let printed = String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n");
    let expected = fs::read_to_string(examples.join("sql/quickstart.txt")).unwrap();
    for (number, (line, expected)) in printed.lines().zip(expected.lines()).enumerate() {
        assert_eq!(line, expected, "line {} of quickstart.txt", number + 1);
    }
    assert_eq!(printed.lines().count(), expected.lines().count());
}
