//! How the files of the core and of the command hang together: a file imports what stands below it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Each module of a crate with its text, unit tests and comments apart. A folder is one module.
fn modules(source: &Path) -> BTreeMap<String, String> {
    let mut modules: BTreeMap<String, String> = BTreeMap::new();
    let mut folders = vec![source.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let first = path.strip_prefix(source).unwrap().components().next().unwrap().as_os_str().to_str().unwrap();
                let code = text.split("#[cfg(test)]").next().unwrap().lines().filter(|line| !line.trim_start().starts_with("//"));
                let module = modules.entry(first.trim_end_matches(".rs").to_owned()).or_default();
                code.for_each(|line| *module += &format!("{line}\n"));
            }
        }
    }
    modules
}

/// The modules of the crate that a text names.
fn named(text: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for rest in text.split("crate::").skip(1) {
        let list = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or(rest, |(list, _)| list);
        let several = rest.starts_with('{');
        for item in list.split(',').take(if several { usize::MAX } else { 1 }) {
            let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            named.insert(item.trim().split(|c| !word(c)).next().unwrap().to_owned());
        }
    }
    named
}

fn circle(module: &str, imports: &BTreeMap<String, BTreeSet<String>>, path: &mut Vec<String>) -> Option<String> {
    if let Some(start) = path.iter().position(|step| step == module) {
        return Some(format!("{} -> {module}", path[start..].join(" -> ")));
    }
    path.push(module.to_owned());
    let found = imports.get(module).into_iter().flatten().filter(|next| *next != module).find_map(|next| circle(next, imports, path));
    path.pop();
    found
}

#[test]
fn no_file_imports_one_that_imports_it() {
    for source in ["src", "../../packages/cli/src"] {
        let imports: BTreeMap<_, _> = modules(&folder(source))
            .into_iter()
            .map(|(module, text)| (module, named(&text)))
            .filter(|(module, _)| module != "lib")
            .collect();
        assert!(imports.len() > 20, "{source}");
        for module in imports.keys() {
            assert_eq!(circle(module, &imports, &mut Vec::new()), None, "{source}");
        }
    }
}

#[test]
fn the_store_names_every_file_that_gives_it_methods() {
    let store = std::fs::read_to_string(folder("src/store.rs")).unwrap();
    for (module, text) in modules(&folder("src")) {
        if text.contains("\nimpl Store {") && module != "store" {
            assert!(store.contains(&format!("`{module}.rs`")), "{module}.rs");
        }
    }
}
