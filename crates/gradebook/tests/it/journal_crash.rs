//! `kill -9` at random moments, again and again, while a feed with ids runs: what was seen stays,
//! and in the end the journal is what the feed has said, once and in order.
//!
//! `GRADEBOOK_TEST_KILLS=500 cargo test -p gradebook --test it journal_crash` kills more often;
//! `GRADEBOOK_TEST_SEED` repeats the moments of an earlier run.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use gradebook::journal::{BATCH_ENTRIES_MAX, Journal as _, SqliteJournal};
use gradebook::simulate::{Faults, Stream, StreamSettings};
use gradebook_core::feed_format::FeedScore;
use gradebook_core::{Entry, Position, Timestamp};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

use crate::support::{Service, eventually};

/// How often the service is killed; each time after at most [`LIFE_MAX`].
const KILLS: u64 = 30;
const LIFE_MAX: Duration = Duration::from_millis(400);

const STUDENTS: u64 = 1_000;

/// Exams for each kill: so many that the feed seldom ends before the last one.
const EXAMS_PER_KILL: u64 = 2;

/// Events a second.
const RATE: &str = "10000";

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

#[tokio::test]
#[expect(clippy::print_stderr, reason = "names the seed of a run that fails")]
async fn what_was_seen_survives_kills_at_any_moment() {
    let kills = number("GRADEBOOK_TEST_KILLS").unwrap_or(KILLS);
    let seed = number("GRADEBOOK_TEST_SEED").unwrap_or_else(rand::random);
    eprintln!("GRADEBOOK_TEST_SEED={seed}");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let exams = kills * EXAMS_PER_KILL;
    let students = STUDENTS.to_string();
    let flags = ["--ids", "--rate", RATE, "--students", &students];
    let (exams_text, seed_text) = (exams.to_string(), seed.to_string());
    let feed_flags = [&flags[..], &["--exams", &exams_text, "--seed", &seed_text]].concat();
    let feed = Service::start_role("simulate", &feed_flags).await;
    let folder = TempDir::new().unwrap();
    let journal = folder.path().join("gradebook.db");
    let url = feed.url("/scores");
    let flags =
        ["--feed", &url, "--journal", journal.to_str().unwrap(), "--reconnect-delay", "10ms"];

    let mut seen = 0;
    for _ in 0..kills {
        let life = random.random_range(Duration::ZERO..LIFE_MAX);
        if random.random_ratio(1, 3) {
            // At any moment, also before it serves: while it opens, recovers or replays.
            live_blindly(&flags, life).await;
        } else {
            let service = Service::start(&flags).await;
            seen = look_until(&service, Instant::now() + life, seen).await;
            service.kill();
        }
        let kept = SqliteJournal::open_for_reading(&journal).map(|mut it| it.last().unwrap().get());
        assert!(kept.unwrap_or_default() >= seen, "seen {seen}, kept less");
    }

    assert!(seen > 0, "no life was long enough for anything to be seen");
    let model = Stream::new(StreamSettings {
        seed,
        students: STUDENTS,
        exams: Some(exams),
        ids: true,
        faults: Faults::default(),
    });
    let all = exams * STUDENTS;
    let service = Service::start(&flags).await;
    // As long as the whole feed takes, and more.
    let ended = eventually_within(Duration::from_secs(60 + all / 5_000), async || {
        service.json("/feeds").await["journal"]["position"].as_u64().unwrap() >= all
    });
    assert!(ended.await, "the feed was not read to its end");
    service.kill();
    assert_same(&journal, &model);
}

/// Runs the service for `life` and no longer, whatever it is doing then.
async fn live_blindly(flags: &[&str], life: Duration) {
    let mut command = Service::command();
    command.args(["serve", "--listen", "127.0.0.1:0"]).args(flags).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    tokio::time::timeout(life, std::future::pending::<()>()).await.unwrap_err();
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Asks how many results there are until `end`. There must never be fewer than `seen`, once the
/// gradebook is rebuilt. Returns the largest number.
async fn look_until(service: &Service, end: Instant, mut seen: u64) -> u64 {
    while Instant::now() < end {
        if service.json("/feeds").await["journal"]["position"].as_u64().unwrap() == 0 {
            continue;
        }
        let page = service.json("/results?limit=1").await;
        let total = page["page"]["total"].as_u64().unwrap();
        assert!(total >= seen, "{seen} results were seen before, and {total} now");
        seen = total;
    }
    seen
}

async fn eventually_within(patience: Duration, ask: impl AsyncFn() -> bool) -> bool {
    let end = Instant::now() + patience;
    while Instant::now() < end {
        if eventually("an answer", async || Some(ask().await)).await {
            return true;
        }
    }
    false
}

/// Compares every entry of the journal with the event it came from.
fn assert_same(journal: &Path, model: &Stream) {
    let mut journal = SqliteJournal::open(journal).unwrap();
    let mut after = Position::START;
    let mut received_before = Timestamp::default();
    loop {
        let entries = journal.read(after, BATCH_ENTRIES_MAX).unwrap();
        let Some((last, _)) = entries.last() else { break };
        after = *last;
        for (position, entry) in entries {
            let Entry::Scored { student, exam, score, received } = entry else {
                panic!("an erasure at {position}");
            };
            assert!(received >= received_before);
            received_before = received;
            let found = FeedScore { student, exam, score };
            assert_eq!(found, model.event(position.get()), "at {position}");
        }
    }
    assert_eq!(Some(after.get()), model.last());
}
