//! One process at a time writes to a journal.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

/// Holds a file for one process, by an advisory lock on a small file beside it.
///
/// The operating system lets go of the lock when the process ends, however it ends, so nothing is
/// ever left to clean up. The small file stays: removing it would race with the next holder.
#[derive(Debug)]
pub struct Holder {
    // Locked for as long as it is open.
    _file: File,
}

/// Why a file could not be held.
#[derive(Debug)]
pub enum HoldError {
    /// Another process has it: the one with this number, when it can be told.
    Held(Option<u32>),
    /// The small file cannot be made or locked.
    Io(io::Error),
}

impl Holder {
    /// Holds `journal`, whose folder must exist.
    ///
    /// # Errors
    /// See [`HoldError`].
    pub fn hold(journal: &Path) -> Result<Self, HoldError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(lock_path(journal)).map_err(HoldError::Io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(HoldError::Held(process(&mut file))),
            Err(TryLockError::Error(error)) => return Err(HoldError::Io(error)),
        }
        write_process(&mut file).map_err(HoldError::Io)?;
        Ok(Self { _file: file })
    }
}

/// `gradebook.db` is held through `gradebook.db-lock`.
fn lock_path(journal: &Path) -> PathBuf {
    let mut name = OsString::from(journal);
    name.push("-lock");
    PathBuf::from(name)
}

fn write_process(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn process(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
