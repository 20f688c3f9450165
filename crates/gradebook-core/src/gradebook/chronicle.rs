//! All results, each kept once, and in the order of their last change.

use super::record::{Record, Slot, Stamp};
use super::sorted_blocks::{Place, SortedBlocks};

/// Records are kept in chunks of so many (112 KiB), so that growing never moves what is there.
const CHUNK_RECORDS: usize = 1 << CHUNK_BITS;
const CHUNK_BITS: u32 = 12;

/// All results, each kept once, and in the order of their last change.
///
/// A record stays in its slot until it is erased; the other lists refer to it by slot. Slots are
/// filled one after the other, so most records stand in the order of their positions all by
/// themselves. Those that do not, because they were changed later or fill the slot of an erased
/// one, are *displaced*: flagged, and listed by position beside. Reading in order merges the two.
/// So the order costs four bytes for a corrected result, and none for any other.
#[derive(Clone, Debug, Default)]
pub(super) struct Chronicle {
    chunks: Vec<Chunk>,
    displaced: SortedBlocks<u32>,
    free: Vec<Slot>,
}

#[derive(Clone, Debug)]
struct Chunk {
    /// The stamp with which the first record was added, whatever became of it.
    first: Stamp,
    /// How many records are not displaced.
    in_order: u32,
    /// Never more than [`CHUNK_RECORDS`], which are reserved.
    records: Vec<Record>,
}

/// A place between two results in the order of their last change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    chunk: usize,
    index: usize,
    displaced: Place,
}

impl Chronicle {
    /// By reference, as records are read faster in place: a copy in pieces keeps the processor from
    /// reading the next one meanwhile.
    pub(super) fn get(&self, slot: Slot) -> &Record {
        let (chunk, index) = split(slot);
        &self.chunks[chunk].records[index]
    }

    fn set(&mut self, slot: Slot, record: Record) {
        let (chunk, index) = split(slot);
        self.chunks[chunk].records[index] = record;
    }

    /// Adds a record whose position is after that of every other one.
    pub(super) fn add(&mut self, record: Record) -> Slot {
        if let Some(slot) = self.free.pop() {
            self.set(slot, record.displaced());
            self.displaced.push(slot.0);
            return slot;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.records.len() == CHUNK_RECORDS) {
            let records = Vec::with_capacity(CHUNK_RECORDS);
            self.chunks.push(Chunk { first: record.stamp, in_order: 0, records });
        }
        let number = self.chunks.len() - 1;
        let chunk = &mut self.chunks[number];
        chunk.in_order += 1;
        chunk.records.push(record);
        let slot = number << CHUNK_BITS | (chunk.records.len() - 1);
        Slot(u32::try_from(slot).expect("invariant: a gradebook has at most 2^32 results"))
    }

    /// Changes a record; its position is after that of every other one from now on.
    pub(super) fn change(&mut self, slot: Slot, record: Record) {
        self.take_out(slot);
        self.set(slot, record.displaced());
        self.displaced.push(slot.0);
    }

    /// Removes a record; its slot is used again.
    pub(super) fn remove(&mut self, slot: Slot) {
        self.take_out(slot);
        let removed = self.get(slot).removed();
        self.set(slot, removed);
        self.free.push(slot);
    }

    /// Takes a record out of the order.
    fn take_out(&mut self, slot: Slot) {
        let record = self.get(slot);
        if record.is_displaced() {
            let position = record.stamp.position();
            let place = self
                .displaced
                .partition_point(|other| self.get(Slot(other)).stamp.position() < position);
            self.displaced.remove(place);
        } else {
            self.chunks[split(slot).0].in_order -= 1;
        }
    }

    /// The records in these slots as they lie in memory, removed ones included.
    pub(super) fn slots(&self, first: Slot, last: Slot) -> impl Iterator<Item = &Record> {
        let ((first, start), (last, end)) = (split(first), split(last));
        self.chunks[first..=last].iter().enumerate().flat_map(move |(number, chunk)| {
            let start = if number == 0 { start } else { 0 };
            let end = if first + number == last { end + 1 } else { chunk.records.len() };
            &chunk.records[start..end]
        })
    }

    /// The moment between the results whose stamp is `before` it, and the others.
    pub(super) fn partition_point(&self, before: impl Fn(Stamp) -> bool) -> Moment {
        let displaced = self.displaced.partition_point(|slot| before(self.get(Slot(slot)).stamp));
        let chunk = self.chunks.partition_point(|chunk| before(chunk.first)).saturating_sub(1);
        let index = self.chunks.get(chunk).map_or(0, |chunk| chunk.partition_point(before));
        Moment { chunk, index, displaced }
    }

    /// The results after `moment`, in order.
    pub(super) fn after(&self, moment: Moment) -> impl Iterator<Item = &Record> {
        let chunks = self.chunks.iter().enumerate().skip(moment.chunk);
        let in_order = chunks.flat_map(move |(number, chunk)| {
            let start = if number == moment.chunk { moment.index } else { 0 };
            // A chunk without records in order is not even looked at.
            let end = if chunk.in_order == 0 { start } else { chunk.records.len() };
            &chunk.records[start..end]
        });
        let displaced = self.displaced.after(moment.displaced).map(|slot| self.get(Slot(slot)));
        let in_order = in_order.filter(|record| !record.is_displaced());
        merge(in_order, displaced, |one, other| one.position() < other.position())
    }

    /// The results before `moment`, from the last to the first.
    pub(super) fn before(&self, moment: Moment) -> impl Iterator<Item = &Record> {
        let chunks = self.chunks.iter().enumerate().take(moment.chunk + 1).rev();
        let in_order = chunks.flat_map(move |(number, chunk)| {
            let end = if number == moment.chunk { moment.index } else { chunk.records.len() };
            let end = if chunk.in_order == 0 { 0 } else { end };
            chunk.records[..end].iter().rev()
        });
        let displaced = self.displaced.before(moment.displaced).map(|slot| self.get(Slot(slot)));
        let in_order = in_order.filter(|record| !record.is_displaced());
        merge(in_order, displaced, |one, other| one.position() > other.position())
    }

    /// How many results stand after `moment`.
    pub(super) fn count_after(&self, moment: Moment) -> usize {
        let Some(chunk) = self.chunks.get(moment.chunk) else { return 0 };
        let here = chunk.records[moment.index..].iter().filter(|record| !record.is_displaced());
        let later = self.chunks[moment.chunk + 1..].iter().map(|chunk| chunk.in_order as usize);
        here.count() + later.sum::<usize>() + self.displaced.count_after(moment.displaced)
    }
}

impl Chunk {
    /// As `slice::partition_point`, but passing over the displaced.
    fn partition_point(&self, before: impl Fn(Stamp) -> bool) -> usize {
        let (mut start, mut end) = (0, self.records.len());
        while start < end {
            let middle = start + (end - start) / 2;
            let found = self.records[middle..end].iter().position(|record| !record.is_displaced());
            match found.map(|offset| middle + offset) {
                Some(index) if before(self.records[index].stamp) => start = index + 1,
                _ => end = middle,
            }
        }
        start
    }
}

fn split(slot: Slot) -> (usize, usize) {
    let slot = slot.0 as usize;
    (slot >> CHUNK_BITS, slot & (CHUNK_RECORDS - 1))
}

/// Both sequences in one, by stamp; `first` says whether one stamp comes before another.
fn merge<'book>(
    one: impl Iterator<Item = &'book Record>,
    other: impl Iterator<Item = &'book Record>,
    first: impl Fn(Stamp, Stamp) -> bool,
) -> impl Iterator<Item = &'book Record> {
    let (mut one, mut other) = (one.peekable(), other.peekable());
    std::iter::from_fn(move || match (one.peek(), other.peek()) {
        (Some(here), Some(there)) if !first(here.stamp, there.stamp) => other.next(),
        (None, _) => other.next(),
        _ => one.next(),
    })
}
