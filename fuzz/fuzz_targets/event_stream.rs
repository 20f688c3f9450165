//! Bytes to events: the same however they are split, and within the bound.
#![no_main]

use bytes::Bytes;
use gradebook::feed::Decoder;
use libfuzzer_sys::fuzz_target;

const EVENT_BYTES_MAX: u32 = 256;

fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<String>, u64, Option<String>) {
    let mut decoder = Decoder::new(EVENT_BYTES_MAX, None);
    let (mut events, mut ignored) = (Vec::new(), 0);
    for piece in pieces {
        let mut bytes = Bytes::copy_from_slice(piece);
        while !bytes.is_empty() {
            let decoded = decoder.decode(&mut bytes);
            events.extend(decoded.scores.iter().map(|score| {
                format!("{} {} {}", score.student, score.exam, score.score.get())
            }));
            events.extend(decoded.rejected.iter().map(|event| format!("{event:?}")));
            ignored += decoded.ignored;
        }
    }
    // Scores and rejections come in two lists, so where a call ended shows in their order.
    events.sort_unstable();
    (events, ignored, decoder.last_event_id().map(ToString::to_string))
}

fuzz_target!(|input: (usize, &[u8])| {
    let (size, stream) = input;
    let whole = decode([stream]);
    assert_eq!(decode(stream.chunks(size % 64 + 1)), whole);
});
