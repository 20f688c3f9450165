//! What a restart leaves as it was, and what is said while the gradebook is rebuilt.

use gradebook::journal::{BATCH_ENTRIES_MAX, Journal as _, SqliteJournal};
use gradebook_core::{Entry, ExamNumber, Position, Score, StudentId, Timestamp};
use tempfile::TempDir;

use crate::support::{PATIENCE, ScriptedFeed, Service};

#[tokio::test]
async fn bodies_entity_tags_and_the_place_in_the_feed_survive_a_kill() {
    let feed = ScriptedFeed::start().await;
    let folder = TempDir::new().unwrap();
    let journal = folder.path().join("gradebook.db");
    let url = feed.url();
    let flags = ["--feed", &url, "--journal", journal.to_str().unwrap()];
    let service = Service::start(&flags).await;
    let mut connection = feed.accept_stream().await;
    assert_eq!(connection.header("last-event-id"), None);
    for (id, data) in [
        (1, r#"{"exam":3,"studentId":"foo","score":0.991}"#),
        (2, r#"{"exam":4,"studentId":"foo","score":0.3}"#),
        (3, r#"{"exam":3,"studentId":"bar","score":0.1}"#),
        (4, r#"{"exam":3,"studentId":"gone","score":0.5}"#),
        (5, r#"{"exam":3,"studentId":"foo","score":0.992}"#),
    ] {
        connection.send(&format!("id: {id}\nevent: score\ndata: {data}\n\n")).await;
    }
    service.eventually("/results?limit=1", |page| page["page"]["total"] == 4).await;
    service.eventually("/feeds", |feeds| feeds["journal"]["position"] == 5).await;
    let erased = service.send("DELETE", "/students/gone", &[]).await;
    assert_eq!(erased.status, 204, "{}", erased.text());

    let paths = ["/students", "/exams", "/students/foo", "/exams/3", "/results"];
    let mut before = Vec::new();
    for path in paths {
        before.push(service.get(path).await);
    }
    service.kill();
    let service = Service::start(&flags).await;
    let connection = feed.accept_stream().await;
    assert_eq!(connection.header("last-event-id"), Some("5"));
    service.eventually("/feeds", |feeds| feeds["journal"]["position"] == 6).await;
    for (path, before) in paths.into_iter().zip(before) {
        let after = service.get(path).await;
        assert_eq!(after.status, before.status, "{path}");
        assert_eq!(after.text(), before.text(), "{path}");
        assert_eq!(after.header("etag"), before.header("etag"), "{path}");
    }
    assert_eq!(service.get("/students/gone").await.status, 404);
}

#[tokio::test]
async fn a_gradebook_that_is_being_rebuilt_is_alive_and_not_ready() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("gradebook.db");
    let mut journal = SqliteJournal::open(&path).unwrap();
    let mut last = Position::START;
    // So many that rebuilding takes longer than the first few requests.
    for exam in 0..50 {
        let entry = |n| Entry::Scored {
            student: StudentId::parse(&format!("student {n}")).unwrap(),
            exam: ExamNumber::new(exam).unwrap(),
            score: Score::new(0.5).unwrap(),
            received: Timestamp::from_ms(exam),
        };
        let entries: Vec<Entry> = (0..BATCH_ENTRIES_MAX).map(entry).collect();
        last = journal.append(last, &entries, &[]).unwrap();
    }
    drop(journal);
    let service = Service::start_role("serve", &["--journal", path.to_str().unwrap()]).await;
    let mut not_ready = Vec::new();
    let start = std::time::Instant::now();
    loop {
        assert_eq!(service.get("/healthz").await.status, 200);
        let ready = service.get("/readyz").await;
        if ready.status == 200 {
            break;
        }
        assert_eq!(ready.status, 503);
        // What is not there yet must not look like what is not there.
        let student = service.get("/students/student%209999").await.status;
        assert!(student == 200 || student == 503, "{student}");
        not_ready.push(ready.text().to_owned());
        assert!(start.elapsed() < PATIENCE, "{not_ready:?}");
    }
    let told = not_ready.first().expect("it was not ready at first");
    assert!(told.contains("rebuilding the gradebook: ") && told.contains(" of 500000"), "{told}");
    assert_eq!(service.json("/results?limit=1").await["page"]["total"], 500_000);
}
