//! HTTP/2: many requests on one connection, each with a client of its own mind.

use std::time::Duration;

use gradebook::journal::{Journal as _, SqliteJournal};
use gradebook_core::{Entry, ExamNumber, Position, Score, StudentId, Timestamp};
use reqwest::{Client, Version};
use tokio::time::timeout;

use crate::support::{PATIENCE, Service, eventually};

/// Lines enough to be more than a client takes unasked, several times over.
const RESULTS: u64 = 10_000;

/// What a client lets come before it reads, in bytes: for one stream, and for all together.
const STREAM_WINDOW: u32 = 65_535;
const CONNECTION_WINDOW: u32 = 1_048_576;

/// A client that speaks nothing but HTTP/2, on one connection.
fn client() -> Client {
    Client::builder()
        .no_proxy()
        .no_gzip()
        .http2_prior_knowledge()
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(CONNECTION_WINDOW)
        .build()
        .unwrap()
}

async fn service(args: &[&str]) -> (Service, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gradebook.db");
    let mut journal = SqliteJournal::open(&path).unwrap();
    let entry = |n: u64| Entry::Scored {
        student: StudentId::parse(&format!("student {n}")).unwrap(),
        exam: ExamNumber::new(3).unwrap(),
        score: Score::new(0.5).unwrap(),
        received: Timestamp::from_ms(0),
    };
    let entries: Vec<Entry> = (0..RESULTS).map(entry).collect();
    journal.append(Position::START, &entries, &[]).unwrap();
    drop(journal);
    let args = [&["--journal", path.to_str().unwrap()], args].concat();
    let service = Service::start(&args).await;
    service.eventually("/results?limit=1", |page| page["page"]["total"] == RESULTS).await;
    (service, folder)
}

#[tokio::test]
async fn a_stream_that_its_reader_does_not_take_from_is_cut_and_the_others_go_on() {
    let (service, _folder) = service(&["--send-timeout", "200ms"]).await;
    let client = client();
    let get = async |path: &str| client.get(service.url(path)).send().await.unwrap();
    let mut unread = get("/results?format=ndjson").await;
    assert_eq!((unread.status().as_u16(), unread.version()), (200, Version::HTTP_2));
    // An event stream on which nothing happens waits for us, and not for its reader.
    let mut quiet = get("/exams/3?format=sse").await;
    assert!(quiet.chunk().await.unwrap().unwrap().starts_with(b"retry"));
    eventually("the stream is cut", async || {
        let metrics = get("/metrics").await.text().await.unwrap();
        metrics.contains("gradebook_http_streams_cut_total 1").then_some(())
    })
    .await;
    let metrics = get("/metrics").await.text().await.unwrap();
    assert!(!metrics.contains("gradebook_connections_cut_total 1"), "{metrics}");
    let mut taken = 0;
    let broken = loop {
        match timeout(PATIENCE, unread.chunk()).await.unwrap() {
            Ok(Some(chunk)) => taken += chunk.len(),
            Ok(None) => panic!("all of it came: {taken} bytes"),
            Err(error) => break error,
        }
    };
    assert!(taken <= STREAM_WINDOW as usize, "{taken}: {broken}");
    // The quiet one has outlived it: nothing ends it within a while in which it would be cut.
    let waited = timeout(Duration::from_millis(5), quiet.chunk()).await;
    assert!(waited.is_err() || waited.unwrap().unwrap().is_some());
}
