//! A question examines no more than the bound, and page by page nothing is left out for it.

use gradebook_core::gradebook::{
    Anchor, ListQuery, Page, ResultItem, ResultKey, ResultQuery, Sort,
};
use gradebook_core::{Entry, Gradebook, Position, ScoringPolicy};
use proptest::prelude::*;

use crate::entries::{KEY, exam, journal, score, student};

fn bounded(journal: &[(Position, Entry)], examined_max: usize) -> Gradebook {
    let mut book = Gradebook::examining_at_most(ScoringPolicy::KeepLatest, KEY, examined_max);
    for (position, entry) in journal {
        book.post(*position, entry);
    }
    book
}

/// All items, page after page. No page is without an end, and none comes twice.
fn every_page<Item, Id: Clone + PartialEq>(
    mut page: impl FnMut(Option<Anchor<Id>>) -> Page<Item, Id>,
) -> Vec<Item> {
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let page = page(after.clone());
        items.extend(page.items);
        match page.next {
            Some(next) => {
                assert!(after.as_ref() != Some(&next), "the same page again");
                after = Some(next);
            }
            None => return items,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn nothing_is_left_out(
        journal in journal(0..200), min_score in score(), student in student(), exam in exam(),
        descending: bool, by_time: bool, examined_max in 1usize..30, limit in 1usize..30,
    ) {
        let (bounded, unbounded) = (bounded(&journal, examined_max), bounded(&journal, usize::MAX));
        let key = if by_time { ResultKey::ReceivedAt } else { ResultKey::Id };
        let sort = Sort { key, descending };
        let all = ResultQuery { min_score: Some(min_score), sort, ..ResultQuery::all(limit) };
        let read = |book: &Gradebook, query: &ResultQuery<_>| -> Vec<ResultItem> {
            every_page(|after| book.results(&ResultQuery { after, ..query.clone() }))
        };
        prop_assert_eq!(read(&bounded, &all), read(&unbounded, &all));
        let some = ResultQuery { students: vec![student], exams: vec![exam], ..all };
        prop_assert_eq!(read(&bounded, &some), read(&unbounded, &some));
        let named = ListQuery { contains: Some("1".to_owned()), exams: vec![exam], ..ListQuery::all(limit) };
        let read = |book: &Gradebook| {
            every_page(|after| book.students(&ListQuery { after, ..named.clone() }))
        };
        prop_assert_eq!(read(&bounded), read(&unbounded));
    }
}

#[test]
fn a_page_that_ends_early_says_where_to_go_on() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let tree = journal(199..200).new_tree(&mut runner).unwrap();
    let book = bounded(&tree.current(), 10);
    let mut query = ResultQuery::all(100);
    query.min_score = Some(gradebook_core::Score::new(0.9999).unwrap());
    let page = book.results(&query);
    assert!(page.items.len() < 10 && page.next.is_some());
    assert_eq!(page.total, None);
}

use proptest::strategy::ValueTree as _;
