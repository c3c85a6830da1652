//! `knocker_changed_files`: what of a folder is reported, and what is not. The cases are `tenants/`, which the packages read too.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use knocker_conformance::call;
use knocker_conformance::database::{Database, load};
use rusqlite::Connection;
use rusqlite::types::Value as Sql;
use serde_json::Value;
use tempfile::TempDir;

/// For what need not be seen at once.
const PATIENCE: Duration = Duration::from_secs(60);

fn data(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tenants").join(name);
    serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A folder, the connection that asks about it, and those of others who have files of it open.
struct Folder {
    folder: TempDir,
    asks: Connection,
    open: HashMap<String, Connection>,
}

impl Folder {
    fn new() -> Self {
        let asks = Connection::open_in_memory().unwrap();
        load(&asks).unwrap();
        Self { folder: TempDir::new().unwrap(), asks, open: HashMap::new() }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// The paths below the folder.
    fn changed(&self, pattern: &str) -> Vec<String> {
        let pattern = self.path(pattern).to_str().unwrap().to_owned();
        let text: String = self.asks.query_row("SELECT knocker_changed_files(?)", [pattern], |row| row.get(0)).unwrap();
        let paths: Vec<String> = serde_json::from_str(&text).unwrap();
        let below = |path: &String| Path::new(path).strip_prefix(self.folder.path()).unwrap().to_str().unwrap().replace('\\', "/");
        paths.iter().map(below).collect()
    }

    /// Until all of it was reported.
    fn changed_soon(&self, pattern: &str, wanted: &[String]) {
        let began = Instant::now();
        let mut missing: Vec<&String> = wanted.iter().collect();
        while !missing.is_empty() {
            let changed = self.changed(pattern);
            missing.retain(|path| !changed.contains(path));
            assert!(began.elapsed() < PATIENCE, "{missing:?} was never reported");
        }
    }

    fn step(&mut self, step: &Value) {
        let (what, about) = step.as_object().unwrap().iter().next().unwrap();
        let name = |value: &Value| value.as_str().unwrap().to_owned();
        let file = about.as_str().unwrap_or_default().to_owned();
        match what.as_str() {
            "database" => {
                let path = self.path(&file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                let conn = Connection::open(path).unwrap();
                conn.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE notes (text)").unwrap();
            }
            "open" => {
                let conn = self.look(&file);
                self.open.insert(file, conn);
            }
            "look" => drop(self.look(&file)),
            "write" => {
                const WRITE: &str = "INSERT INTO notes VALUES ('new')";
                match self.open.get(&file) {
                    Some(conn) => conn.execute_batch(WRITE).unwrap(),
                    None => self.look(&file).execute_batch(WRITE).unwrap(),
                }
            }
            "begin" => {
                self.open[&file].execute_batch("PRAGMA cache_size = 5; BEGIN; INSERT INTO notes VALUES (hex(zeroblob(200000)))").unwrap()
            }
            "rollback" => self.open[&file].execute_batch("ROLLBACK").unwrap(),
            "checkpoint" => self.open[&file].query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).unwrap(),
            "close" => self.open.remove(&file).unwrap().close().unwrap(),
            "file" => fs::write(self.path(&file), "a note").unwrap(),
            "folder" => fs::create_dir(self.path(&file)).unwrap(),
            "remove" => fs::remove_file(self.path(&file)).unwrap(),
            "rename" => fs::rename(self.path(&name(&about[0])), self.path(&name(&about[1]))).unwrap(),
            #[cfg(unix)]
            "link" => std::os::unix::fs::symlink(name(&about[1]), self.path(&name(&about[0]))).unwrap(),
            #[cfg(not(unix))]
            "link" => {}
            other => panic!("no step {other}"),
        }
    }

    fn look(&self, file: &str) -> Connection {
        let conn = Connection::open(self.path(file)).unwrap();
        conn.busy_timeout(PATIENCE).unwrap();
        conn.query_row("SELECT count(*) FROM notes", [], |_| Ok(())).unwrap();
        conn
    }
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_reported() {
    let data = data("reported.json");
    let cases = data["cases"].as_array().unwrap();
    for case in cases {
        println!("{}", case["name"]);
        let pattern = case["pattern"].as_str().unwrap();
        let mut folder = Folder::new();
        for step in case["before"].as_array().unwrap() {
            folder.step(step);
        }
        assert_eq!(folder.changed(pattern), texts(&case["first"]), "{}: the first call", case["name"]);
        if cfg!(target_os = "linux") {
            assert_eq!(folder.changed(pattern), [""; 0], "{}: the second call", case["name"]);
        }
        for then in case["then"].as_array().unwrap() {
            folder.step(&then["do"]);
            match (&then["reported"], then["soon"] == true || !cfg!(target_os = "linux")) {
                (Value::Null, _) => drop(folder.changed(pattern)),
                (reported, true) => folder.changed_soon(pattern, &texts(reported)),
                (reported, false) => {
                    assert_eq!(folder.changed(pattern), texts(reported), "{}: {}", case["name"], then["do"]);
                    assert_eq!(folder.changed(pattern), [""; 0], "{}: {}, once more", case["name"], then["do"]);
                }
            }
        }
    }
    assert!(cases.len() >= 10);
}

#[test]
fn which_files_a_pattern_names() {
    let data = data("patterns.json");
    for case in data["cases"].as_array().unwrap() {
        let folder = Folder::new();
        let not_here = texts(case["not_on"].get(std::env::consts::OS).unwrap_or(&Value::Array(vec![])));
        for file in texts(&case["files"]).iter().filter(|file| not_here.iter().all(|name| !file.contains(name.as_str()))) {
            fs::create_dir_all(folder.path(file).parent().unwrap()).unwrap();
            fs::write(folder.path(file), "").unwrap();
        }
        let names = case["names"].as_object().unwrap().iter().filter(|(name, _)| !not_here.contains(name));
        let mut files: Vec<&str> = names.map(|(_, file)| file.as_str().unwrap()).collect();
        let pattern = case["pattern"].as_str().unwrap();
        let mut changed = folder.changed(pattern);
        files.sort_unstable();
        changed.sort_unstable();
        assert_eq!(changed, files, "{pattern}");
    }
    for wrong in data["wrong"].as_array().unwrap() {
        let failure = call!(Database::in_memory(), "knocker_changed_files", wrong.as_str().unwrap()).unwrap_err();
        assert_eq!(failure.code, "invalid_argument", "{wrong}: {failure}");
    }
    for wrong in [Sql::Null, Sql::Integer(1)] {
        assert_eq!(call!(Database::in_memory(), "knocker_changed_files", wrong).unwrap_err().code, "invalid_argument");
    }
}

#[test]
fn each_path_is_the_absolute_pattern_with_the_name_in_place_of_the_star() {
    let folder = Folder::new();
    fs::create_dir(folder.path("tenants")).unwrap();
    fs::write(folder.path("tenants/acme.db"), "").unwrap();
    // As it was given, whatever a tidier one would be.
    let pattern = format!("{}/./tenants//*.db", folder.folder.path().display());
    let text: String = folder.asks.query_row("SELECT knocker_changed_files(?)", [&pattern], |row| row.get(0)).unwrap();
    assert_eq!(serde_json::from_str::<Vec<String>>(&text).unwrap(), [pattern.replace('*', "acme")]);
}

#[test]
fn each_connection_and_each_pattern_is_told_for_itself() {
    let (mut folder, other) = (Folder::new(), Connection::open_in_memory().unwrap());
    folder.step(&serde_json::json!({"database": "acme.db"}));
    load(&other).unwrap();
    assert_eq!(folder.changed("*.db"), ["acme.db"]);
    assert_eq!(folder.changed("a*.db"), ["acme.db"], "a pattern that was not asked for before");
    let pattern = folder.path("*.db").to_str().unwrap().to_owned();
    let text: String = other.query_row("SELECT knocker_changed_files(?)", [pattern], |row| row.get(0)).unwrap();
    assert!(text.contains("acme.db"), "a connection that has not asked before: {text}");
    folder.step(&serde_json::json!({"write": "acme.db"}));
    folder.changed_soon("*.db", &["acme.db".into()]);
    folder.changed_soon("a*.db", &["acme.db".into()]);
}

/// How many descriptors of this process watch the folder.
#[cfg(target_os = "linux")]
fn watchers(folder: &Path) -> usize {
    use std::os::unix::fs::MetadataExt;
    let watch = format!("ino:{:x} ", fs::metadata(folder).unwrap().ino());
    // One that a test beside has closed since is gone.
    let open = fs::read_dir("/proc/self/fdinfo").unwrap().filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok());
    open.filter(|text| text.contains(&watch)).count()
}

#[test]
fn a_closed_connection_leaves_nothing_open() {
    let folder = Folder::new();
    fs::write(folder.path("acme.db"), "").unwrap();
    assert_eq!(folder.changed("*.db"), ["acme.db"]);
    #[cfg(target_os = "linux")]
    assert_eq!(watchers(folder.folder.path()), 1);
    folder.asks.close().expect("it closes");
    #[cfg(target_os = "linux")]
    {
        assert_eq!(watchers(folder.folder.path()), 0);
    }
}

/// The kernel's queue has room for a number of events; what came after is lost.
#[cfg(target_os = "linux")]
#[test]
fn after_more_than_the_kernel_keeps_all_are_reported() {
    use std::io::Write;
    let room: usize = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap().trim().parse().unwrap();
    let mut folder = Folder::new();
    for file in ["acme.db", "max.db", "zoe.db"] {
        folder.step(&serde_json::json!({"database": file}));
    }
    assert_eq!(folder.changed("*.db").len(), 3);
    let [mut one, mut other] = ["acme.db-wal", "max.db-wal"].map(|name| fs::File::create(folder.path(name)).unwrap());
    for _ in 0..room {
        // In turns, since the kernel makes one of two that are alike.
        one.write_all(b"x").unwrap();
        other.write_all(b"x").unwrap();
    }
    folder.step(&serde_json::json!({"write": "zoe.db"}));
    folder.changed_soon("*.db", &["acme.db".into(), "max.db".into(), "zoe.db".into()]);
    folder.changed("*.db");
    assert_eq!(folder.changed("*.db"), [""; 0]);
    folder.step(&serde_json::json!({"write": "zoe.db"}));
    assert_eq!(folder.changed("*.db"), ["zoe.db"], "it hears again");
}
