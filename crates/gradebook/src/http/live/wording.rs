//! What subscribers are told, as text.

use bytes::Bytes;
use gradebook_core::gradebook::Change;
use gradebook_core::{ExamNumber, Gradebook};

use super::filter::Filter;
use crate::http::Api;
use crate::http::representation::event_stream::EventText;
use crate::hub::{Erased, Notice, Published, Watched};

/// The text of `published` for those who watch `watched` without a filter: made once for all of
/// them.
pub fn shared(api: &Api, watched: &Watched, published: &Published) -> Bytes {
    let make = || {
        let mut text = api.event_text();
        notice(&mut text, watched, &Filter::default(), None, published.notice());
        text.into_bytes()
    };
    match (watched, published.notice()) {
        // What an erasure did to an exam is another thing for each exam.
        (Watched::Exam(_), Notice::Erased(_)) => make(),
        _ => published.text(watched.view(), make).clone(),
    }
}

/// The text of `notice` for somebody with a filter, which may let nothing through.
pub fn notice(
    text: &mut EventText<'_>,
    watched: &Watched,
    filter: &Filter,
    book: Option<&Gradebook>,
    notice: &Notice,
) {
    match notice {
        Notice::Changed(change) => changed(text, watched, filter, book, change),
        Notice::Erased(one) => erased(text, watched, filter, book, one),
    }
}

fn changed(
    text: &mut EventText<'_>,
    watched: &Watched,
    filter: &Filter,
    book: Option<&Gradebook>,
    change: &Change,
) {
    let Change { result, student, exam } = change;
    match watched {
        Watched::Student(_) if filter.result(result) => text.result(result, Some(student)),
        Watched::Exam(_) if filter.result(result) => text.result(result, Some(exam)),
        Watched::Results if filter.result(result) => text.result(result, None),
        Watched::Students if filter.student(&result.student, book) => {
            text.student(Some(result.position), &result.student, student);
        }
        Watched::Exams if filter.exam(result.exam, book) => {
            text.exam(Some(result.position), result.exam, exam);
        }
        _ => {}
    }
}

fn erased(
    text: &mut EventText<'_>,
    watched: &Watched,
    filter: &Filter,
    book: Option<&Gradebook>,
    erased: &Erased,
) {
    let Erased { position, student, exams } = erased;
    let id = Some(*position);
    match watched {
        Watched::Exams => exams_of_erased(text, filter, book, erased),
        _ if !filter.erased(student) => {}
        Watched::Student(_) => text.erased(id, student, Some(None)),
        Watched::Results => text.erased(id, student, None),
        Watched::Students => {
            text.erased(None, student, None);
            text.student_removed(id, student);
        }
        Watched::Exam(number) => {
            let left = exams.iter().find(|(exam, _)| exam == number);
            text.erased(id, student, Some(left.and_then(|(_, left)| left.as_ref())));
        }
    }
}

fn exams_of_erased(
    text: &mut EventText<'_>,
    filter: &Filter,
    book: Option<&Gradebook>,
    erased: &Erased,
) {
    let wanted = |(exam, _): &&(ExamNumber, _)| filter.has_exam(*exam);
    let mut exams = erased.exams.iter().filter(wanted).peekable();
    while let Some((exam, left)) = exams.next() {
        // One entry, one id: on its last event.
        let id = exams.peek().is_none().then_some(erased.position);
        match left.as_ref().filter(|_| filter.exam(*exam, book)) {
            Some(aggregate) => text.exam(id, *exam, aggregate),
            None => text.exam_removed(id, *exam),
        }
    }
}
