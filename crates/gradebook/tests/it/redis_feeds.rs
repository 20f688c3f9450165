//! How the feeds are, on replicas, which read none: the worker that leads tells it in Redis.

use serde_json::Value;

use crate::redis_roles::{api, feed, ingest, leads};
use crate::support::{EventStream, PATIENCE, RedisServer, ScriptedFeed, Service, eventually};

const KEY: &str = "gradebook:{main}:feeds";

/// Waits until the only feed that `replica` shows is in `state`, and `holds`; returns it.
async fn shown(replica: &Service, state: &str, holds: impl Fn(&Value) -> bool) -> Value {
    eventually(&format!("the feed is shown as {state}"), async || {
        let feeds = replica.json("/feeds").await["feeds"].take();
        let feed = feeds.as_array().filter(|feeds| feeds.len() == 1)?.first()?;
        (feed["state"] == state && holds(feed)).then(|| feed.clone())
    })
    .await
}

/// Waits until `stream` says that the feed is in `state`.
async fn told(stream: &mut EventStream, state: &str) {
    let hear = async {
        loop {
            let event = stream.next().await;
            if event.name == "feed" && event.data["state"] == state {
                break;
            }
        }
    };
    let heard = tokio::time::timeout(PATIENCE, hear).await;
    heard.unwrap_or_else(|_| panic!("nobody was told that the feed is {state}"));
}

/// Waits until the page at `path` says `words`.
async fn says(replica: &Service, path: &str, words: &str) {
    eventually(&format!("the page at {path} says {words}"), async || {
        let page = replica.send("GET", path, &[("accept", "text/html")]).await;
        page.text().contains(words).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_replica_shows_the_feeds_of_whoever_leads() {
    let redis = RedisServer::start(&[]);
    let journal = redis.url() + "?lease_ms=1000";
    let source = ScriptedFeed::start().await;
    let replica = api(&journal).await;
    assert_eq!(replica.json("/feeds").await["feeds"], serde_json::json!([]));
    let worker = ingest(&source.url().replace("//", "//reader:secret@"), &journal).await;
    let mut connection = source.accept_stream().await;
    connection.score("first.student", 1, 0.5).await;
    connection.score("second.student", 1, 0.75).await;
    connection.score("third.student", 1, 1.5).await;
    connection.send("event: news\ndata: x\nid: 7\n\n").await;
    let feed = shown(&replica, "live", |feed| feed["lastEventId"] == "7").await;
    assert_eq!((&feed["feed"], &feed["eventsIgnored"]), (&source.url().into(), &1.into()));
    assert_eq!((&feed["eventsAccepted"], &feed["eventsRejected"]), (&2.into(), &1.into()));
    assert_eq!(feed["resumable"], true);
    assert!(feed["connectedSince"].is_string() && feed["lastEventAt"].is_string(), "{feed}");
    let kept = redis.cli(&["GET", KEY]);
    assert!(!kept.contains("secret") && !kept.contains("student"), "{kept}");
    for page in ["/", "/feeds"] {
        says(&replica, page, "Scores are coming in.").await;
    }

    let mut stream = EventStream::open(&replica, "/students", None).await;
    connection.close().await;
    told(&mut stream, "reconnecting").await;
    let _connection = source.accept_stream().await;
    told(&mut stream, "live").await;

    worker.kill();
    told(&mut stream, "unknown").await;
    let feed = shown(&replica, "unknown", |feed| feed["eventsAccepted"] == 2).await;
    assert!(feed["trouble"].is_string() && feed["connectedSince"].is_null(), "{feed}");
    assert_eq!(replica.get("/readyz").await.status, 200, "what is held is served");
    for page in ["/", "/feeds"] {
        says(&replica, page, "It is not known how the feed is.").await;
    }

    let _worker = ingest(&source.url(), &journal).await;
    let _connection = source.accept_stream().await;
    told(&mut stream, "live").await;
    shown(&replica, "live", |_| true).await;
}

#[tokio::test]
async fn what_a_worker_told_does_not_outlive_its_end() {
    let redis = RedisServer::start(&[]);
    // Nobody would see within the test that this expires.
    let journal = redis.url() + "?lease_ms=60000";
    let (_source, url) = feed(1, 0).await;
    let replica = api(&journal).await;
    let worker = ingest(&url, &journal).await;
    shown(&replica, "live", |_| true).await;
    assert!(worker.stop().await.success());
    assert_eq!(redis.cli(&["EXISTS", KEY]), "0");
    shown(&replica, "unknown", |_| true).await;
    let _worker = ingest(&url, &journal).await;
    shown(&replica, "live", |_| true).await;
}

#[tokio::test]
async fn a_serve_that_stands_by_shows_what_the_leader_reads() {
    let redis = RedisServer::start(&[]);
    let (_source, url) = feed(2, 0).await;
    // Too long for the leader to lose by being slow; the other asks every third of it.
    let journal = redis.url() + "?lease_ms=15000";
    let args = ["--feed", &url, "--journal", &journal, "--reconnect-delay", "50ms"];
    let first = Service::start(&args).await;
    leads(&first).await;
    let second = Service::start(&args).await;
    let counts = |feed: &Value| feed["eventsAccepted"] == 80;
    shown(&first, "live", counts).await;
    shown(&second, "live", counts).await;
    assert!(!second.log().contains("this worker leads"), "it has read nothing itself");
    assert!(first.stop().await.success());
    leads(&second).await;
    shown(&second, "live", |feed| feed["eventsAccepted"] == 0).await;
}

#[tokio::test]
async fn what_a_replica_cannot_read_is_a_warning_and_no_more() {
    let redis = RedisServer::start(&[]);
    let replica = api(&redis.url()).await;
    let whole = r#"{"version":1,"new":2,"feeds":[{"feed":"http://f.example/","state":"live"}]}"#;
    for odd in [&whole[..40], "[]", r#"{"version":2,"feeds":"elsewhere"}"#] {
        redis.cli(&["SET", KEY, whole]);
        shown(&replica, "live", |_| true).await;
        redis.cli(&["SET", KEY, odd]);
        shown(&replica, "unknown", |_| true).await;
    }
    eventually("each is a warning", async || {
        let log = replica.log();
        (log.matches("it is not known how the feeds are").count() == 3).then_some(())
    })
    .await;
    assert_eq!(replica.get("/readyz").await.status, 200);
    redis.cli(&["SET", KEY, &whole.replace("live", "dreaming")]);
    shown(&replica, "unknown", |feed| feed["trouble"].is_null()).await;
}
