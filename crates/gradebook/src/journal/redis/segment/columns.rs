//! What is in a segment before it is compressed: the entries turned into columns.
//!
//! *Students*: for each, the length of the id and the id.
//!
//! *Columns*: of the scores, one after the other, the steps from position to position, the numbers
//! of students (in planes of bytes: all lowest bytes, then all second ones…), the exams, the steps
//! between the times of receipt, and the scores; then of each erasure the step to its position, the
//! pseudonym, and 1 or 0 for whether to suppress. Steps, exams and lengths are varints (LEB128), of
//! seven bits each; steps in time may go back and are zigzag.
//!
//! Scores are doubles, and mostly noise: after a 0 they stand in planes, which takes 6.8 bytes
//! each; after a 1 as numbers in a table of the distinct ones, which comes first, where there are
//! few of them: 0.991 and the like.

use std::collections::HashMap;

use gradebook_core::student::STUDENT_ID_BYTES_MAX;
use gradebook_core::timestamp::TIMESTAMP_MS_MAX;
use gradebook_core::{Entry, ExamNumber, Position, Pseudonym, Score, StudentId, Timestamp};

use super::{SegmentError, Stretch, contradiction};

/// The longest varint, in bytes: 64 bits, seven in each.
const VARINT_BYTES_MAX: usize = 10;

/// Scores come as a table when each of it stands for at least so many.
const SCORES_PER_ROW_MIN: usize = 4;

const PLANES: u8 = 0;
const TABLE: u8 = 1;

/// The columns of some entries, before they are compressed.
pub struct Packed {
    pub scores: usize,
    pub erasures: usize,
    pub names: usize,
    pub students: Vec<u8>,
    pub columns: Vec<u8>,
}

/// How long the ids of `students` students can be together.
pub fn students_bytes_max(students: usize) -> usize {
    students * (VARINT_BYTES_MAX + STUDENT_ID_BYTES_MAX)
}

/// How long the columns of so many entries can be.
pub fn columns_bytes_max(scores: usize, erasures: usize) -> usize {
    // Position, student, exam, time and score; the kind of the scores; position and pseudonym.
    scores * (3 * VARINT_BYTES_MAX + 4 + 8) + 1 + 4 + erasures * (VARINT_BYTES_MAX + 16 + 1)
}

/// Turns entries of `stretch`, which are in order, into columns.
pub fn write(stretch: Stretch, entries: &[(Position, Entry)]) -> Packed {
    let mut numbers: HashMap<&StudentId, u32> = HashMap::new();
    let (mut students, mut erasures) = (Vec::new(), Vec::new());
    let [mut positions, mut exams, mut times] = [const { Vec::new() }; 3];
    let (mut named, mut scores) = (Vec::new(), Vec::new());
    let (mut scored_before, mut erased_before) = (stretch.before(), stretch.before());
    let mut received_before = 0;
    for (position, entry) in entries {
        match entry {
            Entry::Scored { student, exam, score, received } => {
                varint(&mut positions, position.get() - scored_before.get());
                scored_before = *position;
                let next = numbers.len() as u32;
                let number = *numbers.entry(student).or_insert_with(|| {
                    varint(&mut students, student.as_str().len() as u64);
                    students.extend_from_slice(student.as_str().as_bytes());
                    next
                });
                named.push(number);
                varint(&mut exams, exam.get());
                varint(&mut times, zigzag(received.as_ms() as i64 - received_before));
                received_before = received.as_ms() as i64;
                scores.push(score.to_bits());
            }
            Entry::Erased { student, suppress } => {
                varint(&mut erasures, position.get() - erased_before.get());
                erased_before = *position;
                erasures.extend_from_slice(&student.0);
                erasures.push(u8::from(*suppress));
            }
        }
    }
    let mut columns = positions;
    planes(&mut columns, &named, u32::to_le_bytes);
    columns.extend_from_slice(&exams);
    columns.extend_from_slice(&times);
    write_scores(&mut columns, &scores);
    columns.extend_from_slice(&erasures);
    let erasures = entries.len() - scores.len();
    Packed { scores: scores.len(), erasures, names: numbers.len(), students, columns }
}

fn write_scores(columns: &mut Vec<u8>, scores: &[u64]) {
    let mut rows = scores.to_vec();
    rows.sort_unstable();
    rows.dedup();
    if rows.len() * SCORES_PER_ROW_MIN > scores.len() {
        columns.push(PLANES);
        return planes(columns, scores, u64::to_le_bytes);
    }
    columns.push(TABLE);
    columns.extend_from_slice(&(rows.len() as u32).to_le_bytes());
    rows.iter().for_each(|row| columns.extend_from_slice(&row.to_le_bytes()));
    let row_of = |score: &u64| rows.partition_point(|row| row < score) as u16;
    let numbers: Vec<u16> = scores.iter().map(row_of).collect();
    planes(columns, &numbers, u16::to_le_bytes);
}

/// The ids of `count` students.
pub fn read_students(count: usize, bytes: &[u8]) -> Result<Vec<StudentId>, SegmentError> {
    let mut reader = Reader::new(bytes);
    let mut students = Vec::with_capacity(count);
    for _ in 0..count {
        let id = reader.varint().and_then(|length| reader.take(usize::try_from(length).ok()?));
        let id = id.and_then(|id| StudentId::parse(str::from_utf8(id).ok()?).ok());
        students.push(id.ok_or(contradiction("students"))?);
    }
    if reader.is_empty() { Ok(students) } else { Err(contradiction("students")) }
}

/// Turns columns back into entries: so many scores and erasures.
pub fn read(
    stretch: Stretch,
    [scored, erased]: [usize; 2],
    students: &[StudentId],
    bytes: &[u8],
) -> Result<Vec<(Position, Entry)>, SegmentError> {
    let mut reader = Reader::new(bytes);
    let mut positions = Vec::with_capacity(scored);
    let mut position = stretch.before();
    for _ in 0..scored {
        position = step(stretch, position, &mut reader)?;
        positions.push(position);
    }
    let named = reader.planes(scored, u32::from_le_bytes).ok_or(contradiction("students"))?;
    let mut exams = Vec::with_capacity(scored);
    for _ in 0..scored {
        let exam = reader.varint().and_then(|number| ExamNumber::new(number).ok());
        exams.push(exam.ok_or(contradiction("exams"))?);
    }
    let times = read_times(scored, &mut reader)?;
    let scores = read_scores(scored, &mut reader).ok_or(contradiction("scores"))?;
    let mut entries = Vec::with_capacity(scored + erased);
    let mut erasures = Erasures { stretch, left: erased, before: stretch.before(), reader };
    let mut erasure = erasures.next()?;
    for index in 0..scored {
        while let Some((position, entry)) = erasure.take_if(|erased| erased.0 < positions[index]) {
            entries.push((position, entry));
            erasure = erasures.next()?;
        }
        if erasure.as_ref().is_some_and(|erased| erased.0 == positions[index]) {
            return Err(contradiction("positions"));
        }
        let student = students.get(named[index] as usize).ok_or(contradiction("students"))?;
        let score = Score::from_bits(scores[index]).ok_or(contradiction("scores"))?;
        let (exam, received) = (exams[index], times[index]);
        let entry = Entry::Scored { student: student.clone(), exam, score, received };
        entries.push((positions[index], entry));
    }
    while let Some(last) = erasure {
        entries.push(last);
        erasure = erasures.next()?;
    }
    if erasures.reader.is_empty() { Ok(entries) } else { Err(contradiction("length")) }
}

/// The erasures of a segment, one by one.
struct Erasures<'a> {
    stretch: Stretch,
    left: usize,
    before: Position,
    reader: Reader<'a>,
}

impl Erasures<'_> {
    fn next(&mut self) -> Result<Option<(Position, Entry)>, SegmentError> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        self.before = step(self.stretch, self.before, &mut self.reader)?;
        let entry = self.reader.take(17).and_then(|bytes| {
            let (pseudonym, suppress) = bytes.split_first_chunk::<16>()?;
            let suppress = [0, 1].contains(&suppress[0]).then_some(suppress[0] == 1)?;
            Some(Entry::Erased { student: Pseudonym(*pseudonym), suppress })
        });
        Ok(Some((self.before, entry.ok_or(contradiction("erasures"))?)))
    }
}

/// The next position: at least one further on, and within the stretch.
fn step(
    stretch: Stretch,
    before: Position,
    reader: &mut Reader<'_>,
) -> Result<Position, SegmentError> {
    let step = reader.varint().filter(|step| (1..=stretch.span).contains(step));
    let position = step.map(|step| before.plus(step)).filter(|position| stretch.has(*position));
    position.ok_or(contradiction("positions"))
}

fn read_times(count: usize, reader: &mut Reader<'_>) -> Result<Vec<Timestamp>, SegmentError> {
    let mut times = Vec::with_capacity(count);
    let mut before = 0_i64;
    for _ in 0..count {
        let now = reader.varint().and_then(|step| before.checked_add(unzigzag(step)));
        let now = now.filter(|ms| (0..=TIMESTAMP_MS_MAX as i64).contains(ms));
        before = now.ok_or(contradiction("times"))?;
        times.push(Timestamp::from_ms(before as u64));
    }
    Ok(times)
}

fn read_scores(count: usize, reader: &mut Reader<'_>) -> Option<Vec<u64>> {
    match reader.take(1)?[0] {
        PLANES => reader.planes(count, u64::from_le_bytes),
        TABLE => {
            let rows = reader.half_word()? as usize;
            let rows = reader.take(rows.checked_mul(8)?)?.as_chunks::<8>().0;
            let numbers = reader.planes(count, u16::from_le_bytes)?;
            let score =
                |number: &u16| rows.get(*number as usize).map(|row| u64::from_le_bytes(*row));
            numbers.iter().map(score).collect()
        }
        _ => None,
    }
}

/// Reads columns from their beginning. Nothing is read beyond their end.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    pub fn word(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(*self.take(8)?.first_chunk()?))
    }

    pub fn half_word(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(*self.take(4)?.first_chunk()?))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for (index, byte) in self.rest.iter().enumerate().take(VARINT_BYTES_MAX) {
            number |= u64::from(byte & 0x7f) << (7 * index);
            if *byte < 0x80 {
                self.rest = &self.rest[index + 1..];
                return Some(number);
            }
        }
        None
    }

    /// `count` numbers of `BYTES` bytes, which stand in planes.
    fn planes<Number, const BYTES: usize>(
        &mut self,
        count: usize,
        number: impl Fn([u8; BYTES]) -> Number,
    ) -> Option<Vec<Number>> {
        let planes = self.take(count.checked_mul(BYTES)?)?;
        let bytes = |index: usize| std::array::from_fn(|plane| planes[plane * count + index]);
        Some((0..count).map(|index| number(bytes(index))).collect())
    }
}

/// Writes numbers in planes of bytes: what all have in common compresses away.
fn planes<Number: Copy, const BYTES: usize>(
    columns: &mut Vec<u8>,
    numbers: &[Number],
    bytes: impl Fn(Number) -> [u8; BYTES],
) {
    for plane in 0..BYTES {
        columns.extend(numbers.iter().map(|number| bytes(*number)[plane]));
    }
}

fn varint(columns: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        columns.push(number as u8 | 0x80);
        number >>= 7;
    }
    columns.push(number as u8);
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}
