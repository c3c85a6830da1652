//! A pattern that names many files, such as `tenants/*.db` or `tenants/*/app.db`.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};
use std::{fmt, fs};

use crate::failure::{Exit, Failure, Result};
use crate::file_id::FileId;

/// What stands beside a database and is none.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// A path with one `*`, in its last part or in the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: PathBuf,
    /// The folder in which names are compared.
    folder: PathBuf,
    /// What stands before and behind the `*`.
    before: Vec<u8>,
    behind: Vec<u8>,
    /// The file in each folder, where it is folders that are compared.
    file: Option<PathBuf>,
}

impl Pattern {
    /// None where the path names one file: it has no `*`, or there is a file of this very name.
    pub fn of(path: &Path) -> Result<Option<Self>> {
        if !has_star(path.as_os_str()) || path.exists() {
            return Ok(None);
        }
        let refused = |what: &str| {
            let hint = "Give one `*`, in the last part of the path or in the one before: 'tenants/*.db', 'tenants/*/app.db'.";
            Err(Failure::usage(format!("{} {what}", path.display()), hint))
        };
        let parts: Vec<&OsStr> = path.components().map(Component::as_os_str).collect();
        let (rest, last) = match parts.as_slice() {
            [rest @ .., last] if has_star(last) => (rest, (*last, None)),
            [rest @ .., folder, last] if has_star(folder) => (rest, (*folder, Some(PathBuf::from(last)))),
            _ => return refused("has a `*` in a folder above the last one"),
        };
        let (compared, file) = last;
        if path.as_os_str().as_encoded_bytes().ends_with(b"/") || file.as_deref().is_some_and(|file| file == Path::new("..")) {
            return refused("names folders");
        }
        if is_beside(path) {
            return refused("names what stands beside databases");
        }
        let bytes = compared.as_encoded_bytes();
        if path.as_os_str().as_encoded_bytes().iter().filter(|&&byte| byte == b'*').count() > 1 {
            return refused("has more than one `*`");
        }
        let at = bytes.iter().position(|&byte| byte == b'*').expect("it has one");
        Ok(Some(Self {
            text: path.to_owned(),
            folder: rest.iter().collect(),
            before: bytes[..at].to_vec(),
            behind: bytes[at + 1..].to_vec(),
            file,
        }))
    }

    /// The files, by name. As in a shell, `*` stands for no name that begins with a dot.
    ///
    /// # Errors
    /// Where there is none.
    pub fn files(&self) -> Result<Vec<PathBuf>> {
        let folder = if self.folder.as_os_str().is_empty() { Path::new(".") } else { &self.folder };
        let unreadable = |error| Failure::unreadable(&format!("the folder {}", folder.display()), &error);
        let mut files = Vec::new();
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name();
            if !self.matches(&name) {
                continue;
            }
            let path = self.folder.join(name);
            let path = self.file.as_ref().map_or_else(|| path.clone(), |file| path.join(file));
            if path.is_file() && !is_beside(&path) {
                files.push(path);
            }
        }
        files.sort();
        // A second name of a file that is there already.
        let mut known = HashSet::new();
        files.retain(|path| !cfg!(unix) || known.insert(FileId::of(path)));
        if files.is_empty() {
            let hint = "Check the path. The pattern stands in quotes, so that the shell leaves it as it is.";
            return Err(Failure::new(Exit::NotFound, format!("no file is there that {} names", self.text.display()), hint));
        }
        Ok(files)
    }

    fn matches(&self, name: &OsStr) -> bool {
        let name = name.as_encoded_bytes();
        let stands_for = name.strip_prefix(&*self.before).and_then(|rest| rest.strip_suffix(&*self.behind));
        stands_for.is_some_and(|name| !name.is_empty()) && (name[0] != b'.' || self.before.first() == Some(&b'.'))
    }
}

fn has_star(text: &OsStr) -> bool {
    text.as_encoded_bytes().contains(&b'*')
}

/// Whether it is the log of a database, which may have the name of one: `tenants/*` names all in the folder.
fn is_beside(path: &Path) -> bool {
    let text = path.as_os_str().as_encoded_bytes();
    BESIDE.iter().any(|suffix| text.ends_with(suffix.as_bytes()))
}

/// As it was given.
impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        self.text.display().fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn files(root: &Path, pattern: &str) -> Vec<String> {
        let pattern = Pattern::of(&root.join(pattern)).unwrap().expect("it is one");
        let relative = |path: PathBuf| path.strip_prefix(root).unwrap().display().to_string();
        pattern.files().unwrap().into_iter().map(relative).collect()
    }

    #[test]
    fn a_pattern_names_files_by_name_and_nothing_that_stands_beside_them() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "b.db",
            "a.db",
            "a.db-wal",
            "a.db-shm",
            "c.db-journal",
            ".hidden.db",
            ".db",
            "notes.txt",
            "one/app.db",
            "two/app.db",
            "two/other.db",
        ] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        fs::create_dir(folder.path().join("folder.db")).unwrap();
        assert_eq!(files(folder.path(), "*.db"), ["a.db", "b.db"]);
        assert_eq!(files(folder.path(), "*"), ["a.db", "b.db", "notes.txt"]);
        assert_eq!(files(folder.path(), "a*"), ["a.db"]);
        assert_eq!(files(folder.path(), ".h*"), [".hidden.db"]);
        assert_eq!(files(folder.path(), "*/app.db"), ["one/app.db", "two/app.db"]);
        let none = Pattern::of(&folder.path().join("*.sqlite")).unwrap().unwrap().files().unwrap_err();
        assert_eq!(none.exit, Exit::NotFound);
    }

    #[test]
    fn one_file_is_no_pattern_also_where_its_name_has_a_star() {
        let folder = tempfile::tempdir().unwrap();
        let odd = folder.path().join("odd*.db");
        assert!(Pattern::of(&odd).unwrap().is_some());
        fs::write(&odd, "").unwrap();
        assert_eq!(Pattern::of(&odd).unwrap(), None);
        assert_eq!(Pattern::of(Path::new("tenants/acme.db")).unwrap(), None);
    }

    /// What every package reads, too.
    #[test]
    fn a_pattern_names_what_it_names_in_every_package() {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../extension/conformance/tenants/patterns.json");
        let data: Value = serde_json::from_slice(&fs::read(data).unwrap()).unwrap();
        for case in data["cases"].as_array().unwrap() {
            let folder = tempfile::tempdir().unwrap();
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let is_left_out = |path: &str| cfg!(windows) && path.contains('?');
            for file in case["files"].as_array().unwrap().iter().map(text).filter(|path| !is_left_out(path)) {
                let path = folder.path().join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, "").unwrap();
            }
            let mut expected: Vec<String> =
                case["names"].as_object().unwrap().values().map(text).filter(|path| !is_left_out(path)).collect();
            expected.sort();
            let pattern = Pattern::of(&folder.path().join(text(&case["pattern"]))).unwrap().unwrap();
            let found = pattern.files().unwrap_or_else(|failure| {
                assert_eq!(failure.exit, Exit::NotFound, "{case}");
                Vec::new()
            });
            let relative = |path: PathBuf| path.strip_prefix(folder.path()).unwrap().to_str().unwrap().replace('\\', "/");
            assert_eq!(found.into_iter().map(relative).collect::<Vec<_>>(), expected, "{case}");
        }
        for wrong in data["wrong"].as_array().unwrap().iter().map(|wrong| wrong.as_str().unwrap()) {
            match Pattern::of(Path::new(wrong)) {
                Ok(None) => assert!(!wrong.contains('*'), "{wrong}"),
                Ok(Some(_)) => panic!("{wrong} is no pattern"),
                Err(failure) => assert_eq!(failure.exit, Exit::Usage, "{wrong}"),
            }
        }
    }

    #[test]
    fn what_would_be_a_guess_is_refused() {
        for text in ["a/*/b/c.db", "**/app.db", "*/*.db", "a*b*.db"] {
            assert_eq!(Pattern::of(Path::new(text)).unwrap_err().exit, Exit::Usage, "{text}");
        }
    }
}
