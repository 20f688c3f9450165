//! The words of `gradebook demo`: where to look.

use std::io::{self, Write};
use std::net::SocketAddr;

use crate::simulate::{ServerSettings, Stream};

/// The URL of the simulated feed that listens on `address`.
#[must_use]
pub fn feed_url(address: SocketAddr) -> String {
    format!("http://{address}/scores")
}

/// Says on standard output where the service is, with a student and an exam that will be there.
///
/// # Errors
/// When standard output cannot be written to.
pub fn greet(listening: SocketAddr, simulation: &ServerSettings) -> io::Result<()> {
    let first = Stream::new(simulation.stream.clone()).event(1);
    let students = simulation.stream.students;
    let rate = match simulation.rate {
        0 => "as fast as it goes".to_owned(),
        rate => format!("{rate} scores a second"),
    };
    // Wildcard addresses are for listening, not for looking.
    let host = if listening.ip().is_unspecified() {
        format!("127.0.0.1:{}", listening.port())
    } else {
        listening.to_string()
    };
    let mut out = io::stdout().lock();
    writeln!(out, "A simulated feed of {students} students, {rate}; kept in memory only.\n")?;
    writeln!(out, "  Open  http://{host}/\n")?;
    writeln!(out, "  curl {host}/students")?;
    writeln!(out, "  curl {host}/students/{}", first.student)?;
    writeln!(out, "  curl {host}/exams")?;
    writeln!(out, "  curl {host}/exams/{}\n", first.exam)?;
    writeln!(out, "Ctrl-C ends it.")?;
    out.flush()
}
