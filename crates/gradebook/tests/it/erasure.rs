//! `DELETE /students/{id}` on a journal that does not answer, and against what arrives meanwhile.

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
