//! One request, with everything checked that does not depend on what the gradebook holds.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use gradebook_core::gradebook::{Anchor, ListQuery, ResultQuery};
use gradebook_core::{Gradebook, Position};

use super::Api;
use super::accept::{self, Coding, MediaType};
use super::conditional::{self, EntityTag, Variant, Verdict};
use super::cursor::AnchorId;
use super::event_id::EventId;
use super::pages;
use super::parameters::{Parameter, Role};
use super::percent;
use super::problem::Problem;
use super::query::Query;
use super::resource::Resource;
use super::students;
use crate::status::Replay;

/// How soon to ask again when the journal has not answered in time, in seconds.
const WRITE_RETRY_SECONDS: u64 = 10;

/// How soon to ask again while the book is being rebuilt, in seconds.
const REBUILDING_RETRY_SECONDS: u64 = 1;

/// A request for a resource.
#[derive(Debug)]
pub struct Call {
    /// What it can be answered from.
    pub api: Arc<Api>,
    /// What is asked for.
    pub resource: &'static Resource,
    /// The variable of the path, decoded; empty where there is none.
    pub segment: String,
    /// The canonical form of the path, encoded.
    pub path: String,
    /// The path that was sent had another form.
    pub has_other_path: bool,
    /// The query.
    pub query: Query,
    /// The representation that was chosen.
    pub media_type: MediaType,
    /// The content coding that was chosen.
    pub coding: Coding,
    /// The headers of the request.
    pub headers: HeaderMap,
}

/// Which state of a resource a response shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The entity tag of this representation.
    pub tag: EntityTag,
    /// How far the book had come when it was read: an event stream goes on from here.
    pub at: EventId,
}

/// Answers a request for `resource`.
///
/// # Errors
/// The problem, when there is one.
pub async fn answer(
    api: Arc<Api>,
    resource: &'static Resource,
    request: Request,
) -> Result<Response, Problem> {
    let (head, _) = request.into_parts();
    let needed = match &resource.delete {
        Some(delete) if head.method == Method::DELETE => Some(delete.scope),
        _ => resource.scope,
    };
    if head.method != Method::OPTIONS {
        api.guard.admit(&head.headers, needed)?;
    }
    match (&head.method, &resource.delete) {
        (&Method::GET | &Method::HEAD, _) => {
            Call::new(api, resource, resource.parameters, head)?.get().await
        }
        (&Method::DELETE, Some(delete)) => {
            let patience = api.request_timeout;
            let deleted = (delete.run)(Call::new(api, resource, delete.parameters, head)?);
            let in_time = tokio::time::timeout(patience, deleted).await;
            in_time.unwrap_or_else(|_| Err(Problem::write_undecided(WRITE_RETRY_SECONDS)))
        }
        (&Method::OPTIONS, _) => {
            Ok((StatusCode::NO_CONTENT, [(header::ALLOW, resource.allow())]).into_response())
        }
        _ => Err(Problem::method_not_allowed(resource.allow())),
    }
}

impl Call {
    fn new(
        api: Arc<Api>,
        resource: &'static Resource,
        parameters: &[&'static Parameter],
        head: Parts,
    ) -> Result<Self, Problem> {
        let path = head.uri.path();
        let (segment, canonical) = if resource.has_variable() {
            let segment = path.strip_prefix(resource.prefix()).unwrap_or_default();
            let segment = segment.strip_suffix('/').unwrap_or(segment);
            let segment = segment.strip_suffix(resource.suffix()).unwrap_or(segment);
            let segment = percent::decode(segment).map_err(Problem::malformed_path)?;
            let canonical =
                format!("{}{}{}", resource.prefix(), percent::encode(&segment), resource.suffix());
            (segment.into_owned(), canonical)
        } else {
            (String::new(), resource.template.to_owned())
        };
        let mut query = Query::parse(resource, parameters, head.uri.query().unwrap_or_default())?;
        let media_type = negotiate(resource, &query, &head.headers)?;
        query.for_people = media_type == MediaType::Html;
        Ok(Self {
            has_other_path: path.len() > 1 && path.ends_with('/'),
            coding: head.extensions.get().copied().unwrap_or_default(),
            path: canonical,
            headers: head.headers,
            api,
            resource,
            segment,
            query,
            media_type,
        })
    }

    async fn get(self) -> Result<Response, Problem> {
        match self.resource.watch {
            Some(watch) if self.media_type == MediaType::EventStream => {
                self.query.check_for_stream()?;
                watch(self).await
            }
            _ => {
                self.check_whole()?;
                (self.resource.get)(&self)
            }
        }
    }

    /// While the book is being rebuilt, what it does not hold yet would look like what is not
    /// there.
    fn check_whole(&self) -> Result<(), Problem> {
        match self.api.reader.status.rebuilding() {
            Some(Replay { position, total }) if self.resource.shows_book() => {
                let detail =
                    format!("The gradebook is being rebuilt: {position} of {total} entries.");
                Err(Problem::unavailable(detail, REBUILDING_RETRY_SECONDS))
            }
            _ => Ok(()),
        }
    }

    /// What the cursors of the list are bound to: its path, filters and order.
    #[must_use]
    pub fn cursor_binding(&self) -> String {
        format!("{}?{}", self.path, self.query.canonical(&[Role::Filter, Role::Order]))
    }

    /// The question for a list of students or exams, from the cursor on.
    ///
    /// # Errors
    /// A 400 when the cursor is not one of this list.
    pub fn list_query<Id: AnchorId>(&self) -> Result<ListQuery<Id>, Problem> {
        Ok(self.query.list(self.anchor()?))
    }

    /// The question for a list of results, from the cursor on.
    ///
    /// # Errors
    /// A 400 when the cursor is not one of this list.
    pub fn result_query<Id: AnchorId>(&self) -> Result<ResultQuery<Id>, Problem> {
        Ok(self.query.results(self.anchor()?))
    }

    fn anchor<Id: AnchorId>(&self) -> Result<Option<Anchor<Id>>, Problem> {
        let Some(cursor) = &self.query.cursor else { return Ok(None) };
        let anchor = self.api.cursors.read(cursor, &self.cursor_binding());
        anchor.map(Some).map_err(Problem::invalid_cursor)
    }

    /// Whether the answer is a whole list, written line by line while the client reads.
    #[must_use]
    pub fn wants_lines(&self) -> bool {
        self.media_type.is_lines() && self.query.limit.is_none()
    }

    /// Whether the book is let go while the answer is read from it, so that a change may fall
    /// between two parts of it.
    fn is_read_in_parts(&self) -> bool {
        let of_many_exams = self.resource.template == students::STUDENT.template;
        self.wants_lines() || (self.query.standing && of_many_exams)
    }

    /// The state of something that changed last at `revision`, in `book`.
    #[must_use]
    pub fn version(&self, book: &Gradebook, revision: Position) -> Version {
        let revision = self.api.event_id(revision);
        Version { tag: self.tag(Some(revision)), at: self.api.event_id(book.position()) }
    }

    /// The entity tag of what does not change while the process runs.
    #[must_use]
    pub fn fixed_tag(&self) -> EntityTag {
        self.tag(None)
    }

    fn tag(&self, revision: Option<EventId>) -> EntityTag {
        let mut query =
            self.query.canonical(&[Role::Filter, Role::Order, Role::Content, Role::Page]);
        if self.query.format.is_some() {
            query.push_str("&format"); // the links to other pages carry it on
        }
        // A page has a banner as long as a feed is lost.
        let is_page = self.media_type == MediaType::Html;
        let outage = is_page.then(|| pages::outage(&self.api.reader.status)).flatten();
        let variant = Variant::of(&[
            &self.api.variant,
            outage.unwrap_or_default(),
            &self.path,
            &query,
            self.media_type.format(),
            self.coding.name(),
        ]);
        EntityTag { revision, variant, weak: self.is_read_in_parts() }
    }

    /// The answer, when the condition of the request makes it short.
    ///
    /// # Errors
    /// A 412 when `If-Match` names other states only.
    pub fn unchanged(
        &self,
        tag: &EntityTag,
        at: Option<EventId>,
    ) -> Result<Option<Response>, Problem> {
        match conditional::verdict(&self.headers, tag) {
            Verdict::Proceed => Ok(None),
            Verdict::Failed => Err(Problem::precondition_failed()),
            Verdict::Unchanged => {
                let mut response = StatusCode::NOT_MODIFIED.into_response();
                let headers = response.headers_mut();
                self.write_headers(headers, Some(tag), at, &[]);
                headers.remove(header::CONTENT_TYPE);
                headers.remove(header::CONTENT_DISPOSITION);
                Ok(Some(response))
            }
        }
    }
}

fn negotiate(
    resource: &Resource,
    query: &Query,
    headers: &HeaderMap,
) -> Result<MediaType, Problem> {
    let available = resource.media_types;
    let chosen = match (query.format, available) {
        (Some(format), _) => available.contains(&format).then_some(format),
        (None, [only]) => Some(*only),
        (None, _) => accept::media_type(headers, available),
    };
    chosen.ok_or_else(|| Problem::not_acceptable(available))
}
