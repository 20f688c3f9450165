//! What Redis answers, read as what is expected of it.

use ::redis::Value;

/// A reply read as text, a number, or several replies. Whoever expects something else than what
/// came gets nothing, and says so in an error of their own.
pub trait Reply {
    /// The text, or nothing when it is none.
    fn text(&self) -> Option<&str>;

    /// The bytes, or nothing when it is no string.
    fn bytes(&self) -> Option<&[u8]>;

    /// The number, or nothing when it is none.
    fn integer(&self) -> Option<u64>;

    /// The elements; none when it is no array.
    fn array(&self) -> &[Value];
}

impl Reply for Value {
    fn text(&self) -> Option<&str> {
        match self {
            Self::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
            Self::SimpleString(text) => Some(text),
            Self::Okay => Some("OK"),
            _ => None,
        }
    }

    fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::BulkString(bytes) => Some(bytes),
            _ => None,
        }
    }

    fn integer(&self) -> Option<u64> {
        match self {
            Self::Int(number) => u64::try_from(*number).ok(),
            _ => self.text()?.parse().ok(),
        }
    }

    fn array(&self) -> &[Value] {
        match self {
            Self::Array(elements) => elements,
            _ => &[],
        }
    }
}
