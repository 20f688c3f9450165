//! `gradebook simulate`: what a subscriber gets is what `Stream` says.

use std::collections::HashSet;
use std::time::Duration;

use gradebook::simulate::{FAULT_ONE_IN, Fault, Faults, Stream, StreamSettings};
use gradebook_core::feed_format;
use tokio::time::timeout;

use crate::support::{PATIENCE, Service};

/// As much of the feed as it takes to satisfy `enough`, or all of it when it ends before.
async fn subscribe(
    feed: &Service,
    last_event_id: Option<&str>,
    enough: impl Fn(&[u8]) -> bool,
) -> Vec<u8> {
    let mut request = feed.client().get(feed.url("/scores"));
    if let Some(id) = last_event_id {
        request = request.header("Last-Event-ID", id);
    }
    // A simulated drop may come before the head of the answer has left.
    let Ok(mut answer) = request.send().await else { return Vec::new() };
    assert_eq!(answer.status(), 200);
    let mut bytes = Vec::new();
    while !enough(&bytes) {
        match timeout(PATIENCE, answer.chunk()).await.expect("the feed says nothing") {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) | Err(_) => break,
        }
    }
    bytes
}

/// The bytes of the events after number `after`, without faults on the connection itself.
fn expected(stream: &Stream, after: u64, bytes: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut number = after;
    while out.len() < bytes && Some(number) != stream.last() {
        number += 1;
        stream.push(&mut out, number, stream.fault(number));
    }
    out.truncate(bytes);
    out
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

async fn simulate(args: &[&str]) -> Service {
    Service::start_role("simulate", args).await
}

#[tokio::test]
async fn headers_and_events_are_those_of_the_original_service() {
    let feed = simulate(&["--rate", "0", "--exams", "3", "--end", "close"]).await;
    let answer = feed.get("/any/path?at=all").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "text/event-stream; charset=utf-8");
    assert_eq!(answer.header("cache-control"), "no-cache, no-transform");

    let stream = Stream::new(StreamSettings { exams: Some(3), ..StreamSettings::default() });
    let mut events = stream.events(0);
    let mut exams = Vec::new();
    for event in answer.text().split_terminator("\n\n") {
        let data = event.strip_prefix("event: score\ndata: ").unwrap();
        let members = ["{\"studentId\":\"", "\",\"exam\":1", ",\"score\":0."];
        let places: Vec<usize> = members.map(|member| data.find(member).unwrap()).to_vec();
        assert!(places[0] == 0 && places.is_sorted(), "{data}");
        let score = feed_format::parse(data).unwrap();
        assert_eq!(Some(&score), events.next().as_ref());
        exams.push(score.exam);
    }
    assert_eq!(events.next(), None);
    assert_eq!(exams.len(), 60);
    assert!(exams.chunks(20).all(|exam| exam.iter().all(|number| *number == exam[0])));
    assert!(exams.is_sorted() && exams[0] != exams[20] && exams[20] != exams[40]);
}

#[tokio::test]
async fn scores_are_long_numbers_mostly_between_a_half_and_0_95() {
    let stream = Stream::new(StreamSettings::default());
    let scores: Vec<f64> = stream.events(0).take(10_000).map(|event| event.score.get()).collect();
    let usual = scores.iter().filter(|score| (0.5..=0.95).contains(*score)).count();
    assert!(usual > 9_000, "{usual} of 10000");
    let long = scores.iter().filter(|score| score.to_string().len() >= "0.".len() + 15).count();
    assert!(long > 9_500, "{long} of 10000");
}

#[tokio::test]
async fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let enough = |bytes: &[u8]| bytes.len() >= 300_000;
    let args = ["--rate", "0", "--students", "1000000", "--seed"];
    let one = simulate(&[args.as_slice(), &["5"]].concat()).await;
    let other = simulate(&[args.as_slice(), &["5"]].concat()).await;
    let third = simulate(&[args.as_slice(), &["6"]].concat()).await;
    let bytes = subscribe(&one, None, enough).await;
    let stream =
        Stream::new(StreamSettings { seed: 5, students: 1_000_000, ..StreamSettings::default() });
    assert_eq!(text(&bytes), text(&expected(&stream, 0, bytes.len())));
    for feed in [&one, &other] {
        let again = subscribe(feed, None, enough).await;
        assert_eq!(text(&again[..300_000]), text(&bytes[..300_000]));
    }
    assert_ne!(subscribe(&third, None, enough).await[..300_000], bytes[..300_000]);
}

#[tokio::test]
async fn a_subscriber_with_an_id_gets_exactly_what_follows() {
    let feed = simulate(&["--rate", "0", "--ids", "--exams", "50", "--end", "204"]).await;
    let settings = StreamSettings { ids: true, exams: Some(50), ..StreamSettings::default() };
    let stream = Stream::new(settings);
    for after in [0_u64, 1, 19, 20, 777, 999] {
        let bytes = subscribe(&feed, Some(&after.to_string()), |_| false).await;
        assert!(text(&bytes).starts_with(&format!("event: score\nid: {}\n", after + 1)));
        assert_eq!(text(&bytes), text(&expected(&stream, after, usize::MAX)));
    }
    // Whoever has had everything is told that there is no more; so is a newcomer by now.
    for headers in [[("Last-Event-ID", "1000")].as_slice(), &[]] {
        assert_eq!(feed.send("GET", "/scores", headers).await.status, 204);
    }
}

#[tokio::test]
async fn without_ids_the_id_of_a_subscriber_means_nothing() {
    let feed = simulate(&["--rate", "0", "--exams", "1", "--end", "close"]).await;
    let whole = subscribe(&feed, None, |_| false).await;
    assert!(!text(&whole).contains("id: "));
    assert_eq!(subscribe(&feed, Some("7"), |_| false).await, whole);
}

#[tokio::test]
async fn after_the_last_event_the_connection_is_held_unless_told_otherwise() {
    let feed = simulate(&["--rate", "0", "--exams", "1"]).await;
    let mut answer = feed.client().get(feed.url("/scores")).send().await.unwrap();
    let mut events = 0;
    while events < 20 {
        let chunk = answer.chunk().await.unwrap().unwrap();
        events += text(&chunk).matches("event: score").count();
    }
    let more = timeout(Duration::from_millis(200), answer.chunk()).await;
    assert!(more.is_err(), "neither an event nor an end: {more:?}");
}

#[tokio::test]
async fn scores_of_an_exam_come_in_a_burst_at_the_rate_that_was_asked_for() {
    let feed = simulate(&["--rate", "100", "--students", "25"]).await;
    let started = std::time::Instant::now();
    let count = |bytes: &[u8]| text(bytes).matches("event: score").count();
    let bytes = subscribe(&feed, None, |bytes| count(bytes) >= 75).await;
    assert_eq!(count(&bytes) % 25, 0, "whole bursts");
    // Three bursts of 25 at 100 a second: at 0, 250 and 500 ms.
    assert!(started.elapsed() >= Duration::from_millis(500), "{:?}", started.elapsed());
}

/// Every fault changes the wire as it says, at the events where `Stream` says, and nowhere else;
/// what remains after refused events, repeats and corrections is what was meant.
#[tokio::test]
async fn faults_without_a_broken_connection_are_on_the_wire() {
    let list: Vec<Fault> = Fault::ALL
        .into_iter()
        .filter(|fault| !matches!(fault, Fault::Drops | Fault::Stalls))
        .collect();
    let names: Vec<&str> = list.iter().map(|fault| fault.name()).collect();
    let args =
        ["--rate", "0", "--ids", "--exams", "500", "--end", "close", "--faults", &names.join(",")];
    let feed = simulate(&args).await;
    let bytes = subscribe(&feed, None, |_| false).await;
    let stream = Stream::new(StreamSettings {
        exams: Some(500),
        ids: true,
        faults: Faults::new(&list),
        ..StreamSettings::default()
    });
    let events = stream.last().unwrap();
    assert_eq!(text(&bytes), text(&expected(&stream, 0, usize::MAX)));

    let seen: HashSet<Fault> = (1..=events).filter_map(|number| stream.fault(number)).collect();
    assert_eq!(seen, list.into_iter().collect());
    let faults = (1..=events).filter(|number| stream.fault(*number).is_some()).count() as u64;
    let usual = events / FAULT_ONE_IN;
    assert!((usual / 2..usual * 2).contains(&faults), "{faults} of {events}");
    let wire = text(&bytes);
    for mark in [
        "data: not json\n",
        "\"score\":1.5}",
        ": nothing to see here\n",
        "event: heartbeat\n",
        "event: score\r\nid: ",
        "event: score\rid: ",
        "\",\ndata: \"exam\":",
        "\", score: .",
    ] {
        assert!(wire.contains(mark), "{mark:?} is missing");
    }
}

#[tokio::test]
async fn a_dropped_subscriber_that_resumes_ends_up_with_every_event() {
    let feed =
        simulate(&["--rate", "0", "--ids", "--exams", "50", "--end", "204", "--faults", "drops"])
            .await;
    let settings = StreamSettings { ids: true, exams: Some(50), ..StreamSettings::default() };
    let stream = Stream::new(settings);
    let (mut whole, mut connections) = (Vec::new(), 0);
    let mut last = 0;
    while last < 1_000 {
        let bytes = subscribe(&feed, Some(&last.to_string()), |_| false).await;
        connections += 1;
        // What was torn in the middle of an event is not an event.
        let end = bytes.windows(2).rposition(|pair| pair == b"\n\n").map_or(0, |place| place + 2);
        assert!(end == bytes.len() || !bytes.ends_with(b"\n\n"));
        whole.extend_from_slice(&bytes[..end]);
        last = text(&whole).matches("id: ").count() as u64;
    }
    assert_eq!(text(&whole), text(&expected(&stream, 0, usize::MAX)));
    assert!(connections > 5, "{connections}");
}

#[tokio::test]
async fn a_stall_is_silence_and_then_the_event() {
    let faults = Faults::new(&[Fault::Stalls]);
    let stream = Stream::new(StreamSettings { faults, ..StreamSettings::default() });
    let stalled = (1..).find(|number| stream.fault(*number).is_some()).unwrap();
    let feed = simulate(&["--rate", "0", "--faults", "stalls"]).await;
    let mut answer = feed.client().get(feed.url("/scores")).send().await.unwrap();
    let mut bytes = Vec::new();
    while !text(&bytes).ends_with(": a pause\n\n") {
        bytes.extend_from_slice(&answer.chunk().await.unwrap().unwrap());
    }
    assert_eq!(text(&bytes).matches("event: score").count() as u64, stalled - 1);
    let silent = std::time::Instant::now();
    answer.chunk().await.unwrap().unwrap();
    assert!(silent.elapsed() > gradebook::simulate::STALL / 2, "{:?}", silent.elapsed());
}
