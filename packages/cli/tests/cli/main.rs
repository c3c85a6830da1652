//! The command as its users meet it: the real binary, its exit codes, its output and its files.

mod backup;
mod completions;
mod deliveries;
mod demo;
mod doctor;
mod doctor_rows;
mod endpoint;
mod events;
mod forward;
mod init;
mod listen;
mod litestream;
mod operate;
mod output;
mod progress;
mod providers;
mod prune;
mod retention;
mod send;
mod show;
mod stats;
mod support;
mod tail;
mod transfer;
mod verify;
mod why;
