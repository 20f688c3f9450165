//! The service on a feed where everything goes wrong that can.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use gradebook::simulate::{Fault, Faults, Stream, StreamSettings};

use crate::support::Service;

const EXAMS: u64 = 100;

/// Malformed and impossible events are refused and counted, repeats and corrections are folded,
/// broken connections are resumed: what is served is the stream that was meant.
#[tokio::test]
async fn whatever_goes_wrong_on_the_feed_what_is_served_is_what_was_meant() {
    let stream = Stream::new(StreamSettings {
        seed: 1,
        exams: Some(EXAMS),
        ids: true,
        faults: Faults::new(&Fault::ALL),
        ..StreamSettings::default()
    });
    let faults: Vec<Fault> = (1..=stream.last().unwrap()).filter_map(|n| stream.fault(n)).collect();
    let kinds: HashSet<Fault> = faults.iter().copied().collect();
    assert_eq!(kinds.len(), Fault::ALL.len(), "the seed was chosen to have all of them");

    let exams = EXAMS.to_string();
    let args = ["--rate", "0", "--seed", "1", "--exams", &exams, "--ids", "--faults", "all"];
    let feed = Service::start_role("simulate", &[&args[..], &["--end", "204"]].concat()).await;
    let url = feed.url("/scores");
    let args = ["--journal", "memory:", "--reconnect-delay", "10ms", "--feed", &url];
    let service = Service::start(&args).await;
    let feeds = service.eventually("/feeds", |body| body["feeds"][0]["state"] == "stopped").await;

    let count = |kinds: &[Fault]| faults.iter().filter(|fault| kinds.contains(fault)).count();
    let status = &feeds["feeds"][0];
    assert_eq!(status["eventsRejected"], count(&[Fault::Malformed, Fault::OutOfRange]), "{status}");
    assert_eq!(status["eventsIgnored"], count(&[Fault::OtherEvents]), "{status}");

    let mut wanted: BTreeMap<String, BTreeSet<(u64, String)>> = BTreeMap::new();
    for event in stream.events(0) {
        let result = (event.exam.get(), event.score.get().to_string());
        wanted.entry(event.student.to_string()).or_default().insert(result);
    }
    let list = service.json("/students").await;
    let ids: Vec<&str> = list["students"].as_array().unwrap().iter().map(id).collect();
    assert_eq!(ids, wanted.keys().map(String::as_str).collect::<Vec<_>>());
    for (student, results) in &wanted {
        let body = service.json(&format!("/students/{student}")).await;
        let found: BTreeSet<(u64, String)> = body["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|result| (result["exam"].as_u64().unwrap(), result["score"].to_string()))
            .collect();
        assert_eq!(&found, results, "{student}");
    }
}

fn id(item: &serde_json::Value) -> &str {
    item["studentId"].as_str().unwrap()
}
