//! Patterns: a path in which one `*` stands for a name.

use std::fs;
use std::path::{Path, PathBuf, is_separator};

use crate::{Error, Result};

/// What SQLite keeps beside a database.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// A path with one `*`, in its last part (`tenants/*.db`) or the one before (`tenants/*/app.db`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    before: String,
    after: String,
    /// Where the part with the `*` begins.
    part: usize,
    /// Where that part ends in `after`; nothing where it is the last one.
    folder_end: Option<usize>,
}

impl Pattern {
    /// Reads a pattern. A relative one is made absolute by the working directory that the process has now; an absolute one stays as it is.
    ///
    /// # Errors
    /// `invalid_argument` for one without a `*`, with two, with one elsewhere, or whose files would be what SQLite keeps beside a database.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |why: &str| Err(Error::invalid(format!("pattern: {text:?} {why}")));
        if text.contains('\0') {
            return wrong("has a NUL");
        }
        if text.matches('*').count() != 1 {
            return wrong("needs one *, which stands for a name, as in tenants/*.db or tenants/*/app.db");
        }
        let absolute = if Path::new(text).is_absolute() { PathBuf::from(text) } else { absolute(text)? };
        let Some(absolute) = absolute.to_str() else {
            return wrong("leads to a folder whose name is not UTF-8");
        };
        let Some((before, after)) = absolute.split_once('*') else {
            return wrong("has no * as an absolute path");
        };
        let Some(separator) = before.rfind(is_separator) else {
            return wrong("has no folder before its *");
        };
        let separators: Vec<usize> = after.match_indices(is_separator).map(|(at, _)| at).collect();
        let folder_end = match separators.as_slice() {
            [] => None,
            [end] if end + 1 < after.len() => Some(*end),
            [_] => return wrong("ends in a separator: a file is wanted"),
            _ => return wrong("has its * too early: it stands in the last part, or in the one before"),
        };
        let file = folder_end.map_or(after, |end| &after[end + 1..]);
        if BESIDE.iter().any(|suffix| file.ends_with(suffix)) || [".", ".."].contains(&file) && folder_end.is_some() {
            return wrong("names no database file");
        }
        Ok(Self { part: separator + 1, before: before.to_owned(), after: after.to_owned(), folder_end })
    }

    /// The folder whose entries the `*` is about.
    pub fn folder(&self) -> &Path {
        Path::new(&self.before[..self.part])
    }

    /// The file's own name below the folder that is called as the `*` says; nothing where the file itself is.
    pub fn file_in_folder(&self) -> Option<&str> {
        self.folder_end.map(|end| &self.after[end + 1..])
    }

    /// What the `*` stands for where the folder's entry has this name.
    pub fn name_of<'e>(&self, entry: &'e str) -> Option<&'e str> {
        let end = self.folder_end.unwrap_or(self.after.len());
        let name = entry.strip_prefix(&self.before[self.part..])?.strip_suffix(&self.after[..end])?;
        let beside = self.folder_end.is_none() && BESIDE.iter().any(|suffix| entry.ends_with(suffix));
        (Self::is_name(name) && !beside).then_some(name)
    }

    /// Whether a `*` can stand for it: not for nothing, for what begins with a dot, or for what has a separator of any system, a colon, or a
    /// control character.
    pub fn is_name(name: &str) -> bool {
        !name.is_empty() && !name.starts_with('.') && !name.contains(|c: char| matches!(c, '/' | '\\' | ':') || c.is_control())
    }

    /// The folder's entry of this name.
    pub fn entry(&self, name: &str) -> PathBuf {
        let end = self.folder_end.unwrap_or(self.after.len());
        PathBuf::from(format!("{}{name}{}", self.before, &self.after[..end]))
    }

    /// The path of the file of this name: the absolute pattern with the name in place of the `*`.
    pub fn path(&self, name: &str) -> String {
        format!("{}{name}{}", self.before, self.after)
    }

    /// The names that the folder has now, whether or not there is a file behind each.
    pub fn names(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.folder()) else { return Vec::new() };
        let name = |entry: fs::DirEntry| self.name_of(entry.file_name().to_str()?).map(str::to_owned);
        entries.filter_map(|entry| name(entry.ok()?)).collect()
    }
}

fn absolute(text: &str) -> Result<PathBuf> {
    std::path::absolute(text).map_err(|error| Error::invalid(format!("pattern: {text:?} cannot be made absolute: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[cfg(unix)]
    #[test]
    fn a_star_in_the_last_part_stands_for_a_part_of_a_files_name() {
        let pattern = pattern("/srv/tenants/shop-*.db");
        assert_eq!(pattern.folder(), Path::new("/srv/tenants/"));
        assert_eq!(pattern.name_of("shop-acme.db"), Some("acme"));
        assert_eq!(pattern.path("acme"), "/srv/tenants/shop-acme.db");
        for other in ["acme.db", "shop-.db", "shop-acme.db-wal", "shop-.hidden.db", "shop-a\n.db", "shop-a:b.db"] {
            assert_eq!(pattern.name_of(other), None, "{other}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_star_in_the_part_before_stands_for_a_folder() {
        let pattern = pattern("/srv/tenants/*/app.db");
        assert_eq!(pattern.folder(), Path::new("/srv/tenants/"));
        assert_eq!(pattern.name_of("acme"), Some("acme"));
        assert_eq!(pattern.file_in_folder(), Some("app.db"));
        assert_eq!(pattern.path("acme"), "/srv/tenants/acme/app.db");
        assert_eq!(pattern.entry("acme"), Path::new("/srv/tenants/acme"));
    }

    #[cfg(unix)]
    #[test]
    fn what_sqlite_keeps_beside_a_file_is_no_file_of_a_bare_star() {
        let pattern = pattern("/srv/*");
        assert_eq!(pattern.name_of("acme.db"), Some("acme.db"));
        for beside in ["acme.db-wal", "acme.db-shm", "acme.db-journal"] {
            assert_eq!(pattern.name_of(beside), None);
        }
    }

    #[test]
    fn a_relative_pattern_is_one_of_the_working_directory() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(pattern("*.db").folder(), here.join(""));
        assert_eq!(pattern("tenants/*.db").path("acme"), here.join("tenants").join("acme.db").to_str().unwrap());
    }
}
