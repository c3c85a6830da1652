//! Writing records.

use crate::control::Turn;
use crate::format::{self, Header};
use crate::settings::Settings;

/// Appends one record. The turn says that no other process writes meanwhile.
pub fn write(settings: &Settings, _turn: &Turn, kind: u32, file: u32, errno: i32, a: u64, data: &[u8]) {
    // SAFETY: plain numbers.
    let process = unsafe { libc::syscall(libc::SYS_getpid) } as u32;
    let header = Header { kind, process, file, errno, a, length: data.len() as u64 }.encode();
    let parts = [part(&header), part(data)];
    // SAFETY: both parts live until the call returns.
    let written = unsafe { libc::syscall(libc::SYS_writev, settings.log, parts.as_ptr(), parts.len()) };
    if usize::try_from(written) != Ok(format::HEADER + data.len()) {
        // A log with a gap would prove nothing.
        // SAFETY: ends the process.
        unsafe { libc::abort() };
    }
}

fn part(bytes: &[u8]) -> libc::iovec {
    libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() }
}
