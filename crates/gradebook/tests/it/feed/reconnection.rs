//! Connections that end, and where the next one goes on.

use super::{Reading, kept_score, serve};
use crate::support::ScriptedFeed;

#[tokio::test]
async fn an_ended_stream_is_resumed_after_the_last_event_that_was_complete() {
    let reading = Reading::start(&[]).await;
    let mut connection = reading.stream().await;
    connection.send("id: 7\nevent: score\ndata: {\"exam\":3,\"studentId\":\"foo\",").await;
    connection.send("\"score\":.991}\n\nid: 8\ndata: lost\n").await;
    connection.close().await;
    let mut connection = reading.stream().await;
    assert_eq!(connection.header("last-event-id"), Some("7"));
    connection.send("id: 9\nevent: score\ndata: no score\n\nid: 10\nevent: score\nda").await;
    reading.feed_has_seen_nothing_but(&[("foo", 3, 0.991)]).await;
    connection.reset();
    let connection = reading.answer("503 Service Unavailable\r\nContent-Length: 0").await;
    assert_eq!(connection.header("last-event-id"), Some("9"));
    let mut connection = reading.stream().await;
    assert_eq!(connection.header("last-event-id"), Some("9"));
    connection
        .send("id\nevent: score\ndata: {\"exam\":4,\"studentId\":\"foo\",\"score\":1}\n\n")
        .await;
    connection.close().await;
    let connection = reading.stream().await;
    assert_eq!(connection.header("last-event-id"), None);
    let expected = [kept_score("foo", 3, 0.991), kept_score("foo", 4, 1.0)];
    assert_eq!(reading.kept(2).await, expected);
}

impl Reading {
    async fn feed_has_seen_nothing_but(&self, expected: &[(&str, u64, f64)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(student, exam, score)| kept_score(student, *exam, *score))
            .collect();
        assert_eq!(self.kept(expected.len()).await, expected);
    }
}

#[tokio::test]
async fn a_later_run_goes_on_where_the_earlier_one_was() {
    let reading = Reading::start(&[]).await;
    let Reading { feed, service, folder } = reading;
    let mut connection = feed.accept_stream().await;
    connection
        .send("id: a 1\nevent: score\ndata: {\"exam\":3,\"studentId\":\"foo\",\"score\":1}\n\n")
        .await;
    connection.send("id: Zoë 2\nevent: other\ndata: x\n\n").await;
    connection.close().await;
    // The next connection says that everything before it was delivered.
    let connection = feed.accept_stream().await;
    assert_eq!(connection.header("last-event-id"), Some("Zoë 2"));
    assert!(service.stop().await.success());
    let _service = serve(&feed.url(), &folder, &[]).await;
    let connection = feed.accept().await;
    assert_eq!(connection.header("last-event-id"), Some("Zoë 2"));
}

#[tokio::test]
async fn a_feed_that_says_nothing_is_connected_again() {
    let reading = Reading::start(&["--feed-idle-timeout", "100ms"]).await;
    let _never_answered = reading.feed.accept().await;
    reading.logged("the feed has not answered for 100ms").await;
    let _never_sends = reading.stream().await;
    reading.logged("the feed has sent nothing for 100ms").await;
    let mut connection = reading.stream().await;
    connection.score("foo", 3, 0.5).await;
    reading.kept(1).await;
}

#[tokio::test]
async fn ids_that_no_header_can_hold_are_not_sent_back() {
    let reading = Reading::start(&[]).await;
    let long = "x".repeat(3_000);
    for id in ["a\u{1}b", long.as_str()] {
        let mut connection = reading.stream().await;
        assert_eq!(connection.header("last-event-id"), None);
        connection.send(&format!("id: {id}\ndata: x\n\n")).await;
        connection.close().await;
        reading.logged("the feed's last event id cannot be sent back").await;
    }
    assert_eq!(reading.stream().await.header("last-event-id"), None);
}

#[tokio::test]
async fn several_feeds_are_read_side_by_side() {
    let other = ScriptedFeed::start().await;
    let reading = Reading::start(&["--feed", &other.url()]).await;
    let mut first = reading.stream().await;
    let mut second = other.accept_stream().await;
    first
        .send("id: 1\nevent: score\ndata: {\"exam\":1,\"studentId\":\"foo\",\"score\":1}\n\n")
        .await;
    reading.kept(1).await;
    second
        .send("id: 2\nevent: score\ndata: {\"exam\":2,\"studentId\":\"foo\",\"score\":1}\n\n")
        .await;
    let expected = [kept_score("foo", 1, 1.0), kept_score("foo", 2, 1.0)];
    assert_eq!(reading.kept(2).await, expected);
    first.close().await;
    second.close().await;
    assert_eq!(reading.stream().await.header("last-event-id"), Some("1"));
    assert_eq!(other.accept().await.header("last-event-id"), Some("2"));
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_the_feed_and_loses_nothing() {
    let reading = Reading::start(&[]).await;
    let mut connection = reading.stream().await;
    connection.score("foo", 3, 0.5).await;
    reading.kept(1).await;
    let Reading { service, folder, feed: _ } = reading;
    assert!(service.stop().await.success());
    assert_eq!(super::kept(&folder, 1).await, [kept_score("foo", 3, 0.5)]);
}

#[tokio::test]
async fn what_a_feed_is_doing_can_be_seen() {
    let reading = Reading::start(&[]).await;
    let state = async |name: &str| {
        let shown = reading.service.eventually("/feeds", |body| body["feeds"][0]["state"] == name);
        shown.await["feeds"][0].take()
    };
    let shown = state("connecting").await;
    assert_eq!(shown["feed"], reading.feed.url());
    assert_eq!(shown["resumable"], false);
    let ready = reading.service.get("/readyz").await;
    assert_eq!(ready.status, 503, "{}", ready.text());

    let mut connection = reading.stream().await;
    connection.send("id: 7\ndata: x\n\n").await;
    connection.score("foo", 3, 0.5).await;
    reading.kept(1).await;
    let shown = state("live").await;
    assert!(shown["connectedSince"].is_string());
    assert_eq!(reading.service.get("/readyz").await.status, 200);
    assert_eq!(shown["reconnects"], 0);

    connection.close().await;
    let waiting = reading.feed.accept().await;
    let shown = state("reconnecting").await;
    assert_eq!(shown["lastEventId"], "7");
    assert_eq!(shown["resumable"], true);
    assert_eq!(shown["eventsIgnored"], 1);
    assert_eq!(shown["eventsAccepted"], 1);
    assert_eq!(shown["connectedSince"], serde_json::Value::Null);
    assert_eq!(reading.service.get("/readyz").await.status, 200);
    waiting.reset();

    let connection = reading.stream().await;
    assert_eq!(state("live").await["reconnects"], 1);
    connection.close().await;
    reading.answer("204 No Content").await;
    state("stopped").await;
}

#[tokio::test]
async fn a_feed_that_says_when_to_come_back_is_left_alone_until_then() {
    let reading = Reading::start(&[]).await;
    let asked = std::time::Instant::now();
    let busy = "429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0";
    reading.answer(busy).await;
    let answered = "the feed answers 429 Too Many Requests, and asks for 1s";
    let told = |feeds: &serde_json::Value| feeds["feeds"][0]["trouble"] == answered;
    let feeds = reading.service.eventually("/feeds", told).await;
    assert_eq!(feeds["feeds"][0]["state"], "connecting");
    let _stream = reading.stream().await;
    assert!(asked.elapsed() >= std::time::Duration::from_secs(1), "{:?}", asked.elapsed());
    let live = |feeds: &serde_json::Value| feeds["feeds"][0]["state"] == "live";
    let feeds = reading.service.eventually("/feeds", live).await;
    assert_eq!(feeds["feeds"][0]["trouble"], serde_json::Value::Null);
}

#[tokio::test]
async fn a_feed_may_not_ask_to_be_left_alone_for_longer_than_five_minutes() {
    let reading = Reading::start(&[]).await;
    let busy = "503 Service Unavailable\r\nRetry-After: 86400\r\nContent-Length: 0";
    reading.answer(busy).await;
    reading.logged("asks for 1day").await;
    let log = reading.service.log();
    let (_, rest) = log.split_once("retry_ms=").unwrap();
    let wait: u64 = rest.split_whitespace().next().unwrap().parse().unwrap();
    assert!((300_000..331_000).contains(&wait), "{wait}");
    let metrics = reading.service.get("/metrics").await;
    let counted = metrics.text().lines().find(|line| {
        line.starts_with("gradebook_feed_retry_after_cut_total{") && line.ends_with(" 1")
    });
    assert!(counted.is_some(), "{}", metrics.text());
}
