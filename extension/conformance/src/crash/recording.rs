//! Processes run with the recorder preloaded, and what they did.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

use super::disk::Files;
use super::log::{self, Record};
use crate::library;

/// The folder of a recording, and what is written about it.
pub struct Recording {
    _folder: TempDir,
    files: PathBuf,
    log: PathBuf,
    control: PathBuf,
    marks: PathBuf,
    base: Files,
}

/// Which call fails, as the recorder's `fault.rs` describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// `sync`, `write`, … or `any`.
    pub call: &'static str,
    /// `wal`, `main`, `both` or `all`.
    pub file: &'static str,
    /// The first that fails, from 1.
    pub first: u64,
    /// How many fail; 0 is all that follow.
    pub count: u64,
    /// The error.
    pub errno: i32,
    /// Whether counting begins with the mark `armed`.
    pub armed: bool,
}

impl Recording {
    /// Nothing recorded yet, in a folder with these files.
    pub fn new(base: Files) -> Self {
        let folder = in_memory();
        let root = fs::canonicalize(folder.path()).expect("the folder is there");
        let [files, log, control, marks] = ["files", "log", "control", "marks"].map(|name| root.join(name));
        fs::create_dir(&files).expect("a folder");
        write(&files, &base);
        Self { _folder: folder, files, log, control, marks, base }
    }

    /// The database of the folder.
    pub fn database(&self) -> PathBuf {
        self.files.join("app.db")
    }

    /// The files that were there before.
    pub fn base(&self) -> &Files {
        &self.base
    }

    /// The files as they are now.
    pub fn files(&self) -> Files {
        let entries = fs::read_dir(&self.files).expect("the folder is there");
        let read = |entry: fs::DirEntry| (entry.file_name().into_string().expect("UTF-8"), fs::read(entry.path()).expect("a file"));
        entries.map(|entry| read(entry.expect("an entry"))).collect()
    }

    /// A program that is recorded when it is started.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env("LD_PRELOAD", recorder())
            .env("KNOCKER_RECORDER_FOLDER", &self.files)
            .env("KNOCKER_RECORDER_LOG", &self.log)
            .env("KNOCKER_RECORDER_CONTROL", &self.control)
            .env("KNOCKER_RECORDER_MARKS", &self.marks)
            .env("KNOCKER_EXTENSION", library::path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// How many calls could have failed so far.
    pub fn calls(&self) -> u64 {
        let bytes = fs::read(&self.control).expect("something was recorded");
        u64::from_le_bytes(bytes[8..16].try_into().expect("eight bytes"))
    }

    /// What was recorded so far.
    pub fn records(&self) -> Vec<Record> {
        log::read(&fs::read(&self.log).expect("something was recorded"))
    }
}

impl Fault {
    /// Sets it for a program.
    pub fn set(&self, command: &mut Command) {
        let Self { call, file, first, count, errno, armed } = self;
        let armed = if *armed { ":armed" } else { "" };
        command.env("KNOCKER_RECORDER_FAULT", format!("{call}:{file}:{first}:{count}:{errno}{armed}"));
    }
}

/// Runs these side by side until each has ended.
///
/// # Errors
/// What a process that failed wrote, and how it ended.
pub fn run(commands: Vec<Command>) -> Result<(), String> {
    let running: Vec<_> = commands.into_iter().map(|mut command| command.spawn().expect("the program starts")).collect();
    for process in running {
        let Output { status, stdout, stderr } = process.wait_with_output().expect("the program ends");
        if !status.success() {
            let texts = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            return Err(format!("a recorded process ended with {status}: {}", texts.concat()));
        }
    }
    Ok(())
}

/// A folder in memory where there is one: what is on the real disk does not matter here.
pub fn in_memory() -> TempDir {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() { TempDir::new_in(shared) } else { TempDir::new() }.expect("a temporary folder")
}

/// Puts the files into a folder.
pub fn write(folder: &Path, files: &Files) {
    for (name, data) in files {
        fs::write(folder.join(name), data).expect("a file");
    }
}

/// The preloaded library, built once a process.
fn recorder() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--release", "-p", "knocker-recorder"])
            .current_dir(&workspace)
            .status()
            .expect("cargo can be run");
        assert!(status.success(), "the recorder does not build: cargo build --release -p knocker-recorder");
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
        fs::canonicalize(target).expect("the target folder").join("release/libknocker_recorder.so")
    })
}
