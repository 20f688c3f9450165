//! How fast scores get from a feed's socket through Redis to a replica, everything on this machine.
//!
//! `cargo bench -p gradebook --bench redis [-- ENTRIES]`. Starts its own `redis-server` (without
//! persistence) on a free port and the built `gradebook` in its roles, and stops them again.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on should stop there")]
#![expect(clippy::print_stdout, reason = "prints what it measured")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use gradebook::journal::redis::{Followed, Packing, RedisJournal, Tail, compact, open};
use gradebook::journal::{BATCH_ENTRIES_MAX, Journal as _};
use gradebook_core::{Entry, ExamNumber, Position, Score, StudentId, Timestamp};

const ENTRIES: usize = 1_000_000;
const ROUNDS: usize = 3;
const STUDENTS: usize = 20_000;

/// How many events are timed one by one, and how far apart they are: 1,000 a second.
const TIMED_EVENTS: usize = 5_000;
const EVENT_INTERVAL: Duration = Duration::from_millis(1);

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(120);

fn main() {
    // `cargo bench` passes `--bench`.
    let count = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(ENTRIES);
    println!("{count} entries of {STUDENTS} students, median of {ROUNDS} rounds");
    let entries = entries(count);
    for batch in [1_000, BATCH_ENTRIES_MAX] {
        let rate = median(|| append(&Redis::start(), &entries, batch));
        println!("append, {batch} at once     {:.0} entries/s", count as f64 / rate);
    }
    let redis = Redis::start();
    append(&redis, &entries, BATCH_ENTRIES_MAX);
    println!("memory of Redis         {:.0} bytes an entry", redis.memory() as f64 / count as f64);
    println!("read                    {:.0} entries/s", count as f64 / median(|| read(&redis)));
    let start = median(|| started(&redis, count as u64));
    println!("start of a replica      {:.0} entries/s, from exec to ready", count as f64 / start);
    println!("packing                 {:.0} entries/s", count as f64 / pack(&redis));
    println!("memory, packed          {:.1} bytes an entry", redis.memory() as f64 / count as f64);
    println!("read, packed            {:.0} entries/s", count as f64 / median(|| read(&redis)));
    let start = median(|| started(&redis, count as u64));
    println!("start, packed           {:.0} entries/s, from exec to ready", count as f64 / start);
    drop(redis);
    let through = median(|| through(count));
    println!("socket to replica       {:.0} events/s", count as f64 / through);
    let (half, most) = latencies();
    println!("event to replica, at 1,000/s   p50 {half:.2} ms, p99 {most:.2} ms");
}

fn median(mut seconds: impl FnMut() -> f64) -> f64 {
    let mut found: Vec<f64> = (0..ROUNDS).map(|_| seconds()).collect();
    found.sort_by(f64::total_cmp);
    found[ROUNDS / 2]
}

fn entries(count: usize) -> Vec<Entry> {
    let scores = (0..count).map(score);
    scores
        .map(|(student, exam, score)| Entry::Scored {
            student: StudentId::parse(&student).unwrap(),
            exam: ExamNumber::new(exam).unwrap(),
            score: Score::new(score).unwrap(),
            received: Timestamp::from_ms(1_795_342_530_123),
        })
        .collect()
}

/// Every student sits every exam once, in an order that looks like none.
fn score(n: usize) -> (String, u64, f64) {
    let (exam, student) = (n / STUDENTS, n * 7_919 % STUDENTS);
    let spread = (n as u64).wrapping_mul(6_364_136_223_846_793_005) >> 11;
    (format!("Ada_Student{student}"), exam as u64, spread as f64 / (1_u64 << 53) as f64)
}

/// Seconds to append everything.
fn append(redis: &Redis, entries: &[Entry], batch: usize) -> f64 {
    let mut journal = RedisJournal::open(redis.url().parse().unwrap(), "bench".into()).unwrap();
    let started = Instant::now();
    let mut last = Position::START;
    for batch in entries.chunks(batch) {
        last = journal.append(last, batch, &[]).unwrap();
    }
    started.elapsed().as_secs_f64()
}

/// Seconds to read everything.
fn read(redis: &Redis) -> f64 {
    let url: gradebook::config::redis::RedisUrl = redis.url().parse().unwrap();
    let mut tail = Tail::new(url.clone(), open(url).unwrap()).unwrap();
    let started = Instant::now();
    let (end, _) = tail.look().unwrap();
    while tail.seen() < end {
        let followed = tail.go_on().unwrap();
        assert!(matches!(followed, Followed::Entries(_) | Followed::Again), "{followed:?}");
    }
    started.elapsed().as_secs_f64()
}

/// Seconds to move all but the last entry into segments.
fn pack(redis: &Redis) -> f64 {
    let started = Instant::now();
    let packing = Packing { keep: 1, ..Packing::default() };
    compact(redis.url().parse().unwrap(), packing, |_, _| {}).unwrap();
    started.elapsed().as_secs_f64()
}

/// Seconds until a replica serves everything.
fn started(redis: &Redis, count: u64) -> f64 {
    let started = Instant::now();
    let replica = Role::start("api", &["--journal", &redis.url()]);
    replica.await_position(count);
    started.elapsed().as_secs_f64()
}

/// Seconds from the first byte of a feed until a replica serves its last event.
fn through(count: usize) -> f64 {
    let redis = Redis::start();
    let feed = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/scores", feed.local_addr().unwrap());
    let mut text = String::new();
    for n in 0..count {
        text.push_str(&event(n));
    }
    let replica = Role::start("api", &["--journal", &redis.url()]);
    let _worker = Role::start("ingest", &["--journal", &redis.url(), "--feed", &url]);
    let mut stream = accepted(&feed);
    let started = Instant::now();
    let sending = std::thread::spawn(move || {
        stream.write_all(text.as_bytes()).unwrap();
        stream
    });
    replica.await_position(count as u64);
    let seconds = started.elapsed().as_secs_f64();
    drop(sending.join().unwrap());
    seconds
}

/// From an event on the feed's socket to a subscriber of a replica: median and 99th percentile in
/// milliseconds.
fn latencies() -> (f64, f64) {
    let redis = Redis::start();
    let feed = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/scores", feed.local_addr().unwrap());
    let replica = Role::start("api", &["--journal", &redis.url()]);
    let _worker = Role::start("ingest", &["--journal", &redis.url(), "--feed", &url]);
    let mut stream = accepted(&feed);
    replica.await_position(0);
    let subscriber = replica.get("/results?format=sse");
    let (told, heard) = mpsc::channel();
    std::thread::spawn(move || {
        let lines = BufReader::new(subscriber).lines().map_while(Result::ok);
        for line in lines.filter(|line| line.starts_with("data: {\"result\"")) {
            let number = line.split("Ada_Student").nth(1).and_then(|rest| rest.split('"').next());
            told.send((number.unwrap().parse::<usize>().unwrap(), Instant::now())).ok();
        }
    });
    let mut sent = vec![Instant::now(); STUDENTS];
    let mut waits: Vec<f64> = Vec::new();
    let started = Instant::now();
    let mut keep = |(number, at): (usize, Instant), sent: &[Instant]| {
        waits.push((at - sent[number]).as_secs_f64() * 1_000.0);
    };
    for n in 0..TIMED_EVENTS {
        let due = started + EVENT_INTERVAL * n as u32;
        while let Some(wait) = due.checked_duration_since(Instant::now()) {
            if let Ok(found) = heard.recv_timeout(wait) {
                keep(found, &sent);
            }
        }
        sent[n * 7_919 % STUDENTS] = Instant::now();
        stream.write_all(event(n).as_bytes()).unwrap();
    }
    while let Ok(found) = heard.recv_timeout(Duration::from_secs(1)) {
        keep(found, &sent);
    }
    assert_eq!(waits.len(), TIMED_EVENTS);
    waits.sort_by(f64::total_cmp);
    (waits[TIMED_EVENTS / 2], waits[TIMED_EVENTS * 99 / 100])
}

fn event(n: usize) -> String {
    let (student, exam, score) = score(n);
    format!(
        "event: score\nid: {n}\ndata: {{\"studentId\":\"{student}\",\"exam\":{exam},\"score\":{score}}}\n\n"
    )
}

/// The first connection of a reader of the feed, its request read and answered.
fn accepted(feed: &TcpListener) -> TcpStream {
    let (mut stream, _) = feed.accept().unwrap();
    stream.set_nodelay(true).unwrap();
    read_head(&mut stream);
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n").unwrap();
    stream
}

fn read_head(stream: &mut TcpStream) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
}

/// A running `gradebook`; ended when dropped.
struct Role {
    child: Child,
    address: String,
}

impl Role {
    fn start(role: &str, args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gradebook"))
            .args([role, "--listen", "127.0.0.1:0"])
            .args(args)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines.by_ref().find_map(|line| {
            let line = line.unwrap();
            let rest = line.split_once("serving address=")?.1;
            rest.split_whitespace().next().map(str::to_owned)
        });
        let address = address.expect("it did not start");
        // Whoever does not read what it logs makes it wait in the end.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    fn get(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    /// Waits until it is ready and serves everything up to `position`.
    fn await_position(&self, position: u64) {
        let wanted = format!("gradebook_book_position {position}\n");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut metrics = String::new();
            self.get("/metrics").read_to_string(&mut metrics).unwrap();
            if metrics.contains(&wanted) && metrics.contains("gradebook_ready 1\n") {
                return;
            }
            assert!(Instant::now() < deadline, "position {position} is not served");
            mpsc::channel::<()>().1.recv_timeout(Duration::from_millis(5)).ok();
        }
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A running `redis-server` that keeps nothing on disk; ended when dropped.
struct Redis {
    child: Child,
    port: u16,
    _directory: tempfile::TempDir,
}

impl Redis {
    fn start() -> Self {
        let directory = tempfile::TempDir::new().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--dir", directory.path().to_str().unwrap()])
            .stdout(Stdio::null())
            .spawn()
            .expect("the benchmark needs redis-server (Debian: apt-get install redis-server)");
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "redis-server does not answer");
            std::thread::yield_now();
        }
        Self { child, port, _directory: directory }
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The bytes that it uses.
    fn memory(&self) -> u64 {
        let mut info = String::new();
        // What was deleted is given back in the background.
        while !info.contains("lazyfree_pending_objects:0\r") {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
            stream.write_all(b"INFO memory\r\nQUIT\r\n").unwrap();
            info.clear();
            stream.read_to_string(&mut info).unwrap();
        }
        let used = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
        used.unwrap().trim().parse().unwrap()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
