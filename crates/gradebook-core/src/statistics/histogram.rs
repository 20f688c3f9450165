//! How many scores lie in each tenth.

use super::tally::Tally;

/// How many bins a histogram has: [0, 0.1), [0.1, 0.2), … [0.9, 1].
pub const HISTOGRAM_BINS: usize = 10;

/// How many scores lie in each tenth.
///
/// A tenth begins with the double that is nearest to it: a score that is written 0.3 lies in
/// [0.3, 0.4), though that double is a little less than three tenths.
pub(super) fn histogram(tally: &Tally<'_>) -> [u32; HISTOGRAM_BINS] {
    tally.tenths()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::scores;
    use super::*;
    use crate::Score;

    fn histogram_of(scores: &[Score]) -> [u32; HISTOGRAM_BINS] {
        histogram(&Tally::new(scores))
    }

    #[test]
    fn a_score_lies_in_the_bin_that_its_first_decimal_names() {
        for (text, bin) in [
            ("0", 0),
            ("0.09999999999999999", 0),
            ("0.3", 3),
            ("0.29999999999999993", 2),
            ("0.6", 6),
            ("0.7", 7),
            ("1", 9),
        ] {
            let bins = histogram_of(&[Score::new(text.parse().unwrap()).unwrap()]);
            assert_eq!(bins.iter().position(|&count| count == 1), Some(bin), "{text}");
        }
    }

    proptest! {
        /// The first decimal is read off the shortest text of the score.
        #[test]
        fn counts_first_decimals(scores in scores()) {
            let mut expected = [0; HISTOGRAM_BINS];
            for score in &scores {
                let text = format!("{}", score.get());
                let decimal = text.strip_prefix("0.").map_or("0", |decimals| &decimals[..1]);
                expected[if text == "1" { 9 } else { decimal.parse::<usize>().unwrap() }] += 1;
            }
            prop_assert_eq!(histogram_of(&scores), expected);
        }
    }
}
