//! Readers beside a writer at full speed: `cargo bench -p gradebook --bench shared_book`.
//!
//! Prints, for each kind of read and number of readers, what a read takes (waiting included) and
//! what is left of the writer's speed. Targets: a student is looked up within 2 µs and a page of
//! 100 results read within 10 µs (medians), and the writer goes on.
#![expect(clippy::print_stdout, reason = "the report is what this program is for")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on should stop there")]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gradebook::book::SharedBook;
use gradebook_core::gradebook::ResultQuery;
use gradebook_core::{
    Entry, ExamNumber, Gradebook, Position, PseudonymKey, Score, ScoringPolicy, StudentId,
    Timestamp,
};

const STUDENTS: u64 = 100_000;
const EXAMS: u64 = 100;
const BATCH: u64 = 1_000;
const MEASURED_FOR: Duration = Duration::from_secs(3);

/// What a reader does.
#[derive(Clone, Copy, Debug)]
enum Read {
    /// One student's average: each has [`EXAMS`] results.
    Lookup,
    /// 100 results of an exam that has [`STUDENTS`].
    Page,
}

fn student(number: u64) -> StudentId {
    StudentId::parse(&format!("Student.{number}")).unwrap()
}

fn entry(number: u64, value: f64) -> Entry {
    Entry::Scored {
        student: student(number % STUDENTS),
        exam: ExamNumber::new(10_000 + number / STUDENTS % EXAMS).unwrap(),
        score: Score::new(value).unwrap(),
        received: Timestamp::from_ms(number / 1_000),
    }
}

/// Every student in every exam.
fn full_book() -> (SharedBook, u64) {
    let book = Gradebook::new(ScoringPolicy::KeepLatest, PseudonymKey([7; 16]));
    let book = SharedBook::new(book);
    let count = STUDENTS * EXAMS;
    book.post_each(0..count, |book, number| {
        book.post(Position::new(number + 1), &entry(number, 0.5));
    });
    (book, count)
}

/// Corrects results at random places until told to stop. Returns how many a second.
fn write(book: &SharedBook, last: &AtomicU64, stop: &AtomicBool) -> f64 {
    let batches: Vec<Vec<Entry>> = (0..64)
        .map(|batch| {
            let value = f64::from(batch) / 64.0;
            let scattered =
                |index: u64| (batch as u64 * BATCH + index) * 7_919_111 % (STUDENTS * EXAMS);
            (0..BATCH).map(|index| entry(scattered(index), value)).collect()
        })
        .collect();
    let (started, mut posted) = (Instant::now(), 0u64);
    for batch in batches.iter().cycle() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let first = last.fetch_add(BATCH, Ordering::Relaxed);
        book.post_each(batch.iter().zip(first + 1..), |book, (entry, position)| {
            book.post(Position::new(position), entry);
        });
        posted += BATCH;
    }
    posted as f64 / started.elapsed().as_secs_f64()
}

/// Reads, `pause` apart, until told to stop. Returns what each read took, in nanoseconds.
fn read(book: &SharedBook, what: Read, pause: Duration, stop: &AtomicBool) -> Vec<u64> {
    let mut times = Vec::with_capacity(1 << 22);
    let mut number = 1u64;
    while !stop.load(Ordering::Relaxed) && times.len() < times.capacity() {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let id = student((number >> 33) % STUDENTS);
        let exam = ExamNumber::new(10_000 + (number >> 20) % EXAMS).unwrap();
        let mut query = ResultQuery::all(100);
        query.after = Some(gradebook_core::gradebook::Anchor { value: 0, id: id.clone() });
        let started = Instant::now();
        match what {
            Read::Lookup => drop(black_box(book.read().student(&id))),
            Read::Page => drop(black_box(book.read().exam_results(exam, &query))),
        }
        let done = Instant::now();
        times.push((done - started).as_nanos() as u64);
        while done.elapsed() < pause {
            std::hint::spin_loop();
        }
    }
    times
}

fn report(name: &str, mut times: Vec<u64>, writer: Option<f64>) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize] as f64 / 1_000.0;
    let writer = writer.map_or("-".to_owned(), |speed| format!("{:.2} M/s", speed / 1e6));
    println!(
        "{name:<44} {:>9.2} {:>9.2} {:>9.2} {:>10} {writer:>10}",
        at(0.5),
        at(0.99),
        at(0.999),
        times.len()
    );
}

fn main() {
    let (book, count) = full_book();
    let (book, last) = (Arc::new(book), AtomicU64::new(count));
    let measure = |readers: usize, what: Read, pause: Duration, writing: bool| {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let writer = writing.then(|| scope.spawn(|| write(&book, &last, &stop)));
            let readers: Vec<_> =
                (0..readers).map(|_| scope.spawn(|| read(&book, what, pause, &stop))).collect();
            let (started, stop) = (Instant::now(), &stop);
            std::thread::park_timeout(MEASURED_FOR);
            while started.elapsed() < MEASURED_FOR {
                std::thread::park_timeout(MEASURED_FOR - started.elapsed());
            }
            stop.store(true, Ordering::Relaxed);
            let times: Vec<u64> = readers.into_iter().flat_map(|one| one.join().unwrap()).collect();
            (times, writer.map(|writer| writer.join().unwrap()))
        })
    };
    println!("{STUDENTS} students x {EXAMS} exams, batches of {BATCH}; times in µs");
    println!(
        "{:<44} {:>9} {:>9} {:>9} {:>10} {:>10}",
        "", "median", "p99", "p99.9", "reads", "writer"
    );
    let (_, alone) = measure(0, Read::Lookup, Duration::ZERO, true);
    println!("{:<44} {:>51}", "writer alone", format!("{:.2} M/s", alone.unwrap() / 1e6));
    for what in [Read::Lookup, Read::Page] {
        let (times, _) = measure(1, what, Duration::ZERO, false);
        report(&format!("{what:?}, no writer"), times, None);
        for (readers, pause) in [(1, 100), (1, 10), (1, 0), (2, 0), (4, 0)] {
            let (times, writer) = measure(readers, what, Duration::from_micros(pause), true);
            let name = format!("{what:?}, {readers} readers every {pause} µs, writer");
            report(&name, times, writer);
        }
    }
}
