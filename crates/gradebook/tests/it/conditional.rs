//! Entity tags and conditions.

use crate::support::Held;

const SCORES: [(&str, u64, f64); 3] = [("foo", 3, 0.991), ("bar", 3, 0.5), ("bar", 4, 0.5)];

#[tokio::test]
async fn a_tag_moves_when_what_it_is_of_changes_and_only_then() {
    let mut held = Held::new(&SCORES).await;
    let paths = ["/students/foo", "/exams/3", "/students/bar", "/exams/4", "/students", "/results"];
    let mut before = Vec::new();
    for path in paths {
        before.push(held.service.get(path).await.header("etag").to_owned());
    }
    // The same score again changes nothing; the other one changes foo, exam 3 and the lists.
    held.feed.score("foo", 3, 0.991).await;
    held.add(&[("foo", 3, 0.25)]).await;
    let moved = [true, true, false, false, true, true];
    for ((path, tag), moved) in paths.into_iter().zip(before).zip(moved) {
        let headers = [("if-none-match", tag.as_str())];
        let answer = held.service.send("GET", path, &headers).await;
        assert_eq!(answer.status, if moved { 200 } else { 304 }, "{path}");
        if !moved {
            assert_eq!(answer.header("etag"), tag);
            assert_eq!(answer.header("cache-control"), "private, no-cache");
            assert!(answer.header("vary").contains("Accept"));
            assert!(answer.body.is_empty());
            assert_eq!(answer.headers.get("content-type"), None);
        }
    }
}

#[tokio::test]
async fn each_representation_has_a_strong_tag_of_its_own() {
    let held = Held::new(&SCORES).await;
    let mut tags = std::collections::BTreeSet::new();
    let variants = [
        "/exams/3",
        "/exams/4",
        "/exams/3?limit=1",
        "/exams/3?sort=-score",
        "/exams/3?student=foo",
        "/exams/3?format=html",
        "/exams/3?format=csv&limit=2",
        "/exams/3?include=standing",
    ];
    for path in variants {
        let answer = held.service.get(path).await;
        let tag = answer.header("etag").to_owned();
        assert!(tag.starts_with('"'), "{path}: {tag}");
        assert!(tags.insert(tag), "{path}");
    }
    for path in ["/exams/3?format=csv", "/students/foo?include=standing"] {
        let in_parts = held.service.get(path).await;
        assert!(in_parts.header("etag").starts_with("W/\""), "{path}: a change may fall between");
    }
}

#[tokio::test]
async fn queries_that_ask_the_same_have_the_same_tag() {
    let held = Held::new(&SCORES).await;
    let plain = held.service.get("/exams/3?student=bar&student=foo&min_score=0").await;
    for path in [
        "/exams/3?min_score=0&student=foo&student=bar",
        "/exams/3?student=foo&student=bar&student=foo&min_score=0&max_score=",
        "/exams/3/?student_name=foo&student_name=bar&min_score=0",
        "/exams/3?student=foo&student=bar&min_score=0&last_event_id=1",
    ] {
        assert_eq!(held.service.get(path).await.header("etag"), plain.header("etag"), "{path}");
    }
}

#[tokio::test]
async fn conditions_are_checked_as_rfc_9110_says() {
    let held = Held::new(&SCORES).await;
    let tag = held.service.get("/exams/3").await.header("etag").to_owned();
    let weak = format!("W/{tag}");
    let listed = format!("\"x\", {tag}");
    for (name, value, status) in [
        ("if-none-match", tag.as_str(), 304),
        ("if-none-match", &weak, 304),
        ("if-none-match", &listed, 304),
        ("if-none-match", "*", 304),
        ("if-none-match", "\"x\"", 200),
        ("if-match", &tag, 200),
        ("if-match", "*", 200),
        ("if-match", &weak, 412),
        ("if-match", "\"x\"", 412),
    ] {
        for method in ["GET", "HEAD"] {
            let answer = held.service.send(method, "/exams/3", &[(name, value)]).await;
            assert_eq!(answer.status, status, "{method} {name}: {value}");
        }
    }
    let failed = held.service.send("GET", "/exams/3", &[("if-match", "\"x\"")]).await;
    assert_eq!(failed.json()["code"], "precondition-failed");
}

#[tokio::test]
async fn what_may_be_stored_is_said() {
    let held = Held::new(&SCORES).await;
    for (path, control) in [
        ("/students", "private, no-cache"),
        ("/exams/3?format=csv", "private, no-cache"),
        ("/feeds", "no-store"),
        ("/rejections", "no-store"),
        ("/readyz", "no-store"),
        ("/metrics", "no-store"),
        ("/openapi.json", "public, max-age=3600"),
        ("/problems/invalid-cursor", "public, max-age=3600"),
        ("/nowhere", "no-store"),
    ] {
        let answer = held.service.get(path).await;
        assert_eq!(answer.header("cache-control"), control, "{path}");
        assert_eq!(answer.headers.get("last-modified"), None);
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
    }
}
#[tokio::test]
async fn every_list_and_entity_leads_to_its_event_stream() {
    let held = Held::new(&SCORES).await;
    for (path, stream) in [
        ("/exams/3?limit=1&sort=score", "</exams/3?last_event_id="),
        ("/students?exam_id=3", "</students?exam=3&last_event_id="),
        ("/results", "</results?last_event_id="),
    ] {
        let answer = held.service.get(path).await;
        let link = answer.header("link");
        let alternate = link.split(", ").find(|one| one.contains("rel=\"alternate\"")).unwrap();
        assert!(alternate.starts_with(stream), "{path}: {alternate}");
        assert!(alternate.ends_with("; type=\"text/event-stream\""));
    }
}
