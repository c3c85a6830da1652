//! What a library and a command of a release must be. Each fault has its own sentence.

use object::{Architecture, BinaryFormat};

use crate::headers::Headers;
use crate::platform::{Platform, SystemVersion, system_version};

/// All that a library may export: SQLite calls it when it loads the library.
const ENTRY_POINT: &str = "sqlite3_knocker_init";

/// Texts of SQLite itself. None is in a file that only calls one.
const WORDS_OF_SQLITE: [&str; 3] = ["SQLite format 3", "unable to identify the object to be reindexed", "no such savepoint: %s"];

/// What is checked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// The loadable library.
    Library,
    /// The command, which has a SQLite of its own.
    Program,
}

/// Every reason why this file is not the one of that platform and version; none where it is.
pub fn faults(kind: Kind, bytes: &[u8], platform: &Platform, version: &str) -> Vec<String> {
    match Headers::read(bytes) {
        Ok(headers) => faults_of(kind, &headers, bytes, platform, version),
        Err(error) => vec![format!("it is neither ELF nor Mach-O nor PE: {error}")],
    }
}

/// The same for a file whose headers have been read.
pub fn faults_of(kind: Kind, headers: &Headers, bytes: &[u8], platform: &Platform, version: &str) -> Vec<String> {
    // Nothing else that could be said of it would help.
    if let Some(fault) = other_machine(headers, platform) {
        return vec![fault];
    }
    let mut faults = Vec::new();
    faults.extend(other_version(bytes, version));
    faults.extend(newer_system(headers, platform));
    faults.extend(absent_libraries(headers, platform));
    if headers.has_debug_information {
        faults.push("it carries information for debuggers: it is not built with the release profile".into());
    }
    if kind == Kind::Library {
        faults.extend(own_sqlite(headers, bytes));
        faults.extend(exports(headers));
        faults.extend(static_libc(headers, platform));
        faults.extend(install_name(headers, platform));
    }
    faults
}

fn other_machine(headers: &Headers, platform: &Platform) -> Option<String> {
    let format = match platform.os.as_str() {
        "darwin" => BinaryFormat::MachO,
        "win32" => BinaryFormat::Pe,
        _ => BinaryFormat::Elf,
    };
    let processor = if platform.cpu == "arm64" { Architecture::Aarch64 } else { Architecture::X86_64 };
    let is = (headers.format, headers.processor);
    (is != (format, processor)).then(|| format!("it is {:?} for {:?}, and must be {format:?} for {processor:?}", is.0, is.1))
}

fn other_version(bytes: &[u8], version: &str) -> Option<String> {
    let found = texts_between(b"knocker-version/", b';', bytes);
    match found.as_slice() {
        [one] if one == version => None,
        [] => Some(format!("it does not say which version it is; {version} is released")),
        others => Some(format!("it is version {}, and {version} is released", others.join(" and "))),
    }
}

/// Each text that stands between these words, in a file that may be any bytes.
fn texts_between(start: &[u8], end: u8, bytes: &[u8]) -> Vec<String> {
    let starts = bytes.windows(start.len()).enumerate().filter(|(_, window)| *window == start);
    let texts = starts.filter_map(|(at, _)| bytes[at + start.len()..].split(|byte| *byte == end).next());
    let mut found: Vec<String> = texts.map(|text| String::from_utf8_lossy(&text[..text.len().min(40)]).into_owned()).collect();
    found.sort();
    found.dedup();
    found
}

fn newer_system(headers: &Headers, platform: &Platform) -> Option<String> {
    let (what, is, wanted) = match (&platform.glibc, &platform.macos) {
        (Some(glibc), _) => ("glibc", headers.glibc, glibc),
        (_, Some(macos)) => ("macOS", headers.macos, macos),
        _ => return None,
    };
    let is: SystemVersion = is?;
    (is > system_version(wanted)).then(|| format!("it needs {what} {}.{}, and {wanted} must do", is.0, is.1))
}

fn absent_libraries(headers: &Headers, platform: &Platform) -> Option<String> {
    let absent: Vec<&str> = headers.needs.iter().map(String::as_str).filter(|name| !comes_with(platform, name)).collect();
    (!absent.is_empty()).then(|| format!("it needs {}, which not every {} has", absent.join(", "), platform.name))
}

/// Whether each system of that platform has the library.
fn comes_with(platform: &Platform, name: &str) -> bool {
    const GLIBC: [&str; 6] = ["libc.so.", "libm.so.", "libdl.so.", "libpthread.so.", "librt.so.", "ld-linux"];
    const WINDOWS: [&str; 8] = ["advapi32.", "api-ms-win-", "bcrypt", "kernel32.", "msvcrt.", "ntdll.", "userenv.", "ws2_32."];
    let starts = |names: &[&str]| names.iter().any(|start| name.to_ascii_lowercase().starts_with(start));
    match (platform.os.as_str(), platform.libc.as_deref()) {
        ("linux", Some("musl")) => name == "libc.so" || name.starts_with("libc.musl-"),
        // GCC's is there wherever C++ programs run, which is wherever a runtime does.
        ("linux", _) => starts(&GLIBC) || name == "libgcc_s.so.1",
        ("darwin", _) => name.starts_with("/usr/lib/") || name.starts_with("/System/Library/"),
        _ => starts(&WINDOWS),
    }
}

fn own_sqlite(headers: &Headers, bytes: &[u8]) -> Option<String> {
    let has_words = WORDS_OF_SQLITE.iter().any(|words| bytes.windows(words.len()).any(|window| window == words.as_bytes()));
    let has_symbols = headers.symbols.iter().any(|name| name.trim_start_matches('_') == "sqlite3_prepare_v2");
    (has_words || has_symbols)
        .then(|| "it holds a SQLite of its own, and must use the one that loads it: cargo unified features, so build it alone (-p knocker-extension)".into())
}

fn exports(headers: &Headers) -> Option<String> {
    let names: Vec<&str> = headers.exports.iter().map(|name| name.strip_prefix('_').unwrap_or(name)).collect();
    if !names.contains(&ENTRY_POINT) {
        return Some(format!("it does not export {ENTRY_POINT}"));
    }
    let more: Vec<&str> = names.into_iter().filter(|name| *name != ENTRY_POINT).collect();
    (!more.is_empty()).then(|| format!("it exports more than its entry point: {}", more.join(", ")))
}

fn static_libc(headers: &Headers, platform: &Platform) -> Option<String> {
    let start = match platform.libc.as_deref()? {
        "musl" => "libc.",
        _ => "libc.so.6",
    };
    (!headers.needs.iter().any(|name| name.starts_with(start)))
        .then(|| "it is not linked to a C library, so no program can load it: build it with -C target-feature=-crt-static".into())
}

fn install_name(headers: &Headers, platform: &Platform) -> Option<String> {
    let wanted = format!("@rpath/{}", platform.file);
    (platform.os == "darwin" && headers.install_name.as_deref() != Some(&wanted))
        .then(|| format!("its install name is {:?}, and must be {wanted:?}", headers.install_name.as_deref().unwrap_or("")))
}
