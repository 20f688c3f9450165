//! What Redis does in one step: the scripts, and the keys that they work on.

use ::redis::{Cmd, cmd};

use super::connection::Connection;
use super::error::RedisError;
use super::reply::Reply as _;

/// The keys of one gradebook. All share a hash tag, so in a cluster all are in one slot.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The stream of entries.
    pub journal: String,
    /// The stream of terms: who began to write after which entry.
    pub terms: String,
    /// A hash: format, key, created, removed; packed, span; deletions, edits, repacked, copying.
    pub meta: String,
    /// A hash: feed → last event id.
    pub checkpoints: String,
    /// Who leads, until it expires.
    pub lease: String,
    /// A copy of the journal while it is rewritten.
    pub copy: String,
    /// A hash: number → segment, the packed part of the journal.
    pub segments: String,
    /// A hash: pseudonym → position of an erasure whose entries may not all be deleted yet.
    pub erasing: String,
    /// How the feeds are, as the leader tells it, until it expires.
    pub feeds: String,
}

impl Keys {
    /// The keys of the gradebook `name`.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let key = |part: &str| format!("gradebook:{{{name}}}:{part}");
        Self {
            journal: key("journal"),
            terms: key("terms"),
            meta: key("meta"),
            checkpoints: key("checkpoints"),
            lease: key("lease"),
            copy: key("copy"),
            segments: key("segments"),
            erasing: key("erasing"),
            feeds: key("feeds"),
        }
    }
}

/// A script by its name.
#[derive(Clone, Copy, Debug)]
pub enum Script {
    /// Says what the journal is; makes it when there is none.
    Open,
    /// Says how the journal is.
    State,
    /// Begins a term.
    Begin,
    /// Appends a batch.
    Append,
    /// Appends an erasure.
    Erase,
    /// Strikes an erasure off the list.
    Swept,
    /// Takes or renews the lease.
    Lead,
    /// Gives the lease back, and takes back what was told of the feeds.
    Release,
    /// Copies the journal without what was deleted.
    Rewrite,
    /// Deletes entries of the stream.
    Delete,
    /// Reads a segment.
    Fetch,
    /// Moves entries from the stream into a segment.
    Pack,
    /// Replaces a segment by one with fewer entries.
    Repack,
    /// Tells how the feeds are.
    Publish,
}

const SOURCES: [&str; 14] = [
    concat!(include_str!("scripts/prelude.lua"), include_str!("scripts/open.lua")),
    concat!(include_str!("scripts/prelude.lua"), include_str!("scripts/state.lua")),
    concat!(include_str!("scripts/prelude.lua"), include_str!("scripts/begin.lua")),
    concat!(include_str!("scripts/prelude.lua"), include_str!("scripts/append.lua")),
    concat!(include_str!("scripts/prelude.lua"), include_str!("scripts/erase.lua")),
    concat!(include_str!("scripts/prelude.lua"), include_str!("scripts/swept.lua")),
    concat!(include_str!("scripts/prelude.lua"), include_str!("scripts/lead.lua")),
    concat!(include_str!("scripts/prelude.lua"), include_str!("scripts/release.lua")),
    concat!(include_str!("scripts/prelude.lua"), include_str!("scripts/rewrite.lua")),
    concat!(include_str!("scripts/prelude.lua"), include_str!("scripts/delete.lua")),
    concat!(include_str!("scripts/prelude.lua"), include_str!("scripts/fetch.lua")),
    concat!(include_str!("scripts/prelude.lua"), include_str!("scripts/pack.lua")),
    concat!(include_str!("scripts/prelude.lua"), include_str!("scripts/repack.lua")),
    concat!(include_str!("scripts/prelude.lua"), include_str!("scripts/publish.lua")),
];

/// The scripts as one server knows them.
#[derive(Clone, Debug)]
pub struct Scripts {
    digests: Vec<String>,
}

impl Scripts {
    /// Makes all scripts known to the server.
    ///
    /// # Errors
    /// See [`RedisError`].
    pub fn load(connection: &mut Connection) -> Result<Self, RedisError> {
        let loaded = connection.requests(&SOURCES.map(|source| {
            let mut request = cmd("SCRIPT");
            request.arg("LOAD").arg(source);
            request
        }));
        let loaded = loaded.map_err(|error| match error.code() {
            Some("NOPERM") => RedisError::Refused(format!(
                "the user of the journal's URL may not load scripts: {error}"
            )),
            _ => error,
        })?;
        let digests = loaded.iter().map(|reply| reply.text().unwrap_or_default().to_owned());
        let digests = digests.collect();
        Ok(Self { digests })
    }

    /// The request that runs `script` on the gradebook with these keys, and with `more` of them
    /// beside the three that every script has. Its arguments follow.
    #[must_use]
    pub fn request(&self, script: Script, keys: &Keys, more: &[fn(&Keys) -> &String]) -> Cmd {
        let mut request = cmd("EVALSHA");
        request.arg(&self.digests[script as usize]).arg(3 + more.len());
        request.arg(&keys.journal).arg(&keys.terms).arg(&keys.meta);
        for key in more {
            request.arg(key(keys));
        }
        request
    }
}
