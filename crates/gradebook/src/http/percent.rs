//! Percent-encoding (RFC 3986 §2.1), strictly: what is not UTF-8 or not an escape is an error.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but the unreserved characters of RFC 3986 §2.3, so that a text has one encoding.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Why a text cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A `%` without two hexadecimal digits after it.
    #[error("a '%' is not followed by two hexadecimal digits")]
    BadEscape,
    /// The bytes are not UTF-8.
    #[error("the decoded bytes are not UTF-8")]
    NotUtf8,
}

/// `text` with everything but unreserved characters percent-encoded.
pub fn encode(text: &str) -> impl fmt::Display + '_ {
    utf8_percent_encode(text, RESERVED)
}

/// Decodes one path segment, in which `+` is a plus.
///
/// # Errors
/// See [`DecodeError`].
pub fn decode(text: &str) -> Result<Cow<'_, str>, DecodeError> {
    let mut rest = text.as_bytes();
    while let Some(escape) = rest.iter().position(|&byte| byte == b'%') {
        let digits = rest.get(escape + 1..escape + 3).ok_or(DecodeError::BadEscape)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(DecodeError::BadEscape);
        }
        rest = &rest[escape + 3..];
    }
    percent_encoding::percent_decode_str(text).decode_utf8().map_err(|_| DecodeError::NotUtf8)
}

/// Decodes a name or value of a query, in which `+` is a space
/// (`application/x-www-form-urlencoded`).
///
/// # Errors
/// See [`DecodeError`].
pub fn decode_form(text: &str) -> Result<String, DecodeError> {
    decode(&text.replace('+', " ")).map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_unreserved_characters_stand_as_they_are() {
        for (text, encoded) in [
            ("foo.csv", "foo.csv"),
            ("Ann Lee", "Ann%20Lee"),
            ("a/b", "a%2Fb"),
            ("Zoë", "Zo%C3%AB"),
            ("a+b&c=d?#%", "a%2Bb%26c%3Dd%3F%23%25"),
        ] {
            assert_eq!(encode(text).to_string(), encoded);
        }
    }

    #[test]
    fn broken_escapes_are_refused() {
        for text in ["%", "%2", "%zz", "abc%", "%%41", "%+1"] {
            assert_eq!(decode(text), Err(DecodeError::BadEscape), "{text}");
        }
        assert_eq!(decode("%ff"), Err(DecodeError::NotUtf8));
        assert_eq!(decode_form("a+b%2B"), Ok("a b+".to_owned()));
        assert_eq!(decode("a+b").as_deref(), Ok("a+b"));
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(text in ".*") {
            prop_assert_eq!(decode(&encode(&text).to_string()).unwrap().into_owned(), text);
        }
    }
}
