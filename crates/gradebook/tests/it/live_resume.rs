//! Event streams that broke off, and go on where they were.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;
use tokio::task::JoinSet;

use crate::support::{EventStream, ScriptedFeed, Service, eventually};

/// As many as a test needs to be cut off in the middle of.
const SCORES: u64 = 3_000;

async fn start_at(address: &str, journal: &str, feed: &str) -> Service {
    let mut command = Service::command();
    command.args(["serve", "--listen", address, "--journal", journal, "--feed", feed]);
    command.args(["--reconnect-delay", "10ms"]);
    Service::spawn(command).rebuilt().await
}

/// Reads results until `last` was among them. Each must come after the one before, and none may be
/// missing: every score here makes a result of its own.
async fn read_on(stream: &mut EventStream, told: &mut u64, last: u64) {
    while *told < last {
        let event = stream.next().await;
        if event.name == "result" {
            *told += 1;
            assert_eq!(event.id, Some(told.to_string()), "one is missing, or told again");
            assert_eq!(event.data["result"]["exam"], *told);
        } else {
            assert_eq!(event.name, "feed", "{event:?}");
        }
    }
}

/// Sends scores with these exam numbers, and waits until all are held.
async fn send(
    connection: &mut crate::support::FeedConnection,
    exams: std::ops::RangeInclusive<u64>,
) {
    for exam in exams {
        connection.score("foo", exam, 0.5).await;
    }
}

#[tokio::test]
async fn a_stream_goes_on_without_gap_or_repeat_while_scores_come_in_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("gradebook.db");
    let journal = journal.to_str().unwrap();
    let feed = ScriptedFeed::start().await;
    let mut service = start_at("127.0.0.1:0", journal, &feed.url()).await;
    let mut told = 0;
    let mut id = Some("0".to_owned());
    for round in 0..3 {
        let first = round * SCORES + 1;
        let mut connection = feed.accept_stream().await;
        let mut sender = JoinSet::new();
        sender.spawn(async move {
            send(&mut connection, first..=first + SCORES - 1).await;
            connection
        });
        for part in 1..=6 {
            let by_query = format!("/results?last_event_id={}", id.as_deref().unwrap());
            let (path, header) = match part % 2 {
                0 => ("/results", id.as_deref()),
                _ => (by_query.as_str(), None),
            };
            let mut stream = EventStream::open(&service, path, header).await;
            read_on(&mut stream, &mut told, first - 1 + part * SCORES / 6).await;
            id = stream.last_id;
        }
        let connection = sender.join_next().await.unwrap().unwrap();
        let address = service.address().to_string();
        match round {
            0 => drop(service.stop().await),
            _ => service.kill(),
        }
        drop(connection);
        service = start_at(&address, journal, &feed.url()).await;
    }
    let mut stream = EventStream::open(&service, "/results", id.as_deref()).await;
    let mut connection = feed.accept_stream().await;
    connection.score("foo", told + 1, 0.5).await;
    let last = told + 1;
    read_on(&mut stream, &mut told, last).await;
}

#[tokio::test]
async fn what_a_get_links_to_goes_on_from_what_it_read() {
    let feed = ScriptedFeed::start().await;
    let service = start_at("127.0.0.1:0", "memory:", &feed.url()).await;
    let mut connection = feed.accept_stream().await;
    send(&mut connection, 1..=3).await;
    service.eventually("/results", |page| page["page"]["total"] == 3).await;
    let answer = service.get("/students/foo?min_score=0.25").await;
    let link =
        answer.header("link").split(", ").find(|link| link.contains("event-stream")).unwrap();
    let path = link.split(['<', '>']).nth(1).unwrap().to_owned();
    send(&mut connection, 4..=5).await;
    connection.score("foo", 6, 0.125).await;
    let mut stream = EventStream::open(&service, &path, None).await;
    for exam in 4..=5 {
        assert_eq!(stream.expect("result").await.data["result"]["exam"], exam);
    }
}

#[tokio::test]
async fn a_new_memory_journal_does_not_know_the_ids_of_the_one_before() {
    let feed = ScriptedFeed::start().await;
    let service = start_at("127.0.0.1:0", "memory:", &feed.url()).await;
    send(&mut feed.accept_stream().await, 1..=2).await;
    service.eventually("/results", |page| page["page"]["total"] == 2).await;
    let mut stream = EventStream::open(&service, "/results", None).await;
    stream.expect("snapshot").await;
    let address = service.address().to_string();
    service.kill();
    let service = start_at(&address, "memory:", &feed.url()).await;
    let mut again = EventStream::open(&service, "/results", stream.last_id.as_deref()).await;
    assert_eq!(again.expect("reset").await.data["reason"], "unknown-id");
    assert_eq!(again.expect("snapshot").await.data["total"], 0);
}

#[tokio::test]
async fn what_cannot_be_told_any_more_is_a_reset() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("gradebook.db");
    let feed = ScriptedFeed::start().await;
    let service = start_at("127.0.0.1:0", journal.to_str().unwrap(), &feed.url()).await;
    let mut connection = feed.accept_stream().await;
    send(&mut connection, 1..=2).await;
    connection.score("bar", 1, 0.5).await;
    service.eventually("/results", |page| page["page"]["total"] == 3).await;
    assert_eq!(service.send("DELETE", "/students/bar", &[]).await.status, 204);
    for (id, reason) in [("3", "student-erased"), ("99", "ahead-of-journal"), ("x", "unknown-id")] {
        for path in ["/results", "/students", "/exams", "/exams/1", "/students/foo"] {
            let mut stream = EventStream::open(&service, path, Some(id)).await;
            let reset = stream.expect("reset").await;
            assert_eq!((&reset.data["reason"], reset.id), (&Value::from(reason), None), "{path}");
            assert_eq!(stream.expect("snapshot").await.id.as_deref(), Some("4"), "{path}");
        }
    }
}

/// A client that asks for a stream and never reads it.
fn deaf(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    socket2::SockRef::from(&stream).set_recv_buffer_size(1_024).unwrap();
    let request = b"GET /results HTTP/1.1\r\nhost: test\r\naccept: text/event-stream\r\n\r\n";
    (&stream).write_all(request).unwrap();
    stream
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_and_hinders_nobody() {
    let feed = ScriptedFeed::start().await;
    let url = feed.url();
    let args = ["--journal", "memory:", "--feed", &url, "--send-timeout", "100ms"];
    let service = Service::start(&args).await;
    let mut connection = feed.accept_stream().await;
    service.eventually("/feeds", |feeds| feeds["feeds"][0]["state"] == "live").await;
    let deaf = deaf(service.address());
    let mut stream = EventStream::open(&service, "/results", None).await;
    stream.expect("snapshot").await;
    figure(&service, "gradebook_subscribers", |subscribers| subscribers == 2.0).await;
    // More than all buffers in between hold, told in full to the one who reads.
    for exam in 1..=30 {
        let batch: String = (0..1_000)
            .map(|student| {
                let data = format!("{{\"studentId\":\"{student}\",\"exam\":{exam},\"score\":0.5}}");
                format!("event: score\ndata: {data}\n\n")
            })
            .collect();
        connection.send(&batch).await;
        for _ in 0..1_000 {
            stream.expect("result").await;
        }
    }
    figure(&service, "gradebook_connections_cut_total", |cut| cut == 1.0).await;
    figure(&service, "gradebook_subscribers", |subscribers| subscribers == 1.0).await;
    drop(deaf);
}

/// Waits until a figure of `/metrics` is as wanted.
async fn figure(service: &Service, name: &str, wanted: impl Fn(f64) -> bool) {
    eventually(name, async || {
        let text = service.get("/metrics").await;
        let line = text.text().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse().ok()).filter(|value| wanted(*value))
    })
    .await;
}
