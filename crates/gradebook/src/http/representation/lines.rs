//! Lists as lines, NDJSON or CSV: the whole list, in constant memory.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use gradebook_core::gradebook::{Anchor, ExamItem, Page, ResultItem, StudentItem};
use serde::Serialize;

use super::super::accept::MediaType;
use super::super::links::Links;
use super::csv::{self, Field};
use super::json;

/// An item that is a line.
pub trait Line: Send {
    /// The first line of a CSV.
    const COLUMNS: &'static str;

    /// What stands in the columns.
    fn fields(&self) -> Vec<Field<'_>>;

    /// The same object as in a list in JSON.
    fn object<'a>(&'a self, links: &'a Links) -> impl Serialize + 'a;
}

impl Line for StudentItem {
    const COLUMNS: &'static str = "studentId,averageScore,resultCount,lastResultAt\r\n";

    fn fields(&self) -> Vec<Field<'_>> {
        let of = &self.aggregate;
        vec![
            Field::Id(self.student.as_str()),
            Field::Score(of.average),
            Field::Integer(of.count.into()),
            Field::Instant(of.last_result),
        ]
    }

    fn object<'a>(&'a self, links: &'a Links) -> impl Serialize + 'a {
        json::student(links, self)
    }
}

impl Line for ExamItem {
    const COLUMNS: &'static str = "exam,averageScore,resultCount,lastResultAt\r\n";

    fn fields(&self) -> Vec<Field<'_>> {
        let of = &self.aggregate;
        vec![
            Field::Integer(self.exam.get()),
            Field::Score(of.average),
            Field::Integer(of.count.into()),
            Field::Instant(of.last_result),
        ]
    }

    fn object<'a>(&'a self, links: &'a Links) -> impl Serialize + 'a {
        json::exam(links, self)
    }
}

impl Line for ResultItem {
    const COLUMNS: &'static str = "exam,studentId,score,receivedAt\r\n";

    fn fields(&self) -> Vec<Field<'_>> {
        vec![
            Field::Integer(self.exam.get()),
            Field::Id(self.student.as_str()),
            Field::Score(self.score.get()),
            Field::Instant(self.received),
        ]
    }

    fn object<'a>(&'a self, _: &'a Links) -> impl Serialize + 'a {
        json::result(self, None)
    }
}

/// All of `items`.
#[must_use]
pub fn whole<Item: Line>(format: MediaType, links: &Links, items: &[Item]) -> Vec<u8> {
    let mut lines = head::<Item>(format);
    write(format, links, items, &mut lines);
    lines
}

/// Every page that `fetch` gives from `after` on, one at a time and only when the one before is on
/// its way: what a client does not read is not made.
pub fn stream<Item: Line, Id: Send>(
    format: MediaType,
    links: Links,
    after: Option<Anchor<Id>>,
    fetch: impl FnMut(Option<Anchor<Id>>) -> Page<Item, Id> + Send,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    struct Rest<Id, Fetch> {
        lines: Vec<u8>,
        after: Option<Anchor<Id>>,
        fetch: Fetch,
    }
    let rest = Some(Rest { lines: head::<Item>(format), after, fetch });
    let pages = stream::unfold(rest, move |rest| {
        let links = links.clone();
        async move {
            let mut rest = rest?;
            loop {
                let page = (rest.fetch)(rest.after.take());
                write(format, &links, &page.items, &mut rest.lines);
                let lines = Bytes::from(std::mem::take(&mut rest.lines));
                rest.after = page.next;
                match (rest.after.is_some(), lines.is_empty()) {
                    (false, true) => return None,
                    (false, false) => return Some((Ok(lines), None)),
                    (true, false) => return Some((Ok(lines), Some(rest))),
                    // A page on which nothing passes the filters: let others run before the next.
                    (true, true) => tokio::task::yield_now().await,
                }
            }
        }
    });
    pages.fuse() // whoever compresses asks again after the end
}

/// The page of what is gone: a student may be erased while a list of their results is read.
#[must_use]
pub fn nothing<Item, Id>() -> Page<Item, Id> {
    Page { items: Vec::new(), total: None, next: None }
}

fn head<Item: Line>(format: MediaType) -> Vec<u8> {
    let columns = if format == MediaType::Csv { Item::COLUMNS } else { "" };
    columns.into()
}

fn write<Item: Line>(format: MediaType, links: &Links, items: &[Item], lines: &mut Vec<u8>) {
    for item in items {
        if format == MediaType::Csv {
            csv::write_record(&item.fields(), lines);
        } else {
            json::write(&item.object(links), lines);
            lines.push(b'\n');
        }
    }
}
