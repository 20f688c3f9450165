//! A disk that takes no more: nothing is lost, nothing unsaved is seen, and work goes on by itself.

use std::path::Path;
use std::process::Command;

use gradebook::journal::{Journal as _, SqliteJournal};
use serde_json::Value;

use crate::support::{Service, SmallDisk, eventually};

const SCORES: u64 = 60_000;

/// A feed of [`SCORES`] results, with ids and as fast as it is read.
async fn feed() -> Service {
    let students = SCORES.to_string();
    let flags = ["--ids", "--rate", "0", "--students", &students, "--exams", "1"];
    Service::start_role("simulate", &flags).await
}

/// How many results clients see.
async fn seen(service: &Service) -> u64 {
    service.json("/results?limit=1").await["page"]["total"].as_u64().unwrap()
}

/// How many scores are in the file.
fn kept(journal: &Path) -> u64 {
    SqliteJournal::open_for_reading(journal).unwrap().last().unwrap().get()
}

/// Waits until the journal cannot be written, and checks what is said and seen meanwhile.
async fn assert_held_back(service: &Service, journal: &Path, why: &str) {
    let unavailable = |feeds: &Value| {
        feeds["journal"]["unavailable"].as_str().is_some_and(|said| said.contains(why))
    };
    service.eventually("/feeds", unavailable).await;
    let ready = service.get("/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains(why), "{}", ready.text());
    assert_eq!(service.get("/healthz").await.status, 200);
    // Whatever is seen is kept; what is kept is seen once it is posted.
    let file = kept(journal);
    assert!(file < SCORES);
    eventually("what is kept is seen", async || (seen(service).await == file).then_some(())).await;
    assert_eq!(kept(journal), file);
}

async fn assert_goes_on(service: &Service, journal: &Path) {
    service.eventually("/results?limit=1", |page| page["page"]["total"] == SCORES).await;
    assert_eq!(kept(journal), SCORES, "every score is kept once");
    assert_eq!(service.get("/readyz").await.status, 200);
    assert_eq!(service.json("/feeds").await["journal"]["unavailable"], Value::Null);
}

#[tokio::test]
async fn a_full_disk_holds_the_feed_back_until_there_is_space() {
    let feed = feed().await;
    let disk = SmallDisk::mount("1m");
    let journal = disk.path("gradebook.db");
    let url = feed.url("/scores");
    let service = Service::start(&["--feed", &url, "--journal", journal.to_str().unwrap()]).await;
    assert_held_back(&service, &journal, "full").await;
    disk.grow("64m");
    assert_goes_on(&service, &journal).await;
    // A restart finds the same.
    service.kill();
    let service = Service::start(&["--journal", journal.to_str().unwrap()]).await;
    service.eventually("/results?limit=1", |page| page["page"]["total"] == SCORES).await;
}

#[tokio::test]
async fn an_io_error_holds_the_feed_back_until_it_is_gone() {
    let feed = feed().await;
    let folder = tempfile::TempDir::new().unwrap();
    let journal = folder.path().join("gradebook.db");
    // Beyond this size every write fails with EFBIG, which to SQLite is an error of the disk.
    let mut command = Command::new("sh");
    let limited = "trap '' XFSZ; ulimit -S -f 512; exec \"$0\" \"$@\"";
    command.args(["-c", limited]).arg(Service::command().get_program());
    let url = feed.url("/scores");
    command.args(["serve", "--listen", "127.0.0.1:0", "--feed", &url]);
    command.arg("--journal").arg(&journal);
    let service = Service::spawn(command);
    assert_held_back(&service, &journal, "I/O error").await;
    let pid = service.pid().to_string();
    let lifted = Command::new("prlimit").args(["--fsize=unlimited", "--pid", &pid]).status();
    assert!(lifted.unwrap().success());
    assert_goes_on(&service, &journal).await;
}
