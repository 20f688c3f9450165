//! The way to the gradebook's primary: found, checked and prepared, and anew after a failure.

use std::time::Instant;

use ::redis::{Cmd, Value, cmd};
use gradebook_core::Position;

use super::connection::Connection;
use super::entry::{self, EntryId, Written};
use super::error::RedisError;
use super::lineage::Term;
use super::packed::{self, Packed};
use super::primary::Primary;
use super::reply::Reply as _;
use super::scripts::{Keys, Script, Scripts};
use crate::config::redis::RedisUrl;

/// A link to the primary of one gradebook.
pub struct Link {
    /// The keys of the gradebook.
    pub keys: Keys,
    url: RedisUrl,
    primary: Primary,
    line: Option<Line>,
    checked: bool,
}

/// A connection with the scripts loaded.
struct Line {
    connection: Connection,
    scripts: Scripts,
}

/// How the journal stands.
#[derive(Clone, Debug)]
pub struct State {
    /// The journal's key, as hex digits; `None` when there is no journal.
    pub key: Option<String>,
    /// The id of the last entry.
    pub tail: EntryId,
    /// The terms, in order; the oldest are forgotten in time.
    pub terms: Vec<Term>,
    /// What of it is in segments.
    pub packed: Packed,
}

impl Link {
    /// A link that is not connected yet.
    ///
    /// # Errors
    /// [`RedisError::Refused`] when the settings cannot be used.
    pub fn new(url: RedisUrl) -> Result<Self, RedisError> {
        let keys = Keys::new(&url.options.name);
        let primary = Primary::new(url.clone(), keys.journal.clone())?;
        Ok(Self { keys, url, primary, line: None, checked: false })
    }

    /// The settings.
    #[must_use]
    pub fn url(&self) -> &RedisUrl {
        &self.url
    }

    /// Whether there is a connection that has not failed yet.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.line.is_some()
    }

    /// Gives up the connection, with all replies on their way.
    pub fn hang_up(&mut self) {
        self.line = None;
    }

    /// Does `work` on the connection, which is made first when there is none. After a failure the
    /// connection is given up, and the primary is looked for anew the next time.
    ///
    /// # Errors
    /// See [`RedisError`].
    pub fn with<Done>(
        &mut self,
        work: impl FnOnce(&mut Connection, &Scripts, &Keys) -> Result<Done, RedisError>,
    ) -> Result<Done, RedisError> {
        let mut line = match self.line.take() {
            Some(line) => line,
            None => self.connect()?,
        };
        let done = work(&mut line.connection, &line.scripts, &self.keys);
        if done.as_ref().err().is_none_or(RedisError::keeps_connection) {
            self.line = Some(line);
        }
        done
    }

    fn connect(&mut self) -> Result<Line, RedisError> {
        let started = Instant::now();
        let found = self.primary.connect().and_then(|mut connection| {
            // Every primary is checked, also those that a failover brings: each has its own file of
            // settings.
            self.primary.check_settings(&mut connection)?;
            let scripts = Scripts::load(&mut connection)?;
            Ok(Line { connection, scripts })
        });
        match found {
            Ok(line) => {
                self.checked = true;
                self.primary.has_worked();
                let duration_ms = started.elapsed().as_millis() as u64;
                tracing::debug!(journal = %self.url, duration_ms, "connected to Redis");
                Ok(line)
            }
            // What was right at the start and is wrong now may be right again: a primary that comes
            // back as a replica, a password on its way to all servers.
            Err(RedisError::Refused(why)) if self.checked => Err(RedisError::NotNow(why)),
            Err(error) => Err(error),
        }
    }

    /// Runs a script on the gradebook: with `more` keys beside the three that every script has.
    ///
    /// # Errors
    /// See [`RedisError`].
    pub fn run(
        &mut self,
        script: Script,
        more: &[fn(&Keys) -> &String],
        arguments: &[impl AsRef<[u8]>],
    ) -> Result<Value, RedisError> {
        self.with(|connection, scripts, keys| {
            let mut request = scripts.request(script, keys, more);
            for argument in arguments {
                request.arg(argument.as_ref());
            }
            connection.request(&request)
        })
        .map_err(named)
    }

    /// How the journal stands.
    ///
    /// # Errors
    /// See [`RedisError`].
    pub fn state(&mut self) -> Result<State, RedisError> {
        let reply = self.run(Script::State, &[], &[""; 0])?;
        let [key, tail, terms, packed] = reply.array() else { return Err(odd("state")) };
        Ok(State {
            key: key.text().map(ToOwned::to_owned),
            tail: tail.text().ok_or_else(|| odd("last id"))?.parse()?,
            terms: terms
                .array()
                .iter()
                .map(term_of)
                .collect::<Option<_>>()
                .ok_or_else(|| odd("term"))?,
            packed: Packed::of(packed),
        })
    }

    /// The entries of the stream from `from` on, at most `limit`, each handed to `take`. Returns
    /// what was packed after that: when it reaches `from`, the entries may not be the next ones.
    ///
    /// # Errors
    /// See [`RedisError`].
    pub fn range(
        &mut self,
        from: u64,
        limit: usize,
        take: impl FnMut(Written),
    ) -> Result<Packed, RedisError> {
        self.with(|connection, _, keys| {
            let mut request = cmd("XRANGE");
            request.arg(&keys.journal).arg(from).arg("+").arg("COUNT").arg(limit);
            let [entries, packed] = connection.requests(&[request, ask_packed(keys)])?;
            entry::read_each(&entries, take)?;
            Ok(Packed::of(&packed))
        })
    }

    /// What of the journal is packed.
    ///
    /// # Errors
    /// See [`RedisError`].
    pub fn packed(&mut self) -> Result<Packed, RedisError> {
        let packed = self.with(|connection, _, keys| connection.request(&ask_packed(keys)))?;
        Ok(Packed::of(&packed))
    }
}

/// The request for what [`Packed::of`] reads.
#[must_use]
pub fn ask_packed(keys: &Keys) -> Cmd {
    let mut request = cmd("HMGET");
    request.arg(&keys.meta).arg(&packed::FIELDS);
    request
}

/// Reads a term as `XRANGE` shows it.
#[must_use]
pub fn term_of(reply: &Value) -> Option<Term> {
    let [id, fields] = reply.array() else { return None };
    let [_, after, _, writer, ..] = fields.array() else { return None };
    Some(Term {
        number: id.text()?.split('-').next()?.parse().ok()?,
        after: Position::new(after.integer()?),
        writer: writer.text()?.to_owned(),
    })
}

/// An answer that no script of ours gives.
#[must_use]
pub fn odd(what: &str) -> RedisError {
    RedisError::Protocol(format!("an odd {what}"))
}

/// Errors that our own scripts raise get a kind of their own.
fn named(error: RedisError) -> RedisError {
    match error.code() {
        Some("LOST") => RedisError::Lost(
            "the journal in Redis is another one than before: it was deleted, or Redis has lost it"
                .to_owned(),
        ),
        Some("FOREIGN" | "SPAN") => RedisError::Refused(error.to_string()),
        _ => error,
    }
}
