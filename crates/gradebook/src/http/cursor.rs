//! Where a page ended, as an opaque text that only this service can make.
//!
//! A cursor is the base64url (RFC 4648 §5, no padding) of a format byte, the sort value (8 bytes),
//! the id, and a truncated HMAC-SHA-256 over these, the path, the filters and the order. It grants
//! nothing, but it cannot be forged, and it does not fit another list or other filters. The limit
//! is not bound: it may change from page to page. A cursor does not expire.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gradebook_core::gradebook::Anchor;
use gradebook_core::{ExamNumber, Position, PseudonymKey, StudentId};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The first byte: another layout gets another number.
const FORMAT: u8 = 1;

/// Bytes of the HMAC that are kept: enough that guessing is hopeless.
const TAG_BYTES: usize = 12;

/// Bytes before the id: the format and the sort value.
const HEAD_BYTES: usize = 9;

/// The text is not a cursor of this service, or not one for this list, filters and order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cursor was not made for this list with these filters and this order")]
pub struct CursorError;

/// An id that a page can end with.
pub trait AnchorId: Sized {
    /// Appends the id.
    fn write(&self, bytes: &mut Vec<u8>);
    /// Reads what [`AnchorId::write`] wrote.
    fn read(bytes: &[u8]) -> Option<Self>;
}

impl AnchorId for StudentId {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self.as_str().as_bytes());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        Self::parse(std::str::from_utf8(bytes).ok()?).ok()
    }
}

impl AnchorId for ExamNumber {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.get().to_be_bytes());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        Self::new(u64::from_be_bytes(bytes.try_into().ok()?)).ok()
    }
}

impl AnchorId for Position {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.get().to_be_bytes());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        Some(Self::new(u64::from_be_bytes(bytes.try_into().ok()?)))
    }
}

/// Makes and reads the cursors of one journal.
#[derive(Clone)]
pub struct CursorKey(Hmac<Sha256>);

impl CursorKey {
    /// The key for cursors, from the journal's own: the same on every replica and after a restart.
    #[must_use]
    pub fn new(key: &PseudonymKey) -> Self {
        let mut mac = Hmac::new_from_slice(&key.0).expect("invariant: HMAC takes any key length");
        mac.update(b"gradebook cursor\0");
        Self(mac)
    }

    /// The cursor that leads on from `anchor` in the list that `bound_to` describes: its path,
    /// filters and order.
    pub fn write<Id: AnchorId>(&self, anchor: &Anchor<Id>, bound_to: &str) -> String {
        let mut bytes = vec![FORMAT];
        bytes.extend_from_slice(&anchor.value.to_be_bytes());
        anchor.id.write(&mut bytes);
        let tag = self.mac(&bytes, bound_to).finalize().into_bytes();
        bytes.extend_from_slice(&tag[..TAG_BYTES]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a cursor that was made for the same list.
    ///
    /// # Errors
    /// [`CursorError`] for any other text.
    pub fn read<Id: AnchorId>(
        &self,
        text: &str,
        bound_to: &str,
    ) -> Result<Anchor<Id>, CursorError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError)?;
        let tag_at = bytes.len().checked_sub(TAG_BYTES).ok_or(CursorError)?;
        let (payload, tag) = bytes.split_at(tag_at);
        self.mac(payload, bound_to).verify_truncated_left(tag).map_err(|_| CursorError)?;
        let (head, id) = payload.split_at_checked(HEAD_BYTES).ok_or(CursorError)?;
        let (&[format], value) = head.split_at(1) else { return Err(CursorError) };
        let value = value.try_into().map_err(|_| CursorError)?;
        let id = Id::read(id).filter(|_| format == FORMAT).ok_or(CursorError)?;
        Ok(Anchor { value: u64::from_be_bytes(value), id })
    }

    fn mac(&self, payload: &[u8], bound_to: &str) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(&(payload.len() as u64).to_be_bytes());
        mac.update(payload);
        mac.update(bound_to.as_bytes());
        mac
    }
}

impl std::fmt::Debug for CursorKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("CursorKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(byte: u8) -> CursorKey {
        CursorKey::new(&PseudonymKey([byte; 16]))
    }

    proptest! {
        #[test]
        fn a_cursor_reads_back_on_its_own_list_only(
            value in any::<u64>(), id in "[^\u{0}-\u{1f}\u{7f}]{1,40}", list in ".*", other in ".*",
        ) {
            let anchor = Anchor { value, id: StudentId::parse(&id).unwrap() };
            let cursor = key(1).write(&anchor, &list);
            let url_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            prop_assert!(cursor.bytes().all(url_safe));
            prop_assert_eq!(key(1).read(&cursor, &list), Ok(anchor));
            prop_assert_eq!(key(2).read::<StudentId>(&cursor, &list), Err(CursorError));
            prop_assume!(other != list);
            prop_assert_eq!(key(1).read::<StudentId>(&cursor, &other), Err(CursorError));
        }

        #[test]
        fn numbers_read_back(value in any::<u64>(), number in 0u64..(1 << 53)) {
            let exam = Anchor { value, id: ExamNumber::new(number).unwrap() };
            prop_assert_eq!(key(1).read(&key(1).write(&exam, "l"), "l"), Ok(exam));
            let position = Anchor { value, id: Position::new(number) };
            prop_assert_eq!(key(1).read(&key(1).write(&position, "l"), "l"), Ok(position));
        }

        #[test]
        fn a_changed_byte_is_noticed(at in 0usize..60, with in 1u8..=255) {
            let anchor = Anchor { value: 7, id: StudentId::parse("Susana_Langworth").unwrap() };
            let mut bytes = URL_SAFE_NO_PAD.decode(key(1).write(&anchor, "l")).unwrap();
            let at = at % bytes.len();
            bytes[at] ^= with;
            let forged = URL_SAFE_NO_PAD.encode(bytes);
            prop_assert_eq!(key(1).read::<StudentId>(&forged, "l"), Err(CursorError));
        }

        #[test]
        fn any_other_text_is_refused(text in ".*") {
            prop_assert_eq!(key(1).read::<StudentId>(&text, "l"), Err(CursorError));
        }
    }
}
