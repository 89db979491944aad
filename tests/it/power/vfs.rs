//! A file system for SQLite that writes down what is done to the files of one folder, in order.
//!
//! It stands before the real one, which does the work; files elsewhere pass through unseen. The only
//! unsafe code of the project: SQLite takes a file system as a table of C functions.
#![expect(unsafe_code, reason = "SQLite takes its file system as a table of C functions")]

use std::collections::{BTreeMap, HashMap};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, Once, OnceLock, PoisonError};

use rusqlite::ffi;

/// One thing that was done; files are named without their folder.
#[derive(Clone, Debug)]
pub enum Op {
    Create(String),
    Write {
        file: String,
        offset: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        file: String,
        size: usize,
    },
    /// What was done to the file before has reached the disk.
    Sync(String),
    /// So have the names in the folder.
    SyncNames,
    Delete(String),
    /// The writer was told that the log goes to this place, and has this hash there.
    Acknowledged {
        seq: u64,
        hash: [u8; 32],
    },
}

struct Recording {
    folder: PathBuf,
    ops: Vec<Op>,
    /// By the address that SQLite keeps an open file at.
    open: HashMap<usize, String>,
    names: Vec<String>,
    /// Files whose first sync also syncs the folder, as the real file system does it.
    unsynced_names: Vec<String>,
}

static RECORDING: Mutex<Option<Recording>> = Mutex::new(None);
static REAL: OnceLock<Real> = OnceLock::new();
/// One for each table of methods that the real file system has, by its address.
static METHODS: Mutex<BTreeMap<usize, &'static Methods>> = Mutex::new(BTreeMap::new());

/// The file system before ours, which lives as long as the process.
struct Real(*mut ffi::sqlite3_vfs);

// SAFETY: SQLite itself calls it from every thread, and it never moves.
unsafe impl Send for Real {}
// SAFETY: as above.
unsafe impl Sync for Real {}

/// Our methods of a file, and the real ones behind them. An open file points to the first.
#[repr(C)]
struct Methods {
    ours: ffi::sqlite3_io_methods,
    real: ffi::sqlite3_io_methods,
}

/// The real methods of a file that has ours.
fn real(file: *mut ffi::sqlite3_file) -> &'static ffi::sqlite3_io_methods {
    // SAFETY: only files that `open` gave our table come here, and it is the first field of a leaked `Methods`.
    unsafe { &(*(*file).pMethods.cast::<Methods>()).real }
}

fn recording() -> MutexGuard<'static, Option<Recording>> {
    RECORDING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Records what `work` has SQLite do in `folder`. One at a time: whoever comes second waits.
pub fn record(folder: &Path, work: impl FnOnce(&mut dyn FnMut(u64, [u8; 32]))) -> Vec<Op> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    install();
    *recording() = Some(Recording {
        folder: folder.canonicalize().unwrap(),
        ops: Vec::new(),
        open: HashMap::new(),
        names: Vec::new(),
        unsynced_names: Vec::new(),
    });
    work(&mut |seq, hash| note(Op::Acknowledged { seq, hash }));
    recording().take().map_or_else(Vec::new, |recording| recording.ops)
}

fn note(op: Op) {
    if let Some(recording) = recording().as_mut() {
        recording.ops.push(op);
    }
}

/// Puts ours before the real file system, for all connections from now on.
fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the default file system is there for the life of the process; ours is leaked, so it is too.
        unsafe {
            let real = ffi::sqlite3_vfs_find(std::ptr::null());
            assert!(!real.is_null(), "SQLite has a file system");
            drop(REAL.set(Real(real)));
            let ours = ffi::sqlite3_vfs {
                pNext: std::ptr::null_mut(),
                zName: c"recording".as_ptr(),
                xOpen: Some(open),
                xDelete: Some(delete),
                ..*real
            };
            let code = ffi::sqlite3_vfs_register(Box::leak(Box::new(ours)), 1);
            assert_eq!(code, ffi::SQLITE_OK);
        }
    });
}

impl Recording {
    /// The name of a path in the folder that is recorded.
    fn name(&self, path: *const c_char) -> Option<String> {
        if path.is_null() {
            return None;
        }
        // SAFETY: SQLite hands over names that end with a zero byte.
        let path = unsafe { CStr::from_ptr(path) }.to_str().ok()?;
        let path = Path::new(path);
        (path.parent() == Some(&self.folder))
            .then(|| path.file_name().unwrap().to_string_lossy().into_owned())
    }
}

fn name_of(file: *mut ffi::sqlite3_file) -> Option<String> {
    recording().as_ref()?.open.get(&(file as usize)).cloned()
}

unsafe extern "C" fn open(
    _: *mut ffi::sqlite3_vfs,
    path: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let real = REAL.get().unwrap().0;
    // SAFETY: the arguments are SQLite's own, handed on as they came.
    let code = unsafe { (*real).xOpen.unwrap()(real, path, file, flags, out_flags) };
    if code != ffi::SQLITE_OK {
        return code;
    }
    let mut recording = recording();
    let Some(recording) = recording.as_mut() else { return code };
    let Some(name) = recording.name(path.cast()) else { return code };
    // SAFETY: an open file has its methods in its first field, and they outlive it.
    unsafe {
        let mut known = METHODS.lock().unwrap_or_else(PoisonError::into_inner);
        let methods = known.entry((*file).pMethods as usize).or_insert_with(|| {
            let real = *(*file).pMethods;
            let ours = ffi::sqlite3_io_methods {
                xWrite: Some(write),
                xTruncate: Some(truncate),
                xSync: Some(sync),
                xClose: Some(close),
                ..real
            };
            Box::leak(Box::new(Methods { ours, real }))
        });
        (*file).pMethods = &raw const methods.ours;
    }
    recording.open.insert(file as usize, name.clone());
    if !recording.names.contains(&name) {
        recording.names.push(name.clone());
        recording.ops.push(Op::Create(name.clone()));
        if flags & (ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL) != 0 {
            recording.unsynced_names.push(name);
        }
    }
    code
}

unsafe extern "C" fn delete(_: *mut ffi::sqlite3_vfs, path: *const c_char, sync_folder: c_int) -> c_int {
    let real = REAL.get().unwrap().0;
    // SAFETY: as in `open`.
    let code = unsafe { (*real).xDelete.unwrap()(real, path, sync_folder) };
    let mut recording = recording();
    if let Some(recording) = recording.as_mut()
        && let Some(name) = recording.name(path)
        && recording.names.contains(&name)
        && code == ffi::SQLITE_OK
    {
        recording.names.retain(|known| *known != name);
        recording.ops.push(Op::Delete(name));
        if sync_folder != 0 {
            recording.ops.push(Op::SyncNames);
        }
    }
    code
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    bytes: *const c_void,
    count: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    if let Some(name) = name_of(file) {
        let count = usize::try_from(count).unwrap();
        // SAFETY: SQLite hands over so many bytes.
        let bytes = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), count) }.to_vec();
        note(Op::Write { file: name, offset: usize::try_from(offset).unwrap(), bytes });
    }
    // SAFETY: as in `open`.
    unsafe { real(file).xWrite.unwrap()(file, bytes, count, offset) }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: ffi::sqlite3_int64) -> c_int {
    if let Some(name) = name_of(file) {
        note(Op::Truncate { file: name, size: usize::try_from(size).unwrap() });
    }
    // SAFETY: as in `open`.
    unsafe { real(file).xTruncate.unwrap()(file, size) }
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: as in `open`.
    let code = unsafe { real(file).xSync.unwrap()(file, flags) };
    if let Some(name) = name_of(file) {
        note(Op::Sync(name.clone()));
        if let Some(recording) = recording().as_mut()
            && recording.unsynced_names.contains(&name)
        {
            recording.unsynced_names.retain(|known| *known != name);
            recording.ops.push(Op::SyncNames);
        }
    }
    code
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    if let Some(recording) = recording().as_mut() {
        recording.open.remove(&(file as usize));
    }
    // SAFETY: as in `open`.
    unsafe { real(file).xClose.unwrap()(file) }
}
