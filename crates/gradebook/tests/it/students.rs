//! `/students` and `/students/{id}`.

use serde_json::{Value, json};

use crate::support::Held;

/// Foo and Zoë, as in the documentation.
const SCORES: [(&str, u64, f64); 3] = [("foo", 3, 0.991), ("foo", 4, 0.88), ("Zoë", 3, 0.5)];

#[tokio::test]
async fn students_are_listed_with_their_averages() {
    let held = Held::new(&SCORES).await;
    let mut list = held.service.json("/students").await;
    for student in list["students"].as_array_mut().unwrap() {
        let instant = student["lastResultAt"].take();
        assert!(instant.as_str().unwrap().ends_with('Z'), "{instant}");
    }
    let zoe = "/students/Zo%C3%AB";
    let expected = json!({
        "students": [
            { "studentId": "Zoë", "averageScore": 0.5, "resultCount": 1, "lastResultAt": null,
              "href": zoe },
            { "studentId": "foo", "averageScore": 0.9355, "resultCount": 2, "lastResultAt": null,
              "href": "/students/foo" },
        ],
        "page": { "limit": 1000, "total": 2, "next": null },
    });
    assert_eq!(list, expected, "in the order of the UTF-8 bytes of the ids");
    assert_eq!(held.service.json(zoe).await["studentId"], "Zoë");
}

#[tokio::test]
async fn a_student_is_all_results_and_their_average() {
    let mut held = Held::new(&SCORES).await;
    held.add(&[("foo", 4, 0.7)]).await;
    held.add(&[("foo", 4, 0.88)]).await;
    let answer = held.service.get("/students/foo").await;
    let mut student = answer.json();
    student["lastResultAt"].take();
    for result in student["results"].as_array_mut().unwrap() {
        result["receivedAt"].take();
    }
    let expected = json!({
        "studentId": "foo", "averageScore": 0.9355, "resultCount": 2, "lastResultAt": null,
        "scoringPolicy": "keep_latest",
        "statistics": {
            "minimum": 0.88, "maximum": 0.991, "median": 0.9355, "lowerQuartile": 0.90775,
            "upperQuartile": 0.96325, "standardDeviation": 0.0555,
            "histogram": [0, 0, 0, 0, 0, 0, 0, 0, 1, 1],
        },
        "results": [
            { "exam": 3, "studentId": "foo", "score": 0.991, "receivedAt": null },
            { "exam": 4, "studentId": "foo", "score": 0.88, "attempts": 3, "receivedAt": null },
        ],
        "page": { "limit": 1000, "total": 2, "next": null },
    });
    let approximately = |value: &Value| (value.as_f64().unwrap() * 1e9).round();
    for member in ["lowerQuartile", "upperQuartile", "standardDeviation"] {
        let (found, wanted) = (&student["statistics"][member], &expected["statistics"][member]);
        assert_eq!(approximately(found), approximately(wanted), "{member}");
        student["statistics"][member] = wanted.clone();
    }
    assert_eq!(student, expected);
}

#[tokio::test]
async fn filters_leave_everything_above_the_results_as_it_is() {
    let held = Held::new(&SCORES).await;
    let whole = held.service.get("/students/foo").await;
    let above = |text: &str| text.split("\"results\"").next().unwrap().to_owned();
    for (query, total) in [
        ("exam_id=3", 1),
        ("exam=3", 1),
        ("exam=3&exam=4", 2),
        ("exam=99", 0),
        ("min_score=0.9", 1),
        ("max_score=.9", 1),
        ("since=2001-01-01T00:00:00Z", 2),
        ("since=2500-01-01T00:00:00+01:00", 0),
        ("limit=1", 2),
        ("sort=-score", 2),
        // These filter nothing.
        ("exam_id=", 2),
        ("exam_id=''", 2),
        ("exam_id=%27%27", 2),
        ("exam_id=\"\"", 2),
        ("exam=&min_score=&since=&sort=&limit=&cursor=&include=&format=", 2),
        ("", 2),
    ] {
        let filtered = held.service.get(&format!("/students/foo?{query}")).await;
        assert_eq!(filtered.status, 200, "{query}: {}", filtered.text());
        assert_eq!(above(filtered.text()), above(whole.text()), "{query}");
        assert_eq!(filtered.json()["page"]["total"], total, "{query}");
    }
}

#[tokio::test]
async fn the_list_is_filtered_by_exam_id_and_text() {
    let scores = [("foo", 3, 0.9), ("bar", 4, 0.8), ("Foobar", 5, 0.7), ("''", 6, 0.1)];
    let held = Held::new(&scores).await;
    for (query, expected) in [
        ("exam=3", &["foo"][..]),
        ("exam_id=3&exam_id=4", &["bar", "foo"]),
        ("student=foo", &["foo"]),
        ("student_name=foo&student_name=bar", &["bar", "foo"]),
        ("student_id=Foo", &[]),
        ("student_name=''&exam=3", &["foo"]),
        ("student=''", &["''"]),
        ("student_id=''", &["''"]),
        ("q=FOO", &["Foobar", "foo"]),
        ("q=foo&exam=5", &["Foobar"]),
        ("q=zzz", &[]),
    ] {
        let list = held.service.json(&format!("/students?{query}")).await;
        let students = list["students"].as_array().unwrap();
        let ids: Vec<_> = students.iter().map(|one| one["studentId"].as_str().unwrap()).collect();
        assert_eq!(ids, expected, "{query}");
        assert_eq!(list["page"]["total"], expected.len(), "{query}");
    }
}

#[tokio::test]
async fn any_id_has_a_url_that_leads_to_it() {
    let ids =
        ["a/b", "Ann Lee", "a+b", "foo.csv", "Zoë", "名前", "<b>&\"'", "100%", "?#", "..", "."];
    let scores = ids.map(|id| (id, 1, 0.5));
    let held = Held::new(&scores).await;
    let list = held.service.json("/students").await;
    assert_eq!(list["page"]["total"], ids.len());
    for student in list["students"].as_array().unwrap() {
        let href = student["href"].as_str().unwrap();
        assert!(href.is_ascii(), "{href}");
        let found = held.service.json(href).await;
        let id = if href.starts_with("/students?") { &found["students"][0] } else { &found };
        assert_eq!(id["studentId"], student["studentId"], "{href}");
    }
}

#[tokio::test]
async fn paths_are_read_as_they_are_written() {
    let held = Held::new(&[("a/b", 1, 0.5), ("a+b", 1, 0.5), ("foo", 1, 0.5)]).await;
    for (path, status) in [
        ("/students/a%2Fb", 200),
        ("/students/a%2fb", 200),
        ("/students/a+b", 200),
        ("/students/a%2Bb", 200),
        ("/students/%66oo", 200),
        ("/students/foo/", 200),
        ("/students/", 200),
        ("/students/a/b", 404),
        ("/students/FOO", 404),
        ("/Students/foo", 404),
        ("/students//", 404),
        ("//students", 404),
        ("/students//foo", 404),
        ("/students/foo//", 404),
        ("/students/%00", 404),
        ("/students/%zz", 400),
        ("/students/%", 400),
        ("/students/%ff", 400),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = held.service.raw(request.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
        if status == 400 {
            assert!(answer.contains("/problems/malformed-path"), "{path}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_slash_at_the_end_is_the_same_resource_under_another_name() {
    let held = Held::new(&SCORES).await;
    for path in ["/students", "/students/foo", "/exams", "/exams/3", "/results"] {
        let bare = held.service.get(path).await;
        let slashed = held.service.get(&format!("{path}/")).await;
        assert_eq!((slashed.status, slashed.text()), (200, bare.text()));
        assert_eq!(slashed.header("etag"), bare.header("etag"));
        let canonical = format!("<{path}>; rel=\"canonical\"");
        assert!(slashed.header("link").contains(&canonical), "{:?}", slashed.headers);
        assert!(!bare.header("link").contains("canonical"));
    }
}

#[tokio::test]
async fn urls_are_absolute_where_the_public_url_is_known_and_never_from_the_host() {
    let scores = [("foo", 3, 0.9), ("bar", 3, 0.8)];
    let args = ["--journal", "memory:", "--public-url", "https://scores.example"];
    let held = Held::with(&args, &scores).await;
    let headers = [("host", "evil.example")];
    let answer = held.service.send("GET", "/students?limit=1", &headers).await;
    let list = answer.json();
    let href = list["students"][0]["href"].as_str().unwrap();
    assert_eq!(href, "https://scores.example/students/bar");
    let next = list["page"]["next"].as_str().unwrap();
    assert!(next.starts_with("https://scores.example/students?limit=1&cursor="), "{next}");
    assert!(!format!("{:?}", answer.headers).contains("evil"));
}

#[tokio::test]
async fn standings_are_told_when_asked_for() {
    let scores = [("a", 1, 0.9), ("b", 1, 0.8), ("c", 1, 0.8), ("d", 1, 0.1), ("a", 2, 0.5)];
    let held = Held::new(&scores).await;
    let standing = |path: &'static str| {
        let service = &held.service;
        async move {
            let body = service.json(path).await;
            let results = body["results"].as_array().unwrap().clone();
            let standings: Vec<_> = results.iter().map(|one| one["standing"].clone()).collect();
            standings
        }
    };
    let rank = |rank, of, share| json!({ "rank": rank, "of": of, "percentileRank": share });
    let a = standing("/students/a?include=standing").await;
    assert_eq!(a, [rank(1, 4, 87.5), rank(1, 1, 50.0)]);
    let exam = standing("/exams/1?include=standing&sort=-score&limit=3").await;
    assert_eq!(exam, [rank(1, 4, 87.5), rank(2, 4, 50.0), rank(2, 4, 50.0)]);
    assert_eq!(standing("/students/a").await, [Value::Null, Value::Null]);
}
