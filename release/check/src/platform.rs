//! What `release/platforms.json` says of a platform.

use std::error::Error;
use std::fs;
use std::path::Path;

use serde::Deserialize;

/// One platform that Knocker is built for. Fields that only packers read are not here.
#[derive(Clone, Debug, Deserialize)]
pub struct Platform {
    /// The name that files and folders of a release have.
    pub name: String,
    /// The operating system, as Node calls it.
    pub os: String,
    /// The processor, as Node calls it.
    pub cpu: String,
    /// The C library, where a system has several.
    pub libc: Option<String>,
    /// The name of the library's file.
    pub file: String,
    /// The name of the command's file.
    pub program: String,
    /// The oldest glibc that must do.
    pub glibc: Option<String>,
    /// The oldest macOS that must do.
    pub macos: Option<String>,
}

impl Platform {
    /// Every platform of the file.
    pub fn read_all(path: &Path) -> Result<Vec<Self>, Box<dyn Error>> {
        Ok(serde_json::from_slice(&fs::read(path)?)?)
    }
}

/// A version of a system, such as glibc 2.17.
pub type SystemVersion = (u32, u32);

/// Reads the first two numbers of a version; what is not there is 0.
pub fn system_version(text: &str) -> SystemVersion {
    let mut numbers = text.split('.').map(|part| part.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}
