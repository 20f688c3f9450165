//! Which of several workers writes.

use std::time::Duration;

use super::link::Link;
use super::reply::Reply as _;
use super::scripts::{Keys, Script};
use super::{Identity, JournalError};
use super::{entry, feeds};
use crate::config::redis::RedisUrl;
use crate::feed_state::FeedReport;

/// How often a lease is renewed, and how often others try to take it, within its duration.
const TRIES_PER_LEASE: u32 = 3;

/// The lease of a gradebook: whoever has it leads, as long as it is renewed.
///
/// It only decides who begins to write. That a former leader can do no harm does not depend on it,
/// nor on any clock: what it appends is refused because another's term has begun.
pub struct Lease {
    link: Link,
    identity: Identity,
    writer: String,
}

impl Lease {
    /// The lease of the gradebook that `url` names, for `writer`.
    ///
    /// # Errors
    /// When the settings cannot be used.
    pub fn new(url: RedisUrl, identity: Identity, writer: String) -> Result<Self, JournalError> {
        Ok(Self { link: Link::new(url)?, identity, writer })
    }

    /// For how long it holds.
    #[must_use]
    pub fn duration_ms(&self) -> u64 {
        u64::try_from(self.link.url().options.lease.as_millis()).unwrap_or(u64::MAX)
    }

    /// How long to wait before it is renewed, or tried for again.
    #[must_use]
    pub fn pause(&self) -> Duration {
        self.link.url().options.lease / TRIES_PER_LEASE
    }

    /// Takes or renews it. False: another has it.
    ///
    /// # Errors
    /// When Redis cannot be reached, or has lost the journal.
    pub fn take(&mut self) -> Result<bool, JournalError> {
        let (key, duration) = (entry::hex(&self.identity.key.0), self.duration_ms().to_string());
        let arguments = [self.writer.as_str(), &duration, &key];
        let reply = self.link.run(Script::Lead, &[|keys| &keys.lease], &arguments)?;
        Ok(reply.integer() == Some(1))
    }

    /// Gives it back, so that another need not wait until it expires. What was told of the feeds
    /// does not stand any more.
    ///
    /// # Errors
    /// When Redis cannot be reached: then it expires.
    pub fn release(&mut self) -> Result<(), JournalError> {
        self.link.run(
            Script::Release,
            &[|keys| &keys.lease, |keys| &keys.feeds],
            &[&self.writer],
        )?;
        Ok(())
    }

    /// Tells the replicas how the feeds are, for a few durations of the lease. False: another
    /// leads, and nothing was told.
    ///
    /// # Errors
    /// When Redis cannot be reached.
    pub fn publish(&mut self, feeds: Vec<FeedReport>) -> Result<bool, JournalError> {
        let expiry = feeds::expiry(self.link.url()).as_millis().to_string();
        let arguments = [self.writer.as_str(), &feeds::write(feeds), &expiry];
        let keys: [fn(&Keys) -> &String; 2] = [|keys| &keys.lease, |keys| &keys.feeds];
        let reply = self.link.run(Script::Publish, &keys, &arguments)?;
        Ok(reply.integer() == Some(1))
    }
}
