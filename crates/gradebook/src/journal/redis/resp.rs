//! The Redis protocol, version 2: requests are written, replies are read piece by piece.
//!
//! Our own rather than a client library's because of speed: a range of the journal is decoded
//! straight into entries, without a tree of values in between (see docs/decisions).

use std::io::{self, Read, Write};

use super::error::RedisError;

/// The longest line of a reply, in bytes: sizes, numbers, and errors, which quote what they are
/// about.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// The longest bulk string of a reply, in bytes. `INFO` is the longest that is asked for.
const BULK_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The most elements of an array of a reply.
const ARRAY_ELEMENTS_MAX: usize = 1_000_000;

/// How deep arrays of a reply are nested at most.
const DEPTH_MAX: usize = 8;

/// Bytes asked of the socket at once.
const READ_BYTES: usize = 256 * 1024;

/// Writes requests into one buffer, so that many of them are one write to the socket.
#[derive(Debug, Default)]
pub struct Requests {
    bytes: Vec<u8>,
}

impl Requests {
    /// Begins a request of `parts` parts; exactly as many calls of [`Self::part`] must follow.
    pub fn begin(&mut self, parts: usize) {
        self.prefixed(b'*', parts as u64);
    }

    /// One part: the name of the command, or an argument.
    pub fn part(&mut self, part: impl AsRef<[u8]>) {
        let part = part.as_ref();
        self.prefixed(b'$', part.len() as u64);
        self.bytes.extend_from_slice(part);
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// A number as an argument.
    pub fn number(&mut self, number: u64) {
        self.part(itoa::Buffer::new().format(number));
    }

    /// A whole request.
    pub fn request(&mut self, parts: &[&str]) {
        self.begin(parts.len());
        for part in parts {
            self.part(part);
        }
    }

    /// Writes everything to `socket` and forgets it.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn send(&mut self, socket: &mut impl Write) -> io::Result<()> {
        let sent = socket.write_all(&self.bytes).and_then(|()| socket.flush());
        self.bytes.clear();
        sent
    }

    fn prefixed(&mut self, kind: u8, number: u64) {
        self.bytes.push(kind);
        self.bytes.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        self.bytes.extend_from_slice(b"\r\n");
    }
}

/// A whole reply, for those that are small.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Nothing.
    Nil,
    /// A number.
    Integer(i64),
    /// A string, whichever way it was sent.
    Text(Vec<u8>),
    /// Several replies.
    Array(Vec<Reply>),
    /// The server refuses. Only within an array: at the top it is a [`RedisError::Server`].
    Error(String),
}

impl Reply {
    /// The text, or nothing when it is none.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(bytes) => std::str::from_utf8(bytes).ok(),
            Self::Nil | Self::Integer(_) | Self::Array(_) | Self::Error(_) => None,
        }
    }

    /// The number, or nothing when it is none.
    #[must_use]
    pub fn integer(&self) -> Option<u64> {
        match self {
            Self::Integer(number) => u64::try_from(*number).ok(),
            Self::Text(_) => self.text()?.parse().ok(),
            Self::Nil | Self::Array(_) | Self::Error(_) => None,
        }
    }

    /// The elements; none when it is no array.
    #[must_use]
    pub fn array(&self) -> &[Self] {
        match self {
            Self::Array(elements) => elements,
            Self::Nil | Self::Integer(_) | Self::Text(_) | Self::Error(_) => &[],
        }
    }
}

/// The head of the next reply.
#[derive(Debug, PartialEq, Eq)]
enum Head {
    Nil,
    Integer(i64),
    Line(usize, usize),
    Bulk(usize),
    Array(usize),
}

/// Reads replies. After an error the connection is of no use any more: where the next reply begins
/// is not known.
#[derive(Debug)]
pub struct Replies {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Default for Replies {
    fn default() -> Self {
        Self { buffer: vec![0; READ_BYTES], start: 0, end: 0 }
    }
}

impl Replies {
    /// The next reply, whole.
    ///
    /// # Errors
    /// [`RedisError::Server`] when the server refuses; otherwise the connection is broken.
    pub fn reply(&mut self, socket: &mut impl Read) -> Result<Reply, RedisError> {
        self.nested(socket, 0)
    }

    fn nested(&mut self, socket: &mut impl Read, depth: usize) -> Result<Reply, RedisError> {
        if depth > DEPTH_MAX {
            return Err(RedisError::Protocol("arrays are nested too deep".to_owned()));
        }
        Ok(match self.head(socket)? {
            Head::Nil => Reply::Nil,
            Head::Integer(number) => Reply::Integer(number),
            Head::Line(from, to) => Reply::Text(self.buffer[from..to].to_vec()),
            Head::Bulk(length) => Reply::Text(self.take(socket, length)?.to_vec()),
            Head::Array(length) => {
                let mut elements = Vec::with_capacity(length.min(1024));
                for _ in 0..length {
                    elements.push(match self.nested(socket, depth + 1) {
                        Err(RedisError::Server(text)) => Reply::Error(text),
                        other => other?,
                    });
                }
                Reply::Array(elements)
            }
        })
    }

    /// The head of an array; `None` for nil.
    ///
    /// # Errors
    /// As [`Self::reply`]; also when it is no array.
    pub fn array(&mut self, socket: &mut impl Read) -> Result<Option<usize>, RedisError> {
        match self.head(socket)? {
            Head::Array(length) => Ok(Some(length)),
            Head::Nil => Ok(None),
            other => Err(unexpected("an array", &other)),
        }
    }

    /// A bulk string. It is lent until the next call.
    ///
    /// # Errors
    /// As [`Self::reply`]; also when it is no bulk string.
    pub fn bulk(&mut self, socket: &mut impl Read) -> Result<&[u8], RedisError> {
        match self.head(socket)? {
            Head::Bulk(length) => self.take(socket, length),
            other => Err(unexpected("a string", &other)),
        }
    }

    fn head(&mut self, socket: &mut impl Read) -> Result<Head, RedisError> {
        let (from, to) = self.line(socket)?;
        let line = &self.buffer[from..to];
        let Some((kind, rest)) = line.split_first() else {
            return Err(RedisError::Protocol("an empty line".to_owned()));
        };
        let length = |max: usize| match number(rest) {
            Some(-1) => Ok(None),
            Some(length) => match usize::try_from(length) {
                Ok(length) if length <= max => Ok(Some(length)),
                _ => Err(RedisError::Protocol(format!("a length of {length}"))),
            },
            None => Err(not_redis(line)),
        };
        match kind {
            b'+' => Ok(Head::Line(from + 1, to)),
            b'-' => Err(RedisError::Server(String::from_utf8_lossy(rest).into_owned())),
            b':' => number(rest).map(Head::Integer).ok_or_else(|| not_redis(line)),
            b'$' => Ok(length(BULK_BYTES_MAX)?.map_or(Head::Nil, Head::Bulk)),
            b'*' => Ok(length(ARRAY_ELEMENTS_MAX)?.map_or(Head::Nil, Head::Array)),
            _ => Err(not_redis(line)),
        }
    }

    /// The bounds in the buffer of the next line, without its end.
    fn line(&mut self, socket: &mut impl Read) -> Result<(usize, usize), RedisError> {
        let mut looked = 0;
        loop {
            let unread = &self.buffer[self.start..self.end];
            if let Some(found) = unread[looked..].iter().position(|byte| *byte == b'\n') {
                let newline = self.start + looked + found;
                let from = self.start;
                self.start = newline + 1;
                let to = if newline > from && self.buffer[newline - 1] == b'\r' {
                    newline - 1
                } else {
                    newline
                };
                return Ok((from, to));
            }
            looked = unread.len();
            if looked > LINE_BYTES_MAX {
                return Err(RedisError::Protocol("a line without end".to_owned()));
            }
            self.fill(socket)?;
        }
    }

    fn take(&mut self, socket: &mut impl Read, length: usize) -> Result<&[u8], RedisError> {
        while self.end - self.start < length + 2 {
            self.fill(socket)?;
        }
        let from = self.start;
        self.start += length + 2;
        Ok(&self.buffer[from..from + length])
    }

    fn fill(&mut self, socket: &mut impl Read) -> Result<(), RedisError> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() - self.end < READ_BYTES / 2 {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        match socket.read(&mut self.buffer[self.end..]).map_err(RedisError::Io)? {
            0 => Err(RedisError::Io(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the connection was closed",
            ))),
            read => {
                self.end += read;
                Ok(())
            }
        }
    }
}

fn number(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn not_redis(line: &[u8]) -> RedisError {
    let shown = &line[..line.len().min(60)];
    RedisError::Protocol(format!("`{}`", String::from_utf8_lossy(shown).escape_debug()))
}

fn unexpected(wanted: &str, found: &Head) -> RedisError {
    RedisError::Protocol(format!("{found:?} in the place of {wanted}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out one byte at a time, so that every reply is cut everywhere.
    struct Trickle<'a>(&'a [u8]);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            buffer[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    fn read(bytes: &[u8]) -> Result<Reply, RedisError> {
        let whole = Replies::default().reply(&mut &bytes[..]);
        let cut = Replies::default().reply(&mut Trickle(bytes));
        assert_eq!(format!("{whole:?}"), format!("{cut:?}"));
        whole
    }

    #[test]
    fn replies_of_every_kind_are_read_however_they_are_cut() {
        let text = |text: &str| Reply::Text(text.as_bytes().to_vec());
        assert_eq!(read(b"+OK\r\n").unwrap(), text("OK"));
        assert_eq!(read(b":-7\r\n").unwrap(), Reply::Integer(-7));
        assert_eq!(read(b"$-1\r\n").unwrap(), Reply::Nil);
        assert_eq!(read(b"*-1\r\n").unwrap(), Reply::Nil);
        assert_eq!(read(b"$4\r\na\r\nb\r\n").unwrap(), text("a\r\nb"));
        assert_eq!(
            read(b"*3\r\n$0\r\n\r\n*1\r\n:1\r\n-ERR no\r\n").unwrap(),
            Reply::Array(vec![
                text(""),
                Reply::Array(vec![Reply::Integer(1)]),
                Reply::Error("ERR no".to_owned())
            ])
        );
    }

    #[test]
    fn refusals_are_told_from_broken_connections() {
        assert!(
            matches!(read(b"-WRONGPASS no\r\n"), Err(RedisError::Server(text)) if text == "WRONGPASS no")
        );
        assert!(matches!(read(b"HTTP/1.1 400 Bad Request\r\n"), Err(RedisError::Protocol(_))));
        assert!(matches!(read(b"$99999999999\r\n"), Err(RedisError::Protocol(_))));
        assert!(matches!(read(b"$5\r\nab"), Err(RedisError::Io(_))));
        let deep = b"*1\r\n".repeat(DEPTH_MAX + 2);
        assert!(matches!(read(&deep), Err(RedisError::Protocol(_))));
    }

    #[test]
    fn requests_are_arrays_of_bulk_strings() {
        let mut requests = Requests::default();
        requests.begin(3);
        requests.part("SET");
        requests.part("Zoë");
        requests.number(17);
        let mut sent = Vec::new();
        requests.send(&mut sent).unwrap();
        assert_eq!(sent, "*3\r\n$3\r\nSET\r\n$4\r\nZoë\r\n$2\r\n17\r\n".as_bytes());
    }
}
