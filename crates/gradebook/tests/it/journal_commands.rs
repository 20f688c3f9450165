//! `export`, `import`, `check` and `backup`, as a person runs them.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use gradebook::journal::{Checkpoint, Journal as _, SqliteJournal};
use gradebook_core::{Entry, ExamNumber, Position, Score, StudentId, Timestamp};
use tempfile::TempDir;

use crate::support::{ScriptedFeed, Service};

/// What a finished command has left.
struct Finished {
    code: Option<i32>,
    out: String,
    said: String,
}

/// One folder with a journal in it.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// `gradebook ARGS` in this folder, with its journal.
    fn run(&self, args: &[&str]) -> Finished {
        self.run_with(args, "")
    }

    fn run_with(&self, args: &[&str], input: &str) -> Finished {
        let mut command = Service::command();
        command.args(args).current_dir(self.0.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that refuses its settings never reads.
        child.stdin.take().unwrap().write_all(input.as_bytes()).ok();
        let output = child.wait_with_output().unwrap();
        Finished {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            said: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn journal(&self) -> SqliteJournal {
        SqliteJournal::open(&self.path("gradebook.db")).unwrap()
    }

    fn entries(&self) -> Vec<(Position, Entry)> {
        let mut journal = SqliteJournal::open_for_reading(&self.path("gradebook.db")).unwrap();
        journal.read(Position::START, 10_000).unwrap()
    }

    /// Student, exam, score and received time of every score in the journal.
    fn scores(&self) -> Vec<(String, u64, f64, u64)> {
        let entries = self.entries();
        entries
            .into_iter()
            .filter_map(|(_, entry)| match entry {
                Entry::Scored { student, exam, score, received } => {
                    Some((student.to_string(), exam.get(), score.get(), received.as_ms()))
                }
                Entry::Erased { .. } => None,
            })
            .collect()
    }
}

fn scored(student: &str, exam: u64, score: f64, received_ms: u64) -> Entry {
    Entry::Scored {
        student: StudentId::parse(student).unwrap(),
        exam: ExamNumber::new(exam).unwrap(),
        score: Score::new(score).unwrap(),
        received: Timestamp::from_ms(received_ms),
    }
}

/// Ids that a text format may trip over.
fn awkward() -> Vec<Entry> {
    vec![
        scored("foo", 3, 0.991, 1_700_000_000_123),
        scored("Zoë \"the comma,\" O'Neil", 0, 0.0, 1_700_000_000_123),
        scored("=1+1", (1 << 53) - 1, 1.0, 1_700_000_000_124),
        scored("'=1+1", 1, 5e-324, 1_700_000_000_124),
        scored(&"名".repeat(170), 1, 0.1 + 0.2, 1_700_000_000_124),
        scored(" spaces ", 7, 1.0 / 3.0, 1_700_000_000_125),
        scored("foo", 3, 0.5, 1_700_000_000_126),
    ]
}

#[test]
fn what_is_exported_and_imported_again_is_the_same() {
    for file in ["scores.ndjson", "scores.csv"] {
        let desk = Desk::new();
        desk.journal().append(Position::START, &awkward(), &[]).unwrap();
        let finished = desk.run(&["export", file]);
        assert_eq!((finished.code, finished.said.as_str()), (Some(0), "7 scores exported\n"));
        let finished = desk.run(&["import", file, "--journal", "copy.db"]);
        assert_eq!(finished.code, Some(0), "{}", finished.said);
        let again =
            desk.run(&["export", "--journal", "copy.db", "again.out", "--format", &file[7..]]);
        assert_eq!(again.code, Some(0), "{}", again.said);
        assert_eq!(desk.read("again.out"), desk.read(file));
        let mut copy = SqliteJournal::open_for_reading(&desk.path("copy.db")).unwrap();
        assert_eq!(copy.read(Position::START, 100).unwrap(), desk.entries());
    }
}

#[test]
fn an_export_looks_as_the_api_shows_results() {
    let desk = Desk::new();
    desk.journal().append(Position::START, &awkward()[..3], &[]).unwrap();
    let csv = "exam,studentId,score,receivedAt\r\n\
               3,foo,0.991,2023-11-14T22:13:20.123Z\r\n\
               0,\"Zoë \"\"the comma,\"\" O'Neil\",0.0,2023-11-14T22:13:20.123Z\r\n\
               9007199254740991,'=1+1,1.0,2023-11-14T22:13:20.124Z\r\n";
    assert_eq!(desk.run(&["export", "--format", "csv"]).out, csv);
    let line =
        r#"{"exam":3,"studentId":"foo","score":0.991,"receivedAt":"2023-11-14T22:13:20.123Z"}"#;
    assert_eq!(desk.run(&["export"]).out.lines().next(), Some(line));
}

#[test]
fn the_view_of_the_file_can_be_imported_as_sqlite3_prints_it() {
    let desk = Desk::new();
    desk.journal().append(Position::START, &awkward()[..2], &[]).unwrap();
    let printed = Command::new("sqlite3")
        .args(["-csv", "-header", "gradebook.db", "SELECT * FROM results ORDER BY position"])
        .current_dir(desk.0.path())
        .output()
        .unwrap();
    desk.write("view.csv", std::str::from_utf8(&printed.stdout).unwrap());
    let finished = desk.run(&["import", "view.csv", "--journal", "copy.db"]);
    assert_eq!(finished.code, Some(0), "{}", finished.said);
    let mut copy = SqliteJournal::open_for_reading(&desk.path("copy.db")).unwrap();
    assert_eq!(copy.read(Position::START, 100).unwrap(), desk.entries());
}

#[test]
fn lines_that_are_no_scores_are_told_and_the_others_are_kept() {
    let desk = Desk::new();
    let long = "x".repeat(70_000);
    let lines = [
        r#"{"exam":1,"studentId":"a","score":0.5}"#,
        "",
        r#"{"exam":1,"studentId":"a","score":1.5}"#,
        "what is this?",
        r#"{"exam":-1,"studentId":"a","score":0.5}"#,
        &long,
        r#"{"exam":1,"studentId":"b","score":0.5,"receivedAt":"soon"}"#,
        r#"{"exam":1,"studentId":"b","score":0.5,"receivedAt":"2500-01-01T00:00:00Z"}"#,
        r#"{"exam":2,"studentId":"b","score":1}"#,
    ];
    let finished = desk.run_with(&["import", "-", "--format", "ndjson"], &lines.join("\n"));
    assert_eq!(finished.code, Some(1), "{}", finished.said);
    for line in [3, 4, 5, 6, 7, 8] {
        assert!(finished.said.contains(&format!("line {line}: ")), "{line}: {}", finished.said);
    }
    assert!(finished.said.contains("2 scores imported\n"), "{}", finished.said);
    assert!(finished.said.contains("6 lines were no scores"), "{}", finished.said);
    let scores: Vec<_> = desk.scores().into_iter().map(|(student, ..)| student).collect();
    assert_eq!(scores, ["a", "b"]);
}

#[test]
fn a_table_with_bad_lines_keeps_the_good_ones() {
    let desk = Desk::new();
    let table = "note,score,studentId,exam\r\n\
                 ,0.5,foo,1\r\n\
                 ,0.5,\"left open,1\r\n\
                 ,0.5\r\n\
                 ,half,foo,1\r\n\
                 ,0.25,\"foo, bar\",2\r\n";
    desk.write("table.csv", table);
    let finished = desk.run(&["import", "table.csv"]);
    assert_eq!(finished.code, Some(1), "{}", finished.said);
    for line in [3, 4, 5] {
        assert!(finished.said.contains(&format!("line {line}: ")), "{line}: {}", finished.said);
    }
    let scores: Vec<_> =
        desk.scores().into_iter().map(|(id, exam, score, _)| (id, exam, score)).collect();
    assert_eq!(scores, [("foo".to_owned(), 1, 0.5), ("foo, bar".to_owned(), 2, 0.25)]);
}

#[test]
fn a_strict_import_keeps_nothing_of_a_batch_with_a_bad_line() {
    let desk = Desk::new();
    let good = r#"{"exam":1,"studentId":"a","score":0.5}"#;
    desk.write("scores.ndjson", &format!("{good}\n{good}\nbad\n{good}\n"));
    let finished = desk.run(&["import", "--strict", "scores.ndjson"]);
    assert_eq!(finished.code, Some(1));
    assert!(finished.said.contains("line 3: "), "{}", finished.said);
    assert_eq!(desk.entries(), []);
}

#[test]
fn a_recorded_stream_is_imported_as_the_feed_would_have_been_read() {
    let desk = Desk::new();
    let stream = ": recorded\n\nid: 1\nevent: score\ndata: {\"exam\":3,\"studentId\":\"foo\",\
                  \"score\":.991}\n\nevent: other\ndata: 1\n\nevent: score\ndata: {\"exam\":3}\n\n\
                  event: score\r\ndata: {\"exam\":4,\r\ndata: \"studentId\":\"bar\",\"score\":1}\r\n\
                  \r\nevent: score\ndata: {\"exam\":5,\"studentId\":\"torn\",\"score\":1}\n";
    desk.write("feed.sse", stream);
    let finished = desk.run(&["import", "feed.sse"]);
    assert_eq!(finished.code, Some(1), "{}", finished.said);
    assert!(finished.said.contains("line 11: "), "{}", finished.said);
    let scores: Vec<_> =
        desk.scores().into_iter().map(|(id, exam, score, _)| (id, exam, score)).collect();
    assert_eq!(scores, [("foo".to_owned(), 3, 0.991), ("bar".to_owned(), 4, 1.0)]);
}

#[test]
fn an_import_goes_on_where_an_earlier_one_has_ended() {
    let desk = Desk::new();
    let line = |n: u64| format!("{{\"exam\":{n},\"studentId\":\"a\",\"score\":0.5}}\n");
    let text: String = (1..=12_000).map(line).collect();
    desk.write("scores.ndjson", &text);
    assert_eq!(desk.run(&["import", "scores.ndjson"]).code, Some(0));
    let again = desk.run(&["import", "scores.ndjson"]);
    assert_eq!(again.code, Some(0));
    assert!(again.said.contains("nothing is left of it"), "{}", again.said);
    // As if it had been ended after 5,000 lines: those are in the journal, and it says so.
    let mut journal = SqliteJournal::open_for_reading(&desk.path("gradebook.db")).unwrap();
    let kept = journal.read(Position::START, 5_000).unwrap();
    let kept: Vec<Entry> = kept.into_iter().map(|(_, entry)| entry).collect();
    let name = checkpoint_name(&desk.path("gradebook.db"));
    let offset: usize = (1..=5_000).map(|n| line(n).len()).sum();
    let place =
        Checkpoint { feed: name.into(), last_event_id: format!("line 5000 byte {offset}").into() };
    let mut half = SqliteJournal::open(&desk.path("half.db")).unwrap();
    half.append(Position::START, &kept, &[place]).unwrap();
    drop(half);
    let finished = desk.run(&["import", "scores.ndjson", "--journal", "half.db"]);
    assert!(finished.said.contains("going on after line 5000\n7000 scores imported"));
    let mut half = SqliteJournal::open_for_reading(&desk.path("half.db")).unwrap();
    let exams: Vec<u64> = half
        .read(Position::START, 20_000)
        .unwrap()
        .into_iter()
        .map(|(_, entry)| match entry {
            Entry::Scored { exam, .. } => exam.get(),
            Entry::Erased { .. } => 0,
        })
        .collect();
    assert_eq!(exams, (1..=12_000).collect::<Vec<u64>>());
}

/// The only checkpoint in the file.
fn checkpoint_name(journal: &Path) -> String {
    let file = rusqlite::Connection::open(journal).unwrap();
    file.query_row("SELECT feed FROM checkpoints", [], |row| row.get(0)).unwrap()
}

#[test]
fn times_never_go_back_along_the_journal() {
    let desk = Desk::new();
    desk.journal().append(Position::START, &[scored("a", 1, 0.5, 1_700_000_000_000)], &[]).unwrap();
    let line = |received: &str| {
        format!("{{\"exam\":1,\"studentId\":\"b\",\"score\":0.5,\"receivedAt\":\"{received}\"}}\n")
    };
    let text = [line("2020-01-01T00:00:00Z"), line("2024-01-01T00:00:00Z")].concat();
    let finished = desk.run_with(&["import", "-", "--format", "ndjson"], &text);
    assert!(finished.said.contains("1 scores got the time of the one before"), "{}", finished.said);
    let times: Vec<u64> = desk.scores().into_iter().map(|(.., received)| received).collect();
    assert_eq!(times, [1_700_000_000_000, 1_700_000_000_000, 1_704_067_200_000]);
}

#[test]
fn what_cannot_be_done_is_a_bad_setting() {
    let desk = Desk::new();
    desk.journal();
    desk.write("scores.txt", "");
    desk.write("scores.csv", "a,b\n1,2\n");
    for (args, why) in [
        (&["import", "scores.txt"][..], "add --format"),
        (&["import", "missing.csv"], "cannot be read"),
        (&["import", "scores.csv"], "has no column `exam`"),
        (&["export", "missing/scores.csv"], "cannot be written"),
        (&["export", "--journal", "missing.db"], "does not exist"),
        (&["export", "--journal", "memory:"], "is gone when its process ends"),
        (&["backup", "copy.db", "--journal", "redis://127.0.0.1:1"], "is no file"),
        (&["check", "--journal", "scores.csv"], "nor any SQLite file"),
    ] {
        let finished = desk.run(args);
        assert_eq!(finished.code, Some(2), "{args:?}: {}", finished.said);
        assert!(finished.said.contains(why), "{args:?}: {}", finished.said);
        assert_eq!(finished.said.lines().count(), 1, "{}", finished.said);
    }
}

#[test]
fn whoever_reads_an_export_may_stop_reading() {
    let desk = Desk::new();
    let many: Vec<Entry> = (0..10_000).map(|n| scored("a", n, 0.5, n)).collect();
    desk.journal().append(Position::START, &many, &[]).unwrap();
    let mut command = Service::command();
    command.arg("export").current_dir(desk.0.path()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn check_finds_what_contradicts_itself() {
    let damages = [
        ("", "sound up to position 9: 7 scores, 1 erasures, 1 positions erased"),
        ("DELETE FROM entries WHERE position = 4", "2 positions are missing"),
        ("UPDATE entries SET received = 0 WHERE position = 5", "received before the one ahead"),
        ("UPDATE entries SET score = 1.5 WHERE position = 5", "position 5 has no valid score"),
        ("UPDATE entries SET student = 99 WHERE position = 5", "position 5 has no valid student"),
        ("UPDATE students SET student = 'foo' WHERE id = 2", "has the id of another"),
        ("INSERT INTO entries VALUES (9, 1, 1, 1, 9999999999999)", "both a score and an erasure"),
    ];
    for (damage, told) in damages {
        let desk = Desk::new();
        let mut journal = desk.journal();
        let last = journal.append(Position::START, &awkward(), &[]).unwrap();
        let gone = [scored("gone", 1, 0.5, 1_700_000_000_127)];
        let last = journal.append(last, &gone, &[]).unwrap();
        journal.erase(last, &StudentId::parse("gone").unwrap(), false).unwrap();
        drop(journal);
        let file = rusqlite::Connection::open(desk.path("gradebook.db")).unwrap();
        file.execute_batch(damage).unwrap();
        drop(file);
        let finished = desk.run(&["check"]);
        assert_eq!(finished.code, Some(i32::from(!damage.is_empty())), "{}", finished.said);
        assert!(finished.said.contains(told), "{damage}: {}", finished.said);
    }
}

#[tokio::test]
async fn a_backup_of_a_journal_in_use_is_a_journal() {
    let desk = Desk::new();
    let feed = ScriptedFeed::start().await;
    let url = feed.url();
    let journal = desk.path("gradebook.db");
    let service = Service::start(&["--feed", &url, "--journal", journal.to_str().unwrap()]).await;
    let mut connection = feed.accept_stream().await;
    connection.score("foo", 3, 0.991).await;
    service.eventually("/students/foo", |student| student["resultCount"] == 1).await;

    let finished = desk.run(&["backup", "copy.db"]);
    assert_eq!(finished.code, Some(0), "{}", finished.said);
    connection.score("foo", 4, 0.5).await;
    service.eventually("/students/foo", |student| student["resultCount"] == 2).await;

    let copy = desk.path("copy.db");
    let restored = Service::start(&["--journal", copy.to_str().unwrap()]).await;
    let student = restored.eventually("/students/foo", |_| true).await;
    assert_eq!(student["resultCount"], 1);
    let finished = desk.run(&["backup", "copy.db"]);
    assert_eq!(finished.code, Some(1));
    assert!(finished.said.contains("copy.db is already there"), "{}", finished.said);
}
