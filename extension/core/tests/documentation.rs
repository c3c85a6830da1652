//! Code blocks of the documentation that say where they are cut from are still there.
//!
//! A block is marked by a comment on the line before it: `<!-- from examples/sql/quickstart.sql -->`. Its lines must stand in that file, in a row;
//! leading and trailing space does not count, so that a block can be cut out of an indented place.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && !["target", "node_modules", "dist"].contains(&name.as_str()) {
            pages(&path, found);
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
}

/// (source file, lines) of every marked block.
fn marked_blocks(page: &str) -> Vec<(String, Vec<String>)> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(source) = line.trim().strip_prefix("<!-- from ").and_then(|rest| rest.strip_suffix(" -->")) else { continue };
        let fence = lines.next().unwrap_or_default();
        assert!(fence.trim_start().starts_with("```"), "a code block must follow {line:?}");
        let block = lines.by_ref().take_while(|line| !line.trim_start().starts_with("```")).map(|line| line.trim().to_owned());
        blocks.push((source.to_owned(), block.collect()));
    }
    blocks
}

#[test]
fn marked_code_blocks_are_cut_from_the_files_that_they_name() {
    let mut found = Vec::new();
    pages(&root(), &mut found);
    let mut checked = 0;
    for path in found {
        for (source, block) in marked_blocks(&std::fs::read_to_string(&path).unwrap()) {
            let file = root().join(&source);
            let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {source}: {error}", path.display()));
            let lines: Vec<&str> = text.lines().map(str::trim).collect();
            let stands = lines.windows(block.len()).any(|window| window == block);
            assert!(stands, "{}: this block is not in {source}:\n{}", path.display(), block.join("\n"));
            checked += 1;
        }
    }
    assert!(checked > 0, "the quick start of README.md is marked");
}

#[test]
fn no_code_of_the_readme_stands_there_alone() {
    let page = std::fs::read_to_string(root().join("README.md")).unwrap();
    let code = page.lines().filter(|line| line.starts_with("```") && !["```", "```text"].contains(line)).count();
    assert!(code > 0);
    assert_eq!(marked_blocks(&page).len(), code, "each block of code names the file that it is cut from");
}
