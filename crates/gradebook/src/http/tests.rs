//! Requests through the real layers, to handlers that the service does not have.

use axum::body::Body;
use axum::routing::get;
use gradebook_core::{Gradebook, PseudonymKey, ScoringPolicy};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tower::ServiceExt as _;

use super::*;
use crate::book::SharedBook;
use crate::hub::Hub;
use crate::reader::Identity;
use crate::rejections::Rejections;
use crate::status::Status;

/// What every answer can be made from: an empty book.
pub(super) fn api() -> Arc<Api> {
    let key = PseudonymKey([7; 16]);
    let book = Arc::new(SharedBook::new(Gradebook::new(ScoringPolicy::KeepLatest, key)));
    let (hub, status) = (Arc::new(Hub::new(1)), Arc::new(Status::new("memory", Vec::new())));
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
    Arc::new(Api::new(reader, None, &access, second))
}

/// How a request to a handler that panics with `secret` is answered: the parts and the body.
async fn panicking(secret: &'static str, accept: &str) -> (axum::http::response::Parts, String) {
    let api = api();
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
