//! Posting to a gradebook, and every kind of question to a large one.
//!
//! `cargo bench -p gradebook-core --bench gradebook`; with `GRADEBOOK_BENCH_RESULTS=10000000` the
//! books that are posted to have ten million results instead of one.

mod shapes;

use std::sync::LazyLock;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use gradebook_core::gradebook::{
    Anchor, ListKey, ListQuery, Page, ResultItem, ResultKey, ResultQuery, Sort,
};
use gradebook_core::{Entry, ExamNumber, Gradebook, Position, Score, StudentId, Timestamp};
use shapes::processor_time::ProcessorTime;
use shapes::{Random, Shape, book, empty_book, post};

type Bench = Criterion<ProcessorTime>;

fn posting(criterion: &mut Bench) {
    let results = std::env::var("GRADEBOOK_BENCH_RESULTS").ok().and_then(|text| text.parse().ok());
    let results: u64 = results.unwrap_or(1_000_000);
    let mut group = criterion.benchmark_group(format!("post to {results} results"));
    group.throughput(Throughput::Elements(1000)).sample_size(20);
    for shape in Shape::BOTH {
        let (mut book, mut entries) = book(shape, results);
        group.bench_function(format!("{shape:?}"), |bencher| {
            bencher.iter_batched(
                || {
                    let mut batch = Vec::new();
                    entries.fill(&mut batch, 1000);
                    batch
                },
                |batch| post(&mut book, &batch),
                BatchSize::LargeInput,
            );
        });
    }
}

fn sorted<Id>(key: ResultKey, limit: usize) -> ResultQuery<Id> {
    ResultQuery { sort: Sort { key, descending: true }, ..ResultQuery::all(limit) }
}

fn middle<Id: Clone>(page: &Page<ResultItem, Id>, id: impl Fn(&ResultItem) -> Id) -> Anchor<Id> {
    Anchor { value: 0, id: id(&page.items[page.items.len() / 2]) }
}

/// 100,000 students in 100 exams.
struct Large {
    book: Gradebook,
    exam: ExamNumber,
    roll: Page<ResultItem, StudentId>,
}

static LARGE: LazyLock<Large> = LazyLock::new(|| {
    let (book, _) = book(Shape::Bursts, 10_000_000);
    let exam = ExamNumber::new(10_050).expect("in range");
    let roll = book.exam_results(exam, &ResultQuery::all(100_000)).expect("held");
    Large { book, exam, roll }
});

const LARGE_NAME: &str = "100,000 students in 100 exams";

/// A student at random.
fn anybody() -> impl FnMut() -> StudentId {
    let mut random = Random::new(7);
    move || LARGE.roll.items[random.below(100_000) as usize].student.clone()
}

fn lookups(criterion: &mut Bench) {
    let (Large { book, exam, .. }, mut anybody) = (&*LARGE, anybody());
    let mut group = criterion.benchmark_group(LARGE_NAME);

    group.bench_function("a student", |bencher| {
        bencher.iter_batched(&mut anybody, |who| book.student(&who), BatchSize::SmallInput);
    });
    group.bench_function("a student's 100 results", |bencher| {
        let query = ResultQuery::all(100);
        bencher.iter_batched(
            &mut anybody,
            |who| book.student_results(&who, &query),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("one result", |bencher| {
        bencher.iter_batched(&mut anybody, |who| book.result(&who, *exam), BatchSize::SmallInput);
    });
}

fn pages(criterion: &mut Bench) {
    let (Large { book, exam, .. }, mut anybody) = (&*LARGE, anybody());
    let mut group = criterion.benchmark_group(LARGE_NAME);

    group.bench_function("a page of 100 of an exam, from anywhere", |bencher| {
        bencher.iter_batched(
            || {
                let after = Some(Anchor { value: 0, id: anybody() });
                ResultQuery { after, ..ResultQuery::all(100) }
            },
            |query| book.exam_results(*exam, &query),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("a page of 100 of all results, from anywhere", |bencher| {
        let mut random = Random::new(8);
        bencher.iter_batched(
            || {
                let id = Position::new(random.below(10_000_000));
                ResultQuery { after: Some(Anchor { value: 0, id }), ..ResultQuery::all(100) }
            },
            |query| book.results(&query),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("a page of 100 students, from anywhere", |bencher| {
        bencher.iter_batched(
            || {
                let after = Some(Anchor { value: 0, id: anybody() });
                ListQuery { after, ..ListQuery::all(100) }
            },
            |query| book.students(&query),
            BatchSize::SmallInput,
        );
    });
}

fn selections(criterion: &mut Bench) {
    let Large { book, exam, roll } = &*LARGE;
    let mut group = criterion.benchmark_group(LARGE_NAME);

    group.bench_function("the 100 best of an exam", |bencher| {
        bencher.iter(|| book.exam_results(*exam, &sorted(ResultKey::Score, 100)));
    });
    group.bench_function("the next 100 best of an exam", |bencher| {
        let page = book.exam_results(*exam, &sorted(ResultKey::Score, 100)).expect("held");
        let query = ResultQuery { after: page.next, ..sorted(ResultKey::Score, 100) };
        bencher.iter(|| book.exam_results(*exam, &query));
    });
    group.bench_function("a page of 100 of an exam, those below 0.6", |bencher| {
        let after = Some(middle(roll, |item| item.student.clone()));
        let max_score = Some(Score::new(0.6).expect("in range"));
        let query = ResultQuery { max_score, after, ..ResultQuery::all(100) };
        bencher.iter(|| book.exam_results(*exam, &query));
    });
    group.bench_function("students whose id contains a text", |bencher| {
        let query = ListQuery { contains: Some("EVAN.f00".to_owned()), ..ListQuery::all(100) };
        bencher.iter(|| book.students(&query));
    });
}

fn distributions(criterion: &mut Bench) {
    let (Large { book, exam, roll }, mut anybody) = (&*LARGE, anybody());
    let mut group = criterion.benchmark_group(LARGE_NAME);

    group.bench_function("statistics of an exam", |bencher| {
        bencher.iter(|| book.exam_statistics(*exam));
    });
    group.bench_function("statistics of a student", |bencher| {
        bencher.iter_batched(
            &mut anybody,
            |who| book.student_statistics(&who),
            BatchSize::SmallInput,
        );
    });
    group.sample_size(20);
    group.bench_function("standings of 1,000 results of an exam", |bencher| {
        bencher.iter(|| book.standings(&roll.items[..1000]));
    });
    group.bench_function("standings of a student's 100 results", |bencher| {
        let page = book.student_results(&anybody(), &ResultQuery::all(100)).expect("held");
        bencher.iter(|| book.standings(&page.items));
    });
}

/// A million students with one result each.
fn many_students(criterion: &mut Bench) {
    let (mut book, mut random): (Gradebook, _) = (empty_book(), Random::new(9));
    for number in 0..1_000_000u64 {
        let entry = Entry::Scored {
            student: StudentId::parse(&format!("{:x}", random.below(1 << 60))).expect("valid"),
            exam: ExamNumber::new(3).expect("in range"),
            score: random.score(),
            received: Timestamp::from_ms(number),
        };
        book.post(Position::new(number + 1), &entry);
    }
    let mut group = criterion.benchmark_group("1,000,000 students");
    group.sample_size(20);
    for key in [ListKey::AverageScore, ListKey::ResultCount, ListKey::LastResultAt] {
        let query = ListQuery { sort: Sort { key, descending: true }, ..ListQuery::all(1000) };
        group.bench_function(format!("the first 1,000 by {key:?}"), |bencher| {
            bencher.iter(|| book.students(&query));
        });
        let query = ListQuery { after: book.students(&query).next, ..query };
        group.bench_function(format!("the next 1,000 by {key:?}"), |bencher| {
            bencher.iter(|| book.students(&query));
        });
    }
}

criterion_group! {
    name = all;
    config = Criterion::default().with_measurement(ProcessorTime);
    targets = posting, lookups, pages, selections, distributions, many_students
}
criterion_main!(all);
