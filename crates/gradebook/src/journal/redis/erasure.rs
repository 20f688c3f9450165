//! Erasing a student: an entry that says so at once, and the deletion of all entries that name
//! them soon after.

use gradebook_core::{Entry, Position, Pseudonym, StudentId};

use super::entry;
use super::error::RedisError;
use super::link::{Link, odd};
use super::packed;
use super::reply::Reply;
use super::scripts::Script;
use super::segment::{self, Stretch};
use super::{Identity, JournalError};
use crate::config::redis::RedisUrl;

/// Entries that are looked through at once for those to delete.
const SWEPT_ENTRIES: usize = 2_000;

/// Entries that Redis looks through for unseen scores in the step that appends an erasure, at most:
/// some 10 ms. Where more were not seen, nothing is appended.
const SEEN_ENTRIES_MAX: &str = "10000";

/// How often a segment is read again when others replace it meanwhile.
const REPACKS_MAX: usize = 100;

/// Entries that Redis copies in one step. It does nothing else meanwhile: about 3 ms.
const COPIED_ENTRIES: &str = "1000";

/// What became of an attempt to erase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It is in the journal, at this position.
    Erased(Position),
    /// It is not: the student may have scores that were not seen, up to the `last` position.
    Unseen {
        /// Where the journal ends.
        last: Position,
    },
}

/// Erases students in a shared journal, whoever leads.
pub struct Eraser {
    link: Link,
    identity: Identity,
    writer: String,
}

/// Appends the erasure of a student. Returns its position.
///
/// # Errors
/// See [`RedisError`].
pub fn append(
    link: &mut Link,
    identity: &Identity,
    writer: &str,
    pseudonym: Pseudonym,
    suppress: bool,
) -> Result<Position, RedisError> {
    match append_unless(link, identity, writer, pseudonym, suppress, None)? {
        Attempt::Erased(position) => Ok(position),
        Attempt::Unseen { .. } => Err(odd("erasure")),
    }
}

/// Appends the erasure of a student, unless they have a score after the position that was `seen`.
fn append_unless(
    link: &mut Link,
    identity: &Identity,
    writer: &str,
    pseudonym: Pseudonym,
    suppress: bool,
    seen: Option<(&StudentId, Position)>,
) -> Result<Attempt, RedisError> {
    let (key, pseudonym) = (entry::hex(&identity.key.0), entry::hex(&pseudonym.0));
    let suppress = if suppress { "1" } else { "0" };
    let mut arguments = vec!["*", writer, &key, &pseudonym, suppress];
    let next = seen.map(|(_, position)| position.plus(1).to_string());
    if let (Some((student, _)), Some(next)) = (seen, &next) {
        arguments.extend([student.as_str(), next, SEEN_ENTRIES_MAX]);
    }
    let reply = link.run(Script::Erase, &[|keys| &keys.erasing], &arguments)?;
    let number = |index: usize| reply.array().get(index).and_then(Reply::integer);
    let position = number(1).map(Position::new).ok_or_else(|| odd("position"))?;
    let is_appended = number(0) == Some(1);
    Ok(if is_appended { Attempt::Erased(position) } else { Attempt::Unseen { last: position } })
}

/// Deletes all entries of the students who were erased, up to each erasure.
///
/// # Errors
/// See [`RedisError`]. What was not deleted stays on the list.
pub fn sweep(
    link: &mut Link,
    identity: &Identity,
    erasures: &[(Pseudonym, Position)],
) -> Result<u64, RedisError> {
    let Some(end) = erasures.iter().map(|(_, position)| *position).max() else { return Ok(0) };
    let erased = Erased { identity, erasures };
    // First the stream, then the segments: entries move that way only, so none slips through. One
    // that is deleted here cannot be packed any more by who has read it before.
    let mut deleted = sweep_stream(link, &erased, end)?;
    let mut packed = link.packed()?;
    let mut swept = Position::START;
    while let Some(stretch) = packed.stretch_after(swept).filter(|_| swept < end) {
        deleted += sweep_segment(link, &erased, stretch)?;
        swept = stretch.last();
        packed = link.packed()?;
    }
    for (pseudonym, position) in erasures {
        let (pseudonym, position) = (entry::hex(&pseudonym.0), position.to_string());
        link.run(Script::Swept, &[|keys| &keys.erasing], &[&pseudonym, &position])?;
    }
    Ok(deleted)
}

/// Which entries are to go: those of these students, up to the erasure of each.
struct Erased<'a> {
    identity: &'a Identity,
    erasures: &'a [(Pseudonym, Position)],
}

impl Erased<'_> {
    fn names(&self, student: &StudentId) -> bool {
        let pseudonym = self.identity.key.pseudonym(student);
        self.erasures.iter().any(|(erased, _)| *erased == pseudonym)
    }

    fn has(&self, position: Position, entry: &Entry) -> bool {
        let Entry::Scored { student, .. } = entry else { return false };
        let pseudonym = self.identity.key.pseudonym(student);
        self.erasures.iter().any(|(erased, until)| *erased == pseudonym && position < *until)
    }
}

/// Deletes entries of the stream; how many.
fn sweep_stream(link: &mut Link, erased: &Erased<'_>, end: Position) -> Result<u64, RedisError> {
    let (mut from, mut deleted) = (1, 0);
    while from < end.get() {
        let (mut found, mut looked_at, mut last) = (Vec::new(), 0, from);
        link.range(from, SWEPT_ENTRIES, |written| {
            looked_at += 1;
            last = written.id.position.get();
            if erased.has(written.id.position, &written.entry) {
                found.push(written.id.to_string());
            }
        })?;
        deleted += delete(link, &found)?;
        if looked_at < SWEPT_ENTRIES {
            break;
        }
        from = last + 1;
    }
    Ok(deleted)
}

/// Takes entries out of the segment of `stretch`; how many.
fn sweep_segment(
    link: &mut Link,
    erased: &Erased<'_>,
    stretch: Stretch,
) -> Result<u64, RedisError> {
    for _ in 0..REPACKS_MAX {
        let fetched = packed::fetch(link, stretch)?;
        let Some(segment) = fetched.segment(stretch)? else { return Ok(0) };
        let unreadable = |error| packed::unreadable(stretch, error);
        let students = segment::students(stretch, segment).map_err(unreadable)?;
        if !students.iter().any(|student| erased.names(student)) {
            return Ok(0);
        }
        let mut entries = segment::decode(stretch, segment).map_err(unreadable)?;
        let before = entries.len();
        entries.retain(|(position, entry)| !erased.has(*position, entry));
        let removed = (before - entries.len()) as u64;
        let packed = segment::encode(stretch, &entries);
        let old = segment::identity(segment).unwrap_or_default();
        let (number, fewer) = (stretch.number().to_string(), removed.to_string());
        let arguments = [number.as_bytes(), &old, &packed, fewer.as_bytes()];
        let reply = link.run(Script::Repack, &[|keys| &keys.segments], &arguments)?;
        if reply.integer() == Some(1) {
            return Ok(removed);
        }
    }
    Err(RedisError::NotNow(format!("segment {} is being replaced by others", stretch.number())))
}

/// Deletes the entries of the stream at these positions, whatever their terms.
///
/// # Errors
/// See [`RedisError`].
pub fn delete_positions(link: &mut Link, positions: &[Position]) -> Result<u64, RedisError> {
    let mut found = Vec::with_capacity(positions.len());
    let Some((first, last)) = positions.first().zip(positions.last()) else { return Ok(0) };
    let mut from = first.get();
    while from <= last.get() {
        let (mut looked_at, mut seen) = (0, from);
        link.range(from, SWEPT_ENTRIES, |written| {
            looked_at += 1;
            seen = written.id.position.get();
            if positions.binary_search(&written.id.position).is_ok() {
                found.push(written.id.to_string());
            }
        })?;
        if looked_at < SWEPT_ENTRIES {
            break;
        }
        from = seen + 1;
    }
    delete(link, &found)
}

fn delete(link: &mut Link, ids: &[String]) -> Result<u64, RedisError> {
    if ids.is_empty() {
        return Ok(0);
    }
    let reply = link.run(Script::Delete, &[], ids)?;
    reply.integer().ok_or_else(|| odd("number of deleted entries"))
}

/// Copies the journal if entries were deleted from it: a stream keeps the bytes of deleted entries
/// until all of their neighbours are gone as well. True when no trace is left; false when somebody
/// else is copying, or the copy has to be begun again.
///
/// # Errors
/// See [`RedisError`].
pub fn rewrite(link: &mut Link) -> Result<bool, RedisError> {
    let deletions = link
        .with(|connection, _, keys| connection.call(&["HGET", &keys.meta, "deletions"]))?
        .integer();
    let Some(deletions) = deletions else { return Ok(true) };
    let (deletions, who) = (deletions.to_string(), format!("{:016x}", rand::random::<u64>()));
    let mut copied = "0-0".to_owned();
    loop {
        let arguments = [copied.as_str(), COPIED_ENTRIES, &deletions, &who];
        let reply = link.run(Script::Rewrite, &[|keys| &keys.copy], &arguments)?;
        match reply.text() {
            Some("done") => return Ok(true),
            Some(id) => copied = id.to_owned(),
            None => return Ok(false),
        }
    }
}

impl Eraser {
    /// Erases in the journal that `url` names.
    ///
    /// # Errors
    /// When the settings cannot be used.
    pub fn new(url: RedisUrl, identity: Identity, writer: String) -> Result<Self, JournalError> {
        Ok(Self { link: Link::new(url)?, identity, writer })
    }

    /// Appends the erasure of `student`, and waits for the replicas that the URL asks for. With
    /// `seen`, only if no score of theirs stands after that position, which Redis looks at in the
    /// same step, as far as [`SEEN_ENTRIES_MAX`] entries.
    ///
    /// # Errors
    /// [`JournalError::Unavailable`]: try again. It may be there twice then, which is as good.
    pub fn erase(
        &mut self,
        student: &StudentId,
        suppress: bool,
        seen: Option<Position>,
    ) -> Result<Attempt, JournalError> {
        let pseudonym = self.identity.key.pseudonym(student);
        let seen = seen.map(|position| (student, position));
        let attempt =
            append_unless(&mut self.link, &self.identity, &self.writer, pseudonym, suppress, seen)?;
        let Attempt::Erased(_) = attempt else { return Ok(attempt) };
        let options = &self.link.url().options;
        let (wanted, patience) = (options.replicas, options.timeout.as_millis() / 2);
        if wanted > 0 {
            let reply = self.link.with(|connection, _, _| {
                connection.call(&["WAIT", &wanted.to_string(), &patience.to_string()])
            })?;
            if reply.integer().unwrap_or(0) < wanted {
                return Err(RedisError::NotNow(format!(
                    "fewer than {wanted} replicas have the erasure"
                ))
                .into());
            }
        }
        Ok(attempt)
    }

    /// Deletes the entries of all students whose erasure is on the list: those of this process, and
    /// those that another could not finish. Returns how many entries were deleted.
    ///
    /// # Errors
    /// [`JournalError::Unavailable`]: try again.
    pub fn sweep(&mut self) -> Result<u64, JournalError> {
        let reply =
            self.link.with(|connection, _, keys| connection.call(&["HGETALL", &keys.erasing]))?;
        let mut erasures = Vec::new();
        for pair in reply.array().chunks_exact(2) {
            let pseudonym = pair[0].text().and_then(entry::from_hex).map(Pseudonym);
            let position = pair[1].integer().map(Position::new);
            erasures.extend(pseudonym.zip(position));
        }
        Ok(sweep(&mut self.link, &self.identity, &erasures)?)
    }

    /// Removes the last bytes of deleted entries. False: call it again, after a while.
    ///
    /// # Errors
    /// [`JournalError::Unavailable`]: try again.
    pub fn purge(&mut self) -> Result<bool, JournalError> {
        Ok(rewrite(&mut self.link)?)
    }
}
