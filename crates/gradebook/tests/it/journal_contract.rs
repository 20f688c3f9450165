//! What every journal promises, whatever the engine. An engine joins with one line: a test that
//! hands its [`Engine`] to [`keeps_the_contract`].

use std::sync::Arc;

use gradebook::config::redis::RedisUrl;
use gradebook::journal::redis::{Packing, RedisJournal, compact};
use gradebook::journal::{
    BATCH_ENTRIES_MAX, Checkpoint, Identity, Journal, JournalError, MemoryJournal, SqliteJournal,
};
use gradebook_core::{Entry, ExamNumber, Position, Score, StudentId, Timestamp};
use tempfile::TempDir;

use crate::support::{RedisCluster, RedisServer};

/// One place where a journal can be kept, empty at first.
pub trait Engine {
    /// The journal, opened by its only writer. An earlier one has been dropped.
    fn open(&self) -> Box<dyn Journal>;

    /// The journal as a second process reads it while the first writes; `None` when nobody else
    /// can.
    fn open_follower(&self) -> Option<Box<dyn Journal>>;

    /// Whether a dropped journal opens again with its entries.
    fn is_durable(&self) -> bool;

    /// Everything that the engine keeps, as bytes: where an erased id must not be found.
    fn kept_bytes(&self) -> Vec<u8>;
}

/// Holds each claim against a fresh place of `engine`.
#[expect(clippy::print_stderr, reason = "names the claim that does not hold")]
pub fn keeps_the_contract<E: Engine>(engine: impl Fn() -> E) {
    for (claim, holds) in CLAIMS {
        eprintln!("{claim}");
        holds(&engine());
    }
}

type Claim = (&'static str, fn(&dyn Engine));

const CLAIMS: [Claim; 12] = [
    ("an empty journal has no entry", empty_has_no_entry),
    ("positions are dense and in the order of appending", positions_are_dense_and_in_order),
    ("every entry is read as it was appended", entries_are_read_as_appended),
    ("a read starts after a position and stops at a limit", reads_start_and_stop),
    ("the largest batch is one append", largest_batch_is_one_append),
    ("a batch and its checkpoints are kept together", checkpoints_are_kept_with_their_batch),
    ("an append after another position than the last keeps nothing", conflicts_keep_nothing),
    ("a follower sees what was appended, and only that", followers_see_what_was_appended),
    ("an erasure removes the entries and leaves their positions", erasure_leaves_gaps),
    ("an erasure after another position than the last erases nothing", conflicts_erase_nothing),
    ("an erased student can come back", erased_students_can_come_back),
    ("everything is there when the journal is opened again", reopening_keeps_everything),
];

#[test]
fn memory_keeps_the_contract() {
    keeps_the_contract(|| Memory);
}

#[test]
fn sqlite_keeps_the_contract() {
    keeps_the_contract(|| Sqlite(TempDir::new().unwrap()));
}

#[test]
fn redis_keeps_the_contract() {
    keeps_the_contract(|| RedisServer::start(&[]));
}

#[test]
fn valkey_keeps_the_contract() {
    if RedisServer::start_valkey(&[]).is_some() {
        keeps_the_contract(|| RedisServer::start_valkey(&[]).unwrap());
    }
}

/// Everything but the last entries is packed after each append, in segments of a few entries.
#[test]
fn a_packed_redis_keeps_the_contract() {
    keeps_the_contract(|| PackedRedis(RedisServer::start(&[])));
}

/// As it is, and with everything but the last entries packed after each append.
#[test]
fn a_cluster_keeps_the_contract() {
    // No failover, however busy the machine is: nobody here would try again.
    let cluster = RedisCluster::taking_for_dead_after("15000");
    for packs in [false, true] {
        keeps_the_contract(|| {
            cluster.empty();
            Clustered { cluster: &cluster, packs }
        });
    }
}

struct Clustered<'a> {
    cluster: &'a RedisCluster,
    packs: bool,
}

impl Clustered<'_> {
    fn redis_journal(&self, writer: &str) -> (RedisJournal, RedisUrl) {
        let url: RedisUrl = self.cluster.url().parse().unwrap();
        (RedisJournal::open(url.clone(), writer.to_owned()).unwrap(), url)
    }
}

impl Engine for Clustered<'_> {
    fn open(&self) -> Box<dyn Journal> {
        let (journal, url) = self.redis_journal("the writer");
        if self.packs { Box::new(PackingJournal { journal, url }) } else { Box::new(journal) }
    }

    fn open_follower(&self) -> Option<Box<dyn Journal>> {
        Some(Box::new(self.redis_journal("a follower").0))
    }

    fn is_durable(&self) -> bool {
        true
    }

    fn kept_bytes(&self) -> Vec<u8> {
        let primary = self.cluster.primary().expect("somebody has the gradebook");
        [primary.unpacked(), primary.snapshot()].concat()
    }
}

struct PackedRedis(RedisServer);

/// A writer who packs what it has written.
struct PackingJournal {
    journal: RedisJournal,
    url: RedisUrl,
}

impl Engine for PackedRedis {
    fn open(&self) -> Box<dyn Journal> {
        let url = self.0.journal_url();
        let journal = RedisJournal::open(url.clone(), "the writer".to_owned()).unwrap();
        Box::new(PackingJournal { journal, url })
    }

    fn open_follower(&self) -> Option<Box<dyn Journal>> {
        self.0.open_follower()
    }

    fn is_durable(&self) -> bool {
        true
    }

    fn kept_bytes(&self) -> Vec<u8> {
        [self.0.unpacked(), self.0.snapshot()].concat()
    }
}

impl PackingJournal {
    fn pack(&self, last: Position) {
        let packing = Packing { keep: 2, span: 23 };
        let compacted = compact(self.url.clone(), packing, |_, _| {}).unwrap();
        assert!(compacted.packed_until.get() + 25 > last.get(), "{compacted:?} of {last}");
    }
}

impl Journal for PackingJournal {
    fn kind(&self) -> &'static str {
        self.journal.kind()
    }

    fn identity(&self) -> Identity {
        self.journal.identity()
    }

    fn last(&mut self) -> Result<Position, JournalError> {
        self.journal.last()
    }

    fn append(
        &mut self,
        expected_last: Position,
        entries: &[Entry],
        checkpoints: &[Checkpoint],
    ) -> Result<Position, JournalError> {
        let last = self.journal.append(expected_last, entries, checkpoints)?;
        self.pack(last);
        Ok(last)
    }

    fn read(
        &mut self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(Position, Entry)>, JournalError> {
        self.journal.read(after, limit)
    }

    fn checkpoint(&mut self, feed: &str) -> Result<Option<Arc<str>>, JournalError> {
        self.journal.checkpoint(feed)
    }

    fn erase(
        &mut self,
        expected_last: Position,
        student: &StudentId,
        suppress: bool,
    ) -> Result<Position, JournalError> {
        let last = self.journal.erase(expected_last, student, suppress)?;
        self.pack(last);
        Ok(last)
    }

    fn purge(&mut self) -> Result<bool, JournalError> {
        self.journal.purge()
    }
}

impl Engine for RedisServer {
    fn open(&self) -> Box<dyn Journal> {
        Box::new(RedisJournal::open(self.journal_url(), "the writer".to_owned()).unwrap())
    }

    fn open_follower(&self) -> Option<Box<dyn Journal>> {
        Some(Box::new(RedisJournal::open(self.journal_url(), "a follower".to_owned()).unwrap()))
    }

    fn is_durable(&self) -> bool {
        true
    }

    fn kept_bytes(&self) -> Vec<u8> {
        self.snapshot()
    }
}

struct Memory;

impl Engine for Memory {
    fn open(&self) -> Box<dyn Journal> {
        Box::new(MemoryJournal::new())
    }

    fn open_follower(&self) -> Option<Box<dyn Journal>> {
        None
    }

    fn is_durable(&self) -> bool {
        false
    }

    fn kept_bytes(&self) -> Vec<u8> {
        Vec::new()
    }
}

struct Sqlite(TempDir);

impl Engine for Sqlite {
    fn open(&self) -> Box<dyn Journal> {
        Box::new(SqliteJournal::open(&self.0.path().join("gradebook.db")).unwrap())
    }

    fn open_follower(&self) -> Option<Box<dyn Journal>> {
        let path = self.0.path().join("gradebook.db");
        Some(Box::new(SqliteJournal::open_for_reading(&path).unwrap()))
    }

    fn is_durable(&self) -> bool {
        true
    }

    fn kept_bytes(&self) -> Vec<u8> {
        let files = self.0.path().read_dir().unwrap().map(|file| file.unwrap().path());
        files.flat_map(|file| std::fs::read(file).unwrap()).collect()
    }
}

fn scored(student: &str, exam: u64, score: f64, received_ms: u64) -> Entry {
    Entry::Scored {
        student: StudentId::parse(student).unwrap(),
        exam: ExamNumber::new(exam).unwrap(),
        score: Score::new(score).unwrap(),
        received: Timestamp::from_ms(received_ms),
    }
}

/// `count` scores of `students` students in turn.
fn scores(count: u64, students: u64) -> Vec<Entry> {
    let entry = |n| scored(&format!("student {}", n % students), n, n as f64 / count as f64, n);
    (0..count).map(entry).collect()
}

fn checkpoint(feed: &str, last_event_id: &str) -> Checkpoint {
    Checkpoint { feed: Arc::from(feed), last_event_id: Arc::from(last_event_id) }
}

/// Everything in the journal, read `limit` entries at a time.
fn all(journal: &mut dyn Journal, limit: usize) -> Vec<(u64, Entry)> {
    let mut found: Vec<(u64, Entry)> = Vec::new();
    loop {
        let after = found.last().map_or(Position::START, |(last, _)| Position::new(*last));
        let read = journal.read(after, limit).unwrap();
        if read.is_empty() {
            return found;
        }
        assert!(read.len() <= limit);
        found.extend(read.into_iter().map(|(position, entry)| (position.get(), entry)));
    }
}

fn numbered(entries: &[Entry]) -> Vec<(u64, Entry)> {
    (1..).zip(entries.iter().cloned()).collect()
}

/// Points at the first difference only: a journal is long.
fn assert_same(found: &[(u64, Entry)], expected: &[(u64, Entry)]) {
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}

fn append(journal: &mut dyn Journal, entries: &[Entry]) -> Position {
    let last = journal.last().unwrap();
    journal.append(last, entries, &[]).unwrap()
}

fn empty_has_no_entry(engine: &dyn Engine) {
    let mut journal = engine.open();
    assert_eq!(journal.last().unwrap(), Position::START);
    assert_eq!(journal.read(Position::START, 10).unwrap(), []);
    assert_eq!(journal.checkpoint("feed").unwrap(), None);
    assert!(journal.purge().unwrap());
}

fn positions_are_dense_and_in_order(engine: &dyn Engine) {
    let mut journal = engine.open();
    let entries = scores(100, 7);
    let mut last = 0;
    for size in [0, 1, 31, 32, 33, 3] {
        let batch = &entries[last..last + size];
        last += size;
        assert_eq!(append(journal.as_mut(), batch).get(), last as u64);
        assert_eq!(journal.last().unwrap().get(), last as u64);
    }
    assert_same(&all(journal.as_mut(), 1_000), &numbered(&entries));
}

fn entries_are_read_as_appended(engine: &dyn Engine) {
    let mut journal = engine.open();
    let key = journal.identity().key;
    let pseudonym = key.pseudonym(&StudentId::parse("somebody").unwrap());
    let longest = "ë".repeat(256);
    let entries = [
        scored("foo", 3, 0.991, 1_795_342_530_123),
        scored("Zoë", 0, 0.0, 0),
        scored("Zoe\u{308}", (1 << 53) - 1, 1.0, (1 << 44) - 1),
        scored(&longest, 9, 5e-324, 1),
        scored("' OR 1=1; --", 1, 0.1 + 0.2, 2),
        scored("a longer id than fits in a word", 1, f64::MIN_POSITIVE, 2),
        scored("007", 1, 1.0 - f64::EPSILON / 2.0, 2),
        scored("7", 1, 1.0 / 3.0, 2),
        scored(" 7", 1, 0.5, 2),
        Entry::Erased { student: pseudonym, suppress: true },
        scored("foo", 3, 0.991, 1_795_342_530_123),
    ];
    append(journal.as_mut(), &entries);
    assert_same(&all(journal.as_mut(), 1_000), &numbered(&entries));
}

fn reads_start_and_stop(engine: &dyn Engine) {
    let mut journal = engine.open();
    let mut entries = scores(100, 7);
    for erased in [0, 1, 50, 98, 99] {
        let student = journal.identity().key.pseudonym(&StudentId::parse("x").unwrap());
        entries[erased] = Entry::Erased { student, suppress: false };
    }
    append(journal.as_mut(), &entries);
    for limit in [1, 2, 7, 99, 100, 101] {
        assert_same(&all(journal.as_mut(), limit), &numbered(&entries));
    }
    for after in [0, 1, 2, 49, 50, 51, 98, 99, 100, 101] {
        let read = journal.read(Position::new(after), 3).unwrap();
        let expected = numbered(&entries).into_iter().filter(|(position, _)| *position > after);
        let expected: Vec<_> = expected.take(3).collect();
        let read: Vec<_> =
            read.into_iter().map(|(position, entry)| (position.get(), entry)).collect();
        assert_eq!(read, expected, "after {after}");
    }
}

fn largest_batch_is_one_append(engine: &dyn Engine) {
    let mut journal = engine.open();
    let entries = scores(BATCH_ENTRIES_MAX as u64, 3_000);
    append(journal.as_mut(), &entries);
    assert_same(&all(journal.as_mut(), BATCH_ENTRIES_MAX), &numbered(&entries));
}

fn checkpoints_are_kept_with_their_batch(engine: &dyn Engine) {
    let mut journal = engine.open();
    let entries = scores(3, 3);
    let both = [checkpoint("http://a/scores", "1"), checkpoint("http://b/scores", "é")];
    let mut last = journal.append(Position::START, &entries, &both).unwrap();
    assert_eq!(journal.checkpoint("http://a/scores").unwrap().as_deref(), Some("1"));
    assert_eq!(journal.checkpoint("http://b/scores").unwrap().as_deref(), Some("é"));
    // Nothing but rejected events came: the checkpoint alone moves on.
    last = journal.append(last, &[], &[checkpoint("http://a/scores", "2")]).unwrap();
    assert_eq!(last.get(), 3);
    assert_eq!(journal.checkpoint("http://a/scores").unwrap().as_deref(), Some("2"));
    assert_eq!(journal.checkpoint("http://b/scores").unwrap().as_deref(), Some("é"));
    assert_eq!(journal.checkpoint("http://c/scores").unwrap(), None);
}

fn conflicts_keep_nothing(engine: &dyn Engine) {
    let mut journal = engine.open();
    append(journal.as_mut(), &scores(3, 3));
    for expected in [0, 2, 4] {
        let late = [scored("late", 1, 0.5, 1)];
        let checkpoints = [checkpoint("feed", "late")];
        let outcome = journal.append(Position::new(expected), &late, &checkpoints);
        assert!(
            matches!(outcome, Err(JournalError::Conflict { last }) if last.get() == 3),
            "{outcome:?}"
        );
    }
    assert_same(&all(journal.as_mut(), 10), &numbered(&scores(3, 3)));
    assert_eq!(journal.checkpoint("feed").unwrap(), None);
    // The student of the refused batch is as new as before.
    append(journal.as_mut(), &[scored("late", 1, 0.5, 1)]);
    assert_eq!(all(journal.as_mut(), 10)[3], (4, scored("late", 1, 0.5, 1)));
}

fn followers_see_what_was_appended(engine: &dyn Engine) {
    let mut journal = engine.open();
    append(journal.as_mut(), &scores(5, 5));
    let Some(mut follower) = engine.open_follower() else { return };
    assert_eq!(follower.identity(), journal.identity());
    let mut seen = all(follower.as_mut(), 2);
    assert_same(&seen, &numbered(&scores(5, 5)));
    for round in 0..20 {
        let entry = scored(&format!("new in round {round}"), round, 0.5, round);
        let last = append(journal.as_mut(), std::slice::from_ref(&entry));
        let after = Position::new(seen.last().unwrap().0);
        let read = follower.read(after, 10).unwrap();
        assert_eq!(read, [(last, entry)]);
        assert_eq!(follower.last().unwrap(), last);
        seen.extend(read.into_iter().map(|(position, entry)| (position.get(), entry)));
    }
    assert_same(&seen, &all(journal.as_mut(), 100));
}

fn erasure_leaves_gaps(engine: &dyn Engine) {
    let mut journal = engine.open();
    let erased = StudentId::parse("Ada of the erased").unwrap();
    let mut entries = scores(1_000, 90);
    for entry in entries.iter_mut().step_by(10) {
        *entry = scored(erased.as_str(), 1, 0.5, 1);
    }
    append(journal.as_mut(), &entries);
    let last = journal.erase(Position::new(1_000), &erased, true).unwrap();
    assert_eq!((last.get(), journal.last().unwrap().get()), (1_001, 1_001));
    assert!(journal.purge().unwrap());

    let student = journal.identity().key.pseudonym(&erased);
    let mut expected = numbered(&entries);
    expected.retain(|(position, _)| position % 10 != 1);
    expected.push((1_001, Entry::Erased { student, suppress: true }));
    assert_same(&all(journal.as_mut(), 7), &expected);
    let kept = engine.kept_bytes();
    let id = erased.as_str().as_bytes();
    assert!(!kept.windows(id.len()).any(|bytes| bytes == id), "the id is still there");
    // A student of whom nothing is known is erased all the same: they may be on the way.
    let unknown = StudentId::parse("nobody").unwrap();
    assert_eq!(journal.erase(last, &unknown, false).unwrap().get(), 1_002);
    assert_eq!(append(journal.as_mut(), &scores(1, 1)).get(), 1_003);
}

fn conflicts_erase_nothing(engine: &dyn Engine) {
    let mut journal = engine.open();
    append(journal.as_mut(), &scores(3, 3));
    let student = StudentId::parse("student 1").unwrap();
    let outcome = journal.erase(Position::new(2), &student, false);
    assert!(matches!(outcome, Err(JournalError::Conflict { last }) if last.get() == 3));
    assert_same(&all(journal.as_mut(), 10), &numbered(&scores(3, 3)));
}

fn erased_students_can_come_back(engine: &dyn Engine) {
    let mut journal = engine.open();
    let student = StudentId::parse("boomerang").unwrap();
    let entry = scored(student.as_str(), 1, 0.5, 1);
    for round in 0..3 {
        append(journal.as_mut(), std::slice::from_ref(&entry));
        let found = all(journal.as_mut(), 100);
        let scores = found.iter().filter(|(_, found)| *found == entry).count();
        assert_eq!((found.len(), scores), (round + 1, 1));
        let last = journal.last().unwrap();
        journal.erase(last, &student, false).unwrap();
    }
}

fn reopening_keeps_everything(engine: &dyn Engine) {
    if !engine.is_durable() {
        assert!(engine.open().identity().epoch.is_some(), "or clients would trust old positions");
        return;
    }
    let mut journal = engine.open();
    let identity = journal.identity();
    let checkpoints = [checkpoint("feed", "42")];
    let last = journal.append(Position::START, &scores(100, 7), &checkpoints).unwrap();
    let erased = StudentId::parse("student 3").unwrap();
    let last = journal.erase(last, &erased, true).unwrap();
    let before = all(journal.as_mut(), 10);
    drop(journal);
    let mut journal = engine.open();
    assert_eq!(journal.identity(), identity);
    assert_eq!(journal.last().unwrap(), last);
    assert_eq!(journal.checkpoint("feed").unwrap().as_deref(), Some("42"));
    assert_same(&all(journal.as_mut(), 10), &before);
    assert_eq!(append(journal.as_mut(), &scores(10, 10)).get(), 111);
}
