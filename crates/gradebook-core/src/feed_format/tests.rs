//! What is read, and what is refused why.

use proptest::prelude::*;

use super::*;

/// Data, and the reason and a part of the detail of its refusal.
const REFUSED: &[(&str, RejectionReason, &str)] = &[
    ("", RejectionReason::NotJson, "EOF while parsing a value at line 1 column 0"),
    ("foo", RejectionReason::NotJson, "expected ident at line 1 column 2"),
    (
        r#"{"exam":3,"studentId":"foo","score":"#,
        RejectionReason::NotJson,
        "EOF while parsing a value",
    ),
    (r#"{"exam":3,"studentId":"foo","score":1}}"#, RejectionReason::NotJson, "trailing characters"),
    (r#"{"exam":03,"studentId":"foo","score":1}"#, RejectionReason::NotJson, "invalid number"),
    (r#"{"exam":3,"studentId":"\ud800","score":1}"#, RejectionReason::NotJson, "hex escape"),
    (r#"[3,"foo",0.5]"#, RejectionReason::NotAnObject, "the data is an array, not an object"),
    ("[[[[]]]]", RejectionReason::NotAnObject, "the data is an array"),
    ("'foo'", RejectionReason::NotAnObject, "the data is a string"),
    ("3", RejectionReason::NotAnObject, "the data is a number"),
    ("-3", RejectionReason::NotAnObject, "the data is a number"),
    ("0.5", RejectionReason::NotAnObject, "the data is a number"),
    ("NaN", RejectionReason::NotAnObject, "the data is a number"),
    ("true", RejectionReason::NotAnObject, "the data is a boolean"),
    ("null", RejectionReason::NotAnObject, "the data is null"),
    ("{}", RejectionReason::MissingMember, "there is no member `exam`"),
    (
        r#"{"exam":[],"studentId":"foo"}"#,
        RejectionReason::MissingMember,
        "there is no member `score`",
    ),
    (r#"{"exam":3,"studentid":"foo","score":1}"#, RejectionReason::MissingMember, "`studentId`"),
    (
        r#"{"exam":"3","studentId":"foo","score":1}"#,
        RejectionReason::WrongType,
        "`exam` is a string, not a number",
    ),
    (r#"{"exam":null,"studentId":"foo","score":1}"#, RejectionReason::WrongType, "`exam` is null"),
    (
        r#"{"exam":3,"studentId":7,"score":1}"#,
        RejectionReason::WrongType,
        "`studentId` is a number, not a string",
    ),
    (
        r#"{"exam":3,"studentId":-7.5,"score":1}"#,
        RejectionReason::WrongType,
        "`studentId` is a number",
    ),
    (
        r#"{"exam":3,"studentId":"foo","score":null}"#,
        RejectionReason::WrongType,
        "`score` is null, not a number",
    ),
    (
        r#"{"exam":3,"studentId":"foo","score":"0.5"}"#,
        RejectionReason::WrongType,
        "`score` is a string",
    ),
    (
        r#"{"exam":3,"studentId":"foo","score":true}"#,
        RejectionReason::WrongType,
        "`score` is a boolean",
    ),
    (
        r#"{"exam":3,"studentId":"foo","score":[1]}"#,
        RejectionReason::WrongType,
        "`score` is an array",
    ),
    (
        r#"{"exam":3,"studentId":"foo","score":{"a":1}}"#,
        RejectionReason::WrongType,
        "`score` is an object",
    ),
    (
        r#"{"exam":-1,"studentId":"foo","score":1}"#,
        RejectionReason::ExamOutOfRange,
        "-1 is not an integer from 0",
    ),
    (
        r#"{"exam":3.5,"studentId":"foo","score":1}"#,
        RejectionReason::ExamOutOfRange,
        "3.5 is not an integer",
    ),
    (
        r#"{"exam":9007199254740992,"studentId":"foo","score":1}"#,
        RejectionReason::ExamOutOfRange,
        "9007199254740992",
    ),
    (r#"{"exam":1e300,"studentId":"foo","score":1}"#, RejectionReason::ExamOutOfRange, "1000"),
    (
        r#"{"exam":NaN,"studentId":"foo","score":1}"#,
        RejectionReason::ExamOutOfRange,
        "NaN is not an integer",
    ),
    (
        r#"{"exam":3,"studentId":"","score":1}"#,
        RejectionReason::StudentIdInvalid,
        "at least one character",
    ),
    (
        r#"{"exam":3,"studentId":"foo\u0000","score":1}"#,
        RejectionReason::StudentIdInvalid,
        "control characters",
    ),
    (
        r#"{"exam":3,"studentId":"foo","score":1.5}"#,
        RejectionReason::ScoreOutOfRange,
        "1.5 is not within 0 and 1",
    ),
    (
        r#"{"exam":3,"studentId":"foo","score":2}"#,
        RejectionReason::ScoreOutOfRange,
        "2 is not within 0 and 1",
    ),
    (
        r#"{"exam":3,"studentId":"foo","score":-1}"#,
        RejectionReason::ScoreOutOfRange,
        "-1 is not within 0 and 1",
    ),
    (
        r#"{"exam":3,"studentId":"foo","score":1e999}"#,
        RejectionReason::ScoreOutOfRange,
        "inf is not within",
    ),
    (
        r#"{"exam":3,"studentId":"foo","score":NaN}"#,
        RejectionReason::ScoreOutOfRange,
        "NaN is not within",
    ),
    (
        r#"{"exam":3,"studentId":"foo","score":-Infinity}"#,
        RejectionReason::ScoreOutOfRange,
        "-inf is not",
    ),
];

fn read(data: &str) -> (String, u64, f64) {
    let FeedScore { student, exam, score } = parse(data).unwrap_or_else(|refusal| {
        panic!("{data}: {refusal}");
    });
    (student.to_string(), exam.get(), score.get())
}

fn foo_3(score: f64) -> (String, u64, f64) {
    ("foo".to_owned(), 3, score)
}

#[test]
fn members_are_read_in_any_order_and_others_are_ignored() {
    for data in [
        r#"{"studentId":"foo","exam":3,"score":0.991}"#,
        r#"{"score":0.991,"exam":3,"studentId":"foo"}"#,
        r#" { "exam" : 3 , "score" : 991e-3 , "studentId" : "foo" } "#,
        r#"{"exam":3,"at":[{"a":1e999}],"studentId":"foo","Score":2,"score":0.991,"x":null}"#,
        r#"{"\u0065xam":3,"studentId":"\u0066oo","score":0.991}"#,
        "{\"exam\":3,\n\"studentId\":\"foo\",\n\"score\":0.991}",
    ] {
        assert_eq!(read(data), foo_3(0.991));
    }
}

#[test]
fn of_a_member_that_is_there_twice_the_last_one_counts() {
    let data = r#"{"exam":"x","score":7,"studentId":"bar","studentId":"foo","score":1,"exam":3}"#;
    assert_eq!(read(data), foo_3(1.0));
    let data = r#"{"exam":3,"studentId":"foo","score":1,"score":"1"}"#;
    assert_eq!(parse(data).unwrap_err().reason, RejectionReason::WrongType);
}

#[test]
fn exams_may_be_spelt_in_any_way_that_is_an_integer() {
    for (text, exam) in [
        ("0", 0),
        ("-0", 0),
        ("3", 3),
        ("3.0", 3),
        ("3e0", 3),
        ("0.3E+1", 3),
        ("9007199254740991", EXAM_NUMBER_MAX),
        ("9007199254740991.0", EXAM_NUMBER_MAX),
    ] {
        let data = format!(r#"{{"exam":{text},"studentId":"foo","score":0}}"#);
        assert_eq!(read(&data), ("foo".to_owned(), exam, 0.0));
    }
}

#[test]
fn what_the_documentation_of_the_feed_prints_is_read() {
    for data in [
        r#"{"exam": 3, "studentId": "foo", score: .991}"#,
        "{exam: 3, studentId: 'foo', score: .991,}",
        "{exam: 0x3, studentId: 'foo', score: +.991} // a comment",
    ] {
        assert_eq!(read(data), foo_3(0.991));
    }
}

#[test]
fn negative_zero_is_zero() {
    for zero in ["0", "-0", "-0.0", "-0e5", "1e-999", "-1e-999"] {
        let data = format!(r#"{{"exam":3,"studentId":"foo","score":{zero}}}"#);
        assert_eq!(parse(&data).unwrap().score.to_bits(), 0, "{zero}");
    }
}

#[test]
fn every_refusal_has_its_reason_and_a_detail_without_the_student() {
    for (data, reason, detail) in REFUSED {
        let refusal = parse(data).expect_err(data);
        assert_eq!(refusal.reason, *reason, "{data}: {refusal}");
        assert!(refusal.detail.contains(detail), "{data}: {refusal}");
        assert!(!refusal.detail.contains("foo"), "{refusal}");
    }
}

#[test]
fn a_student_id_that_is_too_long_is_refused() {
    let data = format!(r#"{{"exam":3,"studentId":"{}","score":1}}"#, "x".repeat(513));
    let refusal = parse(&data).unwrap_err();
    assert_eq!(refusal.reason, RejectionReason::StudentIdInvalid);
    assert!(refusal.detail.contains("512 bytes"), "{refusal}");
}

/// Far more levels than any stack has room for, in every place where a value can stand.
#[test]
fn deep_nesting_is_refused_or_ignored_and_never_overflows_the_stack() {
    for depth in [TOLERANT_BRACKETS_MAX, 127, 129, 5_000, TOLERANT_BYTES_MAX / 2, 500_000] {
        let open = "[".repeat(depth);
        let nested = format!("{open}{}", "]".repeat(depth));
        assert_eq!(parse(&open).unwrap_err().reason, RejectionReason::NotJson);
        assert_eq!(parse(&nested).unwrap_err().reason, RejectionReason::NotAnObject);
        let objects = "{a:".repeat(depth);
        assert_eq!(parse(&objects).unwrap_err().reason, RejectionReason::NotJson);
        let data = format!(r#"{{"exam":3,"studentId":"foo","score":1,"x":{nested}}}"#);
        assert_eq!(read(&data), foo_3(1.0));
        let data = format!(r#"{{"exam":3,"studentId":"foo","score":{nested}}}"#);
        assert_eq!(parse(&data).unwrap_err().reason, RejectionReason::WrongType);
    }
}

#[test]
fn tolerant_reading_is_for_small_data_only() {
    let padded = |size: usize| {
        let data = "{exam:3,studentId:'foo',score:.991}";
        format!("{data}{}", " ".repeat(size - data.len()))
    };
    assert_eq!(read(&padded(TOLERANT_BYTES_MAX)), foo_3(0.991));
    let refusal = parse(&padded(TOLERANT_BYTES_MAX + 1)).unwrap_err();
    assert_eq!(refusal.reason, RejectionReason::NotJson);
}

/// `serde_json` without its feature `float_roundtrip` reads some of these one unit in the last
/// place off.
#[test]
fn hard_doubles_are_read_exactly() {
    for text in [
        "0.9226171232503297",
        "0.9307023266571021",
        "0.9049183251602091",
        "0.9390175330180475",
        "0.9441723730676117",
    ] {
        let data = format!(r#"{{"exam":3,"studentId":"foo","score":{text}}}"#);
        assert_eq!(read(&data), foo_3(text.parse().unwrap()));
    }
}

proptest! {
    #[test]
    fn scores_come_out_as_the_double_that_went_in(
        bits in 0..=1f64.to_bits(),
        digits in 15usize..25,
    ) {
        let score = f64::from_bits(bits);
        for text in [format!("{score}"), format!("{score:e}"), format!("{score:.digits$}")] {
            let data = format!(r#"{{"exam":3,"studentId":"foo","score":{text}}}"#);
            prop_assert_eq!(read(&data), foo_3(text.parse().unwrap()));
        }
    }

    #[test]
    fn any_text_is_read_or_refused(data in ".*", cut in 0usize..60) {
        parse(&data).ok();
        let known = r#"{"exam":3,"studentId":"Zoë\n","score":.991, x:[{}]}"#;
        let cut = known.floor_char_boundary(cut);
        let mixed = format!("{}{data}{}", &known[..cut], &known[cut..]);
        parse(&mixed).ok();
    }
}
