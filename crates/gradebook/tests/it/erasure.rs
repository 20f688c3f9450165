//! `DELETE /students/{id}` on a journal that does not answer, and against what arrives meanwhile.

use gradebook::journal::Journal as _;
use gradebook::journal::redis::{Attempt, Eraser, RedisJournal};
use gradebook_core::{Entry, ExamNumber, Position, Score, StudentId, Timestamp};
use rusqlite::Connection;
use serde_json::json;

use crate::support::{Answer, Held, RedisServer, eventually};

const SCORES: [(&str, u64, f64); 2] = [("foo", 3, 0.5), ("bar", 3, 0.25)];

/// A service on a real Redis that holds [`SCORES`], and then the Redis stands still.
async fn on_a_journal_that_stands_still(args: &[&str]) -> (RedisServer, Held) {
    let redis = RedisServer::start(&[]);
    let url = redis.url();
    let held = Held::with(&[&["--journal", &url], args].concat(), &SCORES).await;
    redis.signal("STOP");
    (redis, held)
}

fn problem(answer: &Answer) -> (u16, serde_json::Value, &str) {
    (answer.status, answer.json()["type"].clone(), answer.header("retry-after"))
}

#[tokio::test]
async fn an_erasure_that_the_journal_does_not_answer_is_not_waited_for_and_may_still_happen() {
    let args = ["--request-timeout", "100ms"];
    let (redis, held) = on_a_journal_that_stands_still(&args).await;
    let answer = held.service.send("DELETE", "/students/foo", &[]).await;
    assert_eq!(problem(&answer), (503, json!("/problems/deadline-exceeded"), "10"));
    assert_eq!(answer.json()["code"], "deadline-exceeded");
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("may still happen"), "{detail}");
    assert_eq!(held.service.get("/students/foo").await.status, 200, "it is held until then");
    let counted = "gradebook_http_deadlines_exceeded_total 1";
    assert!(held.service.get("/metrics").await.text().contains(counted));
    redis.signal("CONT");
    eventually("it has happened", async || {
        (held.service.get("/students/foo").await.status == 404).then_some(())
    })
    .await;
    assert_eq!(held.service.json("/exams/3").await["averageScore"], 0.25);
}

#[tokio::test]
async fn an_erasure_that_the_end_of_the_service_comes_before_is_told_so() {
    let (_redis, held) = on_a_journal_that_stands_still(&[]).await;
    let ending = async {
        eventually("the erasure waits", async || {
            held.service.log().contains("an erasure waits for the journal").then_some(())
        })
        .await;
        held.service.signal("TERM");
    };
    let erasing = held.service.send("DELETE", "/students/foo", &[]);
    let (answer, ()) = tokio::join!(erasing, ending);
    assert_eq!(problem(&answer), (503, json!("about:blank"), "5"));
}

#[tokio::test]
async fn a_score_that_comes_before_the_erasure_is_not_lost_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gradebook.db");
    let mut held = Held::with(&["--journal", path.to_str().unwrap()], &SCORES).await;
    let seen = held.service.get("/students/foo").await.header("etag").to_owned();
    // While somebody else writes the file, a new score waits to be appended and is not seen.
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    held.feed.score("foo", 3, 0.75).await;
    held.service.eventually("/feeds", |feeds| feeds["journal"]["unavailable"].is_string()).await;
    assert_eq!(held.service.get("/students/foo").await.header("etag"), seen);
    let condition = [("if-match", seen.as_str())];
    let erasing = held.service.send("DELETE", "/students/foo", &condition);
    let release = async {
        // Whether the erasure waits behind the score by now or comes later, it must not happen.
        for _ in 0..10 {
            held.service.get("/healthz").await;
        }
        other.execute_batch("ROLLBACK").unwrap();
    };
    let (answer, ()) = tokio::join!(erasing, release);
    assert_eq!((answer.status, &answer.json()["code"]), (412, &json!("precondition-failed")));
    let foo = held.service.eventually("/students/foo", |foo| foo["averageScore"] == 0.75).await;
    assert_eq!(foo["resultCount"], 1);
    let seen = held.service.get("/students/foo").await.header("etag").to_owned();
    let erased = held.service.send("DELETE", "/students/foo", &[("if-match", &seen)]).await;
    assert_eq!(erased.status, 204);
    assert_eq!(held.service.get("/students/foo").await.status, 404);
}

#[test]
fn a_shared_journal_takes_no_erasure_after_a_score_that_was_not_seen() {
    let redis = RedisServer::start(&[]);
    let open = |who: &str| RedisJournal::open(redis.journal_url(), who.to_owned()).unwrap();
    let mut journal = open("a writer");
    let [foo, bar] = ["foo", "bar"].map(|name| StudentId::parse(name).unwrap());
    let scored = |student: &StudentId| Entry::Scored {
        student: student.clone(),
        exam: ExamNumber::new(3).unwrap(),
        score: Score::new(0.5).unwrap(),
        received: Timestamp::from_ms(1),
    };
    let entries = [scored(&foo), scored(&bar), scored(&foo), scored(&bar)];
    let last = journal.append(Position::START, &entries, &[]).unwrap();
    let identity = journal.identity();
    let mut eraser = Eraser::new(redis.journal_url(), identity, "an eraser".to_owned()).unwrap();
    let mut erase =
        |student, seen| eraser.erase(student, false, Some(Position::new(seen))).unwrap();
    assert_eq!(erase(&foo, 1), Attempt::Unseen { last });
    assert_eq!(erase(&foo, 2), Attempt::Unseen { last });
    assert_eq!(erase(&foo, 3), Attempt::Erased(last.plus(1)), "what is after it is another's");
    // More than it looks through in one step.
    let many = vec![scored(&bar); 10_000];
    let last = open("the next writer").append(last.plus(1), &many, &[]).unwrap();
    assert_eq!(erase(&foo, 4), Attempt::Unseen { last });
    assert_eq!(erase(&foo, 5), Attempt::Erased(last.plus(1)));
}

#[tokio::test]
async fn a_replica_erases_only_what_was_seen() {
    let redis = RedisServer::start(&[]);
    let mut held = Held::with(&["--journal", &redis.url()], &SCORES).await;
    let stale = held.service.get("/students/foo").await.header("etag").to_owned();
    held.add(&[("foo", 3, 0.75)]).await;
    let erase = async |condition: &str| {
        held.service.send("DELETE", "/students/foo", &[("if-match", condition)]).await.status
    };
    assert_eq!(erase(&stale).await, 412);
    let current = held.service.get("/students/foo").await.header("etag").to_owned();
    assert_eq!(erase(&current).await, 204);
    assert_eq!(erase("*").await, 404);
}
