//! Who gets to see the secrets of a feed: its own origin, and nobody else.

use super::{QUICK, Reading, logged};
use crate::support::{ScriptedFeed, Service};

const HEADER: [&str; 2] = ["--feed-header", "X-Api-Key: s3cret-key"];

#[tokio::test]
async fn credentials_never_go_to_another_origin() {
    let other = ScriptedFeed::start().await;
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "s3cret-token\n").unwrap();
    let flags = ["--feed-token-file", token.to_str().unwrap()];
    let reading = Reading::start(&[&HEADER[..], &flags].concat()).await;

    let connection = reading.answer("307 Temporary Redirect\r\nLocation: /here").await;
    assert_eq!(connection.header("x-api-key"), Some("s3cret-key"));
    assert_eq!(connection.header("authorization"), Some("Bearer s3cret-token"));
    let elsewhere = format!("307 Temporary Redirect\r\nLocation: {}", other.url());
    let elsewhere = elsewhere.replace("127.0.0.1", "foo:bar@127.0.0.1");
    let connection = reading.answer(&elsewhere).await;
    assert!(connection.request.starts_with("GET /here HTTP/1.1"));
    assert_eq!(connection.header("x-api-key"), Some("s3cret-key"));
    assert_eq!(connection.header("authorization"), Some("Bearer s3cret-token"));

    let mut connection = other.accept_stream().await;
    assert!(!connection.request.contains("s3cret"), "{}", connection.request);
    for name in ["x-api-key", "authorization", "referer", "cookie"] {
        assert_eq!(connection.header(name), None);
    }
    assert_eq!(connection.header("accept"), Some("text/event-stream"));
    connection.score("foo", 3, 0.5).await;
    reading.kept(1).await;
    assert!(!reading.service.log().contains("s3cret"));
}

#[tokio::test]
async fn a_token_is_read_anew_for_every_connection() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "first").unwrap();
    let reading = Reading::start(&["--feed-token-file", token.to_str().unwrap()]).await;
    let connection = reading.stream().await;
    assert_eq!(connection.header("authorization"), Some("Bearer first"));
    std::fs::write(&token, " second\n").unwrap();
    connection.close().await;
    let connection = reading.stream().await;
    assert_eq!(connection.header("authorization"), Some("Bearer second"));
    std::fs::write(&token, "not\na token").unwrap();
    connection.close().await;
    reading.logged("the token file does not hold a token").await;
    std::fs::remove_file(&token).unwrap();
    reading.logged("cannot read the token file: No such file or directory").await;
}

#[tokio::test]
async fn what_is_secret_in_a_url_is_sent_and_never_told() {
    let feed = ScriptedFeed::start().await;
    let url = feed.url().replace("http://", "http://foo:s3cr%65t@") + "?key=s3cret#s3cret";
    let flags = [&["--journal", "memory:", "--log", "debug", "--feed", &url], &QUICK[..]].concat();
    let service = Service::start(&flags).await;
    let connection = feed.accept().await;
    assert!(connection.request.starts_with("GET /scores?key=s3cret HTTP/1.1"));
    assert_eq!(connection.header("authorization"), Some("Basic Zm9vOnMzY3JldA=="));
    connection.reset();
    logged(&service, "cannot reach the feed").await;
    let connection = feed.accept_stream().await;
    logged(&service, "connected to the feed").await;
    connection.reset();
    logged(&service, "the connection broke").await;
    let log = service.log();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("s3cr")).collect();
    assert!(told.is_empty(), "{told:?}");
}
