//! `ingest` workers and `api` replicas around one Redis: together they are one `serve`.

use gradebook::journal::Journal as _;
use gradebook::journal::redis::RedisJournal;
use gradebook_core::{Entry, ExamNumber, Position, Score, StudentId, Timestamp};
use serde_json::Value;

use crate::redis_refusals::refused;
use crate::support::{RedisServer, Service, eventually, finished, wait_for};

pub const STUDENTS: u64 = 40;

/// A feed of `exams` exams with ids, `rate` events a second.
pub async fn feed(exams: u64, rate: u64) -> (Service, String) {
    let (students, exams, rate) = (STUDENTS.to_string(), exams.to_string(), rate.to_string());
    let args = ["--students", &students, "--exams", &exams, "--rate", &rate, "--ids"];
    let feed = Service::start_role("simulate", &args).await;
    let url = feed.url("/scores");
    (feed, url)
}

pub async fn ingest(feed: &str, journal: &str) -> Service {
    let args = ["--feed", feed, "--journal", journal, "--reconnect-delay", "50ms"];
    Service::start_role("ingest", &args).await
}

pub async fn api(journal: &str) -> Service {
    Service::start_role("api", &["--journal", journal]).await
}

/// Waits until `replica` has posted everything up to `position`, and is ready.
pub async fn at(replica: &Service, position: u64) {
    eventually(&format!("position {position} is served"), async || {
        let ready = replica.get("/readyz").await.status == 200;
        (ready && book_position(replica).await == position).then_some(())
    })
    .await;
}

pub async fn book_position(replica: &Service) -> u64 {
    let metrics = replica.get("/metrics").await;
    let mut lines = metrics.text().lines();
    let line = lines.find_map(|line| line.strip_prefix("gradebook_book_position "));
    line.map_or(0, |number| number.parse::<f64>().unwrap() as u64)
}

/// The path of some exam.
pub async fn an_exam(replica: &Service) -> String {
    replica.json("/exams").await["exams"][0]["href"].as_str().unwrap().to_owned()
}

/// Waits until `worker` says that it leads.
pub async fn leads(worker: &Service) {
    eventually("the worker leads", || {
        let found = worker.log().contains("this worker leads").then_some(());
        async move { found }
    })
    .await;
}

/// What the feed says, as lines of student, exam and score.
pub async fn said(feed: &Service, count: u64) -> Vec<String> {
    let mut lines = Vec::new();
    let request = feed.client().get(feed.url("/scores")).header("Last-Event-ID", "0");
    let mut response = request.send().await.unwrap();
    let mut text = String::new();
    while (lines.len() as u64) < count {
        text.push_str(std::str::from_utf8(&response.chunk().await.unwrap().unwrap()).unwrap());
        while let Some((line, rest)) = text.split_once('\n') {
            if let Some(content) = line.strip_prefix("data: ").or(line.strip_prefix("data:")) {
                let score: Value = serde_json::from_str(content).unwrap();
                lines.push(format!("{} {} {}", score["studentId"], score["exam"], score["score"]));
            }
            text = rest.to_owned();
        }
    }
    lines
}

/// What the journal says, in the same form; every position must follow the one before.
pub fn kept(redis: &RedisServer) -> Vec<String> {
    let shown = redis.cli(&["--json", "XRANGE", "gradebook:{main}:journal", "-", "+"]);
    let entries: Vec<(String, Vec<String>)> = serde_json::from_str(&shown).unwrap();
    let entry = |(index, (id, fields)): (usize, (String, Vec<String>))| {
        let (position, _) = id.split_once('-').unwrap();
        assert_eq!(position.parse::<usize>().unwrap(), index + 1, "positions are dense");
        assert_eq!(
            fields.iter().step_by(2).collect::<Vec<_>>(),
            ["student", "exam", "score", "received"]
        );
        let score: f64 = fields[5].parse().unwrap();
        format!("{} {} {}", Value::from(fields[1].as_str()), fields[3], Value::from(score))
    };
    entries.into_iter().enumerate().map(entry).collect()
}

#[tokio::test]
async fn replicas_answer_with_the_same_bytes_and_reach_each_other_with_an_erasure() {
    let redis = RedisServer::start(&[]);
    let (_feed, url) = feed(5, 0).await;
    let _worker = ingest(&url, &redis.url()).await;
    let replicas = [api(&redis.url()).await, api(&redis.url()).await];
    for replica in &replicas {
        at(replica, 5 * STUDENTS).await;
    }
    let exam = an_exam(&replicas[0]).await;
    for path in ["/students", "/exams", &exam, "/results"] {
        let [one, other] = [replicas[0].get(path).await, replicas[1].get(path).await];
        assert_eq!((one.status, one.text()), (200, other.text()), "{path}");
        assert_eq!(one.header("etag"), other.header("etag"), "{path}");
    }
    let list = replicas[0].json("/students").await;
    let student = list["students"][0]["studentId"].as_str().unwrap();
    let path = list["students"][0]["href"].as_str().unwrap();
    assert_eq!(replicas[1].send("DELETE", path, &[]).await.status, 204);
    assert_eq!(replicas[1].get(path).await.status, 404);
    eventually("the erasure reaches the other replica", async || {
        (replicas[0].get(path).await.status == 404).then_some(())
    })
    .await;
    eventually("no trace is left in Redis", async || {
        let kept = redis.snapshot();
        let id = student.as_bytes();
        (!kept.windows(id.len()).any(|bytes| bytes == id)).then_some(())
    })
    .await;
    at(&replicas[0], 5 * STUDENTS + 1).await;
}

#[tokio::test]
async fn another_worker_takes_over_from_a_killed_one_without_loss_or_repetition() {
    takes_over(&RedisServer::start(&[])).await;
}

#[tokio::test]
async fn another_worker_takes_over_on_valkey_too() {
    if let Some(valkey) = RedisServer::start_valkey(&[]) {
        takes_over(&valkey).await;
    }
}

async fn takes_over(redis: &RedisServer) {
    let journal = redis.url() + "?lease_ms=3000";
    let (source, url) = feed(50, 1_000).await;
    let first = ingest(&url, &journal).await;
    leads(&first).await;
    let second = ingest(&url, &journal).await;
    let replica = api(&journal).await;
    eventually("a quarter is kept", async || {
        (book_position(&replica).await > 12 * STUDENTS).then_some(())
    })
    .await;
    assert!(!second.log().contains("this worker leads"));
    assert_eq!(second.get("/readyz").await.status, 200, "to stand by is to be ready");
    first.kill();
    leads(&second).await;
    at(&replica, 50 * STUDENTS).await;
    assert_eq!(kept(redis), said(&source, 50 * STUDENTS).await);
}

/// Valkey does not name everything as Redis does.
#[tokio::test]
async fn a_cluster_of_valkey_is_known_as_one() {
    let Some(node) = RedisServer::start_valkey(&["--cluster-enabled", "yes"]) else { return };
    assert_eq!(node.cli(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]), "OK");
    wait_for("the cluster is formed", || {
        node.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok")
    });
    refused(&node.url(), "use redis-cluster://").await;
    let journal = format!("redis-cluster://127.0.0.1:{}", node.port());
    let (_feed, url) = feed(1, 0).await;
    let _worker = ingest(&url, &journal).await;
    at(&api(&journal).await, STUDENTS).await;
}

#[tokio::test]
async fn a_leader_that_slept_through_a_take_over_does_no_harm() {
    let redis = RedisServer::start(&[]);
    let journal = redis.url() + "?lease_ms=3000";
    let (source, url) = feed(60, 1_000).await;
    let first = ingest(&url, &journal).await;
    leads(&first).await;
    let second = ingest(&url, &journal).await;
    let replica = api(&journal).await;
    eventually("a quarter is kept", async || {
        (book_position(&replica).await > 15 * STUDENTS).then_some(())
    })
    .await;
    first.signal("STOP");
    leads(&second).await;
    let before = book_position(&replica).await;
    eventually("the second writes", async || {
        (book_position(&replica).await > before + STUDENTS).then_some(())
    })
    .await;
    first.signal("CONT");
    eventually("the first notices", async || {
        first.log().contains("this one stands by").then_some(())
    })
    .await;
    at(&replica, 60 * STUDENTS).await;
    assert_eq!(kept(&redis), said(&source, 60 * STUDENTS).await);
}

#[tokio::test]
async fn a_worker_that_ends_hands_over_at_once() {
    let redis = RedisServer::start(&[]);
    // Nobody would see within the test that a lease of a minute expires.
    let journal = redis.url() + "?lease_ms=60000";
    let (_feed, url) = feed(1, 0).await;
    let first = ingest(&url, &journal).await;
    leads(&first).await;
    assert!(first.stop().await.success());
    assert_eq!(redis.cli(&["EXISTS", "gradebook:{main}:lease"]), "0");
    let second = ingest(&url, &journal).await;
    leads(&second).await;
}

#[tokio::test]
async fn serve_is_both_halves_and_several_of_them_share_the_work() {
    let redis = RedisServer::start(&[]);
    let (_feed, url) = feed(3, 0).await;
    let args = ["--feed", &url, "--journal", &redis.url()];
    let both = [Service::start(&args).await, Service::start(&args).await];
    for one in &both {
        at(one, 3 * STUDENTS).await;
    }
    let exam = an_exam(&both[0]).await;
    let [one, other] = [both[0].get(&exam).await, both[1].get(&exam).await];
    assert_eq!((one.status, one.text()), (200, other.text()));
    assert_eq!(kept(&redis).len() as u64, 3 * STUDENTS);
}

#[tokio::test]
async fn a_killed_replica_comes_back_with_the_same_tags_and_ids() {
    let redis = RedisServer::start(&[]);
    let (_feed, url) = feed(2, 0).await;
    let _worker = ingest(&url, &redis.url()).await;
    let replica = api(&redis.url()).await;
    at(&replica, 2 * STUDENTS).await;
    let before = replica.get("/exams").await;
    replica.kill();
    let replica = api(&redis.url()).await;
    at(&replica, 2 * STUDENTS).await;
    let after = replica.get("/exams").await;
    assert_eq!((before.text(), before.header("etag")), (after.text(), after.header("etag")));
}

#[tokio::test]
async fn compaction_makes_the_journal_smaller_and_no_difference() {
    let redis = RedisServer::start(&[]);
    let mut journal = RedisJournal::open(redis.journal_url(), "a writer".to_owned()).unwrap();
    let scored = |n: u64, score: f64| Entry::Scored {
        student: StudentId::parse(&format!("student {}", n % 50)).unwrap(),
        exam: ExamNumber::new(n / 50).unwrap(),
        score: Score::new(score).unwrap(),
        received: Timestamp::from_ms(n),
    };
    let first: Vec<Entry> = (0..1_500).map(|n| scored(n, 0.5)).collect();
    let corrected: Vec<Entry> = (0..300).map(|n| scored(n * 5, 0.25)).collect();
    let mut last = Position::START;
    // Delivered, delivered again, corrected, and the corrections delivered again.
    for entries in [&first, &first, &corrected, &corrected] {
        last = journal.append(last, entries, &[]).unwrap();
    }
    let erased = StudentId::parse("student 7").unwrap();
    last = journal.erase(last, &erased, true).unwrap();
    last = journal.append(last, &first[..100], &[]).unwrap();

    let replica = api(&redis.url()).await;
    at(&replica, last.get()).await;
    let length = || redis.cli(&["XLEN", "gradebook:{main}:journal"]).parse::<u64>().unwrap();
    let before = length();
    let mut compact = Service::command();
    let output = finished(compact.args(["compact", "--journal", &redis.url()])).await;
    let told = String::from_utf8_lossy(&output.stdout);
    // 30 of each 1,500 were the erased student's; of the last 100 a fifth had been corrected and
    // so changes again, two are suppressed, and the very last stays whatever it says.
    assert!(output.status.success() && told.contains("made no difference"), "{told}");
    assert!(before - length() > 1_700, "{before} entries are now {}", length());

    let fresh = api(&redis.url()).await;
    at(&fresh, last.get()).await;
    for path in ["/students", "/exams", "/exams/0", "/results"] {
        let [one, other] = [replica.get(path).await, fresh.get(path).await];
        assert_eq!((one.status, one.text()), (200, other.text()), "{path}");
        assert_eq!(one.header("etag"), other.header("etag"), "{path}");
    }
    // Whoever writes and whoever follows go on where they were.
    last = journal.append(last, &[scored(9_999, 0.75)], &[]).unwrap();
    at(&replica, last.get()).await;
    at(&fresh, last.get()).await;
}
