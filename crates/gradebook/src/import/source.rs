//! From the lines of a file to scores, or to the reasons why not.

use std::borrow::Cow;
use std::io::{self, BufRead};

use bytes::Bytes;
use gradebook_core::feed_format::{self, FeedScore};
use gradebook_core::{ExamNumber, Score, StudentId, Timestamp};
use serde::Deserialize;

use super::Format;
use super::lines::{Line, Lines, Place};
use crate::export::unguarded;
use crate::feed::decode::Decoder;

/// The largest recorded event, in bytes: as the default of `--feed-event-bytes-max`.
const EVENT_BYTES_MAX: u32 = 1 << 20;

/// A score in a file, and when it was received, if the file says so.
pub type FoundScore = (FeedScore, Option<Timestamp>);

/// What a line of a file has: scores, reasons, or nothing.
pub struct Found {
    /// The number of the line, from 1.
    pub line: u64,
    /// A score, or why there is none.
    pub score: Result<FoundScore, String>,
}

/// A file that is being read.
pub struct Source {
    lines: Lines,
    format: Reading,
    /// Behind the last line that left nothing half read.
    place: Place,
}

enum Reading {
    Ndjson,
    Csv(Columns),
    Events(Box<Decoder>),
}

/// Why a file cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The system says so.
    #[error("cannot be read")]
    Read(#[from] io::Error),
    /// A table must name its columns.
    #[error("has no column `{0}` in its first line")]
    NoColumn(&'static str),
}

impl Source {
    /// Reads from the beginning. A line with the names of columns is read at once.
    ///
    /// # Errors
    /// See [`SourceError`].
    pub fn new(input: Box<dyn BufRead>, format: Format) -> Result<Self, SourceError> {
        let mut lines = Lines::new(input);
        let format = match format {
            Format::Ndjson => Reading::Ndjson,
            Format::Csv => Reading::Csv(Columns::read(&mut lines)?),
            Format::Events => Reading::Events(Box::new(Decoder::new(EVENT_BYTES_MAX, None))),
        };
        Ok(Self { place: lines.place(), lines, format })
    }

    /// Goes on at `place`, which `input` must have been moved to.
    pub fn go_on(&mut self, input: Box<dyn BufRead>, place: Place) {
        self.lines = Lines::go_on(input, place);
        self.place = place;
    }

    /// Behind the last line that left nothing half read: from here another run can go on.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Adds what the next line has to `found`. False at the end.
    ///
    /// # Errors
    /// When the file cannot be read any further.
    pub fn next(&mut self, found: &mut Vec<Found>) -> io::Result<bool> {
        let Some(line) = self.lines.next()? else {
            self.place = self.lines.place();
            return Ok(false);
        };
        let complete = match &mut self.format {
            Reading::Ndjson => {
                found.extend(whole(&line, ndjson));
                line.ends
            }
            Reading::Csv(columns) => {
                found.extend(whole(&line, |text| columns.score(text)));
                line.ends
            }
            Reading::Events(decoder) => {
                found.extend(events(decoder, &line));
                line.is_blank()
            }
        };
        if complete {
            self.place = self.lines.place();
        }
        Ok(true)
    }
}

/// What `parse` makes of a line that must be whole; nothing when it is blank.
fn whole(line: &Line<'_>, parse: impl FnOnce(&str) -> Result<FoundScore, String>) -> Option<Found> {
    if !line.starts || line.is_blank() {
        // The rest of a line that was too long has been told already.
        return None;
    }
    let score = if !line.ends {
        Err(format!("longer than {} bytes", super::lines::LINE_BYTES_MAX))
    } else {
        std::str::from_utf8(line.text()).map_err(|_| "not UTF-8".to_owned()).and_then(parse)
    };
    Some(Found { line: line.number, score })
}

fn ndjson(text: &str) -> Result<FoundScore, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Received<'a> {
        #[serde(borrow)]
        received_at: Option<Cow<'a, str>>,
    }
    let score = feed_format::parse(text).map_err(|refusal| refusal.to_string())?;
    if !text.contains("receivedAt") {
        return Ok((score, None));
    }
    let received: Received<'_> =
        serde_json::from_str(text).map_err(|_| "`receivedAt` is not a text".to_owned())?;
    let received = received.received_at.map(|text| received_at(&text)).transpose()?;
    Ok((score, received))
}

fn events(decoder: &mut Decoder, line: &Line<'_>) -> Vec<Found> {
    let mut bytes = Bytes::copy_from_slice(line.bytes);
    let mut found = Vec::new();
    loop {
        let decoded = decoder.decode(&mut bytes);
        // A blank line ends an event: the one before it belongs to what is told.
        let number = line.number - u64::from(line.is_blank() && line.number > 1);
        let scores = decoded.scores.into_iter().map(|score| Ok((score, None)));
        let rejected = decoded.rejected.into_iter().map(|event| Err(event.refusal.to_string()));
        found.extend(scores.chain(rejected).map(|score| Found { line: number, score }));
        if bytes.is_empty() {
            return found;
        }
    }
}

fn received_at(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).map_err(|error| format!("`receivedAt`: {error}"))
}

/// Where the parts of a score are in a table, as its first line says.
struct Columns {
    exam: usize,
    student: usize,
    score: usize,
    received: Option<usize>,
    fields: Fields,
}

impl Columns {
    fn read(lines: &mut Lines) -> Result<Self, SourceError> {
        let mut fields = Fields::default();
        if let Some(line) = lines.next()? {
            let text = line.text();
            fields.split(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text));
        }
        // The second name is that of the view in the SQLite file.
        let find = |names: [&'static str; 2]| {
            let names = names.map(str::as_bytes);
            (0..fields.len()).find(|index| names.contains(&fields.get(*index)))
        };
        let exam = find(["exam"; 2]).ok_or(SourceError::NoColumn("exam"))?;
        let student = find(["studentId", "student"]).ok_or(SourceError::NoColumn("studentId"))?;
        let score = find(["score"; 2]).ok_or(SourceError::NoColumn("score"))?;
        let received = find(["receivedAt", "received"]);
        Ok(Self { exam, student, score, received, fields })
    }

    fn score(&mut self, line: &str) -> Result<FoundScore, String> {
        self.fields.split(line.as_bytes());
        let field = |index: usize| match index < self.fields.len() {
            true => std::str::from_utf8(self.fields.get(index)).map_err(|_| "not UTF-8"),
            false => Err("too few fields"),
        };
        let student = unguarded(field(self.student)?);
        let student = StudentId::parse(student).map_err(|error| error.to_string())?;
        let exam = ExamNumber::parse(field(self.exam)?).map_err(|error| error.to_string())?;
        let score: f64 =
            field(self.score)?.parse().map_err(|_| "the score is not a number".to_owned())?;
        let score = Score::new(score).map_err(|error| error.to_string())?;
        let received = match self.received {
            Some(index) => Some(received_at(field(index)?)?),
            None => None,
        };
        Ok((FeedScore { student, exam, score }, received))
    }
}

/// The fields of one line of a table (RFC 4180). No field of a score can hold a line end, so a
/// record never goes on in the next line, and a quote that is left open spoils one line only.
#[derive(Default)]
struct Fields {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    count: usize,
}

/// The most fields of a line that are looked at; the parts of a score must be among them.
const FIELDS_MAX: usize = 64;

impl Fields {
    fn split(&mut self, line: &[u8]) {
        self.bytes.resize(line.len() + 1, 0);
        self.ends.resize(FIELDS_MAX, 0);
        let mut reader = csv_core::Reader::new();
        let (_, read, written, ended) = reader.read_record(line, &mut self.bytes, &mut self.ends);
        // An empty input tells the reader that this is the end of the last field.
        let (_, _, _, last) =
            reader.read_record(&line[read..], &mut self.bytes[written..], &mut self.ends[ended..]);
        self.count = ended + last;
    }

    fn len(&self) -> usize {
        self.count
    }

    fn get(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[start..self.ends[index]]
    }
}
