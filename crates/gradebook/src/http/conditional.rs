//! Conditional requests (RFC 9110 §13): entity tags without looking at a body.
//!
//! A body is a pure function of the revision of what it shows and of the request, so its tag is the
//! revision and a hash of the request's part: it costs no rendering, and it is the same on every
//! replica of one journal and after a restart.

use std::fmt;

use axum::http::{HeaderMap, HeaderName, header};
use gradebook_core::Position;
use sha2::{Digest, Sha256};

use super::event_id::EventId;

/// An entity tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityTag {
    /// When what is shown changed last; `None` for what does not change while the process runs.
    pub revision: Option<EventId>,
    /// Which of its representations this is.
    pub variant: Variant,
    /// Whether the bytes may differ under one tag: a long list is read in parts, and a change may
    /// fall between two of them.
    pub weak: bool,
}

/// A hash of everything but the revision that a body depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant([u8; 8]);

impl Variant {
    /// The variant that `parts` describe.
    #[must_use]
    pub fn of(parts: &[&str]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
        let mut variant = [0; 8];
        variant.copy_from_slice(&hasher.finalize()[..8]);
        Self(variant)
    }
}

impl fmt::Display for EntityTag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.weak { "W/\"" } else { "\"" })?;
        if let Some(revision) = self.revision {
            write!(formatter, "{revision}-")?;
        }
        write!(formatter, "{:016x}\"", u64::from_be_bytes(self.variant.0))
    }
}

/// What a condition says about the current tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Proceed,
    /// The client has it already: 304.
    Unchanged,
    /// The client has seen something else: 412.
    Failed,
}

/// Whether to answer a `GET` for something that now has `tag` (RFC 9110 §13.2.2).
#[must_use]
pub fn verdict(headers: &HeaderMap, tag: &EntityTag) -> Verdict {
    if headers.contains_key(header::IF_MATCH) {
        let current = tag.to_string();
        let matches = |listed: &Listed<'_>| match listed {
            Listed::Any => true,
            Listed::Tag { weak, text } => !weak && current == *text,
        };
        if !listed(headers, header::IF_MATCH).any(|one| matches(&one)) {
            return Verdict::Failed;
        }
    }
    if headers.contains_key(header::IF_NONE_MATCH) {
        let current = tag.to_string();
        let current = current.trim_start_matches("W/");
        let matches = |listed: &Listed<'_>| match listed {
            Listed::Any => true,
            Listed::Tag { text, .. } => current == *text,
        };
        if listed(headers, header::IF_NONE_MATCH).any(|one| matches(&one)) {
            return Verdict::Unchanged;
        }
    }
    Verdict::Proceed
}

/// The revisions that `If-Match` names, by any of their representations: enough to delete one,
/// whichever the client has read. `None` where any will do. Ids have this `epoch`.
#[must_use]
pub fn revisions_to_match(headers: &HeaderMap, epoch: Option<u32>) -> Option<Vec<Position>> {
    if !headers.contains_key(header::IF_MATCH) {
        return None;
    }
    let mut revisions = Vec::new();
    for listed in listed(headers, header::IF_MATCH) {
        match listed {
            Listed::Any => return None,
            Listed::Tag { weak: true, .. } => {}
            Listed::Tag { text, .. } => revisions.extend(revision(text, epoch)),
        }
    }
    Some(revisions)
}

/// The revision in the text of one of our tags.
fn revision(tag: &str, epoch: Option<u32>) -> Option<Position> {
    let (revision, _variant) = tag.strip_prefix('"')?.strip_suffix('"')?.rsplit_once('-')?;
    let revision: EventId = revision.parse().ok()?;
    (revision.epoch == epoch).then_some(revision.position)
}

/// One element of `If-Match` or `If-None-Match`.
enum Listed<'a> {
    Any,
    /// With its quotes, without `W/`.
    Tag {
        weak: bool,
        text: &'a str,
    },
}

fn listed(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = Listed<'_>> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    // Our tags have no commas, so a comma within a foreign tag cannot make it look like ours.
    values.flat_map(|value| value.split(',')).map(|element| {
        let element = element.trim();
        match element.strip_prefix("W/") {
            _ if element == "*" => Listed::Any,
            Some(text) => Listed::Tag { weak: true, text },
            None => Listed::Tag { weak: false, text: element },
        }
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn tag(weak: bool) -> EntityTag {
        let revision = EventId { epoch: None, position: Position::new(42) };
        EntityTag { revision: Some(revision), variant: Variant([0xab; 8]), weak }
    }

    fn headers(name: &HeaderName, values: &[&str]) -> HeaderMap {
        let values = values.iter().map(|value| HeaderValue::from_str(value).unwrap());
        let mut headers = HeaderMap::new();
        values.for_each(|value| {
            headers.append(name.clone(), value);
        });
        headers
    }

    #[test]
    fn if_none_match_compares_weakly() {
        for (values, expected) in [
            (&["\"42-abababababababab\""][..], Verdict::Unchanged),
            (&["W/\"42-abababababababab\""], Verdict::Unchanged),
            (&["\"1-x\", \"42-abababababababab\""], Verdict::Unchanged),
            (&["\"1-x\"", "\"42-abababababababab\""], Verdict::Unchanged),
            (&["*"], Verdict::Unchanged),
            (&["\"41-abababababababab\""], Verdict::Proceed),
            (&["42-abababababababab"], Verdict::Proceed),
            (&[""], Verdict::Proceed),
        ] {
            let headers = headers(&header::IF_NONE_MATCH, values);
            assert_eq!(verdict(&headers, &tag(false)), expected, "{values:?}");
            assert_eq!(verdict(&headers, &tag(true)), expected, "{values:?}");
        }
        assert_eq!(verdict(&HeaderMap::new(), &tag(false)), Verdict::Proceed);
    }

    #[test]
    fn if_match_compares_strongly() {
        let current = headers(&header::IF_MATCH, &["\"42-abababababababab\""]);
        assert_eq!(verdict(&current, &tag(false)), Verdict::Proceed);
        assert_eq!(verdict(&current, &tag(true)), Verdict::Failed);
        let weak = headers(&header::IF_MATCH, &["W/\"42-abababababababab\""]);
        assert_eq!(verdict(&weak, &tag(false)), Verdict::Failed);
        let any = headers(&header::IF_MATCH, &["*"]);
        assert_eq!(verdict(&any, &tag(true)), Verdict::Proceed);
    }

    #[test]
    fn any_representation_of_the_revision_will_do_to_delete() {
        let variant = "0123456789abcdef";
        for (value, epoch, expected) in [
            (format!("\"42-{variant}\""), None, Some(vec![42])),
            (format!("\"9f3a01c2-42-{variant}\""), Some(0x9f3a_01c2), Some(vec![42])),
            (format!("\"9f3a01c3-42-{variant}\""), Some(0x9f3a_01c2), Some(vec![])),
            (format!("\"42-{variant}\""), Some(0x9f3a_01c2), Some(vec![])),
            (format!("\"42-{variant}\", \"7-x\""), None, Some(vec![42, 7])),
            ("*".to_owned(), None, None),
            ("\"7-x\", *".to_owned(), None, None),
            (format!("W/\"42-{variant}\""), None, Some(vec![])),
            (format!("42-{variant}"), None, Some(vec![])),
            (format!("\"{variant}\""), None, Some(vec![])),
            (String::new(), None, Some(vec![])),
        ] {
            let headers = headers(&header::IF_MATCH, &[&value]);
            let expected = expected.map(|all| all.into_iter().map(Position::new).collect());
            assert_eq!(revisions_to_match(&headers, epoch), expected, "{value}");
        }
        assert_eq!(revisions_to_match(&HeaderMap::new(), None), None);
    }
}
