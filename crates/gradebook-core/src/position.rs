//! The one clock of the system.

use std::fmt;

/// A place in the journal: dense, from 1. [`Position::START`] is before the first entry.
///
/// It is the only version number there is: the revision of a student, an exam or a list is the
/// position of its last change, and entity tags, event-stream ids and followers all count in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(u64);

impl Position {
    /// Before the first entry.
    pub const START: Self = Self(0);

    /// The largest position: 2^44 − 1, seventeen million million entries. The gradebook keeps a
    /// position in 44 bits.
    pub const MAX: Self = Self((1 << 44) - 1);

    /// The position with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The position `count` entries further on.
    #[must_use]
    pub const fn plus(self, count: u64) -> Self {
        Self(self.0 + count)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
