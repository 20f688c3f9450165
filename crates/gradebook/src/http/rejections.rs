//! `/rejections`: the last events that were refused.

use std::sync::Arc;

use axum::response::Response;
use gradebook_core::Timestamp;
use serde::Serialize;

use super::accept::MediaType;
use super::access::Scope;
use super::call::Call;
use super::parameters as parameter;
use super::problem::Problem;
use super::representation::{self, Document};
use super::resource::{Operation, Resource, SortKeys};
use crate::rejections::{REJECTIONS_MAX, Rejection};

/// `/rejections`.
pub static REJECTIONS: Resource = Resource {
    template: "/rejections",
    operation: Operation {
        id: "listRejections",
        summary: "The last events that were refused, newest first",
        schema: "RejectionList",
    },
    scope: Some(Scope::Admin),
    parameters: &[&parameter::FORMAT],
    sort_keys: SortKeys::None,
    media_types: &[MediaType::Json, MediaType::Html],
    get: list,
    watch: None,
    delete: None,
};

/// What `/rejections` shows.
#[derive(Debug, Serialize)]
pub struct RejectionList {
    /// All that are kept, newest first.
    pub rejections: Vec<RejectionObject>,
    /// They are one page, always.
    pub page: OnlyPage,
}

/// One refused event.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RejectionObject {
    /// When it came.
    pub received_at: Timestamp,
    /// From where.
    pub feed: Arc<str>,
    /// Its id, when it had one.
    pub event_id: Option<Arc<str>>,
    /// Why, for programs.
    pub reason: &'static str,
    /// Why, for people.
    pub detail: String,
    /// The beginning of its data.
    pub data: String,
}

/// A page of everything.
#[derive(Debug, Serialize)]
pub struct OnlyPage {
    /// The most that are kept.
    pub limit: usize,
    /// How many are kept.
    pub total: usize,
    /// Nothing more.
    pub next: Option<String>,
}

fn list(call: &Call) -> Result<Response, Problem> {
    let rejections = call.api.reader.rejections.newest_first();
    let page = OnlyPage { limit: REJECTIONS_MAX, total: rejections.len(), next: None };
    let rejections = rejections.into_iter().map(RejectionObject::from).collect();
    let document = Document::Rejections(RejectionList { rejections, page });
    Ok(call.show_now(representation::render(call, &document, None)))
}

impl From<Rejection> for RejectionObject {
    fn from(rejection: Rejection) -> Self {
        Self {
            received_at: rejection.received,
            feed: rejection.feed,
            event_id: rejection.event_id,
            reason: rejection.reason.name(),
            detail: rejection.detail,
            data: rejection.data,
        }
    }
}
