//! Every row of the table of errors, and `/problems/{code}`.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Held, Service, eventually};

const SCORES: [(&str, u64, f64); 1] = [("foo", 3, 0.991)];

/// The table of errors in docs/api.md, row by row: status, code, and the test that sees it, with
/// its file.
const ROWS: &[(u16, &str, &str, &str)] = &[
    (400, "unknown-parameter", "tests/it/problems.rs", "every_mistake_in_a_query_is_named"),
    (400, "invalid-parameter", "tests/it/problems.rs", "every_mistake_in_a_query_is_named"),
    (400, "duplicate-parameter", "tests/it/problems.rs", "every_mistake_in_a_query_is_named"),
    (400, "invalid-cursor", "tests/it/problems.rs", "every_mistake_in_a_query_is_named"),
    (400, "malformed-path", "tests/it/students.rs", "paths_are_read_as_they_are_written"),
    (401, "–", "tests/it/access.rs", "resources_want_a_token_of_the_right_scope"),
    (403, "insufficient-scope", "tests/it/access.rs", "resources_want_a_token_of_the_right_scope"),
    (404, "student-not-found", "tests/it/problems.rs", "what_is_not_there_is_not_found"),
    (404, "exam-not-found", "tests/it/problems.rs", "what_is_not_there_is_not_found"),
    (404, "–", "tests/it/problems.rs", "what_is_not_there_is_not_found"),
    (405, "–", "tests/it/representations.rs", "every_method_is_answered_on_every_path"),
    (
        406,
        "not-acceptable",
        "tests/it/representations.rs",
        "the_format_parameter_goes_before_the_header",
    ),
    (
        412,
        "precondition-failed",
        "tests/it/access.rs",
        "an_erased_student_is_gone_everywhere_and_averages_follow",
    ),
    (413, "–", "tests/it/access.rs", "a_browser_signs_in_with_a_form_and_gets_a_session"),
    (414, "–", "tests/it/problems.rs", "a_target_has_at_most_8_kib"),
    (429, "quota-exceeded", "tests/it/access.rs", "a_quota_is_told_and_kept"),
    (431, "–", "tests/it/access.rs", "heads_have_bounds"),
    (
        500,
        "–",
        "src/http/tests.rs",
        "a_request_that_panics_is_answered_with_500_and_says_nothing_of_it",
    ),
    (
        503,
        "temporary-reduced-capacity",
        "tests/it/live.rs",
        "when_all_places_are_taken_the_next_is_told_to_come_back",
    ),
    (
        503,
        "deadline-exceeded",
        "tests/it/erasure.rs",
        "an_erasure_that_the_journal_does_not_answer_is_not_waited_for_and_may_still_happen",
    ),
    (503, "–", "tests/it/problems.rs", "a_service_that_is_not_ready_says_why"),
];

#[test]
fn every_row_of_the_table_of_errors_has_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("../../docs/api.md")).unwrap();
    let (_, problems) = text.split_once("\n## Problems\n").unwrap();
    let mut documented = Vec::new();
    for line in problems.lines().take_while(|line| !line.starts_with("## ")) {
        let mut cells = line.split('|').skip(1).map(str::trim);
        let Some(status) = cells.next().and_then(|cell| cell.parse::<u16>().ok()) else { continue };
        let codes = cells.next().unwrap().split(", ").map(|code| code.trim_matches('`'));
        documented.extend(codes.map(|code| (status, code.to_owned())));
    }
    let rows: Vec<_> =
        ROWS.iter().map(|(status, code, ..)| (*status, (*code).to_owned())).collect();
    assert_eq!(documented, rows);
    for (status, code, file, test) in ROWS {
        let source = std::fs::read_to_string(root.join(file)).unwrap();
        assert!(source.contains(&format!("fn {test}()")), "{status} {code}: no {test} in {file}");
    }
}

#[tokio::test]
async fn every_mistake_in_a_query_is_named() {
    let held = Held::new(&SCORES).await;
    for (path, code, parameter) in [
        ("/students?examid=3", "unknown-parameter", "examid"),
        ("/students?EXAM=3", "unknown-parameter", "EXAM"),
        ("/students?exam=3&x&y=", "unknown-parameter", "x"),
        ("/exams/3?q=foo", "unknown-parameter", "q"),
        ("/feeds?limit=1", "unknown-parameter", "limit"),
        ("/healthz?x=1", "unknown-parameter", "x"),
        ("/students?limit=1&limit=1", "duplicate-parameter", "limit"),
        ("/students?exam=1&exam_id=2", "duplicate-parameter", "exam_id"),
        ("/students?student_name=a&student_id=b", "duplicate-parameter", "student_id"),
        ("/students?exam=abc", "invalid-parameter", "exam"),
        ("/students?exam_id=abc", "invalid-parameter", "exam_id"),
        ("/students?exam=''", "invalid-parameter", "exam"),
        ("/students?student=%00", "invalid-parameter", "student"),
        ("/students?sort=score", "invalid-parameter", "sort"),
        ("/students?sort=--studentId", "invalid-parameter", "sort"),
        ("/exams/3?min_score=2", "invalid-parameter", "min_score"),
        ("/exams/3?min_score=NaN", "invalid-parameter", "min_score"),
        ("/exams/3?max_score=x", "invalid-parameter", "max_score"),
        ("/exams/3?min_score=0.5&max_score=0.4", "invalid-parameter", "min_score"),
        ("/exams/3?since=yesterday", "invalid-parameter", "since"),
        ("/exams/3?include=everything", "invalid-parameter", "include"),
        ("/students?format=JSON", "invalid-parameter", "format"),
        ("/students?exam=%zz", "invalid-parameter", "exam"),
        ("/students?student=%ff", "invalid-parameter", "student"),
        ("/students?cursor=abc", "invalid-cursor", "cursor"),
    ] {
        let answer = held.service.get(path).await;
        let problem = answer.json();
        assert_eq!((answer.status, &problem["code"]), (400, &json!(code)), "{path}");
        assert_eq!(problem["errors"][0]["parameter"], parameter, "{path}");
        assert_eq!(problem["type"], format!("/problems/{code}"));
    }
}

#[tokio::test]
async fn an_unknown_parameter_is_answered_with_what_was_meant() {
    let held = Held::new(&SCORES).await;
    let answer = held.service.get("/students/foo?examid=3").await;
    let mut problem = answer.json();
    let instance = problem["instance"].take();
    let id = answer.header("x-request-id");
    assert_eq!(instance, format!("urn:uuid:{id}"));
    let expected = json!({
        "type": "/problems/unknown-parameter", "title": "Unknown query parameter", "status": 400,
        "code": "unknown-parameter",
        "detail": "Parameter 'examid' is not defined on /students/{id}. Did you mean 'exam_id'?",
        "errors": [{ "parameter": "examid", "detail": "not defined here" }],
        "allowed": ["cursor", "exam", "exam_id", "format", "include", "last_event_id", "limit",
            "max_score", "min_score", "since", "sort"],
        "instance": null,
    });
    assert_eq!(problem, expected);
    assert_eq!(answer.header("content-type"), "application/problem+json");
}

#[tokio::test]
async fn a_parameter_can_be_repeated_a_hundred_times() {
    let held = Held::new(&SCORES).await;
    let query = |times| vec!["exam=3"; times].join("&");
    let distinct = |times| {
        let exams: Vec<_> = (0..times).map(|exam| format!("exam={exam}")).collect();
        exams.join("&")
    };
    assert_eq!(held.service.get(&format!("/students?{}", query(100))).await.status, 200);
    assert_eq!(held.service.get(&format!("/students?{}", query(101))).await.status, 400);
    assert_eq!(held.service.get(&format!("/students?{}", distinct(100))).await.status, 200);
    let answer = held.service.get(&format!("/students?{}", distinct(101))).await;
    assert_eq!(answer.json()["code"], "invalid-parameter");
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let held = Held::new(&SCORES).await;
    for (path, problem) in [
        ("/students/nobody", "/problems/student-not-found"),
        ("/exams/99", "/problems/exam-not-found"),
        ("/nowhere", "about:blank"),
        ("/students/foo/results", "about:blank"),
        ("/problems/nothing", "about:blank"),
        ("/students/foo?exam=99", ""),
    ] {
        let answer = held.service.get(path).await;
        if problem.is_empty() {
            assert_eq!(answer.status, 200, "a filter is never a 404");
            continue;
        }
        assert_eq!((answer.status, &answer.json()["type"]), (404, &json!(problem)), "{path}");
        assert!(!answer.text().contains("nobody"));
    }
}

#[tokio::test]
async fn a_target_has_at_most_8_kib() {
    let held = Held::new(&SCORES).await;
    let target = |bytes: usize| format!("/students?q={}", "a".repeat(bytes - "/students?q=".len()));
    assert_eq!(held.service.get(&target(8 * 1024)).await.status, 200);
    let answer = held.service.get(&target(8 * 1024 + 1)).await;
    assert_eq!((answer.status, &answer.json()["type"]), (414, &json!("about:blank")));
}

#[tokio::test]
async fn a_browser_gets_a_page_and_a_program_gets_json() {
    let held = Held::new(&SCORES).await;
    let browser = [("accept", "text/html,*/*;q=0.8")];
    for path in ["/nowhere", "/exams/99", "/students?examid=3"] {
        let page = held.service.send("GET", path, &browser).await;
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{path}");
        assert!(page.text().contains("<!doctype html>") || page.text().contains("<!DOCTYPE html>"));
        let json = held.service.get(path).await;
        assert_eq!(json.header("content-type"), "application/problem+json", "{path}");
        assert_eq!(json.status, page.status);
    }
    let hostile = held.service.send("GET", "/students?%3Cscript%3E=1", &browser).await;
    assert!(!hostile.text().contains("<script>="), "{}", hostile.text());
}

#[tokio::test]
async fn every_type_of_problem_has_a_page() {
    let held = Held::new(&SCORES).await;
    let document = held.service.json("/openapi.json").await;
    let codes = document.pointer("/components/schemas/ProblemCode/enum").unwrap();
    let codes = codes.as_array().unwrap();
    assert!(codes.len() > 10);
    for code in codes {
        let kind = held.service.json(&format!("/problems/{}", code.as_str().unwrap())).await;
        assert_eq!(kind["code"], *code);
        assert!(kind["meaning"].as_str().unwrap().len() > 40);
        for member in ["type", "title"] {
            assert!(kind[member].is_string());
        }
        assert!(kind["status"].as_u64().unwrap() >= 400);
    }
}

#[tokio::test]
async fn a_service_that_is_not_ready_says_why() {
    // Nobody listens on port 9 of the loopback.
    let args = ["--journal", "memory:", "--feed", "http://127.0.0.1:9/"];
    let service = Service::start(&args).await;
    let replayed = eventually("the empty journal is replayed", async || {
        let answer = service.get("/readyz").await;
        (!answer.text().contains("rebuilding")).then_some(answer)
    });
    let answer = replayed.await;
    let problem = answer.json();
    assert_eq!((answer.status, &problem["type"]), (503, &json!("about:blank")));
    assert!(problem["detail"].as_str().unwrap().contains("not connected yet"), "{problem}");
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(service.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn every_answer_has_an_id_of_its_own() {
    let held = Held::new(&SCORES).await;
    let mut ids = std::collections::BTreeSet::new();
    for path in ["/students", "/students", "/nowhere", "/students?x", "/healthz"] {
        let answer = held.service.send("GET", path, &[("x-request-id", "mine")]).await;
        let id = answer.header("x-request-id").to_owned();
        assert!(id.len() == 36 && id.as_bytes()[14] == b'7', "a UUID of version 7: {id}");
        assert!(ids.insert(id));
    }
}

#[tokio::test]
async fn no_student_is_named_in_the_log_of_requests() {
    let mut command = Service::command();
    command.args(["serve", "--listen", "127.0.0.1:0", "--journal", "memory:"]);
    command.env("GRADEBOOK_LOG", "info,gradebook::access=debug");
    let service = Service::spawn(command);
    for path in ["/students/Waldo", "/students?student=Waldo", "/students/Waldo?x=1"] {
        service.get(path).await;
    }
    let log = eventually("every request is logged", async || {
        // The answer may be here before its line is.
        Some(service.log()).filter(|log| log.matches("/students").count() == 3)
    })
    .await;
    assert!(log.contains("/students/{id}"), "{log}");
    assert!(!log.contains("Waldo"), "{log}");
}

#[tokio::test]
async fn rejections_are_shown_newest_first() {
    let mut held = Held::new(&SCORES).await;
    held.feed.send_score("{\"exam\":3,\"studentId\":\"foo\",\"score\":1.5}").await;
    held.feed.send_score("not json").await;
    held.service.eventually("/rejections", |list| list["page"]["total"] == 2).await;
    let list = held.service.json("/rejections").await;
    let reasons: Vec<_> =
        list["rejections"].as_array().unwrap().iter().map(|one| &one["reason"]).collect();
    assert_eq!(reasons, ["not-json", "score-out-of-range"]);
    assert_eq!(list["rejections"][0]["data"], "not json");
    assert_eq!(list["rejections"][0]["feed"], held.feed_url());
    assert_eq!(list["page"]["next"], Value::Null);
}
