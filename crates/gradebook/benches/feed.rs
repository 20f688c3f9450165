//! Bytes of a feed to scores, on one core: `cargo bench -p gradebook --bench feed`.
//!
//! The elements are events, so criterion's throughput is in events a second.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gradebook::feed::Decoder;

const EVENTS: u64 = 10_000;

fn stream(data: impl Fn(u64) -> String) -> Bytes {
    (0..EVENTS)
        .map(|exam| format!("event: score\ndata: {}\n\n", data(exam)))
        .collect::<String>()
        .into()
}

/// Decodes `stream` as a socket gives it: 64 KiB at a time.
fn decode(stream: &Bytes) -> usize {
    let mut decoder = Decoder::new(1 << 20, None);
    let mut scores = 0;
    for start in (0..stream.len()).step_by(64 << 10) {
        let mut bytes = stream.slice(start..stream.len().min(start + (64 << 10)));
        while !bytes.is_empty() {
            scores += black_box(decoder.decode(&mut bytes)).scores.len();
        }
    }
    scores
}

fn decoding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(EVENTS));
    let strict = |exam| {
        format!(r#"{{"studentId":"Emely_Langworth","exam":{exam},"score":0.7316491234567891}}"#)
    };
    let loose =
        |exam| format!(r#"{{"exam": {exam}, "studentId": "Emely_Langworth", score: .991}}"#);
    for (name, stream) in [("strict", stream(strict)), ("as documented", stream(loose))] {
        assert_eq!(decode(&stream), usize::try_from(EVENTS).expect("invariant: small"));
        let id = BenchmarkId::from_parameter(name);
        group.bench_with_input(id, &stream, |bencher, stream| bencher.iter(|| decode(stream)));
    }
    group.finish();
}

criterion_group!(benches, decoding);
criterion_main!(benches);
