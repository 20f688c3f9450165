//! Pages, cursors, orders and whole lists.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{Read, Write};

use serde_json::Value;

use crate::support::{Held, Service};

/// Twenty-five students in three exams, with many equal scores.
fn scores() -> Vec<(&'static str, u64, f64)> {
    let ids: Vec<&'static str> =
        (0..25).map(|number| &*format!("student-{number:02}").leak()).collect();
    let scores = ids.iter().enumerate().flat_map(|(number, id)| {
        (1..=3).map(move |exam| (*id, exam, ((number * 7 + exam as usize * 3) % 5) as f64 / 5.0))
    });
    scores.collect()
}

/// Follows `page.next` to the end; every page as it came.
async fn pages(service: &Service, path: &str) -> Vec<Value> {
    let mut pages = vec![service.json(path).await];
    while let Some(next) = pages.last().unwrap()["page"]["next"].as_str() {
        let next = service.get(next).await;
        assert_eq!(next.status, 200, "{}", next.text());
        pages.push(next.json());
        assert!(pages.len() < 1_000, "{path} does not end");
    }
    pages
}

fn items(pages: &[Value], member: &str) -> Vec<Value> {
    pages.iter().flat_map(|page| page[member].as_array().unwrap().clone()).collect()
}

#[tokio::test]
async fn pages_together_are_the_list_in_every_order() {
    let held = Held::new(&scores()).await;
    for (path, member, keys) in [
        (
            "/students",
            "students",
            &["studentId", "averageScore", "resultCount", "lastResultAt"][..],
        ),
        ("/exams", "exams", &["exam", "averageScore", "resultCount", "lastResultAt"]),
        ("/exams/2", "results", &["studentId", "score", "receivedAt"]),
        ("/students/student-07", "results", &["exam", "score", "receivedAt"]),
        ("/results", "results", &["receivedAt"]),
    ] {
        for key in keys {
            for sort in [(*key).to_owned(), format!("-{key}")] {
                let whole = held.service.json(&format!("{path}?sort={sort}")).await;
                let whole = items(&[whole], member);
                assert!(!whole.is_empty());
                let parts = pages(&held.service, &format!("{path}?sort={sort}&limit=4")).await;
                assert_eq!(items(&parts, member), whole, "{path} by {sort}");
                let comparable = |item: &Value| match &item[*key] {
                    Value::Number(number) => (number.as_f64().unwrap(), String::new()),
                    other => (0.0, other.as_str().unwrap().to_owned()),
                };
                let mut keys: Vec<_> = whole.iter().map(comparable).collect();
                if sort.starts_with('-') {
                    keys.reverse();
                }
                assert!(keys.is_sorted_by(|one, other| one <= other), "{path} by {sort}: {keys:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_page_says_where_it_is_in_the_body_and_in_link() {
    let held = Held::new(&scores()).await;
    let answer = held.service.get("/students?q=student-0&limit=4").await;
    let page = &answer.json()["page"];
    assert_eq!((&page["limit"], &page["total"]), (&Value::from(4), &Value::from(10)));
    let next = page["next"].as_str().unwrap();
    let link = answer.header("link");
    assert!(link.contains(&format!("<{next}>; rel=\"next\"")), "{link}");
    assert!(link.contains("</students?q=student-0&limit=4>; rel=\"first\""), "{link}");
    // Another limit, and the last page.
    let rest = held.service.get(&next.replace("limit=4", "limit=100")).await;
    let body = rest.json();
    assert_eq!(body["students"].as_array().unwrap().len(), 6);
    assert_eq!(body["page"]["next"], Value::Null);
    assert!(!rest.header("link").contains("rel=\"next\""));
}

#[tokio::test]
async fn the_limit_is_coerced_and_said() {
    let held = Held::new(&[("foo", 1, 0.5)]).await;
    for (limit, told) in [("1", 1), ("1000", 1000), ("1001", 1000), ("99999999999999999999", 1000)]
    {
        let page = held.service.json(&format!("/students?limit={limit}")).await;
        assert_eq!(page["page"]["limit"], told, "{limit}");
    }
    for limit in ["0", "-1", "1.5", "abc", "%2B1", "1e3", "00"] {
        let answer = held.service.get(&format!("/students?limit={limit}")).await;
        assert_eq!(answer.json()["code"], "invalid-parameter", "{limit}");
    }
}

#[tokio::test]
async fn what_was_there_all_along_is_seen_once_whatever_arrives_meanwhile() {
    let mut held = Held::new(&scores()).await;
    let first = held.service.json("/students?limit=10").await;
    held.add(&[("aaa", 1, 0.5), ("student-03x", 1, 0.5), ("zzz", 1, 0.5)]).await;
    let rest = pages(&held.service, first["page"]["next"].as_str().unwrap()).await;
    let all = [items(&[first], "students"), items(&rest, "students")].concat();
    let mut ids: Vec<_> = all.iter().map(|one| one["studentId"].as_str().unwrap()).collect();
    ids.retain(|id| id.len() == "student-00".len());
    assert_eq!(ids.len(), 25);
    assert_eq!(BTreeSet::from_iter(ids).len(), 25);
}

#[tokio::test]
async fn a_cursor_fits_its_own_list_only() {
    let held = Held::new(&scores()).await;
    let list = held.service.json("/exams/1?limit=2&min_score=0.2").await;
    let next = list["page"]["next"].as_str().unwrap().to_owned();
    let cursor = next.split("cursor=").nth(1).unwrap();
    assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    for path in [
        format!("/exams/2?limit=2&min_score=0.2&cursor={cursor}"),
        format!("/exams/1?limit=2&cursor={cursor}"),
        format!("/exams/1?limit=2&min_score=0.2&sort=-studentId&cursor={cursor}"),
        format!("/students?cursor={cursor}"),
        next.replace("cursor=", "cursor=x"),
        "/students?cursor=x".to_owned(),
        "/students?cursor=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned(),
    ] {
        let answer = held.service.get(&path).await;
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (400, &"invalid-cursor".into()),
            "{path}"
        );
    }
    for path in [
        next.clone(),
        next.replace("limit=2", "limit=7"),
        next.replace("/exams/1?", "/exams/1/?"),
        format!("{next}&format=csv"),
    ] {
        assert_eq!(held.service.get(&path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn line_formats_are_whole_lists_unless_limited() {
    let scores: Vec<_> = (0..2_500).map(|number| ("foo", number, 0.5)).collect();
    let mut held = Held::new(&[]).await;
    for chunk in scores.chunks(500) {
        for (student, exam, score) in chunk {
            held.feed.score(student, *exam, *score).await;
        }
    }
    held.service.eventually("/students/foo", |foo| foo["resultCount"] == 2_500).await;
    for path in ["/students/foo", "/results", "/exams"] {
        let csv = held.service.get(&format!("{path}?format=csv")).await;
        assert_eq!(csv.text().lines().count(), 2_501, "{path}");
        assert!(csv.text().ends_with("\r\n"));
        let ndjson = held.service.get(&format!("{path}?format=ndjson")).await;
        let lines: Vec<Value> =
            ndjson.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2_500, "{path}");
        let json = held.service.json(path).await;
        let member = if path == "/exams" { "exams" } else { "results" };
        assert_eq!(lines[..1000], json[member].as_array().unwrap()[..], "one schema");
        assert_eq!(json["page"]["total"], 2_500);

        let limited = held.service.get(&format!("{path}?format=csv&limit=10")).await;
        assert_eq!(limited.text().lines().count(), 11);
        assert!(limited.header("link").contains("rel=\"next\""));
        let next = limited.header("link").split(['<', '>']).nth(1).unwrap().to_owned();
        let second = held.service.get(&next).await;
        assert_eq!(second.text().lines().nth(1), csv.text().lines().nth(11), "{next}");
    }
}

#[tokio::test]
async fn who_reads_a_whole_list_slowly_holds_nobody_up() {
    const RESULTS: usize = 60_000; // far more bytes than sockets take
    let mut held = Held::new(&[]).await;
    for thousand in 0..RESULTS / 1_000 {
        let events = (0..1_000).fold(String::new(), |mut events, number| {
            let exam = thousand * 1_000 + number;
            let data = format!("{{\"studentId\":\"foo\",\"exam\":{exam},\"score\":0.5}}");
            write!(events, "event: score\ndata: {data}\n\n").unwrap();
            events
        });
        held.feed.send(&events).await;
    }
    held.service.eventually("/students/foo?limit=1", |foo| foo["resultCount"] == RESULTS).await;

    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    socket.connect(&held.service.address().into()).unwrap();
    let mut slow = std::net::TcpStream::from(socket);
    let request = "GET /results?format=ndjson HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    slow.write_all(request.as_bytes()).unwrap();
    let mut first = [0; 1_000];
    slow.read_exact(&mut first).unwrap();

    // It stands still, and scores go on being posted and read; even into its own list.
    held.add(&[("late", 1, 0.25)]).await;
    let mut rest = String::new();
    slow.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("\"late\""), "what came meanwhile is at the end");
    assert!(rest.ends_with("0\r\n\r\n"), "the end is the end of the list");
}
