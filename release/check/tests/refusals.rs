//! Libraries that must not be released, each refused with a sentence of its own.
//!
//! `KNOCKER_EXTENSION` names the library that `make build` made for this machine, which is a Linux on x86_64.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use knocker_release_check::headers::Headers;
use knocker_release_check::platform::Platform;
use knocker_release_check::rules::{Kind, faults, faults_of};
use object::write::Object;
use object::{Architecture, BinaryFormat, Endianness};
use tempfile::TempDir;

/// The version that the file of the built library has.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How a library says so.
const MARK: &[u8] = concat!("knocker-version/", env!("CARGO_PKG_VERSION"), ";").as_bytes();

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn platform(name: &str) -> Platform {
    let all = Platform::read_all(&root().join("release/platforms.json")).unwrap();
    all.into_iter().find(|platform| platform.name == name).unwrap()
}

/// The library of this machine.
fn built() -> Vec<u8> {
    fs::read(env::var_os("KNOCKER_EXTENSION").expect("KNOCKER_EXTENSION names the built library")).unwrap()
}

/// The platform of this machine, with no bound on its glibc.
fn this_machine() -> Platform {
    Platform { glibc: None, ..platform("linux-x64-gnu") }
}

/// A file of another machine, with nothing in it.
fn file_of(format: BinaryFormat, processor: Architecture) -> Vec<u8> {
    Object::new(format, processor, Endianness::Little).write().unwrap()
}

fn library_faults(bytes: &[u8], platform: &Platform) -> Vec<String> {
    faults(Kind::Library, bytes, platform, VERSION)
}

#[track_caller]
fn assert_refused(faults: &[String], because: &str) {
    assert!(faults.iter().any(|fault| fault.contains(because)), "no fault says {because:?}: {faults:#?}");
}

#[test]
fn what_this_machine_built_has_no_fault_but_its_glibc() {
    assert_eq!(library_faults(&built(), &this_machine()), Vec::<String>::new());
}

#[test]
fn a_32_bit_arm_library_under_the_name_of_a_64_bit_one_is_refused() {
    let armv7 = file_of(BinaryFormat::Elf, Architecture::Arm);
    let found = library_faults(&armv7, &platform("linux-arm64-gnu"));
    assert_eq!(found, ["it is Elf for Arm, and must be Elf for Aarch64"]);
}

#[test]
fn a_library_of_another_processor_or_system_is_refused() {
    for (name, format, processor, says) in [
        ("linux-x64-gnu", BinaryFormat::Elf, Architecture::Aarch64, "it is Elf for Aarch64"),
        ("linux-arm64-musl", BinaryFormat::Elf, Architecture::X86_64, "it is Elf for X86_64"),
        ("darwin-arm64", BinaryFormat::MachO, Architecture::X86_64, "it is MachO for X86_64"),
        ("darwin-x64", BinaryFormat::Elf, Architecture::X86_64, "it is Elf for X86_64"),
        ("win32-x64", BinaryFormat::Elf, Architecture::X86_64, "it is Elf for X86_64"),
    ] {
        assert_refused(&library_faults(&file_of(format, processor), &platform(name)), says);
    }
    assert_refused(&library_faults(b"#!/bin/sh\n", &platform("linux-x64-gnu")), "it is neither ELF nor Mach-O nor PE");
}

#[test]
fn a_build_with_this_machines_glibc_is_refused() {
    let found = library_faults(&built(), &platform("linux-x64-gnu"));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with("it needs glibc 2.") && found[0].ends_with(", and 2.17 must do"), "{found:#?}");
}

#[test]
fn a_glibc_library_under_a_name_of_musl_is_refused() {
    assert_refused(&library_faults(&built(), &platform("linux-x64-musl")), "libc.so.6");
}

#[test]
fn a_debug_build_with_a_bundled_sqlite_is_refused() {
    let target = TempDir::new().unwrap();
    let build = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "--target-dir"])
        .arg(target.path())
        .current_dir(root().join("release/check/tests/bundled"))
        .status();
    assert!(build.unwrap().success());
    let found = library_faults(&fs::read(target.path().join("debug/libbundled.so")).unwrap(), &this_machine());
    assert_refused(&found, "it holds a SQLite of its own");
    assert_refused(&found, "it carries information for debuggers");
}

#[test]
fn a_stale_library_is_refused() {
    let stale = b"knocker-version/0.0.9;";
    let mut library = built();
    let at = library.windows(MARK.len()).position(|window| window == MARK).expect("the library says its version");
    library[at..at + stale.len()].copy_from_slice(stale);
    assert_eq!(library_faults(&library, &this_machine()), [format!("it is version 0.0.9, and {VERSION} is released")]);
    assert_eq!(faults(Kind::Library, &built(), &this_machine(), "99.0.0"), [format!("it is version {VERSION}, and 99.0.0 is released")]);
}

#[test]
fn a_library_without_the_entry_point_is_refused() {
    let found = library_faults(&compiled("int sqlite3_other_init(void) { return 0; }", &[]), &this_machine());
    assert_refused(&found, "it does not export sqlite3_knocker_init");
}

#[test]
fn a_library_that_exports_more_than_its_entry_point_is_refused() {
    let found = library_faults(
        &compiled("int sqlite3_knocker_init(void) { return 0; } int sqlite3_open(void) { return 0; }", &[]),
        &this_machine(),
    );
    assert_refused(&found, "it exports more than its entry point: sqlite3_open");
}

#[test]
fn a_library_without_dynamic_loading_is_refused() {
    let found = library_faults(&compiled("int sqlite3_knocker_init(void) { return 0; }", &["-nostdlib"]), &platform("linux-x64-musl"));
    assert_refused(&found, "it is not linked to a C library");
}

#[test]
fn a_dylib_that_only_works_where_it_was_built_is_refused() {
    let dylib = |install_name: &str, macos| Headers {
        format: BinaryFormat::MachO,
        processor: Architecture::Aarch64,
        exports: vec!["_sqlite3_knocker_init".into()],
        symbols: Vec::new(),
        needs: vec!["/usr/lib/libSystem.B.dylib".into()],
        glibc: None,
        install_name: Some(install_name.into()),
        macos: Some(macos),
        has_debug_information: false,
    };
    let found = |headers| faults_of(Kind::Library, &headers, MARK, &platform("darwin-arm64"), VERSION);
    assert_eq!(found(dylib("@rpath/libknocker.dylib", (11, 0))), Vec::<String>::new());
    assert_eq!(
        found(dylib("/build/target/release/deps/libknocker.dylib", (11, 0))),
        ["its install name is \"/build/target/release/deps/libknocker.dylib\", and must be \"@rpath/libknocker.dylib\""]
    );
    assert_eq!(found(dylib("@rpath/libknocker.dylib", (15, 0))), ["it needs macOS 15.0, and 11.0 must do"]);
}

#[test]
fn a_dll_that_needs_a_compilers_library_is_refused() {
    let dll = Headers {
        format: BinaryFormat::Pe,
        processor: Architecture::X86_64,
        exports: vec!["sqlite3_knocker_init".into()],
        symbols: Vec::new(),
        needs: vec!["KERNEL32.dll".into(), "libgcc_s_seh-1.dll".into()],
        glibc: None,
        install_name: None,
        macos: None,
        has_debug_information: false,
    };
    let found = faults_of(Kind::Library, &dll, MARK, &platform("win32-x64"), VERSION);
    assert_eq!(found, ["it needs libgcc_s_seh-1.dll, which not every win32-x64 has"]);
}

/// A shared library of this machine.
fn compiled(source: &str, flags: &[&str]) -> Vec<u8> {
    let folder = TempDir::new().unwrap();
    let [from, to] = ["library.c", "library.so"].map(|name| folder.path().join(name));
    fs::write(&from, source).unwrap();
    let done = Command::new("cc").args(["-shared", "-fPIC", "-s", "-o"]).arg(&to).arg(&from).args(flags).status().unwrap();
    assert!(done.success());
    fs::read(to).unwrap()
}
