//! `knocker export` and `knocker import`: deliveries with their events as JSON lines, and back.

pub mod export;
pub mod import;
mod line;
mod lines;
