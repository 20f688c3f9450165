//! Bytes that may be a segment of a shared journal: an error, or entries that are packed again.
//!
//! The checksum of what is tried is made right first, or nothing behind it would be reached.
#![no_main]

use gradebook::journal::redis::segment::{self, Stretch};
use gradebook_core::Position;
use libfuzzer_sys::fuzz_target;

const SPAN: u64 = 64;

fuzz_target!(|bytes: &[u8]| {
    let stretch = Stretch::of(Position::new(1), SPAN);
    let mut bytes = bytes.to_vec();
    segment::seal(&mut bytes);
    let Ok(entries) = segment::decode(stretch, &bytes) else { return };
    assert!(entries.iter().all(|(position, _)| stretch.has(*position)));
    assert!(entries.is_sorted_by(|(one, _), (other, _)| one < other));
    let again = segment::encode(stretch, &entries);
    assert_eq!(segment::decode(stretch, &again).as_ref(), Ok(&entries));
});
