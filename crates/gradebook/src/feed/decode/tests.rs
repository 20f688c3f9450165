//! Event streams as they come: WHATWG HTML §9.2.6, and what feeds make of it.

use proptest::prelude::*;

use super::*;

const LIMIT: u32 = 1 << 10;

/// `foo` has 0.5 in exam 3.
const SCORE: &str = r#"{"exam":3,"studentId":"foo","score":0.5}"#;

/// What a stream has come to.
#[derive(Clone, Debug, Default, PartialEq)]
struct Outcome {
    scores: Vec<(String, u64, f64)>,
    /// Reason, data, and the id at the time.
    rejected: Vec<(RejectionReason, String, Option<String>)>,
    ignored: u64,
    retry_ms: Option<u128>,
    last_event_id: Option<String>,
}

/// One decoder over pieces of a stream.
fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut decoder = Decoder::new(LIMIT, None);
    let mut outcome = Outcome::default();
    for piece in pieces {
        let mut bytes = Bytes::copy_from_slice(piece);
        while !bytes.is_empty() {
            let decoded = decoder.decode(&mut bytes);
            assert!(decoded.scores.len() + decoded.rejected.len() <= DELIVERY_SCORES_MAX);
            let scores = decoded.scores.into_iter();
            outcome.scores.extend(scores.map(|FeedScore { student, exam, score }| {
                (student.to_string(), exam.get(), score.get())
            }));
            let rejected = decoded.rejected.into_iter();
            outcome.rejected.extend(rejected.map(|event| {
                (event.refusal.reason, event.data, event.event_id.map(|id| id.to_string()))
            }));
            outcome.ignored += decoded.ignored;
            outcome.retry_ms = decoded.retry.map(|retry| retry.as_millis()).or(outcome.retry_ms);
        }
    }
    outcome.last_event_id = decoder.last_event_id().map(ToString::to_string);
    outcome
}

/// Decodes `stream` whole, in two pieces at every place, and byte by byte, always to the same end.
fn decode_in_pieces(stream: &[u8]) -> Outcome {
    let whole = decode([stream]);
    for cut in 0..=stream.len() {
        let (first, second) = stream.split_at(cut);
        assert_eq!(decode([first, second]), whole, "cut at {cut}");
    }
    assert_eq!(decode(stream.chunks(1)), whole, "byte by byte");
    whole
}

fn foo_3(times: usize) -> Outcome {
    Outcome { scores: vec![("foo".to_owned(), 3, 0.5); times], ..Outcome::default() }
}

#[test]
fn one_score_is_read_however_its_event_is_written() {
    let data_in_two_lines = SCORE.replace(",\"score\"", ",\ndata: \"score\"");
    for stream in [
        format!("event: score\ndata: {SCORE}\n\n"),
        format!("event:score\ndata:{SCORE}\n\n"),
        format!("data:{SCORE}\nevent:score\n\n"),
        format!("event: score\rdata: {SCORE}\r\r"),
        format!("event: score\r\ndata: {SCORE}\r\n\r\n"),
        format!("event: score\r\ndata: {SCORE}\n\r"),
        format!("\u{feff}event: score\ndata: {SCORE}\n\n"),
        format!(": keep-alive\n\n:\n\nevent: score\n: a comment\ndata: {SCORE}\n\n: more"),
        format!("\n\n\r\n\revent: score\ndata: {SCORE}\n\n\n\n"),
        format!("event: score\ndata: {data_in_two_lines}\n\n"),
        format!("event: score\ndata:\ndata\ndata:   {SCORE}\ndata:\n\n"),
        format!("event: other\nevent: score\ndata: {SCORE}\n\n"),
        format!("foo: bar\nevents: other\nDATA: x\nevent: score\ndatas\ndata: {SCORE}\n\n"),
        format!("event: score\n\nevent: score\ndata: {SCORE}\n\n"),
        format!("event: score\ndata: {SCORE}\n\nevent: score\ndata: {SCORE}\n"),
        format!("event: score\ndata: {SCORE}\n\nevent: score\ndata: {SCORE}"),
    ] {
        assert_eq!(decode_in_pieces(stream.as_bytes()), foo_3(1), "{stream:?}");
    }
}

#[test]
fn events_of_another_type_are_counted_and_not_read() {
    for (stream, ignored) in [
        (format!("data: {SCORE}\n\n"), 1),
        (format!("event: message\ndata: {SCORE}\n\nevent: Score\ndata: {SCORE}\n\n"), 2),
        (format!("event: score\nevent\ndata: {SCORE}\n\n"), 1),
        (format!("event: score \ndata: {SCORE}\n\n"), 1),
        (format!(" event: score\ndata: {SCORE}\n\n"), 1),
        (format!("\u{feff}\u{feff}event: score\ndata: {SCORE}\n\n"), 1),
        ("event: score\n\ndata: x\n\n".to_owned(), 1),
        ("event: other\n\n".to_owned(), 0),
    ] {
        let expected = Outcome { ignored, ..Outcome::default() };
        assert_eq!(decode_in_pieces(stream.as_bytes()), expected, "{stream:?}");
    }
}

#[test]
fn data_is_what_the_standard_says() {
    for (stream, data) in [
        ("event: score\ndata\n\n", ""),
        ("event: score\ndata:\n\n", ""),
        ("event: score\ndata: \n\n", ""),
        ("event: score\ndata:  x \n\n", " x "),
        ("event: score\ndata: x\ndata:\ndata: y\n\n", "x\n\ny"),
        ("event: score\ndata:\ndata:\n\n", "\n"),
        ("event: score\ndata: a:b: c\n\n", "a:b: c"),
        ("event: score\ndata: \u{feff}Zoë\0\n\n", "\u{feff}Zoë\0"),
    ] {
        let rejected = vec![(RejectionReason::NotJson, data.to_owned(), None)];
        let expected = Outcome { rejected, ..Outcome::default() };
        assert_eq!(decode_in_pieces(stream.as_bytes()), expected, "{stream:?}");
    }
    let outcome = decode_in_pieces(b"event: score\ndata: \xff\xc3\n\n");
    assert_eq!(outcome.rejected[0].1, "\u{fffd}\u{fffd}");
}

#[test]
fn ids_are_those_of_the_last_complete_event() {
    for (stream, id) in [
        ("data: x\n\n", None),
        ("id: 1\ndata: x\n\n", Some("1")),
        ("id:1\n\n", Some("1")),
        ("id: 1\ndata: x\n\ndata: y\n\n", Some("1")),
        ("id: 1\ndata: x\n\nid: 2\ndata: y\n", Some("1")),
        ("id: 1\ndata: x\n\nid: 2\ndata: y\nid: 3\n\n", Some("3")),
        ("id: 1\ndata: x\n\nid: 2\0\ndata: y\n\n", Some("1")),
        ("id: 1\ndata: x\n\nid\ndata: y\n\n", None),
        ("id: 1\ndata: x\n\nid:\n\n", None),
        ("id:  Zoë \ndata: x\n\n", Some(" Zoë ")),
        ("id: 1\ndata: x\n\nid: \u{1}\ndata: y\n\n", None),
        ("id: 1\nevent: score\ndata: x\n\n", Some("1")),
        ("id: 1\nevent: other\ndata: x\n\n", Some("1")),
    ] {
        let outcome = decode_in_pieces(stream.as_bytes());
        assert_eq!(outcome.last_event_id.as_deref(), id, "{stream:?}");
    }
    let long = "x".repeat(EVENT_ID_BYTES_MAX);
    let mut decoder = Decoder::new(1 << 20, None);
    decoder.decode(&mut Bytes::from(format!("id: {long}\n\n")));
    assert_eq!(decoder.last_event_id().map(|id| id.len()), Some(EVENT_ID_BYTES_MAX));
    assert!(!decoder.has_unusable_id());
    decoder.decode(&mut Bytes::from(format!("id: {long}x\n\n")));
    assert_eq!(decoder.last_event_id(), None);
    assert!(decoder.has_unusable_id());
}

#[test]
fn retry_is_a_whole_number_of_milliseconds() {
    for (stream, retry_ms) in [
        ("retry: 3000\n\n", Some(3_000)),
        ("retry: 3000\n", Some(3_000)),
        ("retry:0\n", Some(0)),
        ("retry: 1\nretry: 2\n", Some(2)),
        ("retry: 1\nretry: x\n", Some(1)),
        ("retry: 1s\n", None),
        ("retry: -1\n", None),
        ("retry: 1.5\n", None),
        ("retry:\n", None),
        ("retry\n", None),
        ("retry: 99999999999999999999\n", None),
    ] {
        let expected = Outcome { retry_ms, ..Outcome::default() };
        assert_eq!(decode_in_pieces(stream.as_bytes()), expected, "{stream:?}");
    }
}

#[test]
fn an_event_that_is_too_large_is_rejected_once_and_the_next_one_is_read() {
    let large = "x".repeat(LIMIT as usize + 1);
    let half = "x".repeat(LIMIT as usize / 2);
    for event in [
        format!("id: 1\nevent: score\ndata: {large}\nid: 2\n"),
        format!("id: 1\ndata: {large}{large}{large}\nevent: score\nid: 2\ndata: {large}\n"),
        format!("data: {half}\ndata: {half}\ndata: x\n"),
        format!("{}\n", "data\n".repeat(LIMIT as usize + 2)),
        format!("event: {large}\ndata: x\n"),
        format!("id: {large}\ndata: x\n"),
    ] {
        let stream = format!("id: 0\n\n{event}\nevent: score\ndata: {SCORE}\n\n");
        let id = Some("0".to_owned());
        let rejected = vec![(RejectionReason::EventTooLarge, String::new(), id.clone())];
        let expected = Outcome { rejected, last_event_id: id, ..foo_3(1) };
        assert_eq!(decode([stream.as_bytes()]), expected);
        assert_eq!(decode(stream.as_bytes().chunks(1)), expected);
    }
}

#[test]
fn comments_and_unknown_fields_have_no_limit() {
    let large = "x".repeat(3 * LIMIT as usize);
    let stream = format!("event: score\n:{large}\nfoo: {large}\n{large}\ndata: {SCORE}\n\n");
    assert_eq!(decode([stream.as_bytes()]), foo_3(1));
}

#[test]
fn data_of_a_rejection_is_cut_between_characters() {
    let stream = format!("event: score\ndata: {}\n\n", "ë".repeat(511) + "xëyz");
    let mut decoder = Decoder::new(1 << 20, None);
    let decoded = decoder.decode(&mut Bytes::from(stream));
    assert_eq!(decoded.rejected[0].data, "ë".repeat(511) + "x");
    assert!(decoded.rejected[0].data.len() <= REJECTION_DATA_BYTES_MAX);
}

#[test]
fn a_new_connection_drops_what_was_incomplete_and_keeps_the_id() {
    let mut decoder = Decoder::new(LIMIT, Some(Arc::from("7")));
    assert_eq!(decoder.last_event_id().map(|id| &**id), Some("7"));
    let mut decode = |text: &str| {
        let decoded = decoder.decode(&mut Bytes::copy_from_slice(text.as_bytes()));
        decoder.reconnect();
        (decoded.scores.len(), decoder.last_event_id().map(ToString::to_string))
    };
    assert_eq!(decode("id: 8\nevent: score\ndata: {"), (0, Some("7".to_owned())));
    let rest = format!("\u{feff}event: score\ndata: {SCORE}\n\nid: 9\n");
    assert_eq!(decode(&rest), (1, Some("7".to_owned())));
    assert_eq!(decode("data: x\n\n"), (0, Some("7".to_owned())));
}

/// An event that follows a large one must not carry the large one's memory around.
#[test]
fn buffers_shrink_after_a_large_event() {
    let mut decoder = Decoder::new(1 << 20, None);
    let spaces = " ".repeat(1 << 19);
    let mut bytes = Bytes::from(format!("event: score\ndata: {spaces}{SCORE}\n\n"));
    assert_eq!(decoder.decode(&mut bytes).scores.len(), 1);
    let mut bytes = Bytes::from(format!("event: score\ndata: {SCORE}\n\n"));
    match decoder.events.next(&mut bytes) {
        Some(Ok(SseEvent::Message(event))) => assert!(event.data.capacity() < 200),
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_call_gives_no_more_than_a_delivery_may_have() {
    let event = format!("event: score\ndata: {SCORE}\n\n");
    let mut bytes = Bytes::from(event.repeat(DELIVERY_SCORES_MAX + 1));
    let mut decoder = Decoder::new(LIMIT, None);
    assert_eq!(decoder.decode(&mut bytes).scores.len(), DELIVERY_SCORES_MAX);
    assert_eq!(decoder.decode(&mut bytes).scores.len(), 1);
    assert!(bytes.is_empty());
}

/// Lines and ends of lines that matter, and some that do not.
fn line() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just("event: score".to_owned()),
        Just(format!("data: {SCORE}")),
        Just(String::new()),
        "(id|data|event|retry|:)(: ?)?[0-9a-zë\0{} ]{0,8}",
    ];
    let end = prop_oneof![Just("\n"), Just("\r"), Just("\r\n")];
    (line, end).prop_map(|(line, end)| line + end)
}

proptest! {
    #[test]
    fn how_a_stream_is_split_does_not_matter(
        lines in prop::collection::vec(line(), 0..40),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let stream = lines.concat();
        let stream = stream.as_bytes();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.push(0);
        cuts.push(stream.len());
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]);
        prop_assert_eq!(decode(pieces), decode([stream]));
    }

    #[test]
    fn any_bytes_are_decoded(stream in prop::collection::vec(any::<u8>(), 0..2_000)) {
        decode([&stream[..]]);
    }
}
