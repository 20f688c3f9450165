//! Where the journal is kept.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

/// The place of a journal, as `--journal` says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalUrl {
    /// `memory:`: nowhere. Gone with the process.
    Memory,
    /// A path: a SQLite file.
    Sqlite(PathBuf),
    /// `redis://…` and its relatives: shared.
    Redis(String),
}

impl FromStr for JournalUrl {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if text == "memory:" {
            Self::Memory
        } else if text.starts_with("redis") && text.contains("://") {
            Self::Redis(text.to_owned())
        } else {
            Self::Sqlite(PathBuf::from(text))
        })
    }
}
