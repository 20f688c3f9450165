//! What the simulated feed says: a pure function of the seed and the number of the event.

use gradebook_core::feed_format::FeedScore;
use gradebook_core::{ExamNumber, Score, StudentId};

use super::fault::{Fault, Faults};
use super::names;
use super::number::{self, random, unit};

/// One event in so many has a fault, when faults are asked for.
pub const FAULT_ONE_IN: u64 = 50;

/// Series of random numbers: one for each thing that is drawn.
mod series {
    pub const FIRST_EXAM: u64 = 1;
    pub const ORDER: u64 = 2;
    pub const ABILITY: u64 = 3;
    pub const SCORE: u64 = 4;
    pub const FAULT: u64 = 5;
    pub const VARIANT: u64 = 6;
    pub const CORRECTION: u64 = 7;
}

/// Everything that determines a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSettings {
    /// Same seed, same stream.
    pub seed: u64,
    /// How many students take each exam; at least 1.
    pub students: u64,
    /// After how many exams the stream ends; `None`: never.
    pub exams: Option<u64>,
    /// Whether events carry their number as `id:`.
    pub ids: bool,
    /// What goes wrong.
    pub faults: Faults,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self { seed: 0, students: 20, exams: None, ids: false, faults: Faults::default() }
    }
}

/// A stream of scores. Events are numbered from 1, and event `n` is always the same.
///
/// For each exam there is one event for each student, then the next exam begins.
#[derive(Clone, Debug)]
pub struct Stream {
    settings: StreamSettings,
    first_exam: u64,
}

impl Stream {
    /// The stream that `settings` determine.
    #[must_use]
    pub fn new(settings: StreamSettings) -> Self {
        // Five digits, and room to count up before there are six.
        let first_exam = 10_000 + random(settings.seed, series::FIRST_EXAM, 0) % 500;
        Self { settings, first_exam }
    }

    /// The number of the last event; `None` when there is no end.
    #[must_use]
    pub fn last(&self) -> Option<u64> {
        self.settings.exams.map(|exams| exams.saturating_mul(self.settings.students))
    }

    /// The score in event `number` (from 1).
    #[must_use]
    pub fn event(&self, number: u64) -> FeedScore {
        let (student, exam) = self.pair(number);
        let mut id = Vec::new();
        names::push(&mut id, self.settings.seed, student);
        FeedScore {
            student: StudentId::parse(&String::from_utf8_lossy(&id))
                .expect("invariant: simulated ids are student ids"),
            exam: ExamNumber::new(exam).expect("invariant: simulated exams have few digits"),
            score: Score::new(self.score(number, student))
                .expect("invariant: simulated scores are within 0 and 1"),
        }
    }

    /// The events after number `after`, in order, to the end if there is one.
    pub fn events(&self, after: u64) -> impl Iterator<Item = FeedScore> + '_ {
        let last = self.last().unwrap_or(u64::MAX);
        (after..last).map(|before| self.event(before + 1))
    }

    /// What goes wrong at event `number`.
    #[must_use]
    pub fn fault(&self, number: u64) -> Option<Fault> {
        let faults = self.settings.faults.as_slice();
        if faults.is_empty() {
            return None;
        }
        let drawn = random(self.settings.seed, series::FAULT, number);
        drawn.is_multiple_of(FAULT_ONE_IN).then(|| faults[(drawn >> 32) as usize % faults.len()])
    }

    /// Appends event `number` as it goes over the wire, with whatever `fault` adds to it.
    pub fn push(&self, out: &mut Vec<u8>, number: u64, fault: Option<Fault>) {
        let Some(fault) = fault else { return self.push_score(out, number, "\n", Form::Usual) };
        let variant = random(self.settings.seed, series::VARIANT, number);
        match fault {
            Fault::Drops | Fault::Stalls => {}
            Fault::Malformed => push_one_of(out, variant, &MALFORMED),
            Fault::OutOfRange => push_one_of(out, variant, &OUT_OF_RANGE),
            Fault::Comments => out.extend_from_slice(b": nothing to see here\n\n"),
            Fault::OtherEvents => {
                out.extend_from_slice(b"event: heartbeat\ndata: {\"score\":1}\n\n");
            }
            Fault::Duplicates => self.push_score(out, number, "\n", Form::Usual),
            Fault::Corrections => self.push_score(out, number, "\n", Form::Provisional),
            Fault::LineEnds => {
                let line_end = if variant.is_multiple_of(2) { "\r" } else { "\r\n" };
                return self.push_score(out, number, line_end, Form::Usual);
            }
            Fault::SplitData => return self.push_score(out, number, "\n", Form::TwoLines),
            Fault::Unquoted => return self.push_score(out, number, "\n", Form::Documented),
        }
        self.push_score(out, number, "\n", Form::Usual);
    }

    /// Appends the beginning of event `number`, as a connection that breaks leaves it.
    pub fn push_torn(&self, out: &mut Vec<u8>, number: u64) {
        let start = out.len();
        self.push_score(out, number, "\n", Form::Usual);
        let whole = out.len() - start;
        let kept = 1 + random(self.settings.seed, series::VARIANT, number) as usize % (whole - 2);
        out.truncate(start + kept);
    }

    /// Which student, from 0, and which exam event `number` is about.
    fn pair(&self, number: u64) -> (u64, u64) {
        let students = self.settings.students;
        let (exam, turn) = ((number - 1) / students, (number - 1) % students);
        // Not always in the same order: each exam begins with somebody else.
        let first = random(self.settings.seed, series::ORDER, exam) % students;
        ((first + turn) % students, self.first_exam + exam)
    }

    /// Between 0.45 and 1, mostly between 0.5 and 0.95, and higher for better students.
    fn score(&self, number: u64, student: u64) -> f64 {
        let ability = unit(random(self.settings.seed, series::ABILITY, student));
        let drawn = random(self.settings.seed, series::SCORE, number);
        let luck = unit(drawn) + unit(drawn.rotate_left(29));
        (0.45 + 0.1 * ability + 0.225 * luck).min(1.0)
    }

    fn push_score(&self, out: &mut Vec<u8>, number: u64, line_end: &str, form: Form) {
        let (student, exam) = self.pair(number);
        let score = match form {
            // Two digits: as if somebody had rounded.
            Form::Provisional => {
                (random(self.settings.seed, series::CORRECTION, number) % 100) as f64 / 100.0
            }
            Form::Usual | Form::TwoLines | Form::Documented => self.score(number, student),
        };
        out.extend_from_slice(b"event: score");
        out.extend_from_slice(line_end.as_bytes());
        // What comes before the event itself has no id, so that a subscriber who is cut off in
        // between gets the event again.
        if self.settings.ids && form != Form::Provisional {
            out.extend_from_slice(b"id: ");
            number::push(out, number);
            out.extend_from_slice(line_end.as_bytes());
        }
        if form == Form::Documented {
            out.extend_from_slice(b"data: {\"exam\": ");
            number::push(out, exam);
            out.extend_from_slice(b", \"studentId\": \"");
            names::push(out, self.settings.seed, student);
            out.extend_from_slice(b"\", score: ");
            let start = out.len();
            push_score_number(out, score);
            if out[start..].starts_with(b"0.") {
                out.remove(start);
            }
        } else {
            out.extend_from_slice(b"data: {\"studentId\":\"");
            names::push(out, self.settings.seed, student);
            out.extend_from_slice(if form == Form::TwoLines {
                b"\",\ndata: \"exam\":".as_slice()
            } else {
                b"\",\"exam\":".as_slice()
            });
            number::push(out, exam);
            out.extend_from_slice(b",\"score\":");
            push_score_number(out, score);
        }
        out.push(b'}');
        out.extend_from_slice(line_end.as_bytes());
        out.extend_from_slice(line_end.as_bytes());
    }
}

/// How a score is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As the service does.
    Usual,
    /// With a score that is corrected right after.
    Provisional,
    /// With two `data:` lines.
    TwoLines,
    /// As the documentation of the service does.
    Documented,
}

/// Data that must be refused, whatever a reader tolerates.
const MALFORMED: [&str; 8] = [
    "{\"studentId\":\"Evan48\",\"exam\":10117,\"score\":0.7",
    "not json",
    "[\"Evan48\",10117,0.7]",
    "{\"studentId\":\"Evan48\",\"exam\":10117}",
    "{\"studentId\":\"Evan48\",\"exam\":10117,\"score\":null}",
    "{\"studentId\":\"Evan48\",\"exam\":10117,\"score\":NaN}",
    "{\"studentId\":\"Evan48\",\"exam\":10117,\"score\":\"good\"}",
    "{\"studentId\":\"\",\"exam\":10117,\"score\":0.7}",
];

const OUT_OF_RANGE: [&str; 4] = [
    "{\"studentId\":\"Evan48\",\"exam\":10117,\"score\":1.5}",
    "{\"studentId\":\"Evan48\",\"exam\":10117,\"score\":-0.25}",
    "{\"studentId\":\"Evan48\",\"exam\":10117,\"score\":1.0000000000000002}",
    "{\"studentId\":\"Evan48\",\"exam\":10117,\"score\":97.3}",
];

fn push_one_of(out: &mut Vec<u8>, variant: u64, choices: &[&str]) {
    out.extend_from_slice(b"event: score\ndata: ");
    out.extend_from_slice(choices[variant as usize % choices.len()].as_bytes());
    out.extend_from_slice(b"\n\n");
}

/// The shortest decimal that reads back as the same double, as JavaScript writes it.
fn push_score_number(out: &mut Vec<u8>, score: f64) {
    serde_json::to_writer(out, &score).expect("invariant: writing to memory does not fail");
}
