//! What is added to the core reaches the packages by `make contract` alone, shown on a copy of what that needs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What of the checkout `make contract` reads and writes.
const NEEDED: [&str; 17] = [
    "Cargo.toml",
    "Cargo.lock",
    "Makefile",
    "docs/errors.md",
    "docs/vocabulary.md",
    "extension/core/Cargo.toml",
    "extension/core/src",
    "extension/contract",
    "packages/python/src/knocker",
    "packages/js/core/src",
    "packages/go/errors_gen.go",
    "packages/go/records_gen.go",
    "packages/go/settings_gen.go",
    "packages/go/filters_gen.go",
    "packages/ruby/lib/knocker",
    "packages/ruby/sig",
    "packages/elixir/lib/knocker",
];

#[test]
fn a_field_a_setting_and_an_error_code_of_the_core_reach_every_package() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path();
    for path in NEEDED {
        copy_over(&root().join(path), &copy.join(path));
    }
    // The other members of the workspace stay behind. Under a version of its own the copy's crates are built beside ours, and not in their place.
    edit(&copy.join("Cargo.toml"), |manifest| {
        let manifest = manifest.replace(&format!("{:?}", knocker_core::VERSION), "\"0.0.0-copy\"");
        let manifest = manifest.replace(&format!("\"={}\"", knocker_core::VERSION), "\"=0.0.0-copy\"");
        let lines = manifest.lines().filter(|line| !line.starts_with("default-members"));
        let members = r#"members = ["extension/core", "extension/contract"]"#;
        lines.map(|line| if line.starts_with("members") { members } else { line }).collect::<Vec<_>>().join("\n") + "\n"
    });

    let core = copy.join("extension/core/src");
    add_after(&core.join("retention.rs"), "    pub ran: bool,\n", "    /// How many it looked at.\n    pub rows_seen: i64,\n");
    add_after(
        &core.join("settings.rs"),
        "        \"enabled\": Kind::Flag;\n",
        "        /// How important it is.\n        \"urgency_of_all\": Kind::Whole(1, 9);\n",
    );
    add_after(
        &core.join("error.rs"),
        "\ncodes! {\n",
        "    /// It is too early.\n    TooEarly = \"too_early\", Database, true,\n        \"Wait.\",\n        packages \"See {prune_events()} and {dry_run}.\";\n",
    );

    let mut make = Command::new("make");
    // The tools are there: this runs.
    make.args(["--old-file=tools-test", "contract"]).current_dir(copy).env("CARGO_NET_OFFLINE", "true");
    for name in ["MAKEFLAGS", "MAKELEVEL", "MFLAGS"] {
        make.env_remove(name);
    }
    succeed(make.env("CARGO_TARGET_DIR", target()).output().unwrap());

    let python = read(copy, "packages/python/src/knocker", &["errors.py", "records.py", "settings.py"]);
    for wanted in [
        "class TooEarlyError(DatabaseError):",
        "hint = \"See `hooks.prune_events()` and `dry_run`.\"",
        "rows_seen: int\n    \"\"\"How many it looked at.\"\"\"",
        "rows_seen=values[\"rows_seen\"],",
        "urgency_of_all: int | None\n    \"\"\"How important it is. 1 to 9.\"\"\"",
    ] {
        assert!(python.contains(wanted), "Python has no {wanted}");
    }
    let typescript = read(copy, "packages/js/core/src", &["error-classes.ts", "records.ts", "settings.ts"]);
    for wanted in [
        "export class TooEarlyError extends DatabaseError {",
        "\"See hooks.pruneEvents() and dryRun.\"",
        "/** How many it looked at. */\n  rowsSeen: number;",
        "rowsSeen: values[\"rows_seen\"] as number,",
        "/** How important it is. 1 to 9. */\n  urgencyOfAll?: number | null;",
    ] {
        assert!(typescript.contains(wanted), "TypeScript has no {wanted}");
    }
    let go = read(copy, "packages/go", &["errors_gen.go", "records_gen.go", "settings_gen.go"]);
    for wanted in [
        "ErrTooEarly = &Error{Code: \"too_early\"}",
        "return facts{\"database\", true, \"See Hooks.PruneEvents and DryRun.\"}",
        "// RowsSeen: how many it looked at.\n\tRowsSeen int64 `json:\"rows_seen\"`",
        "// UrgencyOfAll: how important it is. 1 to 9.\nfunc UrgencyOfAll(value int64) EndpointOption",
    ] {
        assert!(go.contains(wanted), "Go has no {wanted}");
    }
    let ruby = read(copy, "packages/ruby/lib/knocker", &["errors.rb", "records.rb", "settings.rb"]);
    for wanted in [
        "class TooEarlyError < DatabaseError\n    CODE = \"too_early\"\n    RETRYABLE = true",
        "HINT = \"See `hooks.prune_events` and `dry_run`.\"",
        "# How many it looked at.\n    # @return [Integer]\n    attr_reader :rows_seen",
        "rows_seen: values[\"rows_seen\"]",
        "# How important it is. 1 to 9.\n      urgency_of_all: :integer",
    ] {
        assert!(ruby.contains(wanted), "Ruby has no {wanted}");
    }
    assert!(read(copy, "packages/ruby/sig/knocker", &["contract.rbs"]).contains("attr_reader rows_seen: Integer"));
    let elixir = read(copy, "packages/elixir/lib/knocker", &["errors.ex", "records.ex", "settings.ex"]);
    for wanted in [
        "defmodule Knocker.TooEarlyError do",
        "hint: \"See `Knocker.prune_events` and `dry_run`.\"",
        "* `rows_seen` - how many it looked at.",
        "rows_seen: json[\"rows_seen\"],",
        "| {:urgency_of_all, integer() | nil}",
        "* `urgency_of_all` - how important it is. 1 to 9.",
    ] {
        assert!(elixir.contains(wanted), "Elixir has no {wanted}");
    }

    let uses = "import knocker
result = {'ran': True, 'rows_seen': 5, 'events': 0, 'deliveries': 0, 'attempts': 0, 'audits': 0, 'more': False}
assert knocker.RetentionPass.read(result).rows_seen == 5
assert knocker.driver_errors.from_code('too_early', 'x').retryable
assert 'urgency_of_all' in knocker.EndpointSettings.__optional_keys__";
    let path = copy.join("packages/python/src");
    succeed(Command::new("python3").args(["-c", uses]).env("PYTHONPATH", path).output().unwrap());
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The folder in which this test was built, so that the copy builds no dependency again.
fn target() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    program.ancestors().nth(3).unwrap().to_owned()
}

fn copy_over(from: &Path, to: &Path) {
    if !from.is_dir() {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
        return;
    }
    for entry in fs::read_dir(from).unwrap() {
        let name = entry.unwrap().file_name();
        if name != "__pycache__" {
            copy_over(&from.join(&name), &to.join(&name));
        }
    }
}

fn edit(path: &Path, change: impl FnOnce(&str) -> String) {
    let text = fs::read_to_string(path).unwrap();
    fs::write(path, change(&text)).unwrap();
}

fn add_after(path: &Path, place: &str, added: &str) {
    edit(path, |text| {
        assert_eq!(text.matches(place).count(), 1, "{}: {place:?} is there once", path.display());
        text.replace(place, &format!("{place}{added}"))
    });
}

fn read(copy: &Path, folder: &str, files: &[&str]) -> String {
    files.iter().map(|file| fs::read_to_string(copy.join(folder).join(file)).unwrap()).collect()
}

fn succeed(output: Output) {
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{out}{err}");
}
