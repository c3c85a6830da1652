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
use object::{Architecture, BinaryFormat, Endianness, SubArchitecture};
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
    let dylib = |install_name: &str, macos| Headers { install_name: Some(install_name.into()), macos: Some(macos), ..dylib() };
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
        exports: vec!["sqlite3_knocker_init".into()],
        // The keys of a console come from user32, which is imported under two spellings.
        needs: ["KERNEL32.dll", "USER32.dll", "user32.dll", "libgcc_s_seh-1.dll"].map(String::from).into(),
        ..headers(BinaryFormat::Pe, Architecture::X86_64)
    };
    let found = faults_of(Kind::Library, &dll, MARK, &platform("win32-x64"), VERSION);
    assert_eq!(found, ["it needs libgcc_s_seh-1.dll, which not every win32-x64 has"]);
}

#[test]
fn a_file_that_cannot_be_read_is_refused() {
    // Two processors, of which either could be the wrong one.
    let mut universal = vec![0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 2];
    universal.resize(4096, 0);
    assert_refused(&library_faults(&universal, &platform("darwin-arm64")), "it is a Mach-O for several processors");
    assert_refused(&library_faults(b"", &platform("linux-x64-gnu")), "it is neither ELF nor Mach-O nor PE");
    let library = built();
    for length in [20, 64, 200, 4096, library.len() / 2, library.len() - 1] {
        assert_refused(&library_faults(&library[..length], &this_machine()), "its headers cannot be read");
    }
    // No sections, and more than there are.
    for count in [0_u16, 0xfeff] {
        let mut other = library.clone();
        other[60..62].copy_from_slice(&count.to_le_bytes());
        if count == 0 {
            other[40..48].fill(0);
        }
        assert_refused(&library_faults(&other, &this_machine()), "its headers cannot be read");
    }
}

#[test]
fn a_library_under_the_name_of_the_command_is_refused() {
    assert_eq!(faults(Kind::Program, &built(), &this_machine(), VERSION), ["it is the library, under the name of the command"]);
}

#[test]
fn an_entry_point_under_another_name_is_none() {
    let found = library_faults(&compiled("int _sqlite3_knocker_init(void) { return 0; }", &[]), &this_machine());
    assert_refused(&found, "it does not export sqlite3_knocker_init");
}

#[test]
fn a_library_that_looks_into_folders_of_its_own_is_refused() {
    for flag in ["-Wl,-rpath,/opt/build/lib,--enable-new-dtags", "-Wl,-rpath,/opt/build/lib,--disable-new-dtags"] {
        assert_refused(&library_faults(&compiled(ENTRY, &[flag]), &this_machine()), "it looks for libraries in /opt/build/lib");
    }
    let dylib = Headers { search_paths: vec!["/opt/build/lib".into()], ..dylib() };
    assert_refused(&dylib_faults(&dylib), "it looks for libraries in /opt/build/lib");
}

#[test]
fn a_library_that_asks_for_an_executable_stack_is_refused() {
    assert_refused(&library_faults(&compiled(ENTRY, &["-Wl,-z,execstack"]), &this_machine()), "it asks for a stack that can be executed");
}

#[test]
fn a_library_that_asks_glibc_for_more_than_a_version_is_refused() {
    let source =
        format!("{ENTRY} static int one; int *sqlite3_one = &one; extern int puts(const char *); int two(void) {{ return puts(\"\"); }}");
    let found = library_faults(&compiled(&source, &["-Wl,-z,pack-relative-relocs"]), &platform("linux-x64-gnu"));
    assert_refused(&found, "it needs GLIBC_ABI_DT_RELR of glibc, and 2.17 must do");
}

#[test]
fn a_library_that_only_some_kernels_of_arm64_load_is_refused() {
    let of_pages = |page| Headers {
        exports: vec!["sqlite3_knocker_init".into()],
        needs: vec!["libc.so.6".into()],
        page: Some(page),
        ..headers(BinaryFormat::Elf, Architecture::Aarch64)
    };
    let found = |page| faults_of(Kind::Library, &of_pages(page), MARK, &platform("linux-arm64-gnu"), VERSION);
    assert_eq!(found(65_536), Vec::<String>::new());
    assert_eq!(found(4096), ["it can be loaded with pages of 4096 bytes, and kernels for arm64 have up to 65536"]);
}

#[test]
fn a_dylib_that_not_every_mac_loads_is_refused() {
    for (headers, because) in [
        (Headers { processor_kind: Some(SubArchitecture::Arm64E), ..dylib() }, "it is for Arm64E, and must be for every Aarch64"),
        (Headers { is_signed: false, ..dylib() }, "it is not signed"),
        (Headers { macos: None, ..dylib() }, "it does not say which macOS it is for"),
        (Headers { needs: vec!["/usr/lib/libsqlite3.dylib".into()], ..dylib() }, "it is linked to a SQLite"),
    ] {
        assert_refused(&dylib_faults(&headers), because);
    }
}

/// All that a library must export.
const ENTRY: &str = "int sqlite3_knocker_init(void) { return 0; }";

/// What a file says that says nothing wrong.
fn headers(format: BinaryFormat, processor: Architecture) -> Headers {
    Headers {
        format,
        processor,
        processor_kind: None,
        exports: Vec::new(),
        symbols: Vec::new(),
        needs: Vec::new(),
        search_paths: Vec::new(),
        glibc: None,
        glibc_features: Vec::new(),
        install_name: None,
        macos: None,
        is_signed: false,
        has_executable_stack: false,
        page: None,
        has_debug_information: false,
    }
}

/// The library of a Mac.
fn dylib() -> Headers {
    Headers {
        exports: vec!["_sqlite3_knocker_init".into()],
        needs: vec!["/usr/lib/libSystem.B.dylib".into()],
        install_name: Some("@rpath/libknocker.dylib".into()),
        macos: Some((11, 0)),
        is_signed: true,
        ..headers(BinaryFormat::MachO, Architecture::Aarch64)
    }
}

fn dylib_faults(headers: &Headers) -> Vec<String> {
    faults_of(Kind::Library, headers, MARK, &platform("darwin-arm64"), VERSION)
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
