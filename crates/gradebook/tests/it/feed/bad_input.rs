//! Ordinary input that is not what one expects, and breaks what is not made for it.

use serde_json::Value;

use super::{Reading, kept_score};

/// Whatever an event holds, the one after it is read.
#[tokio::test]
async fn a_bad_event_is_never_the_end_of_the_stream() {
    let deep = format!("{{\"exam\":{}", "[".repeat(100_000));
    let bad = [
        ("not-json", ""),
        ("not-json", "not json"),
        ("not-json", "{\"exam\":3,\"studentId\":\"foo\","),
        ("not-json", &deep),
        ("not-an-object", r#"[{"exam":3,"studentId":"foo","score":0.5}]"#),
        ("not-an-object", "[]"),
        ("not-an-object", "3"),
        ("not-an-object", "null"),
        ("missing-member", r#"{"exam":3,"studentId":"foo"}"#),
        ("missing-member", "\u{feff}{}"),
        ("wrong-type", r#"{"exam":3,"studentId":"foo","score":null}"#),
        ("wrong-type", r#"{"exam":3,"studentId":"foo","score":"0.5"}"#),
        ("wrong-type", r#"{"exam":"3","studentId":"foo","score":0.5}"#),
        ("wrong-type", r#"{"exam":3,"studentId":null,"score":0.5}"#),
        ("exam-out-of-range", r#"{"exam":-3,"studentId":"foo","score":0.5}"#),
        ("exam-out-of-range", r#"{"exam":3.5,"studentId":"foo","score":0.5}"#),
        ("exam-out-of-range", r#"{"exam":9007199254740992,"studentId":"foo","score":0.5}"#),
        ("student-id-invalid", r#"{"exam":3,"studentId":"","score":0.5}"#),
        ("student-id-invalid", r#"{"exam":3,"studentId":"\u0000","score":0.5}"#),
        ("score-out-of-range", r#"{"exam":3,"studentId":"foo","score":NaN}"#),
        ("score-out-of-range", r#"{"exam":3,"studentId":"foo","score":1.0000000000000002}"#),
        ("score-out-of-range", r#"{"exam":3,"studentId":"foo","score":-0.1}"#),
    ];
    let reading = Reading::start(&[]).await;
    let mut connection = reading.stream().await;
    for (exam, (_, data)) in (0..).zip(bad) {
        connection.send(&format!("id: {exam}\nevent: score\ndata: {data}\n\n")).await;
        connection.score("foo", exam, 0.5).await;
    }
    let expected: Vec<_> = (0..).zip(bad).map(|(exam, _)| kept_score("foo", exam, 0.5)).collect();
    assert_eq!(reading.kept(bad.len()).await, expected);

    let counted = |feeds: &Value| {
        let feed = &feeds["feeds"][0];
        feed["eventsRejected"] == bad.len() && feed["eventsAccepted"] == bad.len()
    };
    reading.service.eventually("/feeds", counted).await;
    let told = reading.service.json("/rejections").await;
    let told: Vec<_> = told["rejections"].as_array().unwrap().iter().rev().collect();
    assert_eq!(told.len(), bad.len());
    for (index, (told, (reason, data))) in told.iter().zip(bad).enumerate() {
        assert_eq!(told["reason"], reason, "{told}");
        assert_eq!(told["eventId"], index.to_string());
        assert_eq!(told["feed"], reading.feed.url());
        assert_eq!(told["data"], data[..data.floor_char_boundary(1_024)]);
        assert!(!told["detail"].as_str().unwrap().contains("foo"), "{told}");
    }
}

#[tokio::test]
async fn unusual_scores_are_kept_as_they_are() {
    let reading = Reading::start(&[]).await;
    let mut connection = reading.stream().await;
    for data in [
        // As the documentation of the feed prints it.
        r#"{"exam": 3, "studentId": "foo", score: .991}"#,
        r#"{"studentId":"Emely_Langworth","exam":10117,"score":0.7316000000000001}"#,
        r#"{"exam":3,"studentId":"zero","score":0}"#,
        r#"{"exam":3,"studentId":"negative zero","score":-0.0}"#,
        r#"{"exam":3.0,"studentId":"one","score":1}"#,
        r#"{"exam":0,"studentId":"a/b","score":0.5}"#,
        r#"{"exam":3,"studentId":"<script>alert(1)</script>","score":0.5}"#,
        r#"{"exam":3,"studentId":"..","score":0.5}"#,
        r#"{"exam":3,"studentId":"Zo\u00eb 名前 \ud83d\ude00","score":0.5}"#,
        r#"{"exam":9007199254740991,"studentId":"'; DROP TABLE entries --","score":5e-324}"#,
        r#"{"score":0.1,"score":0.2,"studentId":"twice","exam":3,"extra":{"a":[1]}}"#,
    ] {
        connection.send_score(data).await;
    }
    let expected = [
        kept_score("foo", 3, 0.991),
        kept_score("Emely_Langworth", 10_117, 0.731_600_000_000_000_1),
        kept_score("zero", 3, 0.0),
        kept_score("negative zero", 3, 0.0),
        kept_score("one", 3, 1.0),
        kept_score("a/b", 0, 0.5),
        kept_score("<script>alert(1)</script>", 3, 0.5),
        kept_score("..", 3, 0.5),
        kept_score("Zoë 名前 😀", 3, 0.5),
        kept_score("'; DROP TABLE entries --", 9_007_199_254_740_991, 5e-324),
        kept_score("twice", 3, 0.2),
    ];
    assert_eq!(reading.kept(expected.len()).await, expected);
}

#[tokio::test]
async fn an_event_may_be_written_in_any_way_the_standard_allows() {
    let score = |exam: u64| format!(r#"{{"exam":{exam},"studentId":"foo","score":0.5}}"#);
    let reading = Reading::start(&[]).await;
    let mut connection = reading.stream().await;
    for stream in [
        format!("\u{feff}event: score\ndata: {}\n\n", score(0)),
        format!("event:score\ndata:{}\n\n", score(1)),
        format!("event: score\r\ndata: {}\r\n\r\n", score(2)),
        format!("event: score\rdata: {}\r\r\n", score(3)),
        format!("event: score\ndata: {}\n\n", score(4).replace(",\"score", ",\ndata: \"score")),
        format!(": keep-alive\n\n:\n\n: keep-alive\nevent: score\ndata: {}\n\n", score(5)),
        format!("data: {}\n\nevent: other\ndata: x\n\n", score(99)),
        format!("id: 6\nretry: 10\nevent: score\nfoo: bar\ndata: {}\n\n", score(6)),
    ] {
        connection.send(&stream).await;
    }
    let expected: Vec<_> = (0..=6).map(|exam| kept_score("foo", exam, 0.5)).collect();
    assert_eq!(reading.kept(expected.len()).await, expected);
}

#[tokio::test]
async fn an_event_may_be_split_across_packets_and_chunks() {
    let event = |exam| {
        format!("event: score\ndata: {{\"exam\":{exam},\"studentId\":\"Zoë\",\"score\":0.5}}\n\n")
    };
    let reading = Reading::start(&[]).await;
    let mut connection = reading.stream().await;
    // Every byte a chunk, every chunk in packets of a byte each.
    for byte in event(1).bytes() {
        for packet in [&b"1"[..], b"\r", b"\n", &[byte], b"\r", b"\n"] {
            connection.send_raw(packet).await;
        }
    }
    // One chunk with an event and a half, then the other half.
    let events = event(2) + &event(3);
    let (first, second) = events.split_at(events.len() - 30);
    connection.send(first).await;
    connection.send(second).await;
    let expected: Vec<_> = (1..=3).map(|exam| kept_score("Zoë", exam, 0.5)).collect();
    assert_eq!(reading.kept(3).await, expected);
}

#[tokio::test]
async fn a_large_event_is_rejected_and_the_next_one_is_read() {
    let reading = Reading::start(&["--feed-event-bytes-max", "1024"]).await;
    let mut connection = reading.stream().await;
    let padded = |exam: u64, size: usize| {
        let data = format!(r#"{{"exam":{exam},"studentId":"foo","score":0.5}}"#);
        data.clone() + &" ".repeat(size - data.len())
    };
    for (exam, size) in [(1, 1_024), (2, 1_025), (3, 1_024), (4, 3_000_000), (5, 1_024)] {
        connection.send_score(&padded(exam, size)).await;
    }
    let expected = [1, 3, 5].map(|exam| kept_score("foo", exam, 0.5));
    assert_eq!(reading.kept(3).await, expected);
    let told = reading.service.json("/rejections").await;
    for rejection in told["rejections"].as_array().unwrap() {
        assert_eq!(rejection["reason"], "event-too-large");
        assert_eq!(rejection["detail"], "the event has more than 1024 bytes");
    }
    assert_eq!(told["rejections"].as_array().unwrap().len(), 2);
}
