//! Connecting to a feed, and connecting again.

use crate::support::{ScriptedFeed, Service};

/// Flags with which nothing takes long.
const QUICK: [&str; 4] = ["--journal", "memory:", "--reconnect-delay", "10ms"];

async fn reading(feed: &ScriptedFeed, more: &[&str]) -> Service {
    let url = feed.url();
    Service::start(&[&["--feed", &url], &QUICK[..], more].concat()).await
}

#[tokio::test]
async fn a_request_says_what_it_wants_and_who_wants_it() {
    let feed = ScriptedFeed::start().await;
    let _service = reading(&feed, &["--feed-header", "X-Api-Key: s3cret"]).await;
    let connection = feed.accept().await;
    assert!(connection.request.starts_with("GET /scores HTTP/1.1\r\n"));
    assert_eq!(connection.header("accept"), Some("text/event-stream"));
    assert_eq!(connection.header("cache-control"), Some("no-store"));
    assert_eq!(connection.header("accept-encoding"), Some("gzip"));
    assert_eq!(connection.header("x-api-key"), Some("s3cret"));
    assert_eq!(connection.header("last-event-id"), None);
    assert_eq!(connection.header("authorization"), None);
    let version = concat!("gradebook/", env!("CARGO_PKG_VERSION"));
    assert_eq!(connection.header("user-agent"), Some(version));
}

#[tokio::test]
async fn an_ended_stream_is_resumed_after_the_last_event_that_was_complete() {
    let feed = ScriptedFeed::start().await;
    let _service = reading(&feed, &[]).await;
    let mut connection = feed.accept_stream().await;
    connection.send("id: 7\nevent: score\ndata: {\"exam\":3,\"studentId\":\"foo\",").await;
    connection.send("\"score\":.991}\n\nid: 8\ndata: lost\n").await;
    connection.close().await;
    let mut connection = feed.accept_stream().await;
    assert_eq!(connection.header("last-event-id"), Some("7"));
    connection.send("id: 9\nevent: score\ndata: no score\n\nid: 10\nevent: score\nda").await;
    connection.reset();
    let connection = feed.accept().await;
    assert_eq!(connection.header("last-event-id"), Some("9"));
}
