//! The old part of a shared journal: a stretch of positions packed into one blob.
//!
//! Pure: bytes to entries and back. A header of [`HEADER_BYTES`], numbers little-endian:
//!
//! | bytes | |
//! |---|---|
//! | 0–3 | `GrBs` |
//! | 4 | the version of this format, 1 |
//! | 5–7 | 0 |
//! | 8–23 | the first half of the SHA-256 of everything after it |
//! | 24–31 | the first position of the stretch |
//! | 32–35 | how many positions the stretch has |
//! | 36–47 | how many scores, erasures and students there are |
//! | 48–55 | length of the students, compressed and not |
//! | 56–63 | length of the columns, compressed and not |
//!
//! Then two frames of zstd: the students, each once, in the order of their first score, and the
//! columns (see [`columns`]). The students stand alone so that an erasure finds out who is named
//! without reading the rest.

mod columns;
#[cfg(test)]
mod tests;

use gradebook_core::{Entry, Position, StudentId};
use sha2::{Digest as _, Sha256};

use self::columns::Reader;

/// The most positions that one segment holds. As many at a time are in memory twice over, and a
/// student is named once for all of their entries within it.
pub const SPAN_MAX: u64 = 65_536;

/// The length of the header, in bytes.
pub const HEADER_BYTES: usize = 64;

/// Where the part begins that the checksum covers.
const COVERED_FROM: usize = 24;

const MAGIC: &[u8; 4] = b"GrBs";
const VERSION: u8 = 1;

/// How hard zstd tries.
const LEVEL: i32 = 3;

/// Which positions a segment holds: `span` of them, and as many in every stretch before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    number: u64,
    span: u64,
}

/// A blob's identity: two with the same one are the same.
pub type Checksum = [u8; 16];

/// Why bytes are not a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    /// Too short for a header, or it begins otherwise.
    #[error("it is not a segment")]
    Foreign,
    /// A later version of this program wrote it.
    #[error("it has version {0}, and this program reads version {VERSION}: use a newer one")]
    Version(u8),
    /// The checksum differs.
    #[error("its checksum is wrong: it is damaged, or cut off")]
    Damaged,
    /// It is sound, but of other positions.
    #[error("it holds other positions")]
    OtherStretch,
    /// The checksum is right, but what it says cannot be.
    #[error("its {0} cannot be")]
    Contradiction(&'static str),
}

impl Stretch {
    /// The stretch that `position` (from 1) is in. `span` is 1 to [`SPAN_MAX`].
    #[must_use]
    pub fn of(position: Position, span: u64) -> Self {
        let span = span.clamp(1, SPAN_MAX);
        Self { number: position.get().saturating_sub(1) / span, span }
    }

    /// How many positions it has.
    #[must_use]
    pub fn span(self) -> u64 {
        self.span
    }

    /// Its number, from 0.
    #[must_use]
    pub fn number(self) -> u64 {
        self.number
    }

    /// The last position before it.
    #[must_use]
    pub fn before(self) -> Position {
        Position::new(self.number * self.span)
    }

    /// Its last position.
    #[must_use]
    pub fn last(self) -> Position {
        self.before().plus(self.span)
    }

    /// The one after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self { number: self.number + 1, ..self }
    }

    /// Whether `position` is in it.
    #[must_use]
    pub fn has(self, position: Position) -> bool {
        self.before() < position && position <= self.last()
    }
}

/// What the header says.
struct Header {
    scores: usize,
    erasures: usize,
    students: usize,
    /// Compressed and not.
    students_bytes: [usize; 2],
    columns_bytes: [usize; 2],
}

/// Packs entries. They are of `stretch`, and in order; the same entries give the same bytes.
#[must_use]
pub fn encode(stretch: Stretch, entries: &[(Position, Entry)]) -> Vec<u8> {
    let packed = columns::write(stretch, entries);
    let students = compress(&packed.students);
    let columns = compress(&packed.columns);
    let mut bytes = Vec::with_capacity(HEADER_BYTES + students.len() + columns.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[VERSION, 0, 0, 0]);
    bytes.extend_from_slice(&Checksum::default());
    bytes.extend_from_slice(&(stretch.before().get() + 1).to_le_bytes());
    let lengths = [
        stretch.span as usize,
        packed.scores,
        packed.erasures,
        packed.names,
        students.len(),
        packed.students.len(),
        columns.len(),
        packed.columns.len(),
    ];
    for length in lengths {
        let length = u32::try_from(length).expect("invariant: a segment is small");
        bytes.extend_from_slice(&length.to_le_bytes());
    }
    bytes.extend_from_slice(&students);
    bytes.extend_from_slice(&columns);
    seal(&mut bytes);
    bytes
}

/// Writes the checksum of a segment into it. Does nothing to what is too short to be one.
pub fn seal(bytes: &mut [u8]) {
    if bytes.len() >= HEADER_BYTES {
        let checksum = checksum(bytes);
        bytes[8..COVERED_FROM].copy_from_slice(&checksum);
    }
}

/// The entries of a segment that holds `stretch`.
///
/// # Errors
/// See [`SegmentError`]. Never takes more memory than a full segment of the longest ids.
pub fn decode(stretch: Stretch, bytes: &[u8]) -> Result<Vec<(Position, Entry)>, SegmentError> {
    let (header, students, columns) = open(stretch, bytes)?;
    let students = named(&header, students)?;
    let columns = expand(columns, header.columns_bytes[1]).ok_or(contradiction("columns"))?;
    columns::read(stretch, [header.scores, header.erasures], &students, &columns)
}

/// Who is named in a segment that holds `stretch`, each once.
///
/// # Errors
/// See [`SegmentError`].
pub fn students(stretch: Stretch, bytes: &[u8]) -> Result<Vec<StudentId>, SegmentError> {
    let (header, students, _) = open(stretch, bytes)?;
    named(&header, students)
}

/// What tells a segment from every other, as it is written in it; nothing when it is too short.
#[must_use]
pub fn identity(bytes: &[u8]) -> Option<Checksum> {
    bytes.get(8..COVERED_FROM)?.try_into().ok()
}

/// Checks the header against the bytes and the stretch, and takes the bytes apart.
fn open(stretch: Stretch, bytes: &[u8]) -> Result<(Header, &[u8], &[u8]), SegmentError> {
    if bytes.len() < HEADER_BYTES || !bytes.starts_with(MAGIC) {
        return Err(SegmentError::Foreign);
    }
    if bytes[4] != VERSION {
        return Err(SegmentError::Version(bytes[4]));
    }
    if identity(bytes) != Some(checksum(bytes)) {
        return Err(SegmentError::Damaged);
    }
    let mut rest = Reader::new(&bytes[COVERED_FROM..HEADER_BYTES]);
    let first: u64 = rest.word().ok_or(SegmentError::Foreign)?;
    let mut numbers = [0; 8];
    for number in &mut numbers {
        *number = rest.half_word().ok_or(SegmentError::Foreign)? as usize;
    }
    let [span, scores, erasures, students, students_packed, students_bytes, packed, columns_bytes] =
        numbers;
    if (first, span as u64) != (stretch.before().get() + 1, stretch.span) {
        return Err(SegmentError::OtherStretch);
    }
    if scores.saturating_add(erasures) > span || students > scores {
        return Err(contradiction("number of entries"));
    }
    // Nothing is expanded further than such a number of entries can need.
    if students_bytes > columns::students_bytes_max(students)
        || columns_bytes > columns::columns_bytes_max(scores, erasures)
    {
        return Err(contradiction("length"));
    }
    let body = &bytes[HEADER_BYTES..];
    if students_packed.checked_add(packed) != Some(body.len()) {
        return Err(contradiction("length"));
    }
    let (students_body, columns_body) = body.split_at(students_packed);
    let header = Header {
        scores,
        erasures,
        students,
        students_bytes: [students_packed, students_bytes],
        columns_bytes: [packed, columns_bytes],
    };
    Ok((header, students_body, columns_body))
}

fn named(header: &Header, students: &[u8]) -> Result<Vec<StudentId>, SegmentError> {
    let students = expand(students, header.students_bytes[1]).ok_or(contradiction("students"))?;
    columns::read_students(header.students, &students)
}

fn checksum(bytes: &[u8]) -> Checksum {
    let hash = Sha256::digest(&bytes[COVERED_FROM..]);
    std::array::from_fn(|index| hash[index])
}

fn compress(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, LEVEL).expect("invariant: compression into memory cannot fail")
}

/// What was compressed, if it is exactly so long.
fn expand(bytes: &[u8], length: usize) -> Option<Vec<u8>> {
    zstd::bulk::decompress(bytes, length).ok().filter(|expanded| expanded.len() == length)
}

fn contradiction(what: &'static str) -> SegmentError {
    SegmentError::Contradiction(what)
}
