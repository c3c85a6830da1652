//! `knocker-release-check [--any-glibc] VERSION FOLDER`: each folder in FOLDER has the name of a platform and holds its library and its command.
//! `--any-glibc` is for what a machine builds for itself.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use knocker_release_check::platform::Platform;
use knocker_release_check::rules::{Kind, faults};

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("knocker-release-check: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all of it may be released. Says why where it may not.
fn run() -> Result<bool, Box<dyn Error>> {
    let mut arguments: Vec<String> = env::args().skip(1).collect();
    let any_glibc = arguments.first().is_some_and(|first| first == "--any-glibc");
    if any_glibc {
        arguments.remove(0);
    }
    let [version, folder] = arguments.as_slice() else {
        return Err("usage: knocker-release-check [--any-glibc] VERSION FOLDER".into());
    };
    let mut platforms = Platform::read_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../platforms.json"))?;
    if any_glibc {
        platforms.iter_mut().for_each(|platform| platform.glibc = None);
    }
    let mut good = true;
    let mut checked = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(platform) = platforms.iter().find(|platform| platform.name == name) else {
            return Err(format!("{} is not named after a platform of release/platforms.json", entry.path().display()).into());
        };
        for (kind, file) in [(Kind::Library, &platform.file), (Kind::Program, &platform.program)] {
            let path = entry.path().join(file);
            let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            for fault in faults(kind, &bytes, platform, version) {
                eprintln!("{} is refused: {fault}", path.display());
                good = false;
            }
            checked += 1;
        }
    }
    if checked == 0 {
        return Err(format!("{folder} holds no platform").into());
    }
    Ok(good)
}
