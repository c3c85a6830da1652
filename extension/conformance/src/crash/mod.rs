//! Power cuts and failing disks, simulated from what real processes did to their files.
//!
//! - [`recording`] runs a process with the recorder preloaded and reads its [`log`].
//! - [`disk`] replays the log on a folder whose files ([`file`]) are a page cache over a disk: what a sync has made safe, what may be there, what a failed
//!   sync has lost.
//! - [`simulation`] cuts the power at many places, and makes of each one of the states in which the disk may then be.
//! - [`check`] opens such a state with the library and holds it against what was acknowledged before the cut.
//! - [`policy`] and [`workload`] are what the recorded process does, rightly or in one of the known wrong ways.

pub mod check;
pub mod disk;
pub mod file;
pub mod log;
pub mod policy;
pub mod recording;
pub mod simulation;
pub mod workload;

#[allow(dead_code, reason = "the recorder encodes")]
#[path = "../../recorder/src/format.rs"]
mod format;
