//! JSON held against a schema of `/openapi.json`.
//!
//! Knows the keywords that the document uses, and panics at any other: what is not looked at must
//! not count as conforming. Stricter than JSON Schema in one thing: a member that the document does
//! not name is a violation.

use gradebook::http::event_id::EventId;
use serde_json::{Map, Value};

/// Where and how `value` violates `schema`, a schema of `document`; nothing when it conforms.
pub fn violation(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    let schema = schema.as_object().unwrap();
    schema.iter().find_map(|(keyword, rule)| {
        let outcome = check(document, schema, keyword, rule, value);
        outcome.err().map(|why| format!("{why} ({keyword})"))
    })
}

fn check(
    document: &Value,
    schema: &Map<String, Value>,
    keyword: &str,
    rule: &Value,
    value: &Value,
) -> Result<(), String> {
    let wrong = || Err(format!("{value} is not {rule}"));
    let passes = |passed: bool| if passed { Ok(()) } else { wrong() };
    let conforms = |schema: &Value, value: &Value| match violation(document, schema, value) {
        None => Ok(()),
        Some(why) => Err(why),
    };
    match keyword {
        "description" | "examples" | "contentMediaType" => Ok(()),
        "$ref" => {
            let pointer = rule.as_str().unwrap().strip_prefix('#').unwrap();
            conforms(document.pointer(pointer).unwrap(), value)
        }
        "type" => {
            let types = rule.as_array().cloned().unwrap_or_else(|| vec![rule.clone()]);
            passes(types.iter().any(|one| has_type(value, one.as_str().unwrap())))
        }
        "enum" => passes(rule.as_array().unwrap().contains(value)),
        "const" => passes(rule == value),
        "minimum" => passes(value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap())),
        "maximum" => passes(value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap())),
        "minLength" => passes(value.as_str().is_none_or(|text| !text.is_empty())),
        "minItems" => passes(value.as_array().unwrap().len() as u64 >= rule.as_u64().unwrap()),
        "maxItems" => passes(value.as_array().unwrap().len() as u64 <= rule.as_u64().unwrap()),
        "pattern" => passes(matches(value.as_str().unwrap(), rule.as_str().unwrap())),
        "format" => passes(value.as_str().is_none_or(|text| has_format(text, rule))),
        "items" => value.as_array().unwrap().iter().try_for_each(|item| conforms(rule, item)),
        "required" => {
            let missing = |name: &&Value| value.get(name.as_str().unwrap()).is_none();
            match rule.as_array().unwrap().iter().find(missing) {
                None => Ok(()),
                Some(name) => Err(format!("{name} is missing in {value}")),
            }
        }
        "properties" => {
            value.as_object().unwrap().iter().try_for_each(|(name, member)| match rule.get(name) {
                Some(schema) => conforms(schema, member),
                None => Err(format!("{name} is not described")),
            })
        }
        "additionalProperties" => {
            assert!(!schema.contains_key("properties"));
            value.as_object().unwrap().values().try_for_each(|member| conforms(rule, member))
        }
        "anyOf" | "oneOf" => {
            let outcomes: Vec<_> =
                rule.as_array().unwrap().iter().map(|one| conforms(one, value)).collect();
            let conforming = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
            if conforming == 1 || (keyword == "anyOf" && conforming > 1) {
                return Ok(());
            }
            Err(format!("{conforming} of them: {outcomes:?}"))
        }
        "contentSchema" => conforms(rule, &serde_json::from_str(value.as_str().unwrap()).unwrap()),
        other => panic!("the keyword {other} is not known here"),
    }
}

fn has_type(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no type: {other}"),
    }
}

fn matches(text: &str, pattern: &str) -> bool {
    match pattern {
        "^urn:uuid:" => text.starts_with("urn:uuid:"),
        "^([0-9a-f]{8}-)?[0-9]+$" => text.parse::<EventId>().is_ok(),
        other => panic!("the pattern {other} is not known here"),
    }
}

fn has_format(text: &str, format: &Value) -> bool {
    match format.as_str().unwrap() {
        "date-time" => text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok(),
        "uri-reference" => text.bytes().all(|byte| byte.is_ascii_graphic()),
        other => panic!("the format {other} is not known here"),
    }
}
