//! Event streams: every list and entity, live.

use serde_json::json;

use crate::support::{EventStream, FeedConnection, ScriptedFeed, Service};

const MEMORY: [&str; 2] = ["--journal", "memory:"];

/// A service on a feed that is connected, with these results held.
async fn service_with(
    args: &[&str],
    scores: &[(&str, u64, f64)],
) -> (Service, ScriptedFeed, FeedConnection) {
    let feed = ScriptedFeed::start().await;
    let url = feed.url();
    let args = [&["--feed", &url, "--reconnect-delay", "10ms"], args].concat();
    let service = Service::start(&args).await;
    let mut connection = feed.accept_stream().await;
    send(&mut connection, scores).await;
    holds(&service, scores.len()).await;
    (service, feed, connection)
}

async fn send(connection: &mut FeedConnection, scores: &[(&str, u64, f64)]) {
    for (student, exam, score) in scores {
        connection.score(student, *exam, *score).await;
    }
}

async fn holds(service: &Service, results: usize) {
    service.eventually("/results?limit=1", |page| page["page"]["total"] == results).await;
}

#[tokio::test]
async fn each_resource_tells_each_kind_of_event() {
    let scores = [("foo", 3, 0.5), ("bar", 3, 1.0), ("bar", 4, 0.25)];
    let (service, _feed, mut connection) = service_with(&MEMORY, &scores).await;
    let paths = ["/students/foo", "/exams/3", "/students", "/exams", "/results"];
    let mut streams = Vec::new();
    for path in paths {
        streams.push(EventStream::open(&service, path, None).await);
    }
    let snapshots = [
        json!({"studentId": "foo", "averageScore": 0.5, "resultCount": 1}),
        json!({"exam": 3, "averageScore": 0.75, "resultCount": 2}),
        json!({"total": 2}),
        json!({"total": 2}),
        json!({"total": 3}),
    ];
    for (stream, snapshot) in streams.iter_mut().zip(snapshots) {
        assert_eq!(stream.next_block().await.unwrap().retry.as_deref(), Some("3000"));
        assert_eq!(stream.expect("snapshot").await.data, snapshot);
    }
    connection.score("foo", 3, 0.75).await;
    service
        .eventually("/students?student=foo", |page| page["students"][0]["averageScore"] == 0.75)
        .await;
    let result = service.json("/results?student=foo").await["results"][0].clone();
    let student = service.json("/students?student=foo").await["students"][0].clone();
    let exam = service.json("/exams?exam=3").await["exams"][0].clone();
    let changes = [
        ("result", json!({"result": result, "averageScore": 0.75, "resultCount": 1})),
        ("result", json!({"result": result, "averageScore": 0.875, "resultCount": 2})),
        ("upsert", student),
        ("upsert", exam),
        ("result", json!({"result": result})),
    ];
    for (stream, (name, data)) in streams.iter_mut().zip(changes) {
        let event = stream.expect(name).await;
        assert_eq!(event.data, data);
        assert!(event.id.unwrap().ends_with("-4"), "the fourth entry of a memory journal");
    }
    let answer = service.send("DELETE", "/students/bar", &[]).await;
    assert_eq!(answer.status, 204, "{}", answer.text());
    assert_eq!(streams[1].expect("erased").await.data["averageScore"], 0.75);
    assert_eq!(streams[2].expect("erased").await.data, json!({"studentId": "bar"}));
    assert_eq!(streams[2].expect("removed").await.data, json!({"studentId": "bar"}));
    assert_eq!(streams[3].expect("upsert").await.data["exam"], 3);
    assert_eq!(streams[3].expect("removed").await.data, json!({"exam": 4}));
    assert_eq!(streams[4].expect("erased").await.data, json!({"studentId": "bar"}));
    let mut gone = EventStream::open(&service, "/results", None).await;
    gone.expect("snapshot").await;
    drop(connection);
    for stream in &mut streams {
        let lost = stream.expect("feed").await;
        assert_eq!(lost.data["state"], "reconnecting");
        assert_eq!(lost.id, None);
    }
}

#[tokio::test]
async fn the_state_of_feeds_is_told_when_it_is_lost_and_when_it_is_back() {
    let (service, feed, connection) = service_with(&MEMORY, &[("foo", 3, 0.5)]).await;
    let mut stream = EventStream::open(&service, "/exams/3", None).await;
    stream.expect("snapshot").await;
    connection.close().await;
    assert_eq!(
        stream.expect("feed").await.data,
        json!({"feed": feed.url(), "state": "reconnecting"})
    );
    let mut late = EventStream::open(&service, "/exams/3", None).await;
    late.expect("snapshot").await;
    assert_eq!(late.expect("feed").await.data["state"], "reconnecting", "quiet is broken here");
    let _connection = feed.accept_stream().await;
    for stream in [&mut stream, &mut late] {
        assert_eq!(stream.expect("feed").await.data["state"], "live");
    }
}

#[tokio::test]
async fn a_stream_is_not_stored_nor_held_back_nor_compressed() {
    let (service, _feed, _connection) = service_with(&MEMORY, &[("foo", 3, 0.5)]).await;
    let path = "/exams/3?format=sse";
    let request = service.client().get(service.url(path)).header("accept-encoding", "gzip, br");
    let mut stream = EventStream::of(request.send().await.unwrap());
    stream.expect("snapshot").await;
    assert_eq!(stream.header("cache-control"), Some("no-store"));
    assert_eq!(stream.header("x-accel-buffering"), Some("no"));
    assert_eq!(stream.header("content-encoding"), None);
    assert_eq!(stream.header("etag"), None);
    let head = service.send("HEAD", path, &[]).await;
    assert_eq!((head.status, head.header("content-type")), (200, "text/event-stream"));
    assert!(head.body.is_empty());
}

#[tokio::test]
async fn filters_choose_what_is_sent_and_never_move_an_average() {
    let (service, _feed, mut connection) = service_with(&MEMORY, &[("foo", 3, 0.5)]).await;
    let mut low = EventStream::open(&service, "/exams/3?max_score=0.5", None).await;
    let mut bar = EventStream::open(&service, "/exams/3?student=bar", None).await;
    let mut names = EventStream::open(&service, "/students?q=AR", None).await;
    let mut others = EventStream::open(&service, "/exams?student=bar", None).await;
    let mut sat = EventStream::open(&service, "/students?exam=4", None).await;
    for stream in [&mut low, &mut bar, &mut names, &mut others, &mut sat] {
        stream.expect("snapshot").await;
    }
    let scores = [("foo", 3, 1.0), ("bar", 3, 0.5), ("bar", 4, 1.0), ("baz", 3, 0.0)];
    send(&mut connection, &scores).await;
    assert_eq!(low.expect("result").await.data["averageScore"], 0.75);
    assert_eq!(low.expect("result").await.data["result"]["studentId"], "baz");
    assert_eq!(bar.expect("result").await.data["result"]["studentId"], "bar");
    assert_eq!(names.expect("upsert").await.data["studentId"], "bar");
    assert_eq!(names.expect("upsert").await.data["resultCount"], 2);
    // What is in a list is decided when it is told: a change before the one that brings an exam or
    // a student into the list may be told as well.
    assert_eq!(others.expect("upsert").await.data["exam"], 3);
    while others.expect("upsert").await.data["exam"] != 4 {}
    while sat.expect("upsert").await.data["resultCount"] != 2 {}
}

#[tokio::test]
async fn what_has_no_meaning_in_a_stream_is_refused() {
    let (service, _feed, _connection) = service_with(&MEMORY, &[("foo", 3, 0.5)]).await;
    for query in ["limit=1", "cursor=x", "sort=exam"] {
        let answer = service.get(&format!("/exams?format=sse&{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert_eq!(answer.json()["code"], "invalid-parameter", "{query}");
    }
    for (path, code) in [("/students/bar", "student-not-found"), ("/exams/4", "exam-not-found")] {
        let answer = service.get(&format!("{path}?format=sse")).await;
        assert_eq!((answer.status, &answer.json()["code"]), (404, &json!(code)));
    }
}

#[tokio::test]
async fn silence_is_broken_by_a_comment() {
    let args = [&MEMORY[..], &["--keep-alive", "20ms"]].concat();
    let (service, _feed, mut connection) = service_with(&args, &[("foo", 3, 0.5)]).await;
    let mut stream = EventStream::open(&service, "/exams/3", None).await;
    let first = stream.expect("snapshot").await.id;
    while stream.next_block().await.unwrap().comment.as_deref() != Some("keep-alive") {}
    // What happens elsewhere is not told, but the id to resume from goes on.
    connection.score("foo", 4, 0.5).await;
    let moved = loop {
        if let Some(id) = stream.next_block().await.unwrap().id {
            break id;
        }
    };
    assert_ne!(Some(&moved), first.as_ref());
    assert!(moved.ends_with("-2"), "{moved}");
}

#[tokio::test]
async fn when_all_places_are_taken_the_next_is_told_to_come_back() {
    let args = [&MEMORY[..], &["--subscribers-max", "2"]].concat();
    let (service, _feed, _connection) = service_with(&args, &[("foo", 3, 0.5)]).await;
    let mut first = EventStream::open(&service, "/results", None).await;
    first.expect("snapshot").await;
    let _second = EventStream::open(&service, "/exams/3", None).await;
    let answer = service.get("/exams?format=sse").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("retry-after"), "10");
    assert!(answer.json()["type"].as_str().unwrap().ends_with("#temporary-reduced-capacity"));
    drop(first);
    // The server learns that the first is gone when its connection is closed.
    crate::support::eventually("a place is free", async || {
        let head = service.send("HEAD", "/results?format=sse", &[]).await;
        (head.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn streams_end_cleanly_when_the_service_does() {
    let (service, _feed, _connection) = service_with(&MEMORY, &[("foo", 3, 0.5)]).await;
    let mut streams = Vec::new();
    for path in ["/results", "/exams/3", "/students/foo"] {
        let mut stream = EventStream::open(&service, path, None).await;
        stream.expect("snapshot").await;
        streams.push(stream);
    }
    assert!(service.stop().await.success());
    for mut stream in streams {
        while let Some(event) = stream.next_block().await {
            assert_eq!(event.name, "feed", "{event:?}");
        }
    }
}
