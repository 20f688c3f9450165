//! How fast a gradebook is filled, and how much memory a result takes.
//!
//! `cargo bench -p gradebook-core --bench footprint -- 10000000` measures both shapes, each in a
//! process of its own, so that the resident memory is that of one gradebook.

#![expect(clippy::print_stdout, reason = "the output is the purpose")]

#[expect(dead_code, reason = "the other benchmark uses all of it")]
mod shapes;

use std::process::Command;
use std::time::{Duration, Instant};

use shapes::processor_time::processor_time;
use shapes::{Entries, Shape, empty_book, post};

const RESULTS_BY_DEFAULT: u64 = 1_000_000;
const BATCH: u64 = 1_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let results = arguments.iter().find_map(|text| text.parse().ok());
    let results = results.unwrap_or(RESULTS_BY_DEFAULT);
    for shape in Shape::BOTH {
        let name = format!("{shape:?}").to_lowercase();
        if arguments.contains(&name) {
            measure(shape, results);
        } else if !arguments.iter().any(|text| text == "bursts" || text == "feed") {
            let program = std::env::current_exe().expect("this program has a path");
            let status = Command::new(program).args([&name, &results.to_string()]).status();
            assert!(status.expect("this program can be run").success());
        }
    }
}

fn measure(shape: Shape, results: u64) {
    let (mut entries, mut batch) = (Entries::new(shape, results), Vec::new());
    entries.fill(&mut batch, BATCH);
    let resident_before = resident_bytes();
    let (mut book, mut posting, mut processor) = (empty_book(), Duration::ZERO, Duration::ZERO);
    for _ in 0..results.div_ceil(BATCH) {
        let (start, start_processor) = (Instant::now(), processor_time());
        post(&mut book, &batch);
        processor += processor_time() - start_processor;
        posting += start.elapsed();
        entries.fill(&mut batch, BATCH);
    }
    let resident = resident_bytes() - resident_before;
    let count = book.result_count() as u64;
    println!(
        "{shape:?}, {count} results ({} students, {} exams): {:.2} M entries a second, {:.2} M \
         a second of processor time, {:.1} bytes of resident memory a result",
        book.student_count(),
        book.exam_count(),
        count as f64 / posting.as_secs_f64() / 1e6,
        count as f64 / processor.as_secs_f64() / 1e6,
        resident as f64 / count as f64,
    );
}

/// What this process has resident, from `/proc/self/statm`, whose unit is a page.
fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("Linux has it");
    let pages = text.split(' ').nth(1).and_then(|text| text.parse::<u64>().ok());
    4096 * pages.expect("the second field is a number")
}
