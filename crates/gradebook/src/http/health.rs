//! `/healthz`, `/readyz` and `/metrics`: for whatever runs the service.

use axum::response::Response;

use super::accept::MediaType;
use super::call::Call;
use super::problem::Problem;
use super::resource::{Operation, Resource, SortKeys};

/// How soon to ask again whether the service is ready, in seconds.
const READY_RETRY_SECONDS: u64 = 1;

/// `/healthz`: the process answers.
pub static HEALTHZ: Resource = Resource {
    operation: Operation {
        id: "getHealth",
        summary: "Whether the process answers",
        schema: "Status",
    },
    get: |call| Ok(call.show_now("{\"status\":\"alive\"}\n")),
    ..probe("/healthz")
};

/// `/readyz`: the answers are worth having.
pub static READYZ: Resource = Resource {
    operation: Operation {
        id: "getReadiness",
        summary: "Whether the gradebook is rebuilt and every feed has been connected once",
        schema: "Status",
    },
    get: ready,
    ..probe("/readyz")
};

/// `/metrics`: figures.
pub static METRICS: Resource = Resource {
    operation: Operation {
        id: "getMetrics",
        summary: "Figures, in the text format of Prometheus",
        schema: "Status",
    },
    media_types: &[MediaType::PrometheusText],
    get: |call| Ok(call.show_now(call.api.metrics())),
    ..probe("/metrics")
};

const fn probe(template: &'static str) -> Resource {
    Resource {
        template,
        operation: Operation { id: "", summary: "", schema: "" },
        scope: None,
        parameters: &[],
        sort_keys: SortKeys::None,
        media_types: &[MediaType::Json],
        get: |_| Err(Problem::not_found()),
        watch: None,
        delete: None,
    }
}

fn ready(call: &Call) -> Result<Response, Problem> {
    match call.api.reader.status.not_ready() {
        None => Ok(call.show_now("{\"status\":\"ready\"}\n")),
        Some(why) => Err(Problem::unavailable(format!("Not ready: {why}."), READY_RETRY_SECONDS)),
    }
}
