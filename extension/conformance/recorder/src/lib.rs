//! Preloaded into any process (`LD_PRELOAD`), this records what the process does to the files of one folder, and makes chosen calls fail.
//!
//! SQLite, as each runtime ships it, reaches the C library through the same few functions; these here come first. What is recorded, and in
//! which form, says `format.rs`; which call fails, `fault.rs`. Settings are environment variables:
//!
//! - `KNOCKER_RECORDER_FOLDER`: the folder, as an absolute path without links. Without it nothing is done.
//! - `KNOCKER_RECORDER_LOG`: the log, shared by all processes. `KNOCKER_RECORDER_CONTROL`: a file of what they share in memory.
//! - `KNOCKER_RECORDER_MARKS`: a file; what is written to it becomes a mark in the log.
//! - `KNOCKER_RECORDER_FAULT`: see `fault.rs`.
//!
//! Each recorded call runs under one lock for all processes, so that the order of the log is the order of the effects.
//! Everything here goes to the kernel by `syscall`, never by a function that this library replaces.
#![cfg(all(target_os = "linux", target_pointer_width = "64"))]

mod calls;
mod control;
mod fault;
#[allow(dead_code, reason = "the simulator decodes")]
mod format;
mod log;
mod settings;
mod table;
