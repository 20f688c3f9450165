//! The data of a `score` event: read or refused, and never with the student in the refusal.
#![no_main]

use gradebook_core::feed_format;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &str| {
    match feed_format::parse(data) {
        Ok(score) => {
            let text = format!(
                r#"{{"exam":{},"studentId":{:?},"score":{}}}"#,
                score.exam,
                "x".repeat(score.student.as_str().len()),
                score.score.get(),
            );
            let again = feed_format::parse(&text).expect("what was read can be written and read");
            assert_eq!((again.exam, again.score), (score.exam, score.score));
        }
        Err(refusal) => assert!(refusal.detail.len() < 500),
    }
});
