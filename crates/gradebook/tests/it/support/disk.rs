//! A file system of a chosen size, of one test only.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A small file system in memory; unmounted when dropped. Needs root, as CI has.
pub struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// A new one of `size`, as `mount` writes it: `512k`, `4m`.
    pub fn mount(size: &str) -> Self {
        let folder = TempDir::new().unwrap();
        mount(&["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"], folder.path());
        Self { folder }
    }

    /// The path of a file on it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes it larger.
    pub fn grow(&self, size: &str) {
        mount(&["-o", &format!("remount,size={size}")], self.folder.path());
    }

    /// Allows nothing to be written any more.
    pub fn make_read_only(&self) {
        mount(&["-o", "remount,ro"], self.folder.path());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that a failing test has left may still be using it.
        Command::new("umount").arg("--lazy").arg(self.folder.path()).status().ok();
    }
}

fn mount(options: &[&str], at: &Path) {
    let mounted = Command::new("mount").args(options).arg(at).output().unwrap();
    let said = String::from_utf8_lossy(&mounted.stderr);
    assert!(mounted.status.success(), "a test disk needs root: {said}");
}
