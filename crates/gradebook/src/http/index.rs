//! `/`: where everything is.

use axum::response::Response;
use serde::{Serialize, Serializer};

use super::accept::MediaType;
use super::access::Scope;
use super::call::Call;
use super::parameters as parameter;
use super::problem::Problem;
use super::representation::{self, Document, html};
use super::resource::{Operation, Resource, SortKeys};

/// `/`.
pub static INDEX: Resource = Resource {
    template: "/",
    operation: Operation {
        id: "getIndex",
        summary: "Where everything is, as URI templates",
        schema: "Index",
    },
    scope: Some(Scope::Read),
    parameters: &[&parameter::FORMAT],
    sort_keys: SortKeys::None,
    media_types: &[MediaType::Json, MediaType::Html],
    get: show,
    watch: None,
    delete: None,
};

/// What `/` shows.
#[derive(Debug, Serialize)]
pub struct Index {
    /// What this is.
    pub name: &'static str,
    /// Which version of it.
    pub version: &'static str,
    /// A URI template (RFC 6570) for each resource, by the name of the operation that reads it.
    #[serde(serialize_with = "as_object")]
    pub resources: Vec<(&'static str, String)>,
}

fn as_object<S: Serializer>(
    pairs: &[(&'static str, String)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(name, template)| (name, template)))
}

fn show(call: &Call) -> Result<Response, Problem> {
    // The page is about now; the index changes with the program only.
    if call.media_type == MediaType::Html {
        return Ok(call.show_now(html::overview(call)));
    }
    if let Some(unchanged) = call.unchanged(&call.fixed_tag(), None)? {
        return Ok(unchanged);
    }
    let resources = call.api.resources.iter().filter(|one| one.template != "/");
    let index = Index {
        name: "gradebook",
        version: env!("CARGO_PKG_VERSION"),
        resources: resources
            .map(|one| (one.operation.id, format!("{}{}", call.api.links.base(), template(one))))
            .collect(),
    };
    let path = |path| call.api.links.path(path, "");
    // RFC 8631.
    let links = [
        format!(
            "<{}>; rel=\"service-desc\"; type=\"application/vnd.oai.openapi+json\"",
            path("/openapi.json")
        ),
        format!("<{}>; rel=\"status\"", path("/feeds")),
    ];
    Ok(call.show_fixed(representation::render(call, &Document::Index(index), None), &links))
}

/// The URI template of a resource: RFC 6570, level 3, and level 4 where a parameter repeats.
fn template(resource: &Resource) -> String {
    let parameters = resource.parameters.iter();
    let names = parameters.map(|one| format!("{}{}", one.name, if one.repeats { "*" } else { "" }));
    let names: Vec<_> = names.collect();
    if names.is_empty() {
        return resource.template.to_owned();
    }
    format!("{}{{?{}}}", resource.template, names.join(","))
}
