//! JSON objects: one schema for a student, an exam and a result, wherever they stand.

use gradebook_core::gradebook::{Aggregate, ExamItem, ResultItem, StudentItem};
use gradebook_core::statistics::{Standing, Statistics};
use gradebook_core::{ExamNumber, ScoringPolicy, Timestamp};
use serde::{Serialize, Serializer};

use super::super::links::{Href, Links};
use super::{Document, Entity, List, PageLinks};

/// What a document takes but for its items, and each of these, mostly: so that a page is written
/// where it stays. In bytes.
const DOCUMENT_BYTES: usize = 1_024;
const ITEM_BYTES: usize = 160;

/// Writes `value`, appending.
pub fn write(value: &impl Serialize, text: &mut Vec<u8>) {
    serde_json::to_writer(text, value).expect("invariant: memory takes what is written");
}

/// A result, and where it stands when that was asked for.
#[must_use]
pub fn result(item: &ResultItem, standing: Option<Standing>) -> impl Serialize + '_ {
    ResultObject {
        exam: item.exam,
        student_id: item.student.as_str(),
        score: item.score.get(),
        attempts: Some(item.attempts).filter(|&attempts| attempts > 1),
        received_at: item.received,
        standing,
    }
}

/// A student in a list.
#[must_use]
pub fn student<'a>(links: &'a Links, item: &'a StudentItem) -> impl Serialize + 'a {
    StudentObject {
        student_id: item.student.as_str(),
        aggregate: aggregate(&item.aggregate),
        href: links.student(&item.student),
    }
}

/// An exam in a list.
#[must_use]
pub fn exam<'a>(links: &'a Links, item: &'a ExamItem) -> impl Serialize + 'a {
    ExamObject {
        exam: item.exam,
        aggregate: aggregate(&item.aggregate),
        href: links.exam(item.exam),
    }
}

/// A whole document.
#[must_use]
pub fn document(links: &Links, document: &Document) -> Vec<u8> {
    let items = match document {
        Document::Students(list) => list.items.len(),
        Document::Exams(list) => list.items.len(),
        Document::Results(list) => list.items.len(),
        Document::Student(student) => student.results.items.len(),
        Document::Exam(exam) => exam.results.items.len(),
        _ => 0,
    };
    let mut text = Vec::with_capacity(DOCUMENT_BYTES + items * ITEM_BYTES);
    match document {
        Document::Students(List { items, page }) => {
            let students = Each(items.iter().map(|item| student(links, item)));
            write(&Students { students, page: page_object(page) }, &mut text);
        }
        Document::Exams(List { items, page }) => {
            let exams = Each(items.iter().map(|item| exam(links, item)));
            write(&Exams { exams, page: page_object(page) }, &mut text);
        }
        Document::Results(List { items, page }) => {
            let results = Each(items.iter().map(|item| result(item, None)));
            write(&Results { results, page: page_object(page) }, &mut text);
        }
        Document::Student(student) => {
            let id = StudentName { student_id: student.id.as_str() };
            write_entity(&id, student, &mut text);
        }
        Document::Exam(exam) => write_entity(&ExamName { exam: exam.id }, exam, &mut text),
        Document::Index(index) => write(index, &mut text),
        Document::Feeds(feeds) => write(feeds, &mut text),
        Document::Rejections(rejections) => write(rejections, &mut text),
        Document::ProblemKind(kind) => write(kind, &mut text),
    }
    text.push(b'\n');
    text
}

fn write_entity<Id>(name: &impl Serialize, entity: &Entity<Id>, text: &mut Vec<u8>) {
    let Entity { aggregate: of, statistics, policy, results, standings, .. } = entity;
    let items = results.items.iter().enumerate();
    let items = items.map(|(number, item)| result(item, standings.get(number).copied().flatten()));
    let object = EntityObject {
        name,
        aggregate: aggregate(of),
        scoring_policy: *policy,
        statistics,
        results: Each(items),
        page: page_object(&results.page),
    };
    write(&object, text);
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultObject<'a> {
    exam: ExamNumber,
    student_id: &'a str,
    score: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u8>,
    received_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    standing: Option<Standing>,
}

/// What is said of a student and of an exam alike; stands between its name and the rest.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AggregateMembers {
    average_score: f64,
    result_count: u32,
    last_result_at: Timestamp,
}

fn aggregate(of: &Aggregate) -> AggregateMembers {
    AggregateMembers {
        average_score: of.average,
        result_count: of.count,
        last_result_at: of.last_result,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StudentObject<'a> {
    student_id: &'a str,
    #[serde(flatten)]
    aggregate: AggregateMembers,
    href: Href<'a>,
}

#[derive(Serialize)]
struct ExamObject<'a> {
    exam: ExamNumber,
    #[serde(flatten)]
    aggregate: AggregateMembers,
    href: Href<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StudentName<'a> {
    student_id: &'a str,
}

#[derive(Serialize)]
struct ExamName {
    exam: ExamNumber,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EntityObject<'a, Name: Serialize, Items: Serialize> {
    #[serde(flatten)]
    name: &'a Name,
    #[serde(flatten)]
    aggregate: AggregateMembers,
    scoring_policy: ScoringPolicy,
    statistics: &'a Statistics,
    results: Items,
    page: PageObject<'a>,
}

#[derive(Serialize)]
struct Students<'a, Items> {
    students: Items,
    page: PageObject<'a>,
}

#[derive(Serialize)]
struct Exams<'a, Items> {
    exams: Items,
    page: PageObject<'a>,
}

#[derive(Serialize)]
struct Results<'a, Items> {
    results: Items,
    page: PageObject<'a>,
}

#[derive(Serialize)]
struct PageObject<'a> {
    limit: usize,
    total: Option<u64>,
    next: Option<&'a str>,
}

fn page_object(page: &PageLinks) -> PageObject<'_> {
    PageObject { limit: page.limit, total: page.total, next: page.next.as_deref() }
}

/// An array of what an iterator gives.
struct Each<Items>(Items);

impl<Items> Serialize for Each<Items>
where
    Items: Iterator<Item: Serialize> + Clone,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.clone())
    }
}
