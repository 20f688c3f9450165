//! A shared journal whose old part is packed while everybody works on it: nobody may notice.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::JoinHandle;

use gradebook::config::redis::RedisUrl;
use gradebook::journal::redis::{Eraser, Followed, Packing, RedisJournal, Tail, compact, open};
use gradebook::journal::{Journal, JournalError};
use gradebook_core::{Entry, ExamNumber, Position, Score, StudentId, Timestamp};

use crate::redis_roles::{STUDENTS, an_exam, api, at, feed, ingest, leads, said};
use crate::support::{
    EventStream, Proxy, RedisServer, Service, StallingProxy, eventually, finished, wait_for,
};

/// Small, so that a test has many segments.
const SPAN: u64 = 100;
const PACKING: Packing = Packing { keep: 20, span: SPAN };

/// The journal's segments.
const SEGMENTS: &str = "gradebook:{main}:segments";

/// What stands at `position`: no two entries are the same, so none can be left out.
fn entry(position: u64) -> Entry {
    Entry::Scored {
        student: student(position % 40),
        exam: ExamNumber::new(position / 40).unwrap(),
        score: Score::new((position % 997) as f64 / 997.0).unwrap(),
        received: Timestamp::from_ms(position),
    }
}

fn student(number: u64) -> StudentId {
    StudentId::parse(&format!("student no {number}")).unwrap()
}

fn writer(redis: &RedisServer) -> RedisJournal {
    RedisJournal::open(redis.journal_url(), "a writer".to_owned()).unwrap()
}

/// Appends up to `last`, a few at a time.
fn append_to(journal: &mut RedisJournal, last: u64) {
    let mut position = journal.last().unwrap().get();
    while position < last {
        let until = last.min(position + 70);
        let entries: Vec<Entry> = (position + 1..=until).map(entry).collect();
        position = journal.append(Position::new(position), &entries, &[]).unwrap().get();
    }
}

fn pack(url: &RedisUrl) {
    compact(url.clone(), PACKING, |_, _| {}).unwrap();
}

/// Everything in the journal, wherever it is.
fn all(redis: &RedisServer) -> Vec<(Position, Entry)> {
    let mut journal = writer(redis);
    let mut entries: Vec<(Position, Entry)> = Vec::new();
    loop {
        let after = entries.last().map_or(Position::START, |(last, _)| *last);
        let more = journal.read(after, 150).unwrap();
        if more.is_empty() {
            return entries;
        }
        entries.extend(more);
    }
}

/// What everybody shows must be the same, byte for byte.
async fn assert_same(one: &Service, other: &Service) {
    let exam = an_exam(one).await;
    for path in ["/students", "/exams", &exam, "/results", "/results?limit=1000"] {
        let [one, other] = [one.get(path).await, other.get(path).await];
        assert_eq!((one.status, one.text()), (200, other.text()), "{path}");
        assert_eq!(one.header("etag"), other.header("etag"), "{path}");
    }
}

#[tokio::test]
async fn replicas_of_before_during_and_after_give_the_same_bytes_and_streams() {
    let redis = RedisServer::start(&[]);
    let mut journal = writer(&redis);
    append_to(&mut journal, 1_000);
    let mut replicas = vec![api(&redis.url()).await];
    at(&replicas[0], 1_000).await;
    let url = redis.journal_url();
    let packing = tokio::task::spawn_blocking(move || {
        for last in (1_050..=3_000).step_by(50) {
            append_to(&mut journal, last);
            pack(&url);
        }
        journal
    });
    while !packing.is_finished() {
        replicas.push(api(&redis.url()).await);
        if replicas.len() > 4 {
            break;
        }
    }
    let mut journal = packing.await.unwrap();
    assert_eq!(redis.meta("packed"), 2_900);
    replicas.push(api(&redis.url()).await);
    for replica in &replicas {
        at(replica, 3_000).await;
        assert_same(&replicas[0], replica).await;
    }
    // A client that saw the first replica's stream up to a position that is packed by now goes on
    // from there at the last one, and then live.
    let [mut one, mut other] = [
        EventStream::open(&replicas[0], "/results", Some("1234")).await,
        EventStream::open(replicas.last().unwrap(), "/results", Some("1234")).await,
    ];
    append_to(&mut journal, 3_001);
    for position in 1_235..=3_001_u64 {
        let [event, same] = [one.expect("result").await, other.expect("result").await];
        assert_eq!((event.id.as_deref(), &event), (Some(position.to_string().as_str()), &same));
    }
}

#[tokio::test]
async fn what_repeats_is_left_out_of_segments_too() {
    let redis = RedisServer::start(&[]);
    let mut journal = writer(&redis);
    append_to(&mut journal, 500);
    // Delivered again, all of it; a student erased for good, and delivered again.
    let first: Vec<Entry> = (1..=500).map(entry).collect();
    let mut last = journal.append(Position::new(500), &first, &[]).unwrap();
    last = journal.erase(last, &student(7), true).unwrap();
    last = journal.append(last, &first, &[]).unwrap();
    let before = api(&redis.url()).await;
    at(&before, last.get()).await;
    let compacted = compact(redis.journal_url(), PACKING, |_, _| {}).unwrap();
    assert_eq!((compacted.packed_until.get(), redis.meta("packed")), (1_400, 1_400));
    // 13 of the first 500 were the erased student's, and are gone before anybody counts.
    assert_eq!((compacted.packed, compacted.entries), (487 + 1, 3 * 500 + 1 - 2 * 13));
    assert_eq!(compacted.removed, 487 + 500 - 1, "but for the very last");
    let after = api(&redis.url()).await;
    at(&after, last.get()).await;
    assert_same(&before, &after).await;
    let mut check = Service::command();
    let output = finished(check.args(["check", "--journal", &redis.url()])).await;
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("488 scores, 1 erasures, 1012 positions erased"), "{told}");
}

#[tokio::test]
async fn an_erasure_takes_a_student_out_of_segments() {
    let redis = RedisServer::start(&[]);
    append_to(&mut writer(&redis), 1_000);
    pack(&redis.journal_url());
    let [one, other] = [api(&redis.url()).await, api(&redis.url()).await];
    at(&one, 1_000).await;
    at(&other, 1_000).await;
    let erased = student(17);
    let named = |bytes: &[u8]| {
        let id = erased.as_str().as_bytes();
        bytes.windows(id.len()).any(|window| window == id)
    };
    assert!(named(&redis.unpacked()), "it is packed");
    let path = format!("/students/{}", erased.as_str().replace(' ', "%20"));
    assert_eq!(one.get(&path).await.status, 200);
    assert_eq!(one.send("DELETE", &path, &[]).await.status, 204);
    at(&other, 1_001).await;
    eventually("no trace is left in Redis", async || {
        (!named(&redis.unpacked()) && !named(&redis.snapshot())).then_some(())
    })
    .await;
    let fresh = api(&redis.url()).await;
    at(&fresh, 1_001).await;
    assert_same(&other, &fresh).await;
    assert_eq!(fresh.get(&path).await.status, 404);
    assert_eq!(redis.meta("removed"), 25);
}

/// The real command, killed again and again, each time in the middle of something else: when it
/// has sent so many bytes and not one more.
#[tokio::test]
async fn a_killed_compaction_leaves_a_whole_journal() {
    let redis = RedisServer::start(&[]);
    let mut journal = writer(&redis);
    append_to(&mut journal, 300);
    pack(&redis.journal_url()); // from now on the span is what the test wants
    let at = |position| (Position::new(position), entry(position));
    let expected: Vec<(Position, Entry)> = (1..=6_000).map(at).collect();
    append_to(&mut journal, 6_000);
    let mut cut_off = 0;
    for bytes in (40_000..).step_by(9_001) {
        let proxy = StallingProxy::start(redis.port(), bytes);
        let mut command = Service::command();
        let url = format!("redis://127.0.0.1:{}", proxy.port());
        command.args(["compact", "--keep", "20", "--journal", &url]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let ended = eventually("the compaction ends, or is cut off", || {
            let ended = child.try_wait().unwrap();
            let stalled = proxy.has_stalled();
            async move { (stalled || ended.is_some()).then_some(ended) }
        })
        .await;
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(all(&redis) == expected, "an entry is missing, or there twice");
        if ended.is_some_and(|status| status.success()) {
            break;
        }
        cut_off += 1;
    }
    // It takes more bytes than that to send the segments alone.
    assert!(cut_off > 0);
    assert_eq!((redis.meta("packed"), redis.cli(&["HLEN", SEGMENTS]).as_str()), (5_900, "59"));
    append_to(&mut journal, 6_001);
    assert_eq!(all(&redis).last(), Some(&(Position::new(6_001), entry(6_001))));
}

/// A writer, two compactions, erasures and readers of every kind at once.
#[test]
fn everybody_at_once_misses_and_repeats_nothing() {
    const LAST: u64 = 4_000;
    let redis = RedisServer::start(&[]);
    let url = redis.journal_url();
    let identity = open(url.clone()).unwrap();
    let ended = AtomicBool::new(false);
    let erased: Vec<StudentId> = [3, 11, 29].map(student).to_vec();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !ended.load(SeqCst) {
                    match compact(url.clone(), PACKING, |_, _| {}) {
                        // Others came in between too often.
                        Ok(_) | Err(JournalError::Unavailable(_)) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
        for step in [1, 17, 150] {
            let (url, identity, ended) = (url.clone(), identity.clone(), &ended);
            scope.spawn(move || {
                while !ended.load(SeqCst) {
                    reads_in_order(&url, step);
                    follows_in_order(Tail::new(url.clone(), identity.clone()).unwrap());
                }
            });
        }
        let mut journal = writer(&redis);
        let name = "an eraser".to_owned();
        let mut eraser = Eraser::new(url.clone(), identity.clone(), name).unwrap();
        append_to(&mut journal, LAST / 2);
        for student in &erased {
            eraser.erase(student, true, None).unwrap();
            eraser.sweep().unwrap();
        }
        append_after_others(&mut journal, LAST);
        ended.store(true, SeqCst);
    });
    compact(url, PACKING, |_, _| {}).unwrap();
    let found = all(&redis);
    let is_erased = |n: u64| erased.iter().any(|one| *one == student(n % 40));
    let mut scores = 0;
    for (position, found) in &found {
        if let Entry::Scored { .. } = found {
            assert_eq!(*found, entry(received(found)));
            assert!(!is_erased(received(found)), "{position}");
            scores += 1;
        }
    }
    assert_eq!(scores, (1..=LAST).filter(|n| !is_erased(*n)).count());
    assert_eq!(found.len(), scores + erased.len());
    assert_eq!(redis.meta("removed") as usize + found.len(), LAST as usize + erased.len());
    let packed = redis.unpacked();
    for id in erased.iter().map(|student| format!("{student}\0")) {
        assert!(!packed.windows(id.len()).any(|bytes| bytes == id.as_bytes()));
    }
}

/// The number that an entry of [`entry`] was made from.
fn received(entry: &Entry) -> u64 {
    match entry {
        Entry::Scored { received, .. } => received.as_ms(),
        Entry::Erased { .. } => panic!("an erasure has no number"),
    }
}

/// Appends the entries that are left, though others have written in between.
fn append_after_others(journal: &mut RedisJournal, last: u64) {
    let mut next = last / 2 + 1;
    while next <= last {
        let entries: Vec<Entry> = (next..=last.min(next + 69)).map(entry).collect();
        let position = journal.last().unwrap();
        match journal.append(position, &entries, &[]) {
            Ok(_) => next += entries.len() as u64,
            Err(JournalError::Conflict { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Holds what comes one after the other against what was written: of every student that was not
/// erased each score is there, in order.
#[derive(Default)]
struct Order {
    last: u64,
}

impl Order {
    fn next(&mut self, entry: &Entry) {
        if !matches!(entry, Entry::Scored { .. }) {
            return;
        }
        let number = received(entry);
        let missed = self.last + 1..number;
        let may_be_erased = |n: u64| [3, 11, 29].contains(&(n % 40));
        assert!(number > self.last, "{number} again");
        for missed in missed {
            assert!(may_be_erased(missed), "{missed} is missing before {number}");
        }
        self.last = number;
    }
}

fn reads_in_order(url: &RedisUrl, step: usize) {
    let mut journal = RedisJournal::open(url.clone(), "a reader".to_owned()).unwrap();
    let (mut order, mut after) = (Order::default(), Position::START);
    // A step of 1 would take long: the end is enough then.
    if step == 1 {
        after = Position::new(journal.last().unwrap().get().saturating_sub(300));
        order.last = journal.read(after, 1).unwrap().first().map_or(0, |(_, entry)| match entry {
            Entry::Scored { received, .. } => received.as_ms() - 1,
            Entry::Erased { .. } => 0,
        });
        if order.last == 0 {
            return;
        }
    }
    loop {
        let read = journal.read(after, step).unwrap();
        let Some((last, _)) = read.last() else { return };
        after = *last;
        read.iter().for_each(|(_, entry)| order.next(entry));
    }
}

fn follows_in_order(mut tail: Tail) {
    let (end, _) = tail.look().unwrap();
    let mut order = Order::default();
    while tail.seen() < end {
        match tail.go_on().unwrap() {
            Followed::Entries(entries) => entries.iter().for_each(|(_, entry)| order.next(entry)),
            Followed::Again => {}
            Followed::Nothing | Followed::Replaced => panic!("the end is {end}"),
        }
    }
}

/// A server that is promoted while entries are packed, and lacks the last of them: whoever packs
/// finds out, and nothing is packed that does not stand.
// The proxy must go on while the test waits for a process to start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_in_the_middle_of_packing_loses_nothing() {
    /// Many, so that there is time to cut one server off from the other.
    const EXAMS: u64 = 250;
    let (old, new) = (RedisServer::start(&[]), RedisServer::start(&[]));
    new.cli(&["REPLICAOF", "127.0.0.1", &old.port().to_string()]);
    wait_for("the replica is linked", || {
        new.cli(&["INFO", "replication"]).contains("master_link_status:up")
    });
    let proxy = Proxy::start(old.port());
    let journal = format!("redis://127.0.0.1:{}", proxy.port());
    let (source, url) = feed(EXAMS, 1_000).await;
    let _worker = ingest(&url, &journal).await;
    let replica = api(&journal).await;
    let packing = Packer::start(journal.parse().unwrap());
    // The proxy runs on this thread: it must not be blocked.
    packed_beyond(&new, 500).await;
    new.cli(&["REPLICAOF", "NO", "ONE"]);
    let cut_at = new.meta("packed");
    packed_beyond(&old, cut_at + 300).await;
    proxy.lead_to(Some(new.port()));
    at(&replica, EXAMS * STUDENTS).await;
    tokio::task::spawn_blocking(|| packing.end()).await.unwrap();
    assert_eq!(kept_everywhere(&new), said(&source, EXAMS * STUDENTS).await);
    let fresh = api(&new.url()).await;
    at(&fresh, EXAMS * STUDENTS).await;
    assert_same(&replica, &fresh).await;
}

async fn packed_beyond(redis: &RedisServer, position: u64) {
    eventually(&format!("position {position} is packed"), async || {
        (redis.meta("packed") > position).then_some(())
    })
    .await;
}

/// Packs again and again, until it is dropped.
struct Packer {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Packer {
    fn start(url: RedisUrl) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ended);
        let thread = std::thread::spawn(move || {
            while !end.load(SeqCst) {
                match compact(url.clone(), Packing { keep: 1, span: 10 }, |_, _| {}) {
                    // No primary at present, or others came in between too often.
                    Ok(_) | Err(JournalError::Unavailable(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        });
        Self { ended, thread: Some(thread) }
    }

    fn end(mut self) {
        self.ended.store(true, SeqCst);
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Drop for Packer {
    fn drop(&mut self) {
        self.ended.store(true, SeqCst);
    }
}

/// What the journal says, in the form in which [`said`] says what the feed did.
fn kept_everywhere(redis: &RedisServer) -> Vec<String> {
    let line = |(index, (position, entry)): (usize, (Position, Entry))| {
        assert_eq!(position.get(), index as u64 + 1, "positions are dense");
        let Entry::Scored { student, exam, score, .. } = entry else { panic!("an erasure") };
        let [student, score] =
            [serde_json::json!(student.as_str()), serde_json::json!(score.get())];
        format!("{student} {exam} {score}")
    };
    all(redis).into_iter().enumerate().map(line).collect()
}

#[tokio::test]
async fn a_worker_goes_on_after_a_packed_part() {
    let redis = RedisServer::start(&[]);
    let journal = redis.url() + "?lease_ms=500";
    let (source, url) = feed(50, 1_000).await;
    let replica = api(&journal).await;
    let mut worker = ingest(&url, &journal).await;
    leads(&worker).await;
    for round in 1..=3 {
        wait_for("more is kept", || {
            let last = redis.last_id();
            let last = last.split('-').next().unwrap().parse::<u64>().unwrap_or(0);
            last > round * 10 * STUDENTS
        });
        let url = redis.journal_url();
        tokio::task::spawn_blocking(move || {
            compact(url, Packing { keep: 1, span: SPAN }, |_, _| {}).unwrap()
        })
        .await
        .unwrap();
        worker.kill();
        worker = ingest(&url_of(&source), &journal).await;
        leads(&worker).await;
    }
    assert!(redis.meta("packed") > 20 * STUDENTS);
    at(&replica, 50 * STUDENTS).await;
    assert_eq!(kept_everywhere(&redis), said(&source, 50 * STUDENTS).await);
}

fn url_of(feed: &Service) -> String {
    feed.url("/scores")
}

#[tokio::test]
async fn commands_read_and_write_a_packed_journal() {
    let redis = RedisServer::start(&[]);
    append_to(&mut writer(&redis), 777);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let run = async |args: &[&str]| {
        let output = finished(Service::command().args(args)).await;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{args:?}: {told}");
        told
    };
    let (before, after) = (file("before.ndjson"), file("after.ndjson"));
    run(&["export", "--journal", &redis.url(), &before]).await;
    pack(&redis.journal_url());
    run(&["export", "--journal", &redis.url(), &after]).await;
    assert_eq!(std::fs::read(&before).unwrap(), std::fs::read(&after).unwrap());
    let told = run(&["check", "--journal", &redis.url()]).await;
    assert!(told.contains("sound up to position 777: 777 scores"), "{told}");
    let other = redis.url() + "?name=other";
    run(&["import", "--journal", &other, &after]).await;
    run(&["import", "--journal", &redis.url(), &after]).await;
    assert_eq!(all(&redis).len(), 2 * 777);
}

#[tokio::test]
async fn a_missing_or_damaged_segment_is_named() {
    let redis = RedisServer::start(&[]);
    append_to(&mut writer(&redis), 1_000);
    pack(&redis.journal_url());
    let check = async || {
        let output = finished(Service::command().args(["check", "--journal", &redis.url()])).await;
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let shorten = "redis.call('HSET', KEYS[1], '4', redis.call('HGET', KEYS[1], '4'):sub(1, -2))";
    redis.cli(&["EVAL", shorten, "1", SEGMENTS]);
    let told = check().await;
    assert!(told.contains("segment 4 of the journal, which holds positions 401 to 500"), "{told}");
    redis.cli(&["HDEL", SEGMENTS, "4"]);
    let told = check().await;
    assert!(told.contains("positions 401 to 500, is missing"), "{told}");
}

/// That somebody begins to write is no end: who reads goes on, and is not taken for caught up.
#[test]
fn a_term_that_begins_while_somebody_reads_is_not_the_end() {
    for packs in [false, true] {
        let redis = RedisServer::start(&[]);
        append_to(&mut writer(&redis), 500);
        let mut tail = Tail::new(redis.journal_url(), open(redis.journal_url()).unwrap()).unwrap();
        let (end, _) = tail.look().unwrap();
        let mut other = RedisJournal::open(redis.journal_url(), "another".to_owned()).unwrap();
        other.lead().unwrap();
        if packs {
            pack(&redis.journal_url());
        }
        let mut order = Order::default();
        while tail.seen() < end {
            match tail.go_on().unwrap() {
                Followed::Entries(entries) => entries.iter().for_each(|(_, one)| order.next(one)),
                Followed::Again => {}
                followed @ (Followed::Nothing | Followed::Replaced) => panic!("{followed:?}"),
            }
        }
        assert_eq!(order.last, 500);
    }
}

/// A journal of the time before segments: read as it is, and packed like any other.
#[tokio::test]
async fn a_journal_of_the_first_format_is_read_and_packed() {
    let redis = RedisServer::start(&[]);
    let meta = "gradebook:{main}:meta";
    redis.cli(&["HSET", meta, "format", "1", "key", &"0a".repeat(16), "created", "long ago"]);
    redis.cli(&["XADD", "gradebook:{main}:terms", "1-0", "after", "0", "writer", "somebody"]);
    for n in 1..=130_u64 {
        let Entry::Scored { student, exam, score, received } = entry(n) else { unreachable!() };
        let [exam, received] = [exam.to_string(), received.as_ms().to_string()];
        let (id, score) = (format!("{n}-1"), score.get().to_string());
        let journal = "gradebook:{main}:journal";
        let entry = ["XADD", journal, &id, "student", student.as_str(), "exam", &exam];
        redis.cli(&[&entry[..], &["score", &score, "received", &received]].concat());
    }
    let expected: Vec<(Position, Entry)> =
        (1..=130).map(|n| (Position::new(n), entry(n))).collect();
    assert_eq!(all(&redis), expected);
    pack(&redis.journal_url());
    assert_eq!((redis.meta("format"), redis.meta("packed")), (2, 100));
    assert_eq!(all(&redis), expected);
    let output = finished(Service::command().args(["check", "--journal", &redis.url()])).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
