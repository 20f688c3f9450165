//! `DELETE /students/{id}`: a student is forgotten.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use super::access::Scope;
use super::call::Call;
use super::conditional;
use super::parameters as parameter;
use super::problem::Problem;
use super::resource::{Answer, Delete, Operation};
use crate::reader::{EraseError, EraseRefusal};

/// Seconds after which to try again when the writer has ended: another process takes over.
const RETRY_AFTER: u64 = 5;

/// `DELETE /students/{id}`.
pub const STUDENT: Delete = Delete {
    operation: Operation {
        id: "eraseStudent",
        summary: "Erase a student: results, rejected events and everything kept of them",
        schema: "",
    },
    parameters: &[&parameter::SUPPRESS],
    scope: Scope::Admin,
    run,
};

fn run(call: Call) -> Answer {
    erase(call).boxed()
}

/// 204 once nobody can see the student any more. 404 when nothing is held: a misspelt id must not
/// pass for an erasure.
async fn erase(call: Call) -> Result<Response, Problem> {
    let epoch = call.api.reader.identity.epoch;
    let seen = conditional::revisions_to_match(&call.headers, epoch);
    let erased = call.api.reader.erase(call.student()?, call.query.suppress, seen).await;
    erased.map_err(|error| match error {
        EraseError::Refused(EraseRefusal::NotHeld) => Problem::student_not_found(),
        EraseError::Refused(EraseRefusal::Changed) => Problem::precondition_failed(),
        EraseError::WriterGone => Problem::unavailable("The service is ending.", RETRY_AFTER),
    })?;
    tracing::info!(suppress = call.query.suppress, "a student was erased");
    Ok(StatusCode::NO_CONTENT.into_response())
}
