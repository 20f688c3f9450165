//! The file of a journal: which are used, which are refused and how, and who may look at it.

use std::path::Path;
use std::process::Output;

use gradebook::journal::{BATCH_ENTRIES_MAX, Journal as _, SqliteJournal};
use gradebook_core::{Entry, ExamNumber, Position, Score, StudentId, Timestamp};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::support::{Service, SmallDisk};

/// Runs `gradebook` with `args` to its end.
fn run(args: &[&str]) -> Output {
    Service::command().args(args).output().unwrap()
}

/// The exit code and what was said of `gradebook serve --journal PATH`, which must be refused.
fn refusal(journal: &Path) -> (Option<i32>, String) {
    let journal = journal.to_str().unwrap();
    let output = run(&["serve", "--listen", "127.0.0.1:0", "--journal", journal]);
    let said = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<&str> = said.lines().filter(|line| !line.contains(" INFO ")).collect();
    (output.status.code(), lines.join("\n"))
}

fn assert_refused(journal: &Path, code: i32, why: &str) {
    let (found, said) = refusal(journal);
    assert_eq!(found, Some(code), "{said}");
    assert!(said.contains(why) && said.lines().count() == 1, "{said}");
    assert!(said.contains(journal.to_str().unwrap()), "{said}");
}

fn scores(count: u64, students: u64) -> Vec<Entry> {
    let entry = |n: u64| Entry::Scored {
        student: StudentId::parse(&format!("student number {}", n % students)).unwrap(),
        exam: ExamNumber::new(n / students).unwrap(),
        score: Score::new(0.5).unwrap(),
        received: Timestamp::from_ms(1_795_342_530_123 + n),
    };
    (0..count).map(entry).collect()
}

fn journal_with(path: &Path, entries: &[Entry]) -> SqliteJournal {
    let mut journal = SqliteJournal::open(path).unwrap();
    let mut last = Position::START;
    for batch in entries.chunks(BATCH_ENTRIES_MAX) {
        last = journal.append(last, batch, &[]).unwrap();
    }
    journal
}

#[test]
fn a_path_that_cannot_hold_a_journal_is_a_bad_setting() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    assert_refused(&path("missing/gradebook.db"), 2, "there is no folder");
    assert_refused(folder.path(), 2, "is not a file");
    std::fs::write(path("notes.txt"), "Ada did well.\n").unwrap();
    assert_refused(&path("notes.txt"), 2, "is not a journal, nor any SQLite file");
    let other = Connection::open(path("other.db")).unwrap();
    other.execute_batch("CREATE TABLE notes(note TEXT)").unwrap();
    assert_refused(&path("other.db"), 2, "a SQLite file of another application");
    let newer = journal_with(&path("newer.db"), &[]);
    drop(newer);
    let changed = Connection::open(path("newer.db")).unwrap();
    changed.pragma_update(None, "user_version", 2).unwrap();
    drop(changed);
    assert_refused(&path("newer.db"), 2, "written by a newer gradebook: its schema has version 2");
    let entries: Vec<_> = folder.path().read_dir().unwrap().map(|it| it.unwrap().path()).collect();
    assert!(!entries.contains(&path("notes.txt-lock")), "nothing is put beside a foreign file");
}

#[test]
fn a_read_only_folder_is_a_bad_setting_and_a_full_disk_is_bad_luck() {
    let disk = SmallDisk::mount("64k");
    disk.make_read_only();
    assert_refused(&disk.path("gradebook.db"), 2, "may not be used");
    let disk = SmallDisk::mount("16k");
    assert_refused(&disk.path("gradebook.db"), 1, "the disk is full");
}

#[test]
fn a_damaged_file_is_not_served() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("gradebook.db");
    drop(journal_with(&path, &scores(20_000, 100)));
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2 / 4_096 * 4_096;
    bytes[middle..middle + 4_096].fill(0xaa);
    std::fs::write(&path, bytes).unwrap();

    let (code, said) = refusal(&path);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("malformed"), "{said}");
    let checked = run(&["check", "--journal", path.to_str().unwrap()]);
    let said = String::from_utf8(checked.stderr).unwrap();
    assert_eq!(checked.status.code(), Some(1), "{said}");
    assert!(said.contains("is damaged"), "{said}");
}

#[tokio::test]
async fn one_process_holds_a_journal_and_others_read_it() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("gradebook.db");
    let journal = path.to_str().unwrap();
    drop(journal_with(&path, &scores(1_000, 10)));
    let service = Service::start(&["--journal", journal]).await;
    service.eventually("/results?limit=1", |page| page["page"]["total"] == 1_000).await;

    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for second in [&path, &link] {
        let (code, said) = refusal(second);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(&format!("in use by process {}", service.pid())), "{said}");
    }
    let sqlite3 = std::process::Command::new("sqlite3")
        .args([journal, "SELECT * FROM results ORDER BY position LIMIT 1"])
        .output()
        .unwrap();
    let row = String::from_utf8(sqlite3.stdout).unwrap();
    assert_eq!(row, "student number 0|0|0.5|2026-11-22T10:15:30.123Z|1\n");
    assert_eq!(run(&["check", "--journal", journal]).status.code(), Some(0));
    let exported = run(&["export", "--journal", journal]);
    assert_eq!(String::from_utf8(exported.stdout).unwrap().lines().count(), 1_000);

    // What a killed process held is free at once.
    service.kill();
    let service = Service::start(&["--journal", journal]).await;
    service.eventually("/results?limit=1", |page| page["page"]["total"] == 1_000).await;
}

#[test]
fn an_erased_id_is_nowhere_in_the_files() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("gradebook.db");
    // Enough students for a tree of pages, and batches that make it grow while it is written.
    let entries = scores(20_000, 5_000);
    let mut journal = SqliteJournal::open(&path).unwrap();
    for batch in entries.chunks(997) {
        let last = journal.last().unwrap();
        journal.append(last, batch, &[]).unwrap();
    }
    for number in (0..5_000).step_by(250) {
        let id = format!("student number {number}");
        let last = journal.last().unwrap();
        journal.erase(last, &StudentId::parse(&id).unwrap(), false).unwrap();
    }
    assert!(journal.purge().unwrap());
    // The ids that are left differ from the erased ones in their last characters: look for whole
    // numbers.
    let mut kept = Vec::new();
    for file in folder.path().read_dir().unwrap() {
        kept.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    let found = numbers_after(&kept, b"student number ");
    assert!(found.contains(&1), "the others are still there");
    let erased: Vec<&u64> = found.iter().filter(|number| **number % 250 == 0).collect();
    assert_eq!(erased, Vec::<&u64>::new());
    drop(journal);
    assert_eq!(run(&["check", "--journal", path.to_str().unwrap()]).status.code(), Some(0));
}

/// The numbers that follow `text` in `bytes`.
fn numbers_after(bytes: &[u8], text: &[u8]) -> Vec<u64> {
    let starts = bytes.windows(text.len()).enumerate().filter(|(_, window)| *window == text);
    starts
        .filter_map(|(start, _)| {
            let rest = &bytes[start + text.len()..];
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            std::str::from_utf8(&rest[..digits]).unwrap().parse().ok()
        })
        .collect()
}

#[test]
fn a_file_that_this_version_wrote_is_read_by_every_later_one() {
    // Written by 0.1.0: 41 scores of 5 students, one erased, and a checkpoint.
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("gradebook.db");
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/gradebook-1.db");
    std::fs::copy(&fixture, &path).unwrap();
    let mut journal = SqliteJournal::open(&path).unwrap();
    assert_eq!(journal.last().unwrap().get(), 42);
    assert_eq!(journal.checkpoint("http://feed/scores").unwrap().as_deref(), Some("41"));
    let entries = journal.read(Position::START, 100).unwrap();
    let digest: Vec<String> =
        entries.iter().map(|(position, entry)| digest(*position, entry)).collect();
    insta::assert_snapshot!(digest.join("\n"));
    let last = journal.last().unwrap();
    assert_eq!(journal.append(last, &scores(1, 1), &[]).unwrap().get(), 43);
}

/// One line: the position and everything in the entry.
fn digest(position: Position, entry: &Entry) -> String {
    match entry {
        Entry::Scored { student, exam, score, received } => {
            format!("{position} {student} {exam} {} {received}", score.get())
        }
        Entry::Erased { student, suppress } => {
            let student: String = student.0.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{position} erased {student} suppress={suppress}")
        }
    }
}

#[test]
fn an_erasure_is_finished_once_nobody_reads_the_old_file_any_more() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("gradebook.db");
    let mut journal = journal_with(&path, &scores(1_000, 10));
    assert!(journal.purge().unwrap());
    let reader = Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN; SELECT * FROM entries LIMIT 1").unwrap();
    let last = journal.last().unwrap();
    let student = StudentId::parse("student number 7").unwrap();
    let last = journal.erase(last, &student, false).unwrap();
    assert!(!journal.purge().unwrap(), "the reader's view still has it");
    // Meanwhile scores are kept as ever.
    journal.append(last, &scores(10, 5), &[]).unwrap();
    drop(reader);
    assert!(journal.purge().unwrap());
    let mut kept = std::fs::read(&path).unwrap();
    kept.extend(std::fs::read(folder.path().join("gradebook.db-wal")).unwrap());
    assert!(!kept.windows(16).any(|bytes| bytes == student.as_str().as_bytes()));
}
