//! The SQL of the documentation, typed into the `sqlite3` shell of the system, does what is printed beside it.

use std::fs::{self, File};
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use knocker_conformance::library;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What the shell prints for `script`, run on a new file in a folder that has the library and the payloads where the checkout has them.
fn typed_into_the_shell(script: File) -> String {
    let folder = tempfile::tempdir().unwrap();
    let release = folder.path().join("target/release");
    fs::create_dir_all(&release).unwrap();
    fs::copy(library::path(), release.join(library::FILE_NAME)).unwrap();
    let payloads = folder.path().join("examples/payloads");
    fs::create_dir_all(&payloads).unwrap();
    fs::copy(root().join("examples/payloads/github-push.json"), payloads.join("github-push.json")).unwrap();

    let output = Command::new("sqlite3")
        .arg("shop.db")
        .current_dir(folder.path())
        .stdin(Stdio::from(script))
        .output()
        .expect("the sqlite3 shell is installed (Debian: apt-get install sqlite3)");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{}: {errors}", output.status);
    String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n")
}

#[test]
fn the_quick_start_runs_in_the_sqlite_shell_as_printed() {
    let printed = typed_into_the_shell(File::open(root().join("examples/sql/quickstart.sql")).unwrap());
    let expected = fs::read_to_string(root().join("examples/sql/quickstart.txt")).unwrap();
    for (number, (line, expected)) in printed.lines().zip(expected.lines()).enumerate() {
        assert_eq!(line, expected, "line {} of quickstart.txt", number + 1);
    }
    assert_eq!(printed.lines().count(), expected.lines().count());
}

#[test]
fn the_quick_start_runs_the_same_where_the_schema_is_not_trusted() {
    // SQLite's own advice to every application. Version 3.40, which Debian 12 has, takes JSON functions for unsafe then.
    let mut script = tempfile::tempfile().unwrap();
    let quickstart = fs::read_to_string(root().join("examples/sql/quickstart.sql")).unwrap();
    write!(script, "PRAGMA trusted_schema = OFF;\n{quickstart}\nSELECT count(*) > 0 FROM knocker_endpoints WHERE provider = 'github';\n")
        .unwrap();
    for view in ["endpoints", "deliveries", "events", "attempts", "event_deliveries", "jobs", "policies", "prunes"] {
        writeln!(script, "CREATE TEMP TABLE seen_{view} AS SELECT * FROM knocker_{view};").unwrap();
    }
    script.rewind().unwrap();
    let printed = typed_into_the_shell(script);
    let expected = fs::read_to_string(root().join("examples/sql/quickstart.txt")).unwrap();
    assert!(printed.starts_with(&expected), "{printed}");
}

/// The code blocks of a page in this language, each with the blank line that ends it.
fn blocks(page: &str, language: &str) -> String {
    let mut text = String::new();
    let mut lines = page.lines();
    while lines.by_ref().any(|line| line.strip_prefix("```") == Some(language)) {
        lines.by_ref().take_while(|line| *line != "```").for_each(|line| text.extend([line, "\n"]));
        text.push('\n');
    }
    text
}

#[test]
fn the_blocks_of_the_readme_typed_one_after_the_other_print_what_it_shows() {
    let page = fs::read_to_string(root().join("README.md")).unwrap();
    let mut script = tempfile::tempfile().unwrap();
    script.write_all(blocks(&page, "sql").as_bytes()).unwrap();
    script.rewind().unwrap();
    let printed = typed_into_the_shell(script);

    let mut rest = printed.as_str();
    let shown = blocks(&page, "text");
    let lines: Vec<&str> = shown.lines().filter(|line| !line.is_empty()).collect();
    assert!(lines.len() >= 4, "the README shows what is printed: {lines:?}");
    for line in lines {
        // The README writes … for what it leaves out.
        for part in line.split('…') {
            let at = rest.find(part).unwrap_or_else(|| panic!("{part:?} of {line:?} does not come next in:\n{printed}"));
            rest = &rest[at + part.len()..];
        }
    }
}
