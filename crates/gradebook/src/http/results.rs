//! `/results`: every result.

use axum::response::Response;
use gradebook_core::gradebook::{ResultKey, ResultQuery};
use gradebook_core::{Gradebook, Position};

use super::accept::MediaType;
use super::access::Scope;
use super::call::Call;
use super::live;
use super::parameters as parameter;
use super::problem::Problem;
use super::representation::Document;
use super::resource::{Operation, Resource, SortKeys};
use crate::hub::Watched;

/// `/results`.
pub static RESULTS: Resource = Resource {
    template: "/results",
    operation: Operation {
        id: "listResults",
        summary: "Every result, in the order in which they last changed",
        schema: "ResultList",
    },
    scope: Some(Scope::Read),
    parameters: &[
        &parameter::EXAM,
        &parameter::STUDENT,
        &parameter::MIN_SCORE,
        &parameter::MAX_SCORE,
        &parameter::SINCE,
        &parameter::SORT,
        &parameter::LIMIT,
        &parameter::CURSOR,
        &parameter::FORMAT,
        &parameter::LAST_EVENT_ID,
    ],
    // The order of the journal is the order in which results were received, and more exact.
    sort_keys: SortKeys::Results(&[("receivedAt", ResultKey::Id)]),
    media_types: &[
        MediaType::Json,
        MediaType::Html,
        MediaType::Ndjson,
        MediaType::Csv,
        MediaType::EventStream,
    ],
    get: list,
    watch: Some(|call| live::watch(call, Ok(Watched::Results))),
    delete: None,
};

fn list(call: &Call) -> Result<Response, Problem> {
    let query = call.result_query::<Position>()?;
    let after = query.after.clone();
    let read = move |book: &Gradebook, after| book.results(&ResultQuery { after, ..query.clone() });
    call.whole_list(after, read, Document::Results)
}
