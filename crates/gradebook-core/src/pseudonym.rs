//! What is kept of a student who was erased.

use std::fmt;
use std::hash::Hasher as _;

use siphasher::sip128::{Hasher128 as _, SipHasher24};

use crate::StudentId;

/// The key under which one journal's pseudonyms are made: random, made once with the journal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PseudonymKey(pub [u8; 16]);

/// A keyed hash (SipHash-2-4-128) of a student id.
///
/// It lets a follower find whom to erase, and lets `suppress` recognise a student who must not come
/// back, without the id being kept. Without the journal's key it tells nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pseudonym(pub [u8; 16]);

impl PseudonymKey {
    /// The pseudonym of `student` under this key.
    #[must_use]
    pub fn pseudonym(&self, student: &StudentId) -> Pseudonym {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write(student.as_str().as_bytes());
        Pseudonym(hasher.finish128().as_bytes())
    }
}

impl Pseudonym {
    /// The first half: already as good a hash as any.
    pub(crate) fn hash(self) -> u64 {
        let [hash, _] = *self.0.as_chunks::<8>().0 else { unreachable!("sixteen bytes") };
        u64::from_le_bytes(hash)
    }
}

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PseudonymKey(..)")
    }
}

impl fmt::Debug for Pseudonym {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Pseudonym(..)")
    }
}
