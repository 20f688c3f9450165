//! Who a score belongs to.

use std::fmt;

use compact_str::CompactString;
use serde::Serialize;

/// The longest student id, in bytes of UTF-8.
pub const STUDENT_ID_BYTES_MAX: usize = 512;

/// A student id as the feed gave it: 1 to [`STUDENT_ID_BYTES_MAX`] bytes of UTF-8 without control
/// characters (U+0000 to U+001F, U+007F).
///
/// Compared code point by code point: no normalisation, no case-folding, no trimming. Two ids that
/// look alike are two students, because the feed says so. The order is that of the UTF-8 bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct StudentId(CompactString);

/// Why a text is not a student id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StudentIdError {
    /// No character at all.
    #[error("a student id has at least one character")]
    Empty,
    /// More than [`STUDENT_ID_BYTES_MAX`] bytes.
    #[error("a student id has at most {STUDENT_ID_BYTES_MAX} bytes of UTF-8")]
    TooLong,
    /// U+0000 to U+001F, or U+007F.
    #[error("a student id has no control characters")]
    ControlCharacter,
}

impl StudentId {
    /// Checks and keeps `text`, which is not changed in any way.
    ///
    /// # Errors
    /// See [`StudentIdError`].
    pub fn parse(text: &str) -> Result<Self, StudentIdError> {
        if text.is_empty() {
            Err(StudentIdError::Empty)
        } else if text.len() > STUDENT_ID_BYTES_MAX {
            Err(StudentIdError::TooLong)
        } else if text.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
            Err(StudentIdError::ControlCharacter)
        } else {
            Ok(Self(CompactString::from(text)))
        }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for StudentId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Student ids are personal data, and `Debug` is what ends up in logs: it tells the length only.
impl fmt::Debug for StudentId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "StudentId({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_kept_exactly() {
        for text in ["foo", " foo ", "a/b", "Zoë", "Zoe\u{308}", "..", "<b>", "名前", "\u{80}"] {
            assert_eq!(StudentId::parse(text).map(|id| id.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn bounds_are_inclusive_and_in_bytes() {
        assert!(StudentId::parse(&"x".repeat(512)).is_ok());
        assert_eq!(StudentId::parse(&"x".repeat(513)), Err(StudentIdError::TooLong));
        assert_eq!(StudentId::parse(&"ë".repeat(257)), Err(StudentIdError::TooLong));
        assert_eq!(StudentId::parse(""), Err(StudentIdError::Empty));
    }

    #[test]
    fn control_characters_are_refused() {
        for text in ["\0", "a\nb", "\u{1f}", "\u{7f}"] {
            assert_eq!(StudentId::parse(text), Err(StudentIdError::ControlCharacter));
        }
    }

    #[test]
    fn debug_does_not_tell_the_id() {
        assert_eq!(format!("{:?}", StudentId::parse("foo").unwrap()), "StudentId(3 bytes)");
    }
}
