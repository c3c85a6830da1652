//! Checks of what no test can stage on every machine: other file systems, full disks, other users' files.

use knocker_core::Store;
use rusqlite::Connection;

use super::checks;
use super::finding::Finding;
use super::reading::Reading;
use super::reading::rows::{Growth, Rows};
use crate::in_use::files::{FileFacts, Files};
use crate::in_use::processes::{Holder, Library};
use crate::mount::Mount;

/// A file on a disk with a gigabyte of room.
fn reading() -> Reading {
    Reading {
        path: "/srv/inbox.db".into(),
        now: 1_767_225_600_000,
        files: Files { database: FileFacts { mode: Some(0o640), owner: 1000, links: 1, ..FileFacts::default() }, ..Files::default() },
        mount: Some(Mount { kind: "ext4".into(), point: "/srv".into(), read_only: false, free: 1 << 30 }),
        holders: Vec::new(),
        readers: Vec::new(),
        database: Ok(Default::default()),
        rows: None,
        store: None,
    }
}

fn on(kind: &str) -> Vec<Finding> {
    checks::file_system::check(&Reading {
        mount: Some(Mount { kind: kind.into(), point: "/srv".into(), read_only: false, free: 1 << 30 }),
        ..reading()
    })
}

#[track_caller]
fn only(found: &[Finding], code: &str, what: &str) {
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].code.name, code);
    assert!(found[0].what.contains(what), "{found:#?}");
    assert!(!found[0].cure.is_empty());
}

#[test]
fn file_systems_that_lose_or_damage_a_file_are_told() {
    for kind in ["nfs4", "cifs", "fuse.sshfs", "9p", "smb3", "ceph"] {
        only(&on(kind), "network_file_system", kind);
    }
    only(&on("tmpfs"), "memory_file_system", "in memory");
    for kind in ["overlay", "fuse.overlayfs", "aufs"] {
        only(&on(kind), "container_file_system", "container");
    }
    for kind in ["ext4", "xfs", "btrfs", "zfs", "apfs", "NTFS"] {
        assert_eq!(on(kind), [], "{kind}");
    }
}

#[test]
fn a_disk_that_takes_nothing_is_told() {
    let with = |read_only, free| {
        let mount = Some(Mount { kind: "ext4".into(), point: "/srv".into(), read_only, free });
        checks::file_system::check(&Reading { mount, ..reading() })
    };
    only(&with(true, 1 << 30), "read_only_file_system", "/srv is mounted read-only");
    only(&with(false, 1 << 20), "disk_full", "1.0 MiB are free");
    assert_eq!(with(false, 1 << 30), []);
}

#[test]
fn the_day_on_which_the_disk_is_full_is_told() {
    let store = Store::new(Connection::open_in_memory().unwrap());
    store.bootstrap(0).unwrap();
    let with = |bytes_per_day| {
        let mut rows = Rows::read(&store, reading().now).unwrap();
        rows.growth = Some(Growth { bytes_per_day });
        checks::file_system::check(&Reading { rows: Some(rows), ..reading() })
    };
    only(&with(100 << 20), "disk_filling", "webhooks add 100.0 MiB a day, 1.0 GiB are free: the disk is full on 2026-01-11");
    assert_eq!(with(1 << 20), []);
    assert_eq!(with(0), []);
}

#[test]
fn a_log_of_another_user_is_told() {
    let wal = |owner, mode| Some(FileFacts { mode: Some(mode), owner, links: 1, ..FileFacts::default() });
    let with = |wal| checks::permissions::check(&Reading { files: Files { wal, ..reading().files }, ..reading() });
    only(&with(wal(0, 0o644)), "mixed_owners", "belongs to user 0, the file to user 1000");
    assert_eq!(with(wal(0, 0o664)), []);
    assert_eq!(with(wal(1000, 0o644)), []);
}

#[test]
fn libraries_that_differ_or_were_replaced_are_told() {
    let holder = |pid, inode, path: &str| {
        let library = Library { pid, file: ("fe:00".into(), inode), path: path.into() };
        Holder { pid, name: "python3".into(), former: None, libraries: vec![library] }
    };
    let with = |holders| checks::processes::check(&Reading { holders, ..reading() });
    assert_eq!(with(vec![holder(1, 7, "/a/libknocker.so"), holder(2, 7, "/a/libknocker.so")]), []);
    only(
        &with(vec![holder(1, 7, "/a/libknocker.so"), holder(2, 8, "/b/libknocker.so")]),
        "library_skew",
        "/a/libknocker.so, /b/libknocker.so",
    );
    only(&with(vec![holder(1, 7, "/a/libknocker.so (deleted)")]), "library_skew", "python3 (1) runs a library");
}
