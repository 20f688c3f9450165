//! The lines of a file, with their places in it.

use std::fmt;
use std::io::{self, BufRead};
use std::str::FromStr;

/// The longest line, in bytes, that is read as one: some times the largest score.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// Between two lines of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Bytes before it.
    pub offset: u64,
    /// Lines before it.
    pub lines: u64,
}

/// As it is kept in a journal's checkpoint.
impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {} byte {}", self.lines, self.offset)
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (lines, offset) =
            text.strip_prefix("line ").and_then(|rest| rest.split_once(" byte ")).ok_or(())?;
        Ok(Self { offset: offset.parse().map_err(|_| ())?, lines: lines.parse().map_err(|_| ())? })
    }
}

/// A line, or a piece of one that is too long.
pub struct Line<'a> {
    /// From 1.
    pub number: u64,
    /// With whatever ended it.
    pub bytes: &'a [u8],
    /// Whether the line starts here.
    pub starts: bool,
    /// Whether the line ends here.
    pub ends: bool,
}

impl Line<'_> {
    /// The bytes without what ended the line.
    pub fn text(&self) -> &[u8] {
        let text = self.bytes.strip_suffix(b"\n").unwrap_or(self.bytes);
        text.strip_suffix(b"\r").unwrap_or(text)
    }

    /// Whether there is nothing in the line.
    pub fn is_blank(&self) -> bool {
        self.starts && self.text().is_empty()
    }
}

/// Reads lines, at most [`LINE_BYTES_MAX`] bytes at a time.
pub struct Lines {
    input: Box<dyn BufRead>,
    place: Place,
    line: Vec<u8>,
    within: bool,
}

impl Lines {
    /// Reads from the beginning.
    pub fn new(input: Box<dyn BufRead>) -> Self {
        Self::go_on(input, Place::default())
    }

    /// Reads on at `place`, which `input` has been moved to.
    pub fn go_on(input: Box<dyn BufRead>, place: Place) -> Self {
        Self { input, place, line: Vec::new(), within: false }
    }

    /// Behind the last line or piece.
    pub fn place(&self) -> Place {
        self.place
    }

    /// The next line or piece; `None` at the end.
    ///
    /// # Errors
    /// When the input cannot be read.
    pub fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        let starts = !self.within;
        let mut at_end = false;
        while self.line.len() < LINE_BYTES_MAX && !self.line.ends_with(b"\n") {
            let available = self.input.fill_buf()?;
            at_end = available.is_empty();
            if at_end {
                break;
            }
            let wanted = &available[..available.len().min(LINE_BYTES_MAX - self.line.len())];
            let end = wanted.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(wanted.len(), |end| end + 1);
            self.line.extend_from_slice(&wanted[..taken]);
            self.input.consume(taken);
        }
        if self.line.is_empty() {
            return Ok(None);
        }
        // A last line needs no end.
        let ends = at_end || self.line.ends_with(b"\n");
        let number = self.place.lines + 1;
        self.place.offset += self.line.len() as u64;
        self.place.lines += u64::from(ends);
        self.within = !ends;
        Ok(Some(Line { number, bytes: &self.line, starts, ends }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static [u8]) -> Vec<(u64, Vec<u8>, bool, bool)> {
        // A buffer of seven bytes: lines cross its border.
        let mut lines = Lines::new(Box::new(io::BufReader::with_capacity(7, text)));
        let mut read = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            read.push((line.number, line.text().to_vec(), line.starts, line.ends));
        }
        assert_eq!(lines.place().offset, text.len() as u64);
        read
    }

    #[test]
    fn lines_end_as_they_like() {
        let expected = ["one line", "two", "", "last"].map(str::as_bytes).map(<[u8]>::to_vec);
        let expected: Vec<_> = (1..).zip(expected).map(|(n, text)| (n, text, true, true)).collect();
        assert_eq!(read(b"one line\r\ntwo\n\nlast"), expected);
        assert_eq!(read(b"one line\ntwo\r\n\r\nlast\n"), expected);
        assert_eq!(read(b""), []);
    }

    #[test]
    fn a_line_that_is_too_long_comes_in_pieces() {
        let text: &'static [u8] = vec![b'x'; LINE_BYTES_MAX + 3].leak();
        let lengths: Vec<_> = read(text)
            .into_iter()
            .map(|(number, text, starts, ends)| (number, text.len(), starts, ends))
            .collect();
        assert_eq!(lengths, [(1, LINE_BYTES_MAX, true, false), (1, 3, false, true)]);
    }

    #[test]
    fn a_place_is_kept_as_text() {
        let place = Place { offset: 1_234, lines: 56 };
        assert_eq!(place.to_string().parse(), Ok(place));
        assert_eq!("elsewhere".parse::<Place>(), Err(()));
    }
}
