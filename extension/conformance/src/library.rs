//! Where the loadable library is.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The file name of the library on this platform.
pub const FILE_NAME: &str = if cfg!(windows) {
    "knocker.dll"
} else if cfg!(target_os = "macos") {
    "libknocker.dylib"
} else {
    "libknocker.so"
};

/// The library under test: `KNOCKER_EXTENSION`, or else the one of `target/release`, built once a process.
///
/// The build is apart from that of the tests because the library links no SQLite and the tests link one, see the root `Cargo.toml`.
///
/// # Panics
/// Where `KNOCKER_EXTENSION` names no file, or the build fails.
pub fn path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| match env::var_os("KNOCKER_EXTENSION") {
        Some(named) => {
            let named = PathBuf::from(named);
            assert!(named.is_file(), "KNOCKER_EXTENSION names no file: {}", named.display());
            named
        }
        None => build(),
    })
}

fn build() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "-p", "knocker-extension"])
        .current_dir(&workspace)
        .status()
        .expect("cargo can be run");
    assert!(status.success(), "the extension does not build: cargo build --release -p knocker-extension");
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
    target.join("release").join(FILE_NAME)
}
