//! A set of scores counted in equal parts, and put in order only where somebody is going to look.

use super::HISTOGRAM_BINS;
use crate::Score;

/// [0, 1] is divided into 30 · 2^n equal parts. With 10 · 2^n, the greatest double below 0.9 would
/// be rounded into the next tenth; with these, no double is.
const PARTS_MIN: u32 = 30;

/// Of 100,000 scores that are spread out a few dozen share a part, and the counts (15 KiB) stay in
/// the fastest memory.
const PARTS_LOG2_MAX: u32 = 7;

/// How many of the scores lie in each of so many equal parts of [0, 1].
pub(super) struct Tally<'scores> {
    scores: &'scores [Score],
    parts: u32,
    /// One for each part, and one for the score 1.
    counts: Vec<u32>,
}

/// A set of scores, of which those are in order that were asked for.
pub(super) struct Ordered {
    /// How many scores lie in the parts before each part.
    starts: Vec<u32>,
    /// Of these, how many were left out of `few`.
    left_out: Vec<u32>,
    /// The scores of the parts that were asked for; those that were asked for stand where they
    /// would if all were in order.
    few: Vec<Score>,
}

/// In which of `parts` = 30 · 2^n parts a score lies. A lesser score never gets into a later part
/// than a greater one.
#[expect(clippy::float_arithmetic, reason = "any monotonic function that divides tenths would do")]
fn part(score: Score, parts: u32) -> usize {
    (score.get() * f64::from(parts)) as u32 as usize
}

impl<'scores> Tally<'scores> {
    pub(super) fn new(scores: &'scores [Score]) -> Self {
        // About as many parts as scores, so that neither counting nor ordering outweighs the other.
        let log2 = (scores.len() as u32 / PARTS_MIN).checked_ilog2().unwrap_or(0);
        let parts = PARTS_MIN << log2.min(PARTS_LOG2_MAX);
        let mut counts = vec![0; parts as usize + 1];
        for &score in scores {
            counts[part(score, parts)] += 1;
        }
        Self { scores, parts, counts }
    }

    /// How many of the scores lie in each tenth of [0, 1]: whatever lies in a part lies in the same
    /// tenth.
    pub(super) fn tenths(&self) -> [u32; HISTOGRAM_BINS] {
        let parts = self.parts as usize / HISTOGRAM_BINS;
        let mut tenths = std::array::from_fn(|tenth| {
            self.counts[tenth * parts..(tenth + 1) * parts].iter().sum()
        });
        tenths[HISTOGRAM_BINS - 1] += self.counts[self.parts as usize];
        tenths
    }

    /// Puts in order what it takes to say which scores stand at `places`.
    ///
    /// Costs one pass over the scores, and a selection from those that share a part with a place.
    pub(super) fn order(&self, places: &[usize]) -> Ordered {
        let starts = sums(self.counts.iter().copied());
        let mut wanted = vec![false; self.counts.len()];
        places.iter().for_each(|&place| wanted[part_at(&starts, place)] = true);
        let counts = || self.counts.iter().zip(&wanted);
        let left_out = sums(counts().map(|(&count, wanted)| if *wanted { 0 } else { count }));
        let count: u32 = counts().filter(|(_, wanted)| **wanted).map(|(count, _)| count).sum();

        // Written down in any case, and kept or not: where equal scores are many, nobody can
        // foretell which, and a branch would cost more.
        let (mut few, mut kept) = (vec![Score::ZERO; count as usize + 1], 0);
        for &score in self.scores {
            few[kept] = score;
            kept += usize::from(wanted[part(score, self.parts)]);
        }
        few.truncate(kept);
        let place_in_few = |&place| place - left_out[part_at(&starts, place)] as usize;
        let mut places: Vec<usize> = places.iter().map(place_in_few).collect();
        places.sort_unstable();
        places.dedup();
        select(&mut few, 0, &places);
        Ordered { starts, left_out, few }
    }
}

/// Puts that score at each of `places` (rising, and counted from `first`) which belongs there. The
/// middle one first, as that halves what is left for the others.
fn select(scores: &mut [Score], first: usize, places: &[usize]) {
    let (earlier, later) = places.split_at(places.len() / 2);
    let Some((&place, later)) = later.split_first() else { return };
    let (before, _, after) = scores.select_nth_unstable(place - first);
    select(before, first, earlier);
    select(after, place + 1, later);
}

/// The sum of all the numbers before each one.
fn sums(numbers: impl Iterator<Item = u32>) -> Vec<u32> {
    numbers.scan(0, |sum, number| Some(std::mem::replace(sum, *sum + number))).collect()
}

/// The part where the score lies that stands at `place` in order, counted from 0.
fn part_at(starts: &[u32], place: usize) -> usize {
    starts.partition_point(|&start| start as usize <= place) - 1
}

impl Ordered {
    /// The score that stands at `place`, counted from 0: one of the places that were asked for.
    pub(super) fn at(&self, place: usize) -> Score {
        self.few[place - self.left_out[part_at(&self.starts, place)] as usize]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::scores;
    use super::*;

    #[test]
    fn parts_rise_with_the_scores_and_divide_tenths() {
        let steps = || (0..=3840).map(|step| f64::from(step) / 3840.0);
        let beside = |value: f64| [value.next_down(), value, value.next_up()];
        let mut values: Vec<f64> = steps().flat_map(beside).collect();
        values.retain(|value| (0.0..=1.0).contains(value));
        for log2 in 0..=PARTS_LOG2_MAX {
            let parts = PARTS_MIN << log2;
            let part = |value: f64| part(Score::new(value).unwrap(), parts);
            assert!(values.iter().map(|&value| part(value)).is_sorted());
            assert_eq!(part(1.0), parts as usize);
            // As multiplication is monotonic, what holds for the doubles on both sides of an edge
            // holds for all.
            for tenth in 1..10 {
                let first: f64 = format!("0.{tenth}").parse().unwrap();
                assert_eq!(part(first), (3 * tenth) << log2);
                assert_eq!(part(first.next_down()), ((3 * tenth) << log2) - 1);
            }
        }
    }

    proptest! {
        #[test]
        fn says_what_sorting_would(scores in scores(), every in 1usize..50) {
            let mut sorted = scores.clone();
            sorted.sort_unstable();
            let places: Vec<usize> = (0..scores.len()).step_by(every).collect();
            let ordered = Tally::new(&scores).order(&places);
            for place in places {
                prop_assert_eq!(ordered.at(place), sorted[place]);
            }
        }
    }
}
