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
        Err(error) => vec![error.to_string()],
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
    faults.extend(search_paths(headers));
    faults.extend(loading(headers, platform));
    if headers.has_debug_information {
        faults.push("it carries information for debuggers: it is not built with the release profile".into());
    }
    if kind == Kind::Library {
        faults.extend(own_sqlite(headers, bytes));
        faults.extend(exports(headers));
        faults.extend(static_libc(headers, platform));
        faults.extend(install_name(headers, platform));
    } else if exported(headers).contains(&ENTRY_POINT) {
        faults.push("it is the library, under the name of the command".into());
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
    if let Some(kind) = headers.processor_kind {
        return Some(format!("it is for {kind:?}, and must be for every {processor:?}"));
    }
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
    if platform.glibc.is_some() && !headers.glibc_features.is_empty() {
        return Some(format!("it needs {} of glibc, and {wanted} must do", headers.glibc_features.join(", ")));
    }
    if is.is_none() && platform.macos.is_some() {
        return Some(format!("it does not say which macOS it is for, and {wanted} must do"));
    }
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
    const WINDOWS: [&str; 9] = ["advapi32.", "api-ms-win-", "bcrypt", "kernel32.", "msvcrt.", "ntdll.", "user32.", "userenv.", "ws2_32."];
    let starts = |names: &[&str]| names.iter().any(|start| name.to_ascii_lowercase().starts_with(start));
    match (platform.os.as_str(), platform.libc.as_deref()) {
        ("linux", Some("musl")) => name == "libc.so" || name.starts_with("libc.musl-"),
        // GCC's is there wherever C++ programs run, which is wherever a runtime does.
        ("linux", _) => starts(&GLIBC) || name == "libgcc_s.so.1",
        ("darwin", _) => name.starts_with("/usr/lib/") || name.starts_with("/System/Library/"),
        _ => starts(&WINDOWS),
    }
}

/// A folder of the machine that built it, from which whoever may write there would be loaded.
fn search_paths(headers: &Headers) -> Option<String> {
    let paths = headers.search_paths.join(", ");
    (!paths.is_empty()).then(|| format!("it looks for libraries in {paths}, and must take the system's"))
}

/// What a system asks of a file before it loads it.
fn loading(headers: &Headers, platform: &Platform) -> Option<String> {
    const PAGE: u64 = 65_536;
    let is_arm = platform.cpu == "arm64";
    if headers.has_executable_stack {
        return Some("it asks for a stack that can be executed, with which hardened systems and glibc 2.41 do not load it".into());
    }
    if is_arm && headers.page.is_some_and(|page| page < PAGE) {
        return Some(format!("it can be loaded with pages of {} bytes, and kernels for arm64 have up to {PAGE}", headers.page?));
    }
    (is_arm && platform.os == "darwin" && !headers.is_signed)
        .then(|| "it is not signed, and macOS on arm64 loads nothing unsigned: codesign --sign -".into())
}

fn own_sqlite(headers: &Headers, bytes: &[u8]) -> Option<String> {
    if headers.needs.iter().any(|name| name.contains("sqlite3")) {
        return Some("it is linked to a SQLite, and must use the one that loads it".into());
    }
    let has_words = WORDS_OF_SQLITE.iter().any(|words| bytes.windows(words.len()).any(|window| window == words.as_bytes()));
    let has_symbols = headers.symbols.iter().any(|name| name.trim_start_matches('_') == "sqlite3_prepare_v2");
    (has_words || has_symbols)
        .then(|| "it holds a SQLite of its own, and must use the one that loads it: cargo unified features, so build it alone (-p knocker-extension)".into())
}

/// The names as C has them, before which a Mach-O writes an underscore.
fn exported(headers: &Headers) -> Vec<&str> {
    let prefix = if headers.format == BinaryFormat::MachO { "_" } else { "" };
    headers.exports.iter().map(|name| name.strip_prefix(prefix).unwrap_or(name)).collect()
}

fn exports(headers: &Headers) -> Option<String> {
    let names = exported(headers);
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
