//! `docs/captures/help` is what the command prints as its help, for the site: `KNOCKER_WRITE_DOCS=1 cargo test -p knocker-cli --test cli help_page` writes it,
//! this test says when it is out of date.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::support::knocker;

/// The help of a command and of all below it, by name.
fn collect(words: &[&str], found: &mut BTreeMap<String, String>) {
    let help = knocker(&[words, &["--help"]].concat()).ok().stdout;
    let commands = help.split("\nCommands:\n").nth(1).unwrap_or_default();
    let names = commands.lines().take_while(|line| !line.is_empty()).filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    for name in names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help") {
        collect(&[words, &[name]].concat(), found);
    }
    found.insert([&["knocker"], words].concat().join("-"), help);
}

#[test]
fn the_site_has_the_help_of_every_command() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/captures/help");
    let mut wanted = BTreeMap::new();
    collect(&[], &mut wanted);
    assert!(wanted.len() > 25, "the commands are found");
    if std::env::var_os("KNOCKER_WRITE_DOCS").is_some() {
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        for (name, help) in &wanted {
            std::fs::write(folder.join(format!("{name}.txt")), help).unwrap();
        }
    }
    let stored: BTreeMap<_, _> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(&path).unwrap()))
        .collect();
    assert!(stored == wanted, "docs/captures/help is out of date: run `make docs-pages`");
}
