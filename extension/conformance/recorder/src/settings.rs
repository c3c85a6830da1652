//! What the environment says, read once before the program begins.

use std::ffi::CStr;
use std::sync::OnceLock;

use crate::control::Control;
use crate::fault::Fault;

/// The recorder of this process.
pub struct Settings {
    folder: &'static [u8],
    marks: &'static [u8],
    /// The log, open for appending.
    pub log: i32,
    /// What all processes share.
    pub control: &'static Control,
    /// The call that is to fail.
    pub fault: Option<Fault>,
}

/// What a path means here.
pub enum Place {
    /// The folder itself.
    Folder,
    /// A file in the folder, by its name.
    File(&'static str),
    /// The file of marks.
    Marks,
}

static SETTINGS: OnceLock<Option<Settings>> = OnceLock::new();

#[used]
#[unsafe(link_section = ".init_array")]
static BEGIN: extern "C" fn() = begin;

extern "C" fn begin() {
    SETTINGS.get_or_init(read);
}

/// `None` where nothing is to be recorded, or the program has not begun.
pub fn get() -> Option<&'static Settings> {
    SETTINGS.get()?.as_ref()
}

fn read() -> Option<Settings> {
    let folder = variable(c"KNOCKER_RECORDER_FOLDER")?;
    let log = open(c"KNOCKER_RECORDER_LOG", libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT)?;
    let control = open(c"KNOCKER_RECORDER_CONTROL", libc::O_RDWR | libc::O_CREAT)?;
    Some(Settings {
        folder,
        marks: variable(c"KNOCKER_RECORDER_MARKS").unwrap_or_default(),
        log,
        control: Control::map(control)?,
        fault: variable(c"KNOCKER_RECORDER_FAULT").and_then(Fault::parse),
    })
}

fn variable(name: &CStr) -> Option<&'static [u8]> {
    // SAFETY: the name ends with NUL; the environment's text stays where it is, since nobody changes these variables.
    let value = unsafe { libc::getenv(name.as_ptr()) };
    // SAFETY: getenv returns NULL or a text that ends with NUL.
    (!value.is_null()).then(|| unsafe { CStr::from_ptr(value) }.to_bytes())
}

/// Opens a file that the environment names, out of the way of the program's own descriptors.
fn open(name: &CStr, flags: i32) -> Option<i32> {
    variable(name)?;
    // SAFETY: the variable is there, see above.
    let path = unsafe { libc::getenv(name.as_ptr()) };
    // SAFETY: the path ends with NUL.
    let low = unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path, flags | libc::O_CLOEXEC, 0o644) } as i32;
    if low < 0 {
        return None;
    }
    // SAFETY: plain numbers.
    let high = unsafe { libc::syscall(libc::SYS_fcntl, low, libc::F_DUPFD_CLOEXEC, 700) } as i32;
    // SAFETY: the descriptor was opened here.
    unsafe { libc::syscall(libc::SYS_close, low) };
    (high >= 0).then_some(high)
}

impl Settings {
    /// What the path is for the recorder; `None` for everything that it leaves alone.
    pub fn place(&self, path: &CStr) -> Option<Place> {
        let path = path.to_bytes();
        if path == self.folder {
            return Some(Place::Folder);
        }
        if path == self.marks {
            return Some(Place::Marks);
        }
        let name = path.strip_prefix(self.folder)?.strip_prefix(b"/")?;
        if name.is_empty() || name.contains(&b'/') {
            return None;
        }
        let name = std::str::from_utf8(name).ok()?;
        // SAFETY: only the lifetime changes; every caller is done with the name before it returns to the owner of the path.
        Some(Place::File(unsafe { std::mem::transmute::<&str, &'static str>(name) }))
    }
}
