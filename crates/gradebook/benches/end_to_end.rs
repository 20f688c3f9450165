//! From the socket to visible: how many events a second `gradebook serve` takes, and how long one
//! event takes.
//!
//! `cargo bench -p gradebook --bench end_to_end -- [--events N] [--only WORD]` starts the real
//! binary as a child process for each row of the table. The events are rendered beforehand and
//! written as fast as the socket takes them. The clock starts with the first byte of the stream and
//! stops when a marker, the last event of the stream, is answered over HTTP: by then everything
//! before it is visible as well.
//!
//! On a busy machine the seconds tell little. What the busiest thread of the service has used of a
//! processor tells how fast it would be where every thread has one: events by those seconds.
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on should stop there")]
#![expect(clippy::print_stdout, reason = "the table is what it is for")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gradebook::simulate::{Stream, StreamSettings};

/// Events in one piece of the HTTP answer: about what one write of a busy service holds.
const EVENTS_IN_CHUNK: u64 = 500;

/// Single events whose way is timed.
const TIMED_EVENTS: u32 = 400;

/// Between two of them.
const TIMED_INTERVAL: Duration = Duration::from_millis(50);

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\
                      Transfer-Encoding: chunked\r\n\r\n";

/// Many students with few exams each, so many that most events are about somebody new; an ordinary
/// population; and what the original feed has: few students with many exams.
const SHAPES: [(&str, u64); 3] =
    [("1,000,000 students", 1_000_000), ("100,000 students", 100_000), ("20 students", 20)];

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let value = |flag: &str| args.iter().position(|arg| arg == flag).map(|at| &args[at + 1]);
    let events: u64 = value("--events").map_or(5_000_000, |text| text.parse().unwrap());
    let only = value("--only").map_or("", String::as_str);

    println!(
        "| journal | shape | ids | events | seconds | events/s | CPU s | busiest thread s | RSS MiB |"
    );
    println!("| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for journal in ["memory", "sqlite"] {
        for (shape, students) in SHAPES {
            for ids in [false, true] {
                let row = format!("{journal} | {shape} | {}", if ids { "yes" } else { "no" });
                if row.contains(only) {
                    println!("| {row} | {} |", throughput(journal, students, ids, events));
                }
            }
        }
    }
    println!();
    println!("| journal | single events, 20 a second | p50 ms | p99 ms | longest ms |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    for journal in ["memory", "sqlite"] {
        if journal.contains(only) {
            println!("| {journal} | {TIMED_EVENTS} | {} |", latency(journal));
        }
    }
}

/// One run at full speed: the row's figures.
fn throughput(journal: &str, students: u64, ids: bool, events: u64) -> String {
    let settings = StreamSettings { students, ids, ..StreamSettings::default() };
    let chunks = rendered(&Stream::new(settings), events);
    let folder = tempfile::tempdir().unwrap();
    let feed = TcpListener::bind("127.0.0.1:0").unwrap();
    let service = Service::start(journal, folder.path(), feed.local_addr().unwrap());
    let mut subscriber = accept(&feed);
    let started = Instant::now();
    let writing = std::thread::spawn(move || {
        for chunk in &chunks {
            subscriber.write_all(chunk).unwrap();
        }
        subscriber.write_all(&chunk(&marker(0))).unwrap();
        subscriber
    });
    let mut client = service.connect();
    wait_for_marker(&mut client, 0, Duration::from_millis(5));
    let seconds = started.elapsed().as_secs_f64();
    let threads = service.thread_seconds();
    let (all, busiest) = (threads.iter().sum::<f64>(), threads.iter().copied().fold(0.0, f64::max));
    drop(writing.join().unwrap());
    let rate = events as f64 / seconds;
    let resident = service.resident_mebibytes();
    format!("{events} | {seconds:.2} | {rate:.0} | {all:.2} | {busiest:.2} | {resident}")
}

/// One event at a time: how long until it can be read.
fn latency(journal: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let feed = TcpListener::bind("127.0.0.1:0").unwrap();
    let service = Service::start(journal, folder.path(), feed.local_addr().unwrap());
    let mut subscriber = accept(&feed);
    let mut client = service.connect();
    let mut took = Vec::new();
    for number in 1..=TIMED_EVENTS {
        let event = chunk(&marker(number));
        let started = Instant::now();
        subscriber.write_all(&event).unwrap();
        wait_for_marker(&mut client, number, Duration::ZERO);
        took.push(started.elapsed());
        pause(TIMED_INTERVAL.saturating_sub(started.elapsed()));
    }
    took.sort();
    let at = |part: usize| took[(took.len() - 1) * part / 100].as_secs_f64() * 1_000.0;
    format!("{:.2} | {:.2} | {:.2}", at(50), at(99), at(100))
}

/// The events as HTTP chunks.
fn rendered(stream: &Stream, events: u64) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    let mut next = 1;
    while next <= events {
        let mut body = Vec::new();
        for number in next..(next + EVENTS_IN_CHUNK).min(events + 1) {
            stream.push(&mut body, number, None);
        }
        next += EVENTS_IN_CHUNK;
        chunks.push(chunk(&body));
    }
    chunks
}

fn chunk(body: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n"].concat()
}

/// An event about a student that no other event is about.
fn marker(number: u32) -> Vec<u8> {
    format!("event: score\ndata: {{\"studentId\":\"marker-{number}\",\"exam\":1,\"score\":1}}\n\n")
        .into_bytes()
}

/// The subscriber, with the head of the answer sent.
fn accept(feed: &TcpListener) -> TcpStream {
    let (mut stream, _) = feed.accept().unwrap();
    stream.set_nodelay(true).unwrap();
    let mut request = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    while request.read_line(&mut line).unwrap() > 2 {
        line.clear();
    }
    stream.write_all(HEAD).unwrap();
    stream
}

/// Asks for the marker until it is there.
fn wait_for_marker(client: &mut TcpStream, number: u32, interval: Duration) {
    let request = format!("GET /students/marker-{number} HTTP/1.1\r\nHost: gradebook\r\n\r\n");
    let mut answer = vec![0; 64 * 1024];
    loop {
        client.write_all(request.as_bytes()).unwrap();
        let mut length = client.read(&mut answer).unwrap();
        while !is_whole(&answer[..length]) {
            let more = client.read(&mut answer[length..]).unwrap();
            assert!(more > 0, "the service closed the connection");
            length += more;
        }
        if answer.starts_with(b"HTTP/1.1 200") {
            return;
        }
        pause(interval);
    }
}

/// Whether head and body of an answer with a length are there.
fn is_whole(answer: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(answer) else { return false };
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().unwrap())
    });
    body.len() >= length.expect("short answers have a length")
}

#[expect(clippy::disallowed_methods, reason = "asking less often leaves the processor to others")]
fn pause(time: Duration) {
    if !time.is_zero() {
        std::thread::sleep(time);
    }
}

/// `gradebook serve` as a child process; ended when dropped.
struct Service {
    child: Child,
    address: SocketAddr,
}

impl Service {
    fn start(journal: &str, folder: &Path, feed: SocketAddr) -> Self {
        let journal = match journal {
            "memory" => "memory:".to_owned(),
            _ => folder.join("gradebook.db").display().to_string(),
        };
        let mut child = Command::new(env!("CARGO_BIN_EXE_gradebook"))
            .args(["serve", "--listen", "127.0.0.1:0", "--journal", &journal])
            .args(["--feed", &format!("http://{feed}/scores")])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = log.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, rest) = line.split_once("serving address=")?;
            rest.split_whitespace().next()?.parse().ok()
        });
        // Whoever logs must not wait for a reader.
        std::thread::spawn(move || log.map_while(Result::ok).for_each(drop));
        Self { child, address: address.expect("the service says where it serves") }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// Processor time of each thread so far, in user mode and in the kernel.
    fn thread_seconds(&self) -> Vec<f64> {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let seconds = |folder: PathBuf| {
            let stat = std::fs::read_to_string(folder.join("stat")).ok()?;
            let (_, fields) = stat.rsplit_once(')')?;
            let times = fields.split_whitespace().skip(11).take(2);
            Some(times.map(|time| time.parse::<f64>().unwrap()).sum::<f64>() / 100.0)
        };
        // A thread that has ended meanwhile had little to do.
        threads.filter_map(|thread| seconds(thread.unwrap().path())).collect()
    }

    fn resident_mebibytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kibibytes = resident.trim().strip_suffix("kB").unwrap().trim();
        kibibytes.parse::<u64>().unwrap() / 1024
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
