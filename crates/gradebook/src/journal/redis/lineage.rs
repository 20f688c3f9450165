//! Which of what somebody saw of a journal still stands.

use gradebook_core::Position;

/// An uninterrupted run of appends by one writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// Its number, larger than those before.
    pub number: u64,
    /// The position of the last entry when it began.
    pub after: Position,
    /// Whose it is.
    pub writer: String,
}

/// The last position up to which the journal is still what it was for somebody who saw it up to
/// `seen` when its terms were `known`. Now they are `terms`, and it ends at `tail`.
///
/// What was seen after that position is lost, and may have been replaced by something else.
#[must_use]
pub fn common_prefix(known: &[Term], seen: Position, terms: &[Term], tail: Position) -> Position {
    // The oldest terms are forgotten in time.
    let oldest = terms.first().map_or(u64::MAX, |term| term.number);
    let known = &known[known.partition_point(|term| term.number < oldest)..];
    let same = known.iter().zip(terms).take_while(|(known, now)| known == now).count();
    let lost = known.get(same).map(|lost| lost.after);
    let newer = terms[same..].iter().map(|newer| newer.after).min();
    [lost, newer, Some(tail)].into_iter().flatten().fold(seen, Position::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn term(number: u64, after: u64, writer: &str) -> Term {
        Term { number, after: Position::new(after), writer: writer.to_owned() }
    }

    fn common(known: &[Term], seen: u64, terms: &[Term], tail: u64) -> u64 {
        common_prefix(known, Position::new(seen), terms, Position::new(tail)).get()
    }

    #[test]
    fn what_was_seen_stands_until_a_later_term_begins_before_it() {
        let known = [term(2, 0, "b"), term(3, 100, "a")];
        let then = |newer: &[Term]| [&known[..], newer].concat();
        assert_eq!(common(&known, 150, &known, 150), 150);
        assert_eq!(common(&known, 150, &then(&[term(4, 150, "b")]), 160), 150);
        assert_eq!(common(&known, 150, &then(&[term(4, 140, "b")]), 160), 140);
        assert_eq!(common(&known, 150, &then(&[term(4, 150, "b"), term(5, 120, "c")]), 300), 120);
    }

    #[test]
    fn a_shorter_journal_has_lost_what_is_beyond_its_end() {
        let known = [term(3, 100, "a")];
        assert_eq!(common(&known, 150, &known, 130), 130);
    }

    #[test]
    fn a_term_that_is_gone_takes_its_entries_with_it() {
        let known = [term(2, 0, "a"), term(3, 100, "a")];
        assert_eq!(common(&known, 150, &known[..1], 170), 100);
        assert_eq!(common(&known, 150, &[term(2, 0, "a"), term(3, 90, "b")], 170), 90);
        assert_eq!(common(&known, 150, &[term(2, 0, "a"), term(3, 110, "b")], 170), 100);
        assert_eq!(common(&known, 150, &[term(2, 0, "b")], 170), 0);
        assert_eq!(common(&known, 150, &[], 0), 0);
    }

    #[test]
    fn forgotten_terms_are_not_lost_ones() {
        let known = [term(2, 0, "a"), term(3, 100, "a")];
        assert_eq!(common(&known, 150, &[term(3, 100, "a"), term(4, 150, "b")], 170), 150);
        assert_eq!(common(&known, 150, &[term(4, 150, "b")], 170), 150);
        assert_eq!(common(&known, 150, &[term(4, 120, "b")], 170), 120);
    }
}
