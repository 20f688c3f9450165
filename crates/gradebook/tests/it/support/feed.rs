//! A feed that sends exactly the bytes that a test tells it to.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::PATIENCE;

/// What a feed answers before its first event.
const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\
                    Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";

/// A listening feed; every connection is accepted and scripted by the test.
pub struct ScriptedFeed {
    listener: TcpListener,
}

/// One connection from the service, its request read.
pub struct FeedConnection {
    stream: TcpStream,
    /// The request's line and headers, as they came.
    pub request: String,
}

impl ScriptedFeed {
    pub async fn start() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    /// The URL to give to `--feed`.
    pub fn url(&self) -> String {
        format!("http://{}/scores", self.listener.local_addr().unwrap())
    }

    /// The next connection of the service, answered with nothing yet.
    pub async fn accept(&self) -> FeedConnection {
        let accepted = timeout(PATIENCE, self.listener.accept()).await;
        let (mut stream, _) = accepted.expect("the service did not connect").unwrap();
        stream.set_nodelay(true).unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(timeout(PATIENCE, stream.read_u8()).await.unwrap().unwrap());
        }
        FeedConnection { stream, request: String::from_utf8(request).unwrap() }
    }

    /// The next connection, answered with the head of an event stream.
    pub async fn accept_stream(&self) -> FeedConnection {
        let mut connection = self.accept().await;
        connection.send_raw(HEAD.as_bytes()).await;
        connection
    }
}

impl FeedConnection {
    /// The value of a request header, when it was sent.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.request.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// Bytes as they are: a head of one's own, or half a chunk.
    pub async fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// One HTTP chunk of the stream.
    pub async fn send(&mut self, text: &str) {
        self.send_raw(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes()).await;
    }

    /// A `score` event with `data` on one line.
    pub async fn send_score(&mut self, data: &str) {
        self.send(&format!("event: score\ndata: {data}\n\n")).await;
    }

    /// A well-formed score.
    pub async fn score(&mut self, student: &str, exam: u64, score: f64) {
        let data = serde_json::json!({"studentId": student, "exam": exam, "score": score});
        self.send_score(&data.to_string()).await;
    }

    /// Ends the answer and the connection as HTTP wants it.
    pub async fn close(mut self) {
        self.send_raw(b"0\r\n\r\n").await;
        self.stream.shutdown().await.unwrap();
    }

    /// Ends the connection with a reset.
    pub fn reset(self) {
        socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }
}
