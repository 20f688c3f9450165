//! The packed part of the journal, as it is read and replaced.
//!
//! Entries only ever move from the stream into segments, and how far that has gone is asked after
//! the stream was read: if it is not beyond where the reading began, the reading missed nothing.

use ::redis::Value;
use gradebook_core::{Entry, Position};

use super::error::RedisError;
use super::lineage::Term;
use super::link::{Link, odd, term_of};
use super::reply::Reply;
use super::scripts::Script;
use super::segment::{self, SegmentError, Stretch};

/// The fields of `meta` that say what is packed, in the order in which [`Packed::of`] reads them.
pub const FIELDS: [&str; 3] = ["packed", "span", "repacked"];

/// What of the journal is packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// Everything up to here is in segments.
    pub until: Position,
    /// How many positions a segment holds; 0 as long as there is none.
    pub span: u64,
    /// How often a segment was replaced by one without an erased student.
    pub repacked: u64,
}

/// What one question for a segment brings.
pub struct Fetched {
    /// The segment; `None` when there is none of this number.
    pub bytes: Option<Vec<u8>>,
    /// The last term, as of the same moment.
    pub newest: Option<Term>,
    /// What is packed, as of the same moment.
    pub packed: Packed,
}

/// Reads a journal from wherever its entries are, and keeps the last segment for the next time.
#[derive(Default)]
pub struct Reading {
    packed: Packed,
    kept: Option<Kept>,
}

/// A segment as it was when so many had been repacked.
struct Kept {
    stretch: Stretch,
    repacked: u64,
    entries: Vec<(Position, Entry)>,
}

impl Packed {
    /// Reads the reply to `HMGET` of [`FIELDS`].
    #[must_use]
    pub fn of(reply: &Value) -> Self {
        let number = |index| reply.array().get(index).and_then(Reply::integer).unwrap_or(0);
        let (until, span, repacked) = (number(0), number(1), number(2));
        // Only whole segments are packed.
        Self { until: Position::new(until - until % span.max(1)), span, repacked }
    }

    /// The segment that holds what comes after `position`; nothing when that is in the stream.
    #[must_use]
    pub fn stretch_after(&self, position: Position) -> Option<Stretch> {
        (position < self.until).then(|| Stretch::of(position.plus(1), self.span))
    }
}

/// Asks for the segment that holds `stretch`.
///
/// # Errors
/// See [`RedisError`].
pub fn fetch(link: &mut Link, stretch: Stretch) -> Result<Fetched, RedisError> {
    let number = stretch.number().to_string();
    let reply = link.run(Script::Fetch, &[|keys| &keys.segments], &[number])?;
    let [segment, newest, packed] = reply.array() else { return Err(odd("segment")) };
    Ok(Fetched {
        bytes: segment.bytes().map(ToOwned::to_owned),
        newest: newest.array().first().and_then(term_of),
        packed: Packed::of(packed),
    })
}

impl Fetched {
    /// The bytes of the segment of `stretch`; nothing when it is not packed, as a failover may
    /// leave it.
    ///
    /// # Errors
    /// [`RedisError::Refused`] when it ought to be there.
    pub fn segment(&self, stretch: Stretch) -> Result<Option<&[u8]>, RedisError> {
        if self.packed.until < stretch.last() {
            return Ok(None);
        }
        let missing = || damaged(stretch, "is missing");
        self.bytes.as_deref().map(Some).ok_or_else(missing)
    }

    /// The entries of `stretch`; nothing as with [`Self::segment`].
    ///
    /// # Errors
    /// [`RedisError::Refused`] when it is damaged or missing.
    pub fn entries(&self, stretch: Stretch) -> Result<Option<Vec<(Position, Entry)>>, RedisError> {
        let Some(bytes) = self.segment(stretch)? else { return Ok(None) };
        segment::decode(stretch, bytes).map(Some).map_err(|error| unreadable(stretch, error))
    }
}

/// An error for a segment that cannot be read.
#[must_use]
pub fn unreadable(stretch: Stretch, error: SegmentError) -> RedisError {
    damaged(stretch, &format!("cannot be read: {error}"))
}

fn damaged(stretch: Stretch, how: &str) -> RedisError {
    RedisError::Refused(format!(
        "segment {} of the journal, which holds positions {} to {}, {how}",
        stretch.number(),
        stretch.before().plus(1),
        stretch.last()
    ))
}

impl Reading {
    /// The entries after `after`, in order, at most `limit` of them.
    ///
    /// # Errors
    /// See [`RedisError`].
    pub fn read(
        &mut self,
        link: &mut Link,
        mut after: Position,
        limit: usize,
    ) -> Result<Vec<(Position, Entry)>, RedisError> {
        let mut entries = Vec::new();
        while entries.len() < limit {
            if let Some(stretch) = self.packed.stretch_after(after) {
                if let Some(found) = self.unpacked(link, stretch)? {
                    let from = found.partition_point(|(position, _)| *position <= after);
                    let found = &found[from..];
                    entries.extend_from_slice(&found[..found.len().min(limit - entries.len())]);
                    after = stretch.last();
                }
                continue;
            }
            let mut written = Vec::new();
            let wanted = limit - entries.len();
            self.packed = link.range(after.get() + 1, wanted, |entry| {
                written.push((entry.id.position, entry.entry));
            })?;
            if self.packed.until <= after {
                entries.extend(written);
                break;
            }
        }
        Ok(entries)
    }

    /// The entries of `stretch`, as they are now; nothing when it is not packed any more.
    fn unpacked(
        &mut self,
        link: &mut Link,
        stretch: Stretch,
    ) -> Result<Option<&[(Position, Entry)]>, RedisError> {
        let known = self.kept.take();
        if known.as_ref().is_some_and(|kept| kept.stretch == stretch) {
            self.packed = link.packed()?;
        }
        let Packed { until, repacked, .. } = self.packed;
        self.kept = known.filter(|kept| {
            (kept.stretch, kept.repacked) == (stretch, repacked) && stretch.last() <= until
        });
        if self.kept.is_none() {
            let fetched = fetch(link, stretch)?;
            self.packed = fetched.packed;
            let repacked = fetched.packed.repacked;
            let entries = fetched.entries(stretch)?;
            self.kept = entries.map(|entries| Kept { stretch, repacked, entries });
        }
        Ok(self.kept.as_ref().map(|kept| kept.entries.as_slice()))
    }
}
