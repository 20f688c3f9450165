//! Following a journal that others write.

use std::time::Duration;

use gradebook_core::{Entry, Position};

use super::connection::Connection;
use super::entry::{self, Written};
use super::lineage::{Term, common_prefix};
use super::link::{Link, State, odd, term_of};
use super::{Identity, JournalError, RedisError, check_identity, open};
use crate::config::redis::RedisUrl;
use crate::journal::BATCH_ENTRIES_MAX;

/// How long Redis holds a question for new entries back when there are none.
const BLOCK: Duration = Duration::from_secs(1);

/// Reads a journal from its beginning, and then whatever is appended.
pub struct Tail {
    link: Link,
    identity: Identity,
    terms: Vec<Term>,
    seen: Position,
    looked: bool,
}

/// What a follower learns.
#[derive(Debug)]
pub enum Followed {
    /// These entries come next; `last` is how far the journal reached when they were read, if it
    /// was asked.
    Entries(Vec<(Position, Entry)>),
    /// There is nothing new.
    Nothing,
    /// Part of what was seen is lost: the book has to be rebuilt from the beginning.
    Replaced,
}

impl Tail {
    /// Opens the journal that `url` names, or makes it.
    ///
    /// # Errors
    /// As [`super::RedisJournal::open`].
    pub fn open(url: RedisUrl) -> Result<Self, JournalError> {
        let mut link = Link::new(url)?;
        let identity = open(&mut link)?;
        Ok(Self { link, identity, terms: Vec::new(), seen: Position::START, looked: false })
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
        let state: State = self.link.state()?;
        check_identity(&state, &self.identity, self.seen)?;
        let end = state.tail.position;
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

    /// From now on everything is read again from the beginning.
    pub fn rewind(&mut self) {
        self.seen = Position::START;
        self.terms.clear();
        self.looked = false;
    }

    /// What comes next. Waits for it up to [`BLOCK`] when there is nothing.
    ///
    /// # Errors
    /// When Redis cannot be reached, or has lost the journal.
    pub fn next(&mut self) -> Result<Followed, JournalError> {
        if !self.looked || !self.link.is_connected() {
            let (_, stands) = self.look()?;
            if !stands {
                return Ok(Followed::Replaced);
            }
        }
        let (entries, newest) = self.read()?;
        // The terms were read after the entries: an entry of a later term would have shown it.
        if newest != self.terms.last().cloned() {
            self.looked = false;
            return Ok(Followed::Nothing);
        }
        let Some((last, _)) = entries.last() else { return Ok(Followed::Nothing) };
        self.seen = *last;
        Ok(Followed::Entries(entries))
    }

    /// Reads what comes next, and the last term.
    #[expect(clippy::type_complexity, reason = "the two answers of one exchange")]
    fn read(&mut self) -> Result<(Vec<(Position, Entry)>, Option<Term>), RedisError> {
        // Everything at the position that was seen counts as seen, whatever its term.
        let after = format!("{}-{}", self.seen, u64::MAX);
        let patience = BLOCK.min(self.link.url().options.timeout / 2);
        let (block, limit) = (patience.as_millis().to_string(), BATCH_ENTRIES_MAX.to_string());
        self.link.with(|connection, _, keys| {
            let requests = connection.requests();
            requests.request(&[
                "XREAD",
                "COUNT",
                &limit,
                "BLOCK",
                &block,
                "STREAMS",
                &keys.journal,
                &after,
            ]);
            requests.request(&["XREVRANGE", &keys.terms, "+", "-", "COUNT", "1"]);
            connection.send()?;
            let entries = read_stream(connection)?;
            let newest = connection.reply()?;
            Ok((entries, newest.array().first().and_then(term_of)))
        })
    }
}

/// Reads the reply to `XREAD` on one stream.
fn read_stream(connection: &mut Connection) -> Result<Vec<(Position, Entry)>, RedisError> {
    let mut entries = Vec::new();
    match connection.array()? {
        None => {}
        Some(1) => {
            if connection.array()? != Some(2) {
                return Err(odd("stream"));
            }
            connection.bulk()?;
            entry::read_each(connection, |Written { id, entry }| {
                entries.push((id.position, entry));
            })?;
        }
        Some(_) => return Err(odd("number of streams")),
    }
    Ok(entries)
}
