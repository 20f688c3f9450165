//! Answers a second over loopback, beside a route that answers with bytes made beforehand.
//!
//! `cargo bench -p gradebook --bench http`. Server and clients share the machine's processors, so
//! the figures are for comparing with one another: the distance to the prepared bytes is what
//! routing, negotiation, the book and the writing of JSON cost.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on should stop there")]
#![expect(clippy::print_stdout, reason = "the result")]
#![expect(clippy::disallowed_methods, reason = "a benchmark has no tasks to be noticed")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::header;
use axum::routing::get;
use gradebook::book::SharedBook;
use gradebook::config::AccessSettings;
use gradebook::http::server::Limits;
use gradebook::http::{self, Api, table};
use gradebook::hub::Hub;
use gradebook::journal::Identity;
use gradebook::reader::Reader;
use gradebook::rejections::Rejections;
use gradebook::status::Status;
use gradebook_core::{
    Entry, ExamNumber, Gradebook, Position, PseudonymKey, Score, ScoringPolicy, StudentId,
    Timestamp,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const CLIENTS: usize = 32;
const LIMITS: Limits = Limits {
    connections_max: 1_000,
    send_timeout: Duration::from_secs(30),
    request_timeout: Duration::from_secs(20),
};
const WARM_UP: Duration = Duration::from_millis(500);
const MEASURED: Duration = Duration::from_secs(3);

/// A student with a short page (700 bytes) and one with a long one (about 8 KB).
const STUDENTS: [(&str, u64); 2] = [("Evan48", 3), ("Susana_Langworth", 78)];

#[tokio::main]
async fn main() {
    gradebook::metrics::start();
    let shutdown = CancellationToken::new();
    let service = serve_gradebook(&shutdown).await;
    println!("{:<46} {:>8} {:>12}", "request", "bytes", "answers/s");
    for (student, _) in STUDENTS {
        let path = format!("/students/{student}");
        let answer = once(service, &path, "").await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
        let prepared = serve_prepared(body.to_owned(), &shutdown).await;
        measure("prepared bytes", prepared, &path, "").await;
        measure(&path, service, &path, "").await;
        measure(&format!("{path}, 304"), service, &path, &format!("If-None-Match: {tag}\r\n"))
            .await;
        measure(&format!("{path}, zstd"), service, &path, "Accept-Encoding: zstd\r\n").await;
    }
    measure("/students?limit=10", service, "/students?limit=10", "").await;
    measure("/exams/1?sort=-score", service, "/exams/1?sort=-score", "").await;
    measure("/healthz", service, "/healthz", "").await;
    shutdown.cancel();
}

/// The whole service, but for feeds and a journal.
async fn serve_gradebook(shutdown: &CancellationToken) -> SocketAddr {
    let (commands, _) = mpsc::channel(1);
    let identity = Identity { key: PseudonymKey([7; 16]), epoch: None };
    let reader = Reader::new(
        Arc::new(SharedBook::new(book())),
        Arc::new(Hub::new(1)),
        Arc::new(Status::new("memory", Vec::new())),
        Arc::new(Rejections::default()),
        identity,
        commands,
    );
    let access = AccessSettings {
        tokens: None,
        tls: None,
        cors_origins: Vec::new(),
        rate_limit: None,
        limits: LIMITS,
    };
    let api = Arc::new(Api::new(&table::ALL, reader, None, &access, Duration::from_secs(15)));
    serve(http::router(api, &[], |_| true), shutdown).await
}

/// One answer, always the same, behind the same server.
async fn serve_prepared(body: String, shutdown: &CancellationToken) -> SocketAddr {
    let body = bytes::Bytes::from(body);
    let answer = move || async move { ([(header::CONTENT_TYPE, "application/json")], body) };
    serve(Router::new().route("/students/{id}", get(answer)), shutdown).await
}

async fn serve(router: Router, shutdown: &CancellationToken) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(http::server::serve(listener, router, None, LIMITS, shutdown.clone()));
    address
}

fn book() -> Gradebook {
    let mut book = Gradebook::new(ScoringPolicy::KeepLatest, PseudonymKey([7; 16]));
    let mut position = Position::START;
    let mut post = |student: &str, exam: u64| {
        position = position.plus(1);
        let score = ((position.get() * 7_919) % 10_007) as f64 / 10_007.0;
        let entry = Entry::Scored {
            student: StudentId::parse(student).unwrap(),
            exam: ExamNumber::new(exam).unwrap(),
            score: Score::new(score).unwrap(),
            received: Timestamp::from_ms(1_795_342_530_123 + position.get()),
        };
        book.post(position, &entry);
    };
    for (student, exams) in STUDENTS {
        (1..=exams).for_each(|exam| post(student, 10_000 + exam));
    }
    (0..70).for_each(|number| post(&format!("Student_{number}"), 1));
    book
}

fn request(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n{headers}\r\n")
}

async fn once(address: SocketAddr, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let headers = format!("{headers}Connection: close\r\n");
    stream.write_all(request(path, &headers).as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Asks over and over on [`CLIENTS`] connections, and prints how many answers came.
async fn measure(name: &str, address: SocketAddr, path: &str, headers: &str) {
    let request: Arc<str> = request(path, headers).into();
    // Every answer is as long as the first: nothing changes meanwhile.
    let bytes = answer_bytes(address, &request).await;
    let started = Instant::now() + WARM_UP;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| tokio::spawn(client(address, Arc::clone(&request), bytes, started)))
        .collect();
    let mut answers = 0;
    for client in clients {
        answers += client.await.unwrap();
    }
    println!("{name:<46} {bytes:>8} {:>12.0}", f64::from(answers) / MEASURED.as_secs_f64());
}

/// How long an answer is, head and body: all that comes within a moment.
async fn answer_bytes(address: SocketAddr, request: &str) -> usize {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 64 * 1024];
    let mut length = 0;
    while let Ok(read) =
        tokio::time::timeout(Duration::from_millis(200), stream.read(&mut answer)).await
    {
        length += read.unwrap();
    }
    length
}

async fn client(address: SocketAddr, request: Arc<str>, bytes: usize, started: Instant) -> u32 {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut answer = vec![0; bytes];
    let mut answers = 0;
    while started.elapsed() < MEASURED {
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.read_exact(&mut answer).await.unwrap();
        answers += u32::from(Instant::now() >= started);
    }
    answers
}
