//! Where a result stands among those of its exam.

use serde::Serialize;

use crate::Score;

/// Where a result stands among those of its exam.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// 1 for the highest score. Equal scores share a rank, and the ranks after it are left out
    /// (1, 2, 2, 4).
    pub rank: u32,
    /// How many results the exam has.
    pub of: u32,
    /// The share of results below, equal ones counting half: 100 · (below + ½ · equal) / all.
    pub percentile_rank: f64,
}

/// Where each of `some` scores stands among `all`, of which it is one.
///
/// Costs one pass over all, each with a binary search among some.
pub(crate) fn standings(some: &[Score], all: impl Iterator<Item = Score>) -> Vec<Standing> {
    let mut sorted = some.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    // For each of the sorted scores: how many are less (and not less than the one before), and
    // equal.
    let mut counts = vec![(0u32, 0u32); sorted.len() + 1];
    let mut of = 0;
    all.for_each(|score| {
        let place = sorted.partition_point(|&other| other < score);
        let equal = sorted.get(place) == Some(&score);
        counts[place].0 += u32::from(!equal);
        counts[place].1 += u32::from(equal);
        of += 1;
    });
    let mut below = 0;
    let standings = counts.into_iter().map(|(less, equal)| {
        below += less;
        let standing = standing(below, equal, of);
        below += equal;
        standing
    });
    let standings: Vec<Standing> = standings.collect();
    some.iter().map(|score| standings[sorted.partition_point(|other| other < score)]).collect()
}

#[expect(clippy::float_arithmetic, reason = "both integers are exact doubles: rounds once")]
fn standing(below: u32, equal: u32, of: u32) -> Standing {
    let doubled = 2 * u64::from(below) + u64::from(equal);
    let percentile_rank = (100 * doubled) as f64 / (2 * u64::from(of)) as f64;
    Standing { rank: 1 + of - below - equal, of, percentile_rank }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::scores;
    use super::*;

    #[test]
    fn equal_scores_share_a_rank() {
        let scores = [0.9, 0.5, 0.7, 0.7].map(|value| Score::new(value).unwrap());
        let found = standings(&scores, scores.into_iter());
        let ranks: Vec<_> = found.iter().map(|one| (one.rank, one.percentile_rank)).collect();
        assert_eq!(ranks, [(1, 87.5), (4, 12.5), (2, 50.0), (2, 50.0)]);
    }

    proptest! {
        #[test]
        fn agree_with_counting(all in scores(), every in 1usize..5) {
            let some: Vec<Score> = all.iter().copied().step_by(every).collect();
            for (score, found) in some.iter().zip(standings(&some, all.iter().copied())) {
                let above = all.iter().filter(|other| *other > score).count();
                let equal = all.iter().filter(|other| *other == score).count();
                let below = all.len() - above - equal;
                prop_assert_eq!(found.rank as usize, above + 1);
                prop_assert_eq!(found.of as usize, all.len());
                let share = (below as f64 + 0.5 * equal as f64) / all.len() as f64;
                prop_assert!((found.percentile_rank - 100.0 * share).abs() < 1e-12);
            }
        }
    }
}
