//! `/openapi.json`: the contract for machines, from the same tables that serve it.

use axum::response::Response;
use serde_json::{Value, json};

use super::accept::MediaType;
use super::call::Call;
use super::problem::Problem;
use super::resource::{Operation, Resource, SortKeys};

/// `/openapi.json`.
pub static OPENAPI: Resource = Resource {
    template: "/openapi.json",
    operation: Operation { id: "getOpenApi", summary: "This document" },
    scope: None,
    parameters: &[],
    sort_keys: SortKeys::None,
    media_types: &[MediaType::Json],
    get: show,
    watch: None,
    delete: None,
};

fn show(call: &Call) -> Result<Response, Problem> {
    if let Some(unchanged) = call.unchanged(&call.fixed_tag(), None)? {
        return Ok(unchanged);
    }
    Ok(call.show_fixed(document().to_string(), &[]))
}

/// The document.
#[must_use]
pub fn document() -> Value {
    json!({ "openapi": "3.1.0" })
}
