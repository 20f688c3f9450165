//! Takes out of a shared journal what makes no difference to anybody who reads it, and packs its
//! old part.

use ::redis::Value;
use gradebook_core::gradebook::Posted;
use gradebook_core::{Entry, Gradebook, Position, ScoringPolicy};

use super::entry;
use super::erasure::{self, rewrite};
use super::error::RedisError;
use super::link::{Link, odd};
use super::reply::Reply as _;
use super::scripts::Script;
use super::segment::{self, SPAN_MAX, Stretch};
use super::sent::KEPT_ENTRIES_MAX;
use super::tail::{Followed, Tail};
use super::{Identity, JournalError, open};
use crate::config::redis::RedisUrl;
use crate::journal::BATCH_ENTRIES_MAX;

/// Entries that are deleted with one command.
const DELETED_AT_ONCE: usize = 1_000;

/// How often something is begun again when others come in between.
const TRIES_MAX: usize = 10;

/// How much is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packing {
    /// How many of the last positions stay in the stream at least; at least 1.
    pub keep: u64,
    /// How many positions a segment holds, 1 to [`SPAN_MAX`]. A journal that has segments keeps the
    /// span that it has.
    pub span: u64,
}

impl Default for Packing {
    /// What a worker could append again after a failover stays in the stream: so nothing that could
    /// still be replaced is packed, though nothing would be lost by it.
    fn default() -> Self {
        Self { keep: KEPT_ENTRIES_MAX as u64, span: SPAN_MAX }
    }
}

/// What a compaction did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// Entries that were looked at.
    pub entries: u64,
    /// Entries that were taken out.
    pub removed: u64,
    /// Entries that were moved from the stream into segments.
    pub packed: u64,
    /// The last position that is in a segment now.
    pub packed_until: Position,
}

/// Takes out scores that were delivered again (the same score of the same student and exam as the
/// one before) and scores of students who were erased for good. Under every scoring policy the
/// gradebook is the same without them, down to attempts and positions: so nobody who follows, or
/// starts, needs to know. What is left of the old part is moved into segments. Then rewrites the
/// stream, which gives the memory back.
///
/// Others may read, write, erase and compact meanwhile; what they append after the beginning is
/// left alone. Holds a gradebook of its own in memory. `progress` is told the position reached, and
/// the last.
///
/// # Errors
/// When the journal cannot be read; what was taken out and packed until then makes no difference
/// either, and another compaction goes on from there.
pub fn compact(
    url: RedisUrl,
    packing: Packing,
    mut progress: impl FnMut(Position, Position),
) -> Result<Compacted, JournalError> {
    let mut compaction = Compaction::begin(url, packing)?;
    let end = compaction.end;
    while compaction.tail.seen() < end {
        match compaction.tail.go_on()? {
            Followed::Entries(entries) => {
                for (position, entry) in entries {
                    if position <= end {
                        compaction.take(position, entry)?;
                    }
                }
                progress(compaction.tail.seen().min(end), end);
            }
            Followed::Again => {}
            Followed::Nothing => break,
            Followed::Replaced => return Err(replaced().into()),
        }
    }
    compaction.finish()
}

/// One run through the journal.
struct Compaction {
    tail: Tail,
    link: Link,
    identity: Identity,
    /// The last score is the one that counts here, so one that is the same as before changes
    /// nothing.
    book: Gradebook,
    /// The last entry when it began.
    end: Position,
    /// Up to here everything may be packed.
    until: Position,
    /// What is packed next, and what of it has been read.
    stretch: Stretch,
    gathered: Vec<(Position, Entry)>,
    /// Positions within the stretch whose entries make no difference.
    left_out: Vec<Position>,
    /// The same beyond what is packed.
    repeated: Vec<Position>,
    /// How often the stream had been edited before `gathered` was read.
    edits: u64,
    /// Up to here entries were read before others edited the stream: they are read once more.
    stale: Position,
    compacted: Compacted,
}

impl Compaction {
    fn begin(url: RedisUrl, packing: Packing) -> Result<Self, JournalError> {
        let identity = open(url.clone())?;
        let mut link = Link::new(url.clone())?;
        let edits = edits(&mut link)?;
        let mut tail = Tail::new(url, identity.clone())?;
        let (end, _) = tail.look()?;
        let packed = tail.packed();
        let span = if packed.until > Position::START { packed.span } else { packing.span };
        Ok(Self {
            tail,
            link,
            book: Gradebook::new(ScoringPolicy::KeepLatest, identity.key),
            identity,
            end,
            until: Position::new(end.get().saturating_sub(packing.keep.max(1))),
            stretch: Stretch::of(packed.until.plus(1), span),
            gathered: Vec::new(),
            left_out: Vec::new(),
            repeated: Vec::new(),
            edits,
            stale: Position::START,
            compacted: Compacted { entries: 0, removed: 0, packed: 0, packed_until: packed.until },
        })
    }

    /// The next entry.
    fn take(&mut self, position: Position, entry: Entry) -> Result<(), JournalError> {
        self.compacted.entries += 1;
        let posted = self.book.post(position, &entry);
        // The last entry says how far the journal reaches.
        let makes_no_difference = matches!(entry, Entry::Scored { .. })
            && matches!(posted, Posted::Unchanged | Posted::Suppressed)
            && position < self.end;
        self.pack_before(position)?;
        if position <= self.stretch.before() {
            // It is packed already.
        } else if self.stretch.last() > self.until {
            self.repeated.extend(makes_no_difference.then_some(position));
        } else if makes_no_difference {
            self.left_out.push(position);
        } else {
            self.gathered.push((position, entry));
        }
        Ok(())
    }

    /// Packs the stretches that end before `position`: all of them has been read.
    fn pack_before(&mut self, position: Position) -> Result<(), JournalError> {
        while self.stretch.last() <= self.until && self.stretch.last() < position {
            self.pack()?;
            self.compacted.packed_until = self.stretch.last();
            self.stretch = self.stretch.next();
            self.gathered.clear();
            self.left_out.clear();
        }
        Ok(())
    }

    /// Moves what was gathered into a segment, unless somebody else has.
    fn pack(&mut self) -> Result<(), JournalError> {
        if self.stretch.before() < self.stale {
            self.gather_again()?;
        }
        for _ in 0..TRIES_MAX {
            let segment = segment::encode(self.stretch, &self.gathered);
            let reply = self.request(&segment)?;
            let Some([done, packed, edits]) = reply.array().first_chunk::<3>() else {
                // A term has begun meanwhile: what was read stands, or it does not.
                let (_, stands) = self.tail.look()?;
                if !stands {
                    return Err(replaced().into());
                }
                continue;
            };
            let packed = Position::new(packed.integer().ok_or_else(|| odd("position"))?);
            self.edits = edits.integer().ok_or_else(|| odd("number of edits"))?;
            if done.integer() == Some(1) {
                self.compacted.packed += self.gathered.len() as u64;
                self.compacted.removed += self.left_out.len() as u64;
                return Ok(());
            }
            // Whatever of later stretches has been read may be gone as well.
            self.stale = self.tail.seen();
            if packed >= self.stretch.last() {
                return Ok(());
            }
            self.gather_again()?;
        }
        let why = "others change the journal all the time: run it again".to_owned();
        Err(RedisError::NotNow(why).into())
    }

    fn request(&mut self, segment: &[u8]) -> Result<Value, JournalError> {
        let Some(term) = self.tail.newest_term() else { return Err(odd("journal").into()) };
        let texts = [
            entry::hex(&self.identity.key.0),
            self.stretch.before().to_string(),
            self.stretch.last().to_string(),
            self.stretch.span().to_string(),
            self.edits.to_string(),
            term.number.to_string(),
            term.after.to_string(),
            term.writer.clone(),
            self.stretch.number().to_string(),
        ];
        let count = self.gathered.len().to_string();
        let mut arguments: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
        arguments.extend([segment, count.as_bytes()]);
        Ok(self.link.run(Script::Pack, &[|keys| &keys.segments], &arguments)?)
    }

    /// Reads the stretch once more: entries have been deleted from it, or from elsewhere.
    fn gather_again(&mut self) -> Result<(), JournalError> {
        self.gathered.clear();
        let (last, mut from) = (self.stretch.last(), self.stretch.before().get() + 1);
        loop {
            let mut read = Vec::new();
            self.link.range(from, BATCH_ENTRIES_MAX, |written| {
                read.push((written.id.position, written.entry));
            })?;
            let is_full = read.len() == BATCH_ENTRIES_MAX;
            from = read.last().map_or(from, |(position, _)| position.get() + 1);
            let left_out = &self.left_out;
            self.gathered.extend(read.into_iter().filter(|(position, _)| {
                *position <= last && left_out.binary_search(position).is_err()
            }));
            if !is_full || from > last.get() {
                return Ok(());
            }
        }
    }

    /// Deletes what makes no difference in the part that stays in the stream, and gives the memory
    /// back.
    fn finish(mut self) -> Result<Compacted, JournalError> {
        // What was not read must not be taken for gaps.
        self.pack_before(self.end.min(self.tail.seen().plus(1)))?;
        for positions in self.repeated.chunks(DELETED_AT_ONCE) {
            self.compacted.removed += erasure::delete_positions(&mut self.link, positions)?;
        }
        // If somebody else copies already, it is their copy that leaves out what was deleted here,
        // or they begin it again.
        for _ in 0..TRIES_MAX {
            if rewrite(&mut self.link)? {
                break;
            }
        }
        Ok(self.compacted)
    }
}

/// How often entries of the stream have been deleted or packed.
fn edits(link: &mut Link) -> Result<u64, RedisError> {
    link.with(|connection, _, keys| connection.call(&["HGET", &keys.meta, "edits"]))
        .map(|reply| reply.integer().unwrap_or(0))
}

fn replaced() -> RedisError {
    RedisError::NotNow("a failover has changed the journal meanwhile: run it again".to_owned())
}
