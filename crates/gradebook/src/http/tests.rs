//! Requests through the real layers, to handlers that the service does not have.

use std::time::Duration;

use axum::body::Body;
use axum::routing::get;
use gradebook_core::{
    Entry, ExamNumber, Gradebook, Position, PseudonymKey, Score, ScoringPolicy, StudentId,
    Timestamp,
};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tower::ServiceExt as _;

use super::*;
use crate::book::SharedBook;
use crate::hub::Hub;
use crate::reader::{Identity, Reader};
use crate::rejections::Rejections;
use crate::status::Status;

const KEY: PseudonymKey = PseudonymKey([7; 16]);

/// A book that looks at so many items for one page, and holds one score of each pair.
fn book(examined_max: usize, pairs: &[(&str, u64)]) -> Gradebook {
    let mut book = Gradebook::examining_at_most(ScoringPolicy::KeepLatest, KEY, examined_max);
    for (position, (student, exam)) in (1..).zip(pairs) {
        let entry = Entry::Scored {
            student: StudentId::parse(student).unwrap(),
            exam: ExamNumber::new(*exam).unwrap(),
            score: Score::new(0.5).unwrap(),
            received: Timestamp::from_ms(0),
        };
        book.post(Position::new(position), &entry);
    }
    book
}

/// What every answer can be made from.
fn api(book: Gradebook) -> Arc<Api> {
    let key = KEY;
    let book = Arc::new(SharedBook::new(book));
    let (hub, status) = (Arc::new(Hub::new(1)), Arc::new(Status::new("memory", Vec::new())));
    status.replay_finished(Position::START);
    let (commands, _) = mpsc::channel(1);
    let identity = Identity { key, epoch: None };
    let rejections = Arc::new(Rejections::default());
    let reader = Reader::new(book, hub, status, rejections, identity, commands);
    let second = Duration::from_secs(1);
    let access = AccessSettings {
        tokens: None,
        tls: None,
        cors_origins: Vec::new(),
        rate_limit: None,
        limits: Limits { connections_max: 1, send_timeout: second, request_timeout: second },
    };
    Arc::new(Api::new(&table::ALL, reader, None, &access, second))
}

/// An [`api`] whose book holds one score of each pair.
pub(super) fn api_holding(pairs: &[(&str, u64)]) -> Arc<Api> {
    api(book(1_000, pairs))
}

/// How a request to a handler that panics with `secret` is answered: the parts and the body.
async fn panicking(secret: &'static str, accept: &str) -> (axum::http::response::Parts, String) {
    let api = api(book(1, &[]));
    let routes = Router::new().route("/panics", get(async move || -> &str { panic!("{secret}") }));
    let routes = surround(routes, api, &[]);
    let request = Request::get("/panics").header("accept", accept).body(Body::empty()).unwrap();
    let (head, body) = routes.oneshot(request).await.unwrap().into_parts();
    let body = axum::body::to_bytes(body, 64 * 1024).await.unwrap();
    (head, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_request_that_panics_is_answered_with_500_and_says_nothing_of_it() {
    let (head, body) = panicking("Waldo scored 0.3", "*/*").await;
    let id = head.headers["x-request-id"].to_str().unwrap();
    let problem: Value = serde_json::from_str(&body).unwrap();
    let expected = json!({
        "type": "about:blank", "title": "Internal Server Error", "status": 500,
        "instance": format!("urn:uuid:{id}"),
    });
    assert_eq!((head.status.as_u16(), problem), (500, expected));
    assert_eq!(head.headers["content-type"], "application/problem+json");
    assert_eq!(head.headers["cache-control"], "no-store");
    assert!(!format!("{head:?}").contains("Waldo"), "{head:?}");
}

#[tokio::test]
async fn a_person_whose_request_panics_is_shown_a_page_that_says_nothing_of_it() {
    let (head, body) = panicking("Waldo scored 0.3", "text/html").await;
    assert_eq!(head.status.as_u16(), 500);
    assert_eq!(head.headers["content-type"], "text/html; charset=utf-8");
    assert!(body.contains(head.headers["x-request-id"].to_str().unwrap()), "{body}");
    assert!(!body.contains("Waldo"), "{body}");
}

/// What is counted while `path` is asked for, as `/metrics` would show it.
fn counted(api: Arc<Api>, path: &str) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answer = runtime.block_on(router(api, &[], |_| true).oneshot(request)).unwrap();
        assert_eq!(answer.status(), 200);
    });
    recorder.handle().render()
}

#[test]
fn a_page_that_a_bound_shortens_is_counted() {
    let pairs = [("ann", 1), ("bob", 1), ("eve", 2), ("ann", 2), ("bob", 3)];
    let exams: Vec<(&str, u64)> = (0..49).map(|exam| ("ann", exam)).collect();
    let alike: Vec<String> = (0..9).map(|number| format!("ann {number}")).collect();
    let alike: Vec<(&str, u64)> = alike.iter().map(|id| (id.as_str(), 1)).collect();
    for (book, path, bound) in [
        (book(2, &pairs), "/results?min_score=0.9", "examined"),
        (book(100, &exams), "/students/ann?format=html", "progress-points"),
        (book(100, &alike), "/exams/1?student=ann&format=html", "alike"),
    ] {
        let text = counted(api(book), path);
        let line = format!("gradebook_http_bounds_reached_total{{bound=\"{bound}\"}} 1");
        assert!(text.contains(&line), "{path}: {text}");
    }
    for path in ["/results", "/students/ann?format=html", "/students/ann?include=standing"] {
        let text = counted(api(book(100, &pairs)), path);
        assert!(!text.contains("gradebook_http_bounds_reached_total"), "{path}: {text}");
    }
}
