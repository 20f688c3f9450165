//! How fast the SQLite journal appends and is read, beside a bare loop of inserts.
//!
//! `cargo bench -p gradebook --bench journal [-- ROWS]`; the folder is that of `TMPDIR`. Every
//! figure is the median of [`ROUNDS`] rounds; the journal and the bare loop take turns, so that
//! whatever else the machine does meets both.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on should stop there")]
#![expect(clippy::print_stdout, reason = "prints what it measured")]

use std::path::Path;
use std::time::Instant;

use gradebook::journal::{BATCH_ENTRIES_MAX, Checkpoint, Journal as _, SqliteJournal};
use gradebook_core::{
    Entry, ExamNumber, Gradebook, Position, Score, ScoringPolicy, StudentId, Timestamp,
};
use rusqlite::Connection;
use tempfile::TempDir;

const ROUNDS: usize = 5;
const ROWS: usize = 1_000_000;
const STUDENTS: usize = 20_000;

fn main() {
    // `cargo bench` passes `--bench`.
    let rows = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(ROWS);
    let entries = entries(rows);
    println!("{rows} entries of {STUDENTS} students, median of {ROUNDS} rounds");
    println!("append, per commit   M/s   bare loop   ratio   M/s of CPU   bare loop   ratio");
    for batch in [100, 1_000, BATCH_ENTRIES_MAX] {
        // A commit of 100 rows is bound by the disk: a tenth of the rows tells as much.
        let entries = &entries[..if batch == 100 { rows / 10 } else { rows }];
        let (ours, bare) =
            taking_turns(entries.len(), || append(entries, batch), || bare(entries, batch));
        println!(
            "{batch:>18}  {:>4.2}   {:>9.2}   {:>5.2}   {:>10.2}   {:>9.2}   {:>5.2}",
            ours.clock,
            bare.clock,
            ours.clock / bare.clock,
            ours.cpu,
            bare.cpu,
            ours.cpu / bare.cpu,
        );
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("gradebook.db");
    fill(&path, &entries, BATCH_ENTRIES_MAX);
    let bytes = std::fs::metadata(&path).unwrap().len();
    println!("size: {:.1} bytes a row, students included", bytes as f64 / rows as f64);
    let (read, replayed) = taking_turns(rows, || read(&path), || replay(&path));
    println!("read: {:.2} M entries/s, {:.2} M a second of CPU", read.clock, read.cpu);
    println!(
        "replay, posted on the same thread: {:.2} M entries/s, {:.2} M a second of CPU",
        replayed.clock, replayed.cpu
    );
}

/// Millions of rows a second: by the clock, and of this process's time on a processor, which does
/// not count what else the machine was doing, nor waiting for the disk.
#[derive(Clone, Copy)]
struct Rate {
    clock: f64,
    cpu: f64,
}

/// The processor time of this process so far, in seconds (proc(5): in ticks of 10 ms).
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn entries(count: usize) -> Vec<Entry> {
    let students: Vec<StudentId> = (0..STUDENTS)
        .map(|n| {
            StudentId::parse(&format!("{}.student{n}", ["Ada", "Grace", "Edsger"][n % 3])).unwrap()
        })
        .collect();
    let mut state = 1_u64;
    (0..count)
        .map(|n| {
            // Knuth's MMIX generator: any spread of students and scores will do.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            Entry::Scored {
                student: students[(state >> 33) as usize % STUDENTS].clone(),
                exam: ExamNumber::new(n as u64 / 50_000).unwrap(),
                score: Score::new((state >> 11) as f64 / (1_u64 << 53) as f64).unwrap(),
                received: Timestamp::from_ms(1_795_342_530_123 + n as u64 / 1_000),
            }
        })
        .collect()
}

/// Both, in the median.
fn taking_turns(count: usize, mut one: impl FnMut(), mut other: impl FnMut()) -> (Rate, Rate) {
    let timed = |work: &mut dyn FnMut()| {
        let (start, cpu) = (Instant::now(), cpu_seconds());
        work();
        let millions = count as f64 / 1e6;
        Rate {
            clock: millions / start.elapsed().as_secs_f64(),
            cpu: millions / (cpu_seconds() - cpu),
        }
    };
    let rates: Vec<(Rate, Rate)> =
        (0..ROUNDS).map(|_| (timed(&mut one), timed(&mut other))).collect();
    let median = |key: fn(&(Rate, Rate)) -> f64| {
        let mut found: Vec<f64> = rates.iter().map(key).collect();
        found.sort_by(f64::total_cmp);
        found[ROUNDS / 2]
    };
    let one = Rate { clock: median(|rates| rates.0.clock), cpu: median(|rates| rates.0.cpu) };
    let other = Rate { clock: median(|rates| rates.1.clock), cpu: median(|rates| rates.1.cpu) };
    (one, other)
}

fn append(entries: &[Entry], batch: usize) {
    let folder = TempDir::new().unwrap();
    fill(&folder.path().join("gradebook.db"), entries, batch);
}

fn fill(path: &Path, entries: &[Entry], batch: usize) {
    let mut journal = SqliteJournal::open(path).unwrap();
    let mut last = Position::START;
    for (number, entries) in entries.chunks(batch).enumerate() {
        let checkpoint = Checkpoint {
            feed: "http://feed/scores".into(),
            last_event_id: number.to_string().into(),
        };
        last = journal.append(last, entries, &[checkpoint]).unwrap();
    }
}

/// The same rows by one prepared statement a row, students already numbered, nothing checked.
fn bare(entries: &[Entry], batch: usize) {
    let folder = TempDir::new().unwrap();
    let mut connection = Connection::open(folder.path().join("bare.db")).unwrap();
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    connection.pragma_update(None, "synchronous", "full").unwrap();
    let table = "CREATE TABLE entries(position INTEGER PRIMARY KEY, student INTEGER NOT NULL,
        exam INTEGER NOT NULL, score REAL NOT NULL, received INTEGER NOT NULL) STRICT";
    connection.execute(table, []).unwrap();
    let mut position = 0;
    for entries in entries.chunks(batch) {
        let transaction = connection.transaction().unwrap();
        let mut insert =
            transaction.prepare_cached("INSERT INTO entries VALUES (?1, ?2, ?3, ?4, ?5)").unwrap();
        for entry in entries {
            let Entry::Scored { student, exam, score, received } = entry else { continue };
            position += 1;
            let student = student.as_str().len() as u64 * 1_000;
            insert.execute((position, student, exam.get(), score.get(), received.as_ms())).unwrap();
        }
        drop(insert);
        transaction.commit().unwrap();
    }
}

fn read(path: &Path) {
    let mut journal = SqliteJournal::open_for_reading(path).unwrap();
    let mut after = Position::START;
    while let Some((last, _)) = journal.read(after, BATCH_ENTRIES_MAX).unwrap().last() {
        after = *last;
    }
}

fn replay(path: &Path) {
    let mut journal = SqliteJournal::open_for_reading(path).unwrap();
    let mut book = Gradebook::new(ScoringPolicy::KeepLatest, journal.identity().key);
    loop {
        let entries = journal.read(book.position(), BATCH_ENTRIES_MAX).unwrap();
        if entries.is_empty() {
            break;
        }
        for (position, entry) in &entries {
            book.post(*position, entry);
        }
    }
}
