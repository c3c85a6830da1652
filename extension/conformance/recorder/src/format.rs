//! The log: one record after another, in the order in which the calls took effect. Written by the recorder, read by the simulator.

/// The first bytes of each record: a reader that is out of step finds out at once.
pub const MAGIC: u32 = 0x4b4e_524c;
/// Bytes of a record before its data.
pub const HEADER: usize = 40;

/// A file was opened; `a` is 1 where this created it. The data is its name in the folder.
pub const OPEN: u32 = 1;
/// The data was written at `a`.
pub const WRITE: u32 = 2;
/// The file has been given the size `a`.
pub const TRUNCATE: u32 = 3;
/// A sync of a file returned; `errno` says how. `a` is 1 where it only reported the error of an earlier one.
pub const SYNC: u32 = 4;
/// A sync of the folder returned.
pub const SYNC_FOLDER: u32 = 5;
/// The name in the data was removed.
pub const UNLINK: u32 = 6;
/// The first name in the data, up to a NUL, became the second one.
pub const RENAME: u32 = 7;
/// The process said something: the data is what it wrote to the file of marks.
pub const MARK: u32 = 8;
/// A call was made to fail with `errno`; the data is its name. A failed sync has its own record after this one.
pub const FAULT: u32 = 9;

/// One record without its data.
pub struct Header {
    /// One of the constants above.
    pub kind: u32,
    /// The process.
    pub process: u32,
    /// The number of the file: another one for each file that is created, whatever it is called.
    pub file: u32,
    /// 0, or the error that the call ended with.
    pub errno: i32,
    /// See the kinds.
    pub a: u64,
    /// Bytes of data that follow.
    pub length: u64,
}

impl Header {
    /// As it stands in the log.
    pub fn encode(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[0..4].copy_from_slice(&MAGIC.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.kind.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.process.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.file.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.errno.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.a.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.length.to_le_bytes());
        bytes
    }

    /// Reads one; `None` where the bytes are no record.
    pub fn decode(bytes: &[u8; HEADER]) -> Option<Self> {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        (word(0) == MAGIC).then(|| Self {
            kind: word(4),
            process: word(8),
            file: word(12),
            errno: word(16).cast_signed(),
            a: long(24),
            length: long(32),
        })
    }
}
