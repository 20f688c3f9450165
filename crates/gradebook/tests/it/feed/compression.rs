//! Streams that come compressed, and what they may expand to.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Reading, kept_score};
use crate::support::FeedConnection;

const GZIP_HEAD: &str = "200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip";

/// How much the service may grow by: far less than what the bombs expand to.
const GROWTH_KIB_MAX: u64 = 48 << 10;

fn score(exam: u64) -> String {
    format!("event: score\ndata: {{\"exam\":{exam},\"studentId\":\"foo\",\"score\":0.5}}\n\n")
}

/// Sends what has been compressed since the last time.
async fn flush(encoder: &mut GzEncoder<Vec<u8>>, connection: &mut FeedConnection) {
    encoder.flush().unwrap();
    connection.send_raw(&std::mem::take(encoder.get_mut())).await;
}

#[tokio::test]
async fn a_compressed_event_is_read_as_soon_as_it_is_there() {
    let reading = Reading::start(&[]).await;
    let mut connection = reading.answer(GZIP_HEAD).await;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    for exam in 1..=3 {
        encoder.write_all(score(exam).as_bytes()).unwrap();
        flush(&mut encoder, &mut connection).await;
        let count = usize::try_from(exam).unwrap();
        assert_eq!(reading.kept(count).await.last(), Some(&kept_score("foo", exam, 0.5)));
    }
}

#[tokio::test]
async fn a_compressed_bomb_does_not_grow_memory() {
    let reading = Reading::start(&[]).await;
    let mut connection = reading.answer(GZIP_HEAD).await;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(score(0).as_bytes()).unwrap();
    flush(&mut encoder, &mut connection).await;
    reading.kept(1).await;
    let before = resident_kib(reading.service.pid());
    let megabyte = "x".repeat(1 << 20);
    for (exam, beginning) in (1..).zip([":", "event: score\ndata: ", "id: ", "foo"]) {
        encoder.write_all(beginning.as_bytes()).unwrap();
        for _ in 0..100 {
            encoder.write_all(megabyte.as_bytes()).unwrap();
        }
        encoder.write_all(b"\n\n").unwrap();
        encoder.write_all(score(exam).as_bytes()).unwrap();
        flush(&mut encoder, &mut connection).await;
        reading.kept(usize::try_from(exam).unwrap() + 1).await;
    }
    let grown = peak_resident_kib(reading.service.pid()).saturating_sub(before);
    assert!(grown < GROWTH_KIB_MAX, "grown by {grown} KiB");
}

fn resident_kib(pid: u32) -> u64 {
    status_kib(pid, "VmRSS:")
}

fn peak_resident_kib(pid: u32) -> u64 {
    status_kib(pid, "VmHWM:")
}

/// A figure that Linux has of a process, in KiB.
fn status_kib(pid: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().strip_suffix("kB").unwrap().trim().parse().unwrap()
}
