//! Every path × method × media type, and content codings.

use crate::support::{Held, Service};

const SCORES: [(&str, u64, f64); 2] = [("foo", 3, 0.991), ("Lee, \"Ann\"", 3, 0.5)];

/// Paths with all their representations but the event stream, in the order of preference.
const NEGOTIATED: [&str; 5] = ["/students", "/students/foo", "/exams", "/exams/3", "/results"];
const IN_JSON_AND_HTML: [&str; 4] = ["/", "/feeds", "/rejections", "/problems/invalid-cursor"];
const IN_ONE_FORMAT: [&str; 4] = ["/openapi.json", "/healthz", "/readyz", "/metrics"];

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=utf-8";
const NDJSON: &str = "application/x-ndjson";
const CSV: &str = "text/csv; charset=utf-8; header=present";

#[tokio::test]
async fn the_accept_header_chooses_the_representation() {
    let held = Held::new(&SCORES).await;
    for (accept, chosen) in [
        (None, Some(JSON)),
        (Some("*/*"), Some(JSON)),
        (Some("application/*"), Some(JSON)),
        (Some("application/json"), Some(JSON)),
        (Some(BROWSER), Some(HTML)),
        (Some("application/x-ndjson"), Some(NDJSON)),
        (Some("application/jsonl"), Some(NDJSON)),
        (Some("text/csv"), Some(CSV)),
        (Some("text/csv;q=0.5, application/json;q=0.4"), Some(CSV)),
        (Some("text/html;q=0.5, application/json;q=0.5"), Some(JSON)),
        (Some("image/png"), None),
        (Some("application/json;q=0"), None),
    ] {
        for path in NEGOTIATED {
            check(&held.service, path, accept, chosen).await;
        }
        for path in IN_JSON_AND_HTML {
            let chosen = chosen.filter(|chosen| [JSON, HTML].contains(chosen));
            let chosen = chosen.or(accept.filter(|one| one.contains("json;q=0.")).map(|_| JSON));
            check(&held.service, path, accept, chosen).await;
        }
        for path in IN_ONE_FORMAT {
            let headers: Vec<_> = accept.map(|accept| ("accept", accept)).into_iter().collect();
            let answer = held.service.send("GET", path, &headers).await;
            assert_eq!(answer.status, 200, "{path} for {accept:?}: it has no choice");
        }
    }
}

async fn check(service: &Service, path: &str, accept: Option<&str>, chosen: Option<&str>) {
    let headers: Vec<_> = accept.map(|accept| ("accept", accept)).into_iter().collect();
    let answer = service.send("GET", path, &headers).await;
    match chosen {
        Some(chosen) => {
            assert_eq!(answer.status, 200, "{path} for {accept:?}");
            assert_eq!(answer.header("content-type"), chosen, "{path} for {accept:?}");
        }
        None => {
            assert_eq!(answer.status, 406, "{path} for {accept:?}");
            assert_eq!(answer.json()["code"], "not-acceptable");
            assert_eq!(answer.json()["available"][0], JSON);
        }
    }
    assert!(answer.header("vary").contains("Accept, Accept-Encoding"), "{path} for {accept:?}");
}

#[tokio::test]
async fn the_format_parameter_goes_before_the_header() {
    let held = Held::new(&SCORES).await;
    for (format, chosen) in [("json", JSON), ("html", HTML), ("ndjson", NDJSON), ("csv", CSV)] {
        for path in NEGOTIATED {
            let path = format!("{path}?format={format}");
            let answer = held.service.send("GET", &path, &[("accept", "image/png")]).await;
            assert_eq!((answer.status, answer.header("content-type")), (200, chosen), "{path}");
        }
    }
    assert_eq!(held.service.get("/feeds?format=csv").await.status, 406);
    let unknown = held.service.get("/students?format=xml").await;
    assert_eq!((unknown.status, &unknown.json()["code"]), (400, &"invalid-parameter".into()));
}

#[tokio::test]
async fn every_method_is_answered_on_every_path() {
    let held = Held::new(&SCORES).await;
    for path in [&NEGOTIATED[..], &IN_JSON_AND_HTML, &IN_ONE_FORMAT].concat() {
        let options = held.service.send("OPTIONS", path, &[]).await;
        assert_eq!((options.status, options.body.len()), (204, 0), "{path}");
        let allow = options.header("allow").to_owned();
        assert!(allow.starts_with("GET, HEAD, OPTIONS"), "{path}: {allow}");
        for method in ["POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"] {
            if allow.contains(method) {
                continue;
            }
            let answer = held.service.send(method, path, &[]).await;
            assert_eq!(answer.status, 405, "{method} {path}");
            assert_eq!(answer.header("allow"), allow);
            assert_eq!(answer.json()["type"], "about:blank");
        }
        let get = held.service.send("GET", path, &[]).await;
        let head = held.service.send("HEAD", path, &[]).await;
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
        let names = |answer: &crate::support::Answer| {
            let mut names: Vec<_> =
                answer.headers.keys().map(|name| name.as_str().to_owned()).collect();
            // How a body is sent is nothing that HEAD has to say (RFC 9110 §9.3.2).
            names.retain(|name| name != "transfer-encoding");
            names.sort();
            names
        };
        assert_eq!(names(&head), names(&get), "{path}");
        if !["/feeds", "/metrics"].contains(&path) {
            assert_eq!(head.header("content-length"), get.header("content-length"), "{path}");
        }
    }
}

#[tokio::test]
async fn an_endless_body_has_no_length_in_head_either() {
    let held = Held::new(&SCORES).await;
    let head = held.service.send("HEAD", "/results?format=csv", &[]).await;
    assert_eq!((head.status, head.headers.get("content-length")), (200, None));
    assert_eq!(head.header("content-type"), CSV);
}

#[tokio::test]
async fn csv_is_rfc_4180_with_a_name_for_the_file() {
    let held = Held::new(&[SCORES[0], SCORES[1], ("=1+1", 3, 0.25), ("Zoë", 4, 1.0)]).await;
    let csv = held.service.get("/exams/3?format=csv").await;
    let disposition = csv.header("content-disposition");
    assert_eq!(disposition, "attachment; filename=\"exam-3.csv\"");
    let mut records = Vec::new();
    for line in csv.text().split("\r\n") {
        records.push(line.rsplit_once(',').map_or(line, |(all_but_time, _)| all_but_time));
    }
    let expected =
        ["exam,studentId,score", "3,'=1+1,0.25", "3,\"Lee, \"\"Ann\"\"\",0.5", "3,foo,0.991", ""];
    assert_eq!(records, expected);
    for (path, name) in [
        ("/students", "filename=\"students.csv\""),
        ("/exams", "filename=\"exams.csv\""),
        ("/results", "filename=\"results.csv\""),
        ("/students/foo", "filename=\"student-foo.csv\""),
        ("/students/Zo%C3%AB", "filename=\"student.csv\"; filename*=UTF-8''student-Zo%C3%AB.csv"),
    ] {
        let answer = held.service.get(&format!("{path}?format=csv")).await;
        let disposition = answer.header("content-disposition");
        assert_eq!(disposition, format!("attachment; {name}"), "{path}");
    }
    let columns = held.service.get("/students?format=csv").await;
    assert!(columns.text().starts_with("studentId,averageScore,resultCount,lastResultAt\r\n"));
}

#[tokio::test]
async fn large_bodies_are_compressed_as_the_client_likes() {
    let scores: Vec<_> = (0..100).map(|exam| ("foo", exam, 0.5)).collect();
    let held = Held::new(&scores).await;
    let mut tags = std::collections::BTreeSet::new();
    for (accept, coding, magic) in [
        ("gzip", Some("gzip"), &[0x1f, 0x8b][..]),
        ("gzip, deflate, br, zstd", Some("zstd"), &[0x28, 0xb5, 0x2f, 0xfd]),
        ("br", Some("br"), &[]),
        ("br;q=0.1, gzip;q=0.9", Some("gzip"), &[0x1f, 0x8b]),
        ("identity", None, b"{"),
        ("deflate", None, b"{"),
        ("identity;q=0", None, b"{"),
    ] {
        let headers = [("accept-encoding", accept)];
        let answer = held.service.send("GET", "/students/foo", &headers).await;
        assert_eq!(answer.status, 200, "{accept}");
        let told = answer.headers.get("content-encoding").map(|value| value.to_str().unwrap());
        assert_eq!(told, coding, "{accept}");
        assert!(answer.body.starts_with(magic), "{accept}");
        assert_eq!(answer.headers.get_all("vary").iter().count(), 1);
        tags.insert(answer.header("etag").to_owned());
        let head = held.service.send("HEAD", "/students/foo", &headers).await;
        assert_eq!(head.headers.get("content-encoding"), answer.headers.get("content-encoding"));
        assert_eq!(head.header("etag"), answer.header("etag"));
    }
    assert_eq!(tags.len(), 4, "a tag for each coding: {tags:?}");
    let small = held.service.send("GET", "/healthz", &[("accept-encoding", "gzip")]).await;
    assert_eq!(small.headers.get("content-encoding"), None);
}
