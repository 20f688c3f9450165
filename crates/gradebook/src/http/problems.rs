//! `/problems/{code}`: what each kind of problem means.

use axum::response::Response;

use super::accept::MediaType;
use super::call::Call;
use super::parameters as parameter;
use super::problem::Problem;
use super::problem_kind::CATALOGUE;
use super::representation::{self, Document};
use super::resource::{Operation, Resource, SortKeys};

/// `/problems/{code}`.
pub static PROBLEM: Resource = Resource {
    template: "/problems/{code}",
    operation: Operation {
        id: "getProblemKind",
        summary: "What a kind of problem means, and what to do about it",
        schema: "ProblemKind",
    },
    scope: None,
    parameters: &[&parameter::FORMAT],
    sort_keys: SortKeys::None,
    media_types: &[MediaType::Json, MediaType::Html],
    get: show,
    watch: None,
    delete: None,
};

fn show(call: &Call) -> Result<Response, Problem> {
    let kind = CATALOGUE.into_iter().find(|kind| kind.code == call.segment);
    let kind = kind.ok_or_else(Problem::not_found)?;
    if let Some(unchanged) = call.unchanged(&call.fixed_tag(), None)? {
        return Ok(unchanged);
    }
    Ok(call.show_fixed(representation::render(call, &Document::ProblemKind(kind), None), &[]))
}
