//! The two shapes that a gradebook is measured in.

pub mod processor_time;

use gradebook_core::gradebook::FORESEEN_ENTRIES;
use gradebook_core::{
    Entry, ExamNumber, Gradebook, Position, PseudonymKey, Score, ScoringPolicy, StudentId,
    Timestamp,
};

/// How the results are spread over students and exams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A hundred exams, each with one score of every student, in random order.
    Bursts,
    /// Twenty students, and exam numbers that count up, as the live-test-scores feed has them.
    Feed,
}

impl Shape {
    pub const BOTH: [Self; 2] = [Self::Bursts, Self::Feed];

    /// How many students share `results` results.
    pub fn students(self, results: u64) -> u64 {
        match self {
            Self::Bursts => (results / 100).max(1),
            Self::Feed => 20,
        }
    }
}

/// Entries in the order in which a feed would deliver them, without end.
pub struct Entries {
    ids: Vec<StudentId>,
    order: Vec<u32>,
    next: usize,
    exam: u64,
    received_ms: u64,
    random: Random,
}

impl Entries {
    pub fn new(shape: Shape, results: u64) -> Self {
        let students = shape.students(results);
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let id = |number| {
            let name = ["Hannah", "Emely", "Susana", "Evan", "Ola"][number as usize % 5];
            StudentId::parse(&format!("{name}.{:08x}", number * 2_654_435_761 % (1 << 32)))
        };
        let ids: Vec<_> = (0..students).map(|number| id(number).expect("a valid id")).collect();
        let order = (0..ids.len() as u32).collect();
        let mut entries =
            Self { ids, order, next: 0, exam: 10_000, received_ms: 1_795_342_530_123, random };
        random = Random(1);
        entries.shuffle();
        entries.random = random;
        entries
    }

    fn shuffle(&mut self) {
        for end in (1..self.order.len()).rev() {
            let other = self.random.below(end as u64 + 1) as usize;
            self.order.swap(end, other);
        }
    }

    /// Refills `batch` with the next entries.
    pub fn fill(&mut self, batch: &mut Vec<Entry>, entries: u64) {
        batch.clear();
        for _ in 0..entries {
            if self.next == self.order.len() {
                (self.next, self.exam) = (0, self.exam + 1);
                self.shuffle();
            }
            self.received_ms += u64::from(self.random.below(1000) == 0);
            batch.push(Entry::Scored {
                student: self.ids[self.order[self.next] as usize].clone(),
                exam: ExamNumber::new(self.exam).expect("in range"),
                score: self.random.score(),
                received: Timestamp::from_ms(self.received_ms),
            });
            self.next += 1;
        }
    }
}

/// An empty book.
pub fn empty_book() -> Gradebook {
    Gradebook::new(ScoringPolicy::KeepLatest, PseudonymKey(*b"sixteen byte key"))
}

/// Posts a batch after what is there.
pub fn post(book: &mut Gradebook, batch: &[Entry]) {
    let mut foreseen = Vec::with_capacity(FORESEEN_ENTRIES);
    for entries in batch.chunks(FORESEEN_ENTRIES) {
        book.foresee(entries, &mut foreseen);
        for (entry, &foreseen) in entries.iter().zip(&foreseen) {
            let position: Position = book.position().plus(1);
            std::hint::black_box(book.post_foreseen(position, entry, foreseen));
        }
    }
}

/// A book with so many results.
pub fn book(shape: Shape, results: u64) -> (Gradebook, Entries) {
    let (mut book, mut entries, mut batch) = (empty_book(), Entries::new(shape, results), vec![]);
    for _ in 0..results / 1000 {
        entries.fill(&mut batch, 1000);
        post(&mut book, &batch);
    }
    (book, entries)
}

/// SplitMix64: the same numbers in every run.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// Mostly between a half and nearly one.
    pub fn score(&mut self) -> Score {
        let share = (self.next() >> 11) as f64 / (1u64 << 53) as f64;
        Score::new(0.5 + share * 0.45).expect("in range")
    }
}
