//! `/openapi.json`: the contract for machines, from the same tables that serve it.

mod events;
mod schemas;

use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::accept::MediaType;
use super::access::Scope;
use super::call::Call;
use super::parameters::Parameter;
use super::problem::Problem;
use super::resource::{Operation, Resource, SortKeys};

/// `/openapi.json`.
pub static OPENAPI: Resource = Resource {
    template: "/openapi.json",
    operation: Operation { id: "getOpenApi", summary: "This document", schema: "OpenApi" },
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
    let text = serde_json::to_string_pretty(&document(call.api.resources, call.api.links.base()));
    let text = text.expect("invariant: a JSON value can be written");
    Ok(call.show_fixed(text + "\n", &[]))
}

/// The document of a service that has `resources` under `base`.
#[must_use]
pub fn document(resources: &[&Resource], base: &str) -> Value {
    let mut paths = Map::new();
    for resource in resources {
        paths.insert(resource.template.to_owned(), path_item(resource));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "gradebook",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "A live gradebook: exam scores from an event stream, kept, averaged exactly and served.",
            "description": "Every path is also answered with a slash at its end. Unknown query \
                parameters are refused; a parameter without a value counts as not sent. Clients \
                must ignore members that they do not know.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": if base.is_empty() { "/" } else { base } }],
        "paths": paths,
        "components": {
            "schemas": schemas::schemas(),
            "responses": schemas::responses(),
            "headers": schemas::headers(),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Needed where the service has tokens; without any it answers \
                        everybody. A token has the scope `read`, or `admin`, which covers `read`.",
                },
            },
        },
    })
}

fn path_item(resource: &Resource) -> Value {
    let mut item = Map::new();
    if resource.has_variable() {
        item.insert("parameters".to_owned(), json!([path_parameter(resource)]));
    }
    let get = operation(resource, &resource.operation, resource.scope, resource.parameters);
    for method in resource.methods() {
        let operation = match (&method, &resource.delete) {
            (&Method::DELETE, Some(delete)) => {
                operation(resource, &delete.operation, Some(delete.scope), delete.parameters)
                    .with_responses(delete_responses())
            }
            (&Method::GET, _) => get.clone().with_responses(get_responses(resource)),
            (&Method::HEAD, _) => {
                get.clone().with_id("Head").with_responses(head_responses(resource))
            }
            _ => continue, // OPTIONS: every resource has it, and it says what `Allow` says anyway
        };
        item.insert(method.as_str().to_lowercase(), operation.0);
    }
    Value::Object(item)
}

/// An operation object.
#[derive(Clone)]
struct OperationObject(Value);

impl OperationObject {
    fn with_responses(mut self, responses: Value) -> Self {
        self.0["responses"] = responses;
        self
    }

    fn with_id(mut self, suffix: &str) -> Self {
        let id = self.0["operationId"].as_str().map(|id| format!("{id}{suffix}"));
        self.0["operationId"] = json!(id);
        self
    }
}

fn operation(
    resource: &Resource,
    operation: &Operation,
    scope: Option<Scope>,
    parameters: &[&'static Parameter],
) -> OperationObject {
    let mut object = json!({ "operationId": operation.id, "summary": operation.summary });
    if let Some(scope) = scope {
        // Whether tokens are needed is a setting, so both are true of some service.
        object["security"] = json!([{}, { "bearer": [] }]);
        object["description"] = json!(format!("Where tokens are needed: scope `{scope}`."));
    }
    let parameters: Vec<_> =
        parameters.iter().flat_map(|one| query_parameters(resource, one)).collect();
    if !parameters.is_empty() {
        object["parameters"] = json!(parameters);
    }
    OperationObject(object)
}

fn path_parameter(resource: &Resource) -> Value {
    let variable = &resource.template[resource.prefix().len()..];
    let name = variable.trim_start_matches('{').split('}').next().unwrap_or_default();
    let schema = match name {
        "number" => json!({ "$ref": "#/components/schemas/ExamNumber" }),
        "code" => json!({ "$ref": "#/components/schemas/ProblemCode" }),
        _ => json!({ "$ref": "#/components/schemas/StudentId" }),
    };
    json!({ "name": name, "in": "path", "required": true, "schema": schema })
}

/// A parameter under each of its names.
fn query_parameters(resource: &Resource, parameter: &Parameter) -> Vec<Value> {
    let one = (parameter.schema)(resource);
    let schema = if parameter.repeats {
        json!({ "type": "array", "items": one, "maxItems": super::parameters::REPEATS_MAX })
    } else {
        one
    };
    let object = |name: &str, description: String| {
        let mut object = json!({
            "name": name, "in": "query", "description": description, "schema": schema,
            "allowEmptyValue": true,
        });
        if parameter.repeats {
            object["style"] = json!("form");
            object["explode"] = json!(true);
        }
        object
    };
    let mut objects = vec![object(parameter.name, parameter.meaning.to_owned())];
    for alias in parameter.aliases {
        let quotes = if alias.empty_quotes_are_absent { " `''` counts as not sent." } else { "" };
        let description =
            format!("Another name of `{}`; not together with it.{quotes}", parameter.name);
        objects.push(object(alias.name, description));
    }
    objects
}

fn get_responses(resource: &Resource) -> Value {
    let mut content = Map::new();
    for media_type in resource.media_types {
        let schema = match media_type {
            MediaType::Json => {
                json!({ "$ref": format!("#/components/schemas/{}", resource.operation.schema) })
            }
            MediaType::EventStream => {
                json!({ "$ref": format!("#/components/schemas/{}", events::name(resource)) })
            }
            _ => json!({ "type": "string" }),
        };
        content.insert(media_type.content_type().to_owned(), json!({ "schema": schema }));
    }
    let mut responses = problems_of(resource);
    responses["200"] = json!({
        "description": resource.operation.summary,
        "headers": schemas::headers_of_success(),
        "content": content,
    });
    responses["304"] = json!({ "$ref": "#/components/responses/NotModified" });
    responses
}

fn head_responses(resource: &Resource) -> Value {
    let mut responses = get_responses(resource);
    for (_, response) in responses.as_object_mut().into_iter().flatten() {
        *response = json!({ "description": "As for GET, without a body." });
    }
    responses
}

fn delete_responses() -> Value {
    let mut responses = json!({ "204": { "description": "Erased." } });
    for status in [400, 401, 403, 404, 412, 414, 429, 500, 503] {
        responses[status.to_string()] = problem_response();
    }
    responses
}

/// The problems that a `GET` can meet.
fn problems_of(resource: &Resource) -> Value {
    let mut statuses = vec![
        StatusCode::BAD_REQUEST,
        StatusCode::PRECONDITION_FAILED,
        StatusCode::URI_TOO_LONG,
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::INTERNAL_SERVER_ERROR,
        StatusCode::SERVICE_UNAVAILABLE,
    ];
    if resource.scope.is_some() {
        statuses.extend([StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN]);
    }
    if resource.has_variable() {
        statuses.push(StatusCode::NOT_FOUND);
    }
    if resource.media_types.len() > 1 {
        statuses.push(StatusCode::NOT_ACCEPTABLE);
    }
    let responses = statuses.iter().map(|status| (status.as_str().to_owned(), problem_response()));
    Value::Object(responses.collect())
}

fn problem_response() -> Value {
    json!({ "$ref": "#/components/responses/Problem" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::table;

    /// Every `$ref` leads somewhere, and every schema is referred to.
    #[test]
    fn references_and_schemas_agree() {
        let document = document(&table::ALL, "");
        let text = document.to_string();
        let parts: Vec<_> = text.split("\"$ref\":\"#").skip(1).collect();
        assert!(parts.len() > 50);
        for part in parts {
            let pointer = part.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer} leads nowhere");
        }
        for name in document["components"]["schemas"].as_object().unwrap().keys() {
            let reference = format!("#/components/schemas/{name}\"");
            assert!(text.contains(&reference), "nothing refers to {name}");
        }
    }

    #[test]
    fn operations_have_names_of_their_own() {
        let document = document(&table::ALL, "");
        let text = document.to_string();
        let mut ids: Vec<_> = text.split("\"operationId\":\"").skip(1).collect();
        ids.iter_mut().for_each(|id| *id = id.split('"').next().unwrap());
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all);
    }
}
