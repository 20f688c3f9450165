//! How the process ends.

use std::io::Write;

use crate::support::{ScriptedFeed, Service, eventually};

#[tokio::test]
async fn both_signals_end_every_role_cleanly() {
    for signal in ["TERM", "INT"] {
        for (role, args) in [
            ("serve", ["--journal", "memory:"].as_slice()),
            ("simulate", &["--rate", "0"]),
            ("demo", &[]),
        ] {
            let mut service = Service::start_role(role, args).await;
            service.signal(signal);
            let status = service.ended().await;
            assert!(status.success(), "{role} after {signal}: {status}\n{}", service.log());
        }
    }
}

#[tokio::test]
async fn a_subscriber_does_not_hold_up_the_end_of_a_simulated_feed() {
    let mut feed = Service::start_role("simulate", &["--rate", "1"]).await;
    let mut answer = feed.client().get(feed.url("/scores")).send().await.unwrap();
    answer.chunk().await.unwrap().unwrap();
    feed.signal("TERM");
    assert!(feed.ended().await.success());
    while answer.chunk().await.unwrap().is_some() {} // ends as HTTP wants it, without an error
}

#[tokio::test]
async fn what_a_feed_delivered_before_the_signal_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("gradebook.db");
    let journal = journal.to_str().unwrap();
    let feed = ScriptedFeed::start().await;
    let service = Service::start(&["--journal", journal, "--feed", &feed.url()]).await;
    let mut connection = feed.accept_stream().await;
    connection.score("foo", 3, 0.991).await;
    service.eventually("/exams", |body| body["exams"][0]["exam"] == 3).await;
    assert!(service.stop().await.success());

    let service = Service::start(&["--journal", journal, "--feed", &feed.url()]).await;
    let body = service.eventually("/students/foo", |_| true).await;
    assert_eq!(body["averageScore"], 0.991);
}

/// A service with a request that never ends, so that its shutdown cannot be clean.
async fn service_held_up(args: &[&str]) -> (Service, std::net::TcpStream) {
    let service = Service::start(&[["--journal", "memory:"].as_slice(), args].concat()).await;
    let mut half = std::net::TcpStream::connect(service.address()).unwrap();
    half.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n").unwrap();
    // Answered, so by now the half request before it has been accepted as well.
    service.get("/healthz").await;
    (service, half)
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let (mut service, _half) = service_held_up(&["--shutdown-timeout", "1h"]).await;
    service.signal("TERM");
    eventually("the first signal has been seen", async || {
        service.log().contains("a second signal ends at once").then_some(())
    })
    .await;
    service.signal("INT");
    assert_eq!(service.ended().await.code(), Some(1));
    assert!(service.log().contains("a second signal came"), "{}", service.log());
}

#[tokio::test]
async fn a_shutdown_takes_no_longer_than_it_may() {
    let (mut service, _half) = service_held_up(&["--shutdown-timeout", "1s"]).await;
    service.signal("TERM");
    assert_eq!(service.ended().await.code(), Some(1));
    assert!(service.log().contains("not everything had ended after 1s"));
}

#[tokio::test]
async fn a_connection_that_never_said_anything_does_not_hold_up_the_end() {
    // Without a word it would be cut after ten seconds.
    let mut service = Service::start(&["--journal", "memory:", "--shutdown-timeout", "8s"]).await;
    let silent = std::net::TcpStream::connect(service.address()).unwrap();
    // Answered, so by now the silent one before it has been accepted as well.
    service.get("/healthz").await;
    service.signal("TERM");
    assert!(service.ended().await.success(), "{}", service.log());
    drop(silent);
}
