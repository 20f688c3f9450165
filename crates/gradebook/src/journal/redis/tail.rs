//! Following a journal that others write.

use std::time::{Duration, Instant};

use ::redis::{Cmd, Value, cmd};
use gradebook_core::{Entry, Position};

use super::entry::{self, Written};
use super::lineage::{Term, common_prefix};
use super::link::{Link, State, ask_packed, odd, term_of};
use super::packed::{self, Packed};
use super::reply::Reply as _;
use super::scripts::Keys;
use super::segment::Stretch;
use super::{FeedsHeard, Identity, JournalError, RedisError, check_identity, feeds};
use crate::config::redis::RedisUrl;
use crate::journal::BATCH_ENTRIES_MAX;

/// Positions that are asked for at once where they are known to be there.
const RANGE: u64 = BATCH_ENTRIES_MAX as u64;

/// How long Redis holds a question for new entries back when there are none.
const BLOCK: Duration = Duration::from_secs(1);

/// Reads a journal from its beginning, and then whatever is appended.
pub struct Tail {
    link: Link,
    identity: Identity,
    terms: Vec<Term>,
    seen: Position,
    end: Position,
    looked: bool,
    packed: Packed,
    /// The range after the first position and up to the second was asked for already: its reply is
    /// on its way.
    ahead: Option<(Position, Position)>,
    /// What was read from a segment and not handed on yet, and what it holds.
    unpacked: Option<(Stretch, std::vec::IntoIter<(Position, Entry)>)>,
    feeds: FeedsText,
}

/// What the leader tells of its feeds, as it was last read.
#[derive(Default)]
struct FeedsText {
    text: Option<Vec<u8>>,
    read_at: Option<Instant>,
    is_news: bool,
}

/// What a follower learns.
#[derive(Debug)]
pub enum Followed {
    /// These entries come next.
    Entries(Vec<(Position, Entry)>),
    /// There is nothing new.
    Nothing,
    /// Somebody has begun to write meanwhile, or to pack: ask again.
    Again,
    /// Part of what was seen is lost: the book has to be rebuilt from the beginning.
    Replaced,
}

impl Tail {
    /// Follows the journal that was opened before.
    ///
    /// # Errors
    /// [`JournalError::Broken`] when the URL cannot be used.
    pub fn new(url: RedisUrl, identity: Identity) -> Result<Self, JournalError> {
        let link = Link::new(url)?;
        Ok(Self {
            link,
            identity,
            terms: Vec::new(),
            seen: Position::START,
            end: Position::START,
            looked: false,
            packed: Packed::default(),
            ahead: None,
            unpacked: None,
            feeds: FeedsText::default(),
        })
    }

    /// What the leader tells of its feeds, when that is another thing than the last time; it is
    /// read along with the entries. When nothing could be read for so long that what was told
    /// would have expired, that is nothing.
    pub fn feeds_heard(&mut self) -> Option<FeedsHeard> {
        let feeds = &mut self.feeds;
        if feeds.read_at.is_some_and(|at| at.elapsed() > feeds::expiry(self.link.url())) {
            *feeds = FeedsText { is_news: true, ..FeedsText::default() };
        }
        let is_news = std::mem::take(&mut feeds.is_news);
        is_news.then(|| feeds::read(feeds.text.as_deref()))
    }

    /// What tells the journal from others.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity.clone()
    }

    /// Looks how far the journal reaches, and whether what was seen still stands: false when not.
    ///
    /// # Errors
    /// When Redis cannot be reached, or has lost the journal.
    pub fn look(&mut self) -> Result<(Position, bool), JournalError> {
        self.forget_ahead();
        let state: State = self.link.state()?;
        check_identity(&state, &self.identity, self.seen)?;
        let end = state.tail.position;
        self.end = end;
        self.packed = state.packed;
        // What was read and not handed on is not within what is compared.
        self.unpacked = None;
        // A shorter journal is no reason yet: whoever leads may still have what is missing.
        let common = common_prefix(&self.terms, self.seen, &state.terms, end.max(self.seen));
        self.looked = true;
        if self.seen == Position::START || common == self.seen {
            self.terms = state.terms;
            Ok((end, true))
        } else {
            Ok((end, false))
        }
    }

    /// How far this has read.
    #[must_use]
    pub fn seen(&self) -> Position {
        self.seen
    }

    /// How far the journal reached when it was last read.
    #[must_use]
    pub fn end(&self) -> Position {
        self.end
    }

    /// What of the journal was packed when it was last read.
    #[must_use]
    pub(super) fn packed(&self) -> Packed {
        self.packed
    }

    /// The term in which everything that was read still stood.
    #[must_use]
    pub(super) fn newest_term(&self) -> Option<&Term> {
        self.terms.last()
    }

    /// From now on everything is read again from the beginning.
    pub fn rewind(&mut self) {
        self.forget_ahead();
        self.seen = Position::START;
        self.terms.clear();
        self.looked = false;
        self.unpacked = None;
    }

    /// What comes next: at most [`BATCH_ENTRIES_MAX`] entries, from segments and then from the
    /// stream. Waits for it up to [`BLOCK`] when there is nothing.
    ///
    /// # Errors
    /// When Redis cannot be reached, or has lost the journal.
    pub fn go_on(&mut self) -> Result<Followed, JournalError> {
        if !self.looked || !self.link.is_connected() {
            let (_, stands) = self.look()?;
            if !stands {
                return Ok(Followed::Replaced);
            }
        }
        if let Some(entries) = self.next_unpacked() {
            return Ok(Followed::Entries(entries));
        }
        if let Some(stretch) = self.packed.stretch_after(self.seen) {
            return Ok(self.unpack(stretch)?.map_or(Followed::Again, Followed::Entries));
        }
        let Exchange { entries, until, end, newest, packed, feeds } = self.read()?;
        self.feeds.is_news |= feeds != self.feeds.text;
        self.feeds.text = feeds;
        self.feeds.read_at = Some(Instant::now());
        self.packed = packed;
        if packed.until > self.seen {
            return Ok(Followed::Again);
        }
        if newest.as_ref() != self.terms.last() {
            self.looked = false;
            return Ok(Followed::Again);
        }
        self.end = end.max(self.seen);
        match (until.or(entries.last().map(|(last, _)| *last)), entries.is_empty()) {
            (None, _) => return Ok(Followed::Nothing),
            (Some(seen), true) => {
                self.seen = seen;
                return Ok(Followed::Again);
            }
            (Some(seen), false) => self.seen = seen,
        }
        Ok(Followed::Entries(entries))
    }

    /// A reply on its way is not to be taken for another.
    fn forget_ahead(&mut self) {
        if self.ahead.take().is_some() {
            self.link.hang_up();
        }
    }

    /// Reads the segment of `stretch`, which comes next. Nothing when somebody has begun to write
    /// meanwhile, or when it has nothing that was not seen.
    fn unpack(&mut self, stretch: Stretch) -> Result<Option<Vec<(Position, Entry)>>, RedisError> {
        self.forget_ahead();
        let fetched = packed::fetch(&mut self.link, stretch)?;
        self.packed = fetched.packed;
        if fetched.newest.as_ref() != self.terms.last() {
            self.looked = false;
            return Ok(None);
        }
        let Some(entries) = fetched.entries(stretch)? else { return Ok(None) };
        let mut entries = entries.into_iter();
        let seen = entries.as_slice().partition_point(|(position, _)| *position <= self.seen);
        entries.by_ref().take(seen).for_each(drop);
        self.unpacked = Some((stretch, entries));
        Ok(self.next_unpacked())
    }

    /// The next entries of the segment that was read last.
    fn next_unpacked(&mut self) -> Option<Vec<(Position, Entry)>> {
        let (stretch, left) = self.unpacked.as_mut()?;
        let entries: Vec<_> = left.take(BATCH_ENTRIES_MAX).collect();
        self.seen = entries.last().map_or(self.seen, |(last, _)| *last);
        if left.len() == 0 {
            // Whatever else was in the stretch is gone for good.
            self.seen = stretch.last();
            self.unpacked = None;
        }
        Some(entries).filter(|entries| !entries.is_empty())
    }

    /// Reads what comes next. Where many entries are known to be there, Redis gathers the range
    /// after the next one while the next one is read.
    fn read(&mut self) -> Result<Exchange, RedisError> {
        let (seen, end) = (self.seen, self.end);
        let asked = self.ahead.filter(|(from, _)| *from == seen);
        if asked.is_none() {
            self.forget_ahead();
        }
        let range = |after: Position| Some(after.plus(RANGE)).filter(|until| *until <= end);
        let until = asked.map(|(_, until)| until).or_else(|| range(seen));
        let ahead = until.and_then(|from| Some((from, range(from)?)));
        let patience = BLOCK.min(self.link.url().options.timeout / 2);
        let exchange = self.link.with(|connection, _, keys| {
            if asked.is_none() {
                let range = until.map(|until| between(keys, seen, until));
                let next = range.unwrap_or_else(|| after(keys, seen, patience));
                connection.send(&exchange_of(keys, next))?;
            }
            if let Some((from, until)) = ahead {
                connection.send(&exchange_of(keys, between(keys, from, until)))?;
            }
            let [entries, last, newest, packed, feeds] = connection.replies()?;
            let entries =
                if until.is_some() { read_range(&entries) } else { read_stream(&entries) };
            let mut end = Position::START;
            entry::read_each(&last, |written| end = written.id.position)?;
            let newest = newest.array().first().and_then(term_of);
            let (packed, feeds) = (Packed::of(&packed), feeds.bytes().map(<[u8]>::to_vec));
            Ok(Exchange { entries: entries?, until, end, newest, packed, feeds })
        });
        self.ahead = ahead;
        if exchange.is_err() {
            self.forget_ahead();
        }
        exchange
    }
}

/// The requests of one exchange: `next` first, then what tells whether it can be relied on, and
/// what the leader tells of its feeds.
fn exchange_of(keys: &Keys, next: Cmd) -> [Cmd; 5] {
    let mut feeds = cmd("GET");
    feeds.arg(&keys.feeds);
    [next, last_of(&keys.journal), last_of(&keys.terms), ask_packed(keys), feeds]
}

/// The request for the entries after one position, up to another.
fn between(keys: &Keys, after: Position, until: Position) -> Cmd {
    let mut request = cmd("XRANGE");
    request.arg(&keys.journal).arg(after.plus(1).get()).arg(until.get());
    request
}

/// The request for whatever comes after a position. Everything at that position counts as seen,
/// whatever its term.
fn after(keys: &Keys, seen: Position, patience: Duration) -> Cmd {
    let mut request = cmd("XREAD");
    request.arg("COUNT").arg(BATCH_ENTRIES_MAX).arg("BLOCK").arg(patience.as_millis());
    request.arg("STREAMS").arg(&keys.journal).arg(format!("{seen}-{}", u64::MAX));
    request
}

/// The request for the last entry of a stream.
fn last_of(stream: &str) -> Cmd {
    let mut request = cmd("XREVRANGE");
    request.arg(stream).arg("+").arg("-").arg("COUNT").arg(1);
    request
}

/// What one exchange with Redis brings.
struct Exchange {
    entries: Vec<(Position, Entry)>,
    /// Up to here everything was read, when a range was asked for: its last entries may be erased.
    until: Option<Position>,
    /// Where the journal ended.
    end: Position,
    /// The last term. Asked for after the entries: if one of them were of a later term, it would
    /// show here.
    newest: Option<Term>,
    /// What was packed. Asked for after the entries as well: an entry that was moved before it was
    /// read shows here.
    packed: Packed,
    /// What the leader tells of its feeds, if it has of late.
    feeds: Option<Vec<u8>>,
}

/// Reads the reply to `XREAD` on one stream.
fn read_stream(reply: &Value) -> Result<Vec<(Position, Entry)>, RedisError> {
    match reply.array() {
        [] => Ok(Vec::new()),
        [stream] => {
            let [_, written] = stream.array() else { return Err(odd("stream")) };
            read_range(written)
        }
        _ => Err(odd("number of streams")),
    }
}

/// Reads the reply to `XRANGE`.
fn read_range(reply: &Value) -> Result<Vec<(Position, Entry)>, RedisError> {
    let mut entries = Vec::with_capacity(reply.array().len());
    entry::read_each(reply, |Written { id, entry }| entries.push((id.position, entry)))?;
    Ok(entries)
}
