//! The functions of the C library that come first here.
//!
//! `open` and `fcntl` take a varying number of arguments in C. On the 64-bit Linux systems these are passed as fixed ones are, so that a
//! function with the most of them serves.

use std::ffi::{CStr, c_char, c_int, c_long, c_void};
use std::sync::atomic::Ordering;

use crate::control::Turn;
use crate::settings::{self, Place, Settings};
use crate::table::{self, Open, Role};
use crate::{format, log};

type Size = usize;
type Signed = isize;

fn fail(errno: i32) -> c_long {
    // SAFETY: the place of this thread's error.
    unsafe { *libc::__errno_location() = errno };
    -1
}

/// The error with which a call is made to fail, noted in the log.
fn fault(settings: &Settings, turn: &Turn, call: &str, open: Open) -> Option<i32> {
    settings.control.calls.fetch_add(1, Ordering::Relaxed);
    let errno = settings.fault.as_ref()?.strikes(call, open.role)?;
    log::write(settings, turn, format::FAULT, open.file, errno, 0, call.as_bytes());
    Some(errno)
}

/// For calls that change nothing: only the fault.
fn fault_of(descriptor: c_int, call: &str) -> Option<i32> {
    let (settings, open) = recorded(descriptor)?;
    fault(settings, &settings.control.turn(), call, open)
}

/// The settings and what is open, for a file of the folder or the folder itself.
fn recorded(descriptor: c_int) -> Option<(&'static Settings, Open)> {
    let open = table::get(descriptor).filter(|open| open.file != table::MARKS)?;
    Some((settings::get()?, open))
}

/// Inode and size.
fn status(descriptor: c_int) -> (u64, u64) {
    // SAFETY: the kernel fills the structure; the empty path means the descriptor itself.
    unsafe {
        let mut found: libc::statx = std::mem::zeroed();
        let wanted = libc::STATX_INO | libc::STATX_SIZE;
        libc::syscall(libc::SYS_statx, descriptor, c"".as_ptr(), libc::AT_EMPTY_PATH, wanted, &mut found);
        (found.stx_ino, found.stx_size)
    }
}

// SAFETY of the whole: each function has the C library's name and form, and hands its arguments to the kernel as they came.

unsafe fn opened(folder: c_int, path: *const c_char, flags: c_int, mode: libc::mode_t) -> c_int {
    // SAFETY: the caller's path.
    let enter = || unsafe { libc::syscall(libc::SYS_openat, folder, path, flags, mode) };
    let Some(settings) = settings::get() else { return enter() as c_int };
    // SAFETY: the caller's path ends with NUL.
    let Some(place) = settings.place(unsafe { CStr::from_ptr(path) }) else {
        let descriptor = enter() as c_int;
        table::clear(descriptor);
        return descriptor;
    };
    let turn = settings.control.turn();
    let role = if let Place::File(name) = place { Role::of(name) } else { Role::Other };
    if !matches!(place, Place::Marks)
        && let Some(errno) = fault(settings, &turn, "open", Open { file: 0, role })
    {
        return fail(errno) as c_int;
    }
    // SAFETY: the caller's path.
    let existed = unsafe { libc::syscall(libc::SYS_faccessat, libc::AT_FDCWD, path, libc::F_OK) } == 0;
    let descriptor = enter() as c_int;
    if descriptor < 0 {
        return descriptor;
    }
    match place {
        Place::Folder => table::set(descriptor, Open { file: table::FOLDER, role }, 0),
        Place::Marks => table::set(descriptor, Open { file: table::MARKS, role }, 0),
        Place::File(name) => {
            let file = turn.file(status(descriptor).0, !existed);
            table::set(descriptor, Open { file, role }, turn.errors(file));
            log::write(settings, &turn, format::OPEN, file, 0, u64::from(!existed), name.as_bytes());
            if existed && flags & libc::O_TRUNC != 0 && flags & libc::O_ACCMODE != libc::O_RDONLY {
                log::write(settings, &turn, format::TRUNCATE, file, 0, 0, &[]);
            }
        }
    }
    descriptor
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: libc::mode_t) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe { opened(libc::AT_FDCWD, path, flags, mode) }
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: libc::mode_t) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe { opened(libc::AT_FDCWD, path, flags, mode) }
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn openat(folder: c_int, path: *const c_char, flags: c_int, mode: libc::mode_t) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe { opened(folder, path, flags, mode) }
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn openat64(folder: c_int, path: *const c_char, flags: c_int, mode: libc::mode_t) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe { opened(folder, path, flags, mode) }
}

#[unsafe(no_mangle)]
extern "C" fn close(descriptor: c_int) -> c_int {
    table::clear(descriptor);
    // SAFETY: plain numbers.
    unsafe { libc::syscall(libc::SYS_close, descriptor) as c_int }
}

/// One write. `offset` is `None` for the descriptor's own place.
unsafe fn written(descriptor: c_int, data: *const c_void, length: Size, offset: Option<libc::off_t>) -> Signed {
    let enter = || -> Signed {
        // SAFETY: the caller's buffer.
        unsafe {
            match offset {
                Some(offset) => libc::syscall(libc::SYS_pwrite64, descriptor, data, length, offset) as Signed,
                None => libc::syscall(libc::SYS_write, descriptor, data, length) as Signed,
            }
        }
    };
    let Some(open) = table::get(descriptor) else { return enter() };
    let Some(settings) = settings::get() else { return enter() };
    let turn = settings.control.turn();
    if open.file == table::MARKS {
        let done = enter();
        if let Ok(done) = usize::try_from(done) {
            // SAFETY: the kernel has read as much from there.
            let text = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), done) };
            log::write(settings, &turn, format::MARK, 0, 0, 0, text);
            if let (true, Some(fault)) = (text.starts_with(b"armed"), &settings.fault) {
                fault.arm();
            }
        }
        return done;
    }
    if let Some(errno) = fault(settings, &turn, "write", open) {
        return fail(errno) as Signed;
    }
    // SAFETY: plain numbers.
    let before = offset.unwrap_or_else(|| unsafe {
        let appends = libc::syscall(libc::SYS_fcntl, descriptor, libc::F_GETFL) & c_long::from(libc::O_APPEND) != 0;
        if appends { status(descriptor).1 as libc::off_t } else { libc::syscall(libc::SYS_lseek, descriptor, 0, libc::SEEK_CUR) }
    });
    let done = enter();
    if let Ok(count @ 1..) = usize::try_from(done) {
        // SAFETY: the kernel has read as much from there.
        let bytes = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), count) };
        log::write(settings, &turn, format::WRITE, open.file, 0, before as u64, bytes);
    }
    done
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(descriptor: c_int, data: *const c_void, length: Size) -> Signed {
    // SAFETY: the caller's arguments.
    unsafe { written(descriptor, data, length, None) }
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite(descriptor: c_int, data: *const c_void, length: Size, offset: libc::off_t) -> Signed {
    // SAFETY: the caller's arguments.
    unsafe { written(descriptor, data, length, Some(offset)) }
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite64(descriptor: c_int, data: *const c_void, length: Size, offset: libc::off_t) -> Signed {
    // SAFETY: the caller's arguments.
    unsafe { written(descriptor, data, length, Some(offset)) }
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pread(descriptor: c_int, data: *mut c_void, length: Size, offset: libc::off_t) -> Signed {
    if let Some(errno) = fault_of(descriptor, "read") {
        return fail(errno) as Signed;
    }
    // SAFETY: the caller's buffer.
    unsafe { libc::syscall(libc::SYS_pread64, descriptor, data, length, offset) as Signed }
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pread64(descriptor: c_int, data: *mut c_void, length: Size, offset: libc::off_t) -> Signed {
    // SAFETY: the caller's arguments.
    unsafe { pread(descriptor, data, length, offset) }
}

#[unsafe(no_mangle)]
extern "C" fn ftruncate(descriptor: c_int, length: libc::off_t) -> c_int {
    // SAFETY: plain numbers.
    let enter = || unsafe { libc::syscall(libc::SYS_ftruncate, descriptor, length) as c_int };
    let Some((settings, open)) = recorded(descriptor) else { return enter() };
    let turn = settings.control.turn();
    if let Some(errno) = fault(settings, &turn, "truncate", open) {
        return fail(errno) as c_int;
    }
    let done = enter();
    if done == 0 {
        log::write(settings, &turn, format::TRUNCATE, open.file, 0, length as u64, &[]);
    }
    done
}

#[unsafe(no_mangle)]
extern "C" fn ftruncate64(descriptor: c_int, length: libc::off_t) -> c_int {
    ftruncate(descriptor, length)
}

/// A sync of either kind. As Linux has it, each descriptor that was open when one failed is told once.
fn synced(descriptor: c_int, number: c_long) -> c_int {
    // SAFETY: plain numbers.
    let enter = || unsafe { libc::syscall(number, descriptor) as c_int };
    let Some((settings, open)) = recorded(descriptor) else { return enter() };
    let turn = settings.control.turn();
    if open.file == table::FOLDER {
        if let Some(errno) = fault(settings, &turn, "sync", open) {
            return fail(errno) as c_int;
        }
        log::write(settings, &turn, format::SYNC_FOLDER, open.file, 0, 0, &[]);
        return 0;
    }
    if let Some(errno) = fault(settings, &turn, "sync", open) {
        let errors = turn.add_error(open.file);
        table::learns_of(descriptor, errors);
        log::write(settings, &turn, format::SYNC, open.file, errno, 0, &[]);
        return fail(errno) as c_int;
    }
    if table::learns_of(descriptor, turn.errors(open.file)) {
        log::write(settings, &turn, format::SYNC, open.file, libc::EIO, 1, &[]);
        return fail(libc::EIO) as c_int;
    }
    // What is on the real disk does not matter: the simulator says what was.
    log::write(settings, &turn, format::SYNC, open.file, 0, 0, &[]);
    0
}

#[unsafe(no_mangle)]
extern "C" fn fsync(descriptor: c_int) -> c_int {
    synced(descriptor, libc::SYS_fsync)
}

#[unsafe(no_mangle)]
extern "C" fn fdatasync(descriptor: c_int) -> c_int {
    synced(descriptor, libc::SYS_fdatasync)
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    // SAFETY: the caller's path.
    let enter = || unsafe { libc::syscall(libc::SYS_unlinkat, libc::AT_FDCWD, path, 0) as c_int };
    let Some(settings) = settings::get() else { return enter() };
    // SAFETY: the caller's path ends with NUL.
    let Some(Place::File(name)) = settings.place(unsafe { CStr::from_ptr(path) }) else { return enter() };
    let turn = settings.control.turn();
    if let Some(errno) = fault(settings, &turn, "unlink", Open { file: 0, role: Role::of(name) }) {
        return fail(errno) as c_int;
    }
    let done = enter();
    if done == 0 {
        log::write(settings, &turn, format::UNLINK, 0, 0, 0, name.as_bytes());
    }
    done
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    // SAFETY: the caller's paths.
    let enter = || unsafe { libc::syscall(libc::SYS_renameat2, libc::AT_FDCWD, from, libc::AT_FDCWD, to, 0) as c_int };
    let Some(settings) = settings::get() else { return enter() };
    // SAFETY: the caller's paths end with NUL.
    let places = unsafe { (settings.place(CStr::from_ptr(from)), settings.place(CStr::from_ptr(to))) };
    let (Some(Place::File(from)), Some(Place::File(to))) = places else { return enter() };
    let turn = settings.control.turn();
    let done = enter();
    if done == 0 {
        log::write(settings, &turn, format::RENAME, 0, 0, 0, format!("{from}\0{to}").as_bytes());
    }
    done
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mmap(
    address: *mut c_void,
    length: Size,
    access: c_int,
    flags: c_int,
    file: c_int,
    offset: libc::off_t,
) -> *mut c_void {
    if flags & libc::MAP_ANONYMOUS == 0
        && let Some(errno) = fault_of(file, "map")
    {
        return fail(errno) as *mut c_void;
    }
    // SAFETY: the caller's arguments.
    unsafe { libc::syscall(libc::SYS_mmap, address, length, access, flags, file, offset) as *mut c_void }
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mmap64(
    address: *mut c_void,
    length: Size,
    access: c_int,
    flags: c_int,
    file: c_int,
    offset: libc::off_t,
) -> *mut c_void {
    // SAFETY: the caller's arguments.
    unsafe { mmap(address, length, access, flags, file, offset) }
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fcntl(descriptor: c_int, command: c_int, argument: usize) -> c_int {
    if matches!(command, libc::F_SETLK | libc::F_GETLK)
        && let Some(errno) = fault_of(descriptor, "lock")
    {
        return fail(errno) as c_int;
    }
    // SAFETY: the caller's arguments.
    unsafe { libc::syscall(libc::SYS_fcntl, descriptor, command, argument) as c_int }
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fcntl64(descriptor: c_int, command: c_int, argument: usize) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe { fcntl(descriptor, command, argument) }
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fstat(descriptor: c_int, found: *mut libc::stat) -> c_int {
    if let Some(errno) = fault_of(descriptor, "stat") {
        return fail(errno) as c_int;
    }
    // SAFETY: the caller's place; the kernel and the C library share the structure on 64-bit Linux.
    unsafe { libc::syscall(libc::SYS_newfstatat, descriptor, c"".as_ptr(), found, libc::AT_EMPTY_PATH) as c_int }
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fstat64(descriptor: c_int, found: *mut libc::stat) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe { fstat(descriptor, found) }
}
