//! Many subscribers of one service: `cargo bench -p gradebook --bench subscribers`.
//!
//! The built binary reads a feed that this program sends, and this program holds all the
//! subscribers: everything crosses real sockets, and both share the machine's processors.
//! Targets on 2 cores: 10,000 subscribers, at most 20 KiB of memory for an idle one, 500,000
//! delivered messages a second, and 10 ms (p99) from the feed's socket to the subscribers' at 100
//! changes a second for 1,000 of them.
#![expect(clippy::print_stdout, reason = "the report is what this program is for")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on should stop there")]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

const SUBSCRIBERS: usize = 10_000;
const PATIENCE: Duration = Duration::from_secs(60);

/// Who is connecting at the same time, at most: the listener's backlog is short.
const CONNECTING: usize = 100;

/// The service as a child process, and the feed that it reads.
struct Bench {
    child: Child,
    address: SocketAddr,
    feed: TcpStream,
    started: Instant,
    subscribers: JoinSet<()>,
    heard: Arc<Heard>,
}

/// What all subscribers together have received.
struct Heard {
    started: Instant,
    snapshots: AtomicU64,
    results: AtomicU64,
    more: Notify,
    /// Microseconds from the feed to the subscriber, for each result.
    latencies: Mutex<Vec<u32>>,
}

impl Bench {
    async fn start() -> Self {
        let feed = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/scores", feed.local_addr().unwrap());
        let max = (SUBSCRIBERS + 100).to_string();
        let mut child = Command::new(env!("CARGO_BIN_EXE_gradebook"))
            .args(["serve", "--listen", "127.0.0.1:0", "--journal", "memory:", "--feed", &url])
            .args(["--subscribers-max", &max, "--connections-max", &max])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut stream, _) = feed.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            assert!(stream.read_buf(&mut request).await.unwrap() > 0, "no request came");
        }
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let address = lines.find_map(|line| {
            line.split_once("serving address=")?.1.split_whitespace().next()?.parse().ok()
        });
        std::thread::spawn(move || lines.for_each(drop));
        let started = Instant::now();
        let heard = Arc::new(Heard {
            started,
            snapshots: AtomicU64::new(0),
            results: AtomicU64::new(0),
            more: Notify::new(),
            latencies: Mutex::default(),
        });
        let (address, subscribers) = (address.unwrap(), JoinSet::new());
        Self { child, address, feed: stream, started, subscribers, heard }
    }

    fn resident_kib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Connects until there are `count` subscribers, and waits until each has its snapshot.
    async fn subscribe(&mut self, count: usize) {
        while self.subscribers.len() < count {
            let wanted = (count - self.subscribers.len()).min(CONNECTING);
            for _ in 0..wanted {
                self.subscribers.spawn(listen(self.address, Arc::clone(&self.heard)));
            }
            let all = self.subscribers.len() as u64;
            self.until(|heard| heard.snapshots.load(Ordering::Relaxed) >= all).await;
        }
    }

    async fn until(&self, done: impl Fn(&Heard) -> bool) {
        let waiting = async {
            loop {
                let more = self.heard.more.notified();
                if done(&self.heard) {
                    return;
                }
                // A wake-up may come just before the wait, so the wait is short.
                tokio::time::timeout(Duration::from_millis(1), more).await.ok();
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("the subscribers did not hear of it");
    }

    /// Scores whose exam numbers are the microseconds at which they are sent.
    async fn send(&mut self, count: u64) {
        let now = self.started.elapsed().as_micros();
        let mut text = String::new();
        for number in 0..count {
            text += &format!(
                "event: score\ndata: {{\"studentId\":\"Student.{number}\",\"exam\":{now},\
                 \"score\":0.75}}\n\n"
            );
        }
        self.feed.write_all(text.as_bytes()).await.unwrap();
    }

    async fn throughput(&mut self, batch: u64, batches: u64) {
        let all = self.subscribers.len() as u64;
        let before = self.heard.results.load(Ordering::Relaxed);
        let (started, cpu) = (Instant::now(), self.cpu());
        for done in 1..=batches {
            self.send(batch).await;
            let expected = before + done * batch * all;
            self.until(|heard| heard.results.load(Ordering::Relaxed) >= expected).await;
        }
        let took = started.elapsed();
        let speed = (batches * batch * all) as f64 / took.as_secs_f64();
        let (cpu, each) = (self.cpu() - cpu, took / batches as u32);
        println!(
            "{all} subscribers, bursts of {batch:>4}: {:>5.2} M messages/s, {each:?} a burst, \
             {:.2} cores for the service",
            speed / 1e6,
            cpu / took.as_secs_f64()
        );
    }

    async fn latency(&mut self, per_second: u32, seconds: u32) {
        let all = self.subscribers.len() as u64;
        let count = u64::from(per_second * seconds);
        let before = self.heard.results.load(Ordering::Relaxed);
        self.heard.latencies.lock().clear();
        let mut interval = tokio::time::interval(Duration::from_secs(1) / per_second);
        let cpu = self.cpu();
        for _ in 0..count {
            interval.tick().await;
            self.send(1).await;
        }
        let expected = before + count * all;
        self.until(|heard| heard.results.load(Ordering::Relaxed) >= expected).await;
        let mut latencies = std::mem::take(&mut *self.heard.latencies.lock());
        latencies.sort_unstable();
        let at = |share: f64| {
            f64::from(latencies[((latencies.len() - 1) as f64 * share) as usize]) / 1_000.0
        };
        println!(
            "{all} subscribers, {per_second} changes/s: median {:.2} ms, p99 {:.2} ms, \
             longest {:.2} ms, \
             {:.2} cores for the service",
            at(0.5),
            at(0.99),
            at(1.0),
            (self.cpu() - cpu) / f64::from(seconds)
        );
    }

    /// Processor seconds that the service has used.
    fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<f64> = stat
            .rsplit_once(')')
            .unwrap()
            .1
            .split_whitespace()
            .map(|field| field.parse().unwrap_or_default())
            .collect();
        (fields[11] + fields[12]) / 100.0
    }
}

/// One subscriber to all results.
async fn listen(address: SocketAddr, heard: Arc<Heard>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = "GET /results HTTP/1.1\r\nhost: bench\r\naccept: text/event-stream\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut buffer = vec![0; 4_096];
    let mut opening = Vec::new();
    // The answer's head, then a chunk that ends with the snapshot.
    while !(opening.ends_with(b"\n\n\r\n") && find(&opening, b"event: snapshot").is_some()) {
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "refused: {}", String::from_utf8_lossy(&opening));
        opening.extend_from_slice(&buffer[..count]);
    }
    drop(opening);
    heard.snapshots.fetch_add(1, Ordering::Relaxed);
    heard.more.notify_one();
    let mut lines = 0;
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        let bytes = &buffer[..count];
        let of = |byte| bytes.iter().filter(|&&one| one == byte).count() as u64;
        // Every event has four lines; the lines of the chunks around them end with CR LF.
        lines += of(b'\n') - of(b'\r');
        let events = lines / 4;
        lines %= 4;
        if events > 0 {
            if events == 1
                && let Some(sent) = exam(bytes)
            {
                let took = heard.started.elapsed().as_micros() as u64 - sent;
                heard.latencies.lock().push(took as u32);
            }
            heard.results.fetch_add(events, Ordering::Relaxed);
            heard.more.notify_one();
        }
    }
}

fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).position(|window| window == text)
}

fn exam(bytes: &[u8]) -> Option<u64> {
    let start = find(bytes, b"\"exam\":")? + 7;
    let digits = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit());
    Some(digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

#[tokio::main]
async fn main() {
    let mut bench = Bench::start().await;
    bench.subscribe(1_000).await;
    bench.latency(100, 10).await;
    let before = bench.resident_kib();
    bench.subscribe(SUBSCRIBERS).await;
    let each = (bench.resident_kib() - before) / (SUBSCRIBERS as f64 - 1_000.0);
    println!("{SUBSCRIBERS} subscribers: {each:.1} KiB each while idle");
    for (batch, batches) in [(1, 20), (10, 20), (100, 5), (1_000, 2)] {
        bench.throughput(batch, batches).await;
    }
    bench.latency(1, 10).await;
    let each = (bench.resident_kib() - before) / (SUBSCRIBERS as f64 - 1_000.0);
    println!("{SUBSCRIBERS} subscribers: {each:.1} KiB each after that");
    bench.child.kill().unwrap();
    bench.child.wait().unwrap();
}
