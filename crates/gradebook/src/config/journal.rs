//! Where the journal is kept.

use std::path::PathBuf;
use std::str::FromStr;

use super::redis::{RedisUrl, RedisUrlError};

/// The place of a journal, as `--journal` says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalUrl {
    /// `memory:`: nowhere. Gone with the process.
    Memory,
    /// A path: a SQLite file.
    Sqlite(PathBuf),
    /// `redis://…` and its relatives: shared.
    Redis(Box<RedisUrl>),
}

impl FromStr for JournalUrl {
    type Err = RedisUrlError;

    fn from_str(text: &str) -> Result<Self, RedisUrlError> {
        if text == "memory:" {
            Ok(Self::Memory)
        } else if text.contains("://") {
            Ok(Self::Redis(Box::new(text.parse()?)))
        } else {
            Ok(Self::Sqlite(PathBuf::from(text)))
        }
    }
}
