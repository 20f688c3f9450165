//! Responses: a document as a page, a list as lines, and the headers that go with both.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use gradebook_core::Gradebook;
use gradebook_core::gradebook::{Anchor, Page};

use super::accept::MediaType;
use super::bounds::Bound;
use super::call::{Call, Version};
use super::conditional::EntityTag;
use super::cursor::AnchorId;
use super::event_id::EventId;
use super::parameters::Role;
use super::percent;
use super::problem::Problem;
use super::representation::lines::{self, Line};
use super::representation::{self, Document, List, PageLinks, html};

/// For what is about students: revalidate always, and keep it out of shared caches.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// For what is about now.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// For what changes with the program only, in seconds.
const PUBLIC: HeaderValue = HeaderValue::from_static("public, max-age=3600");

impl Call {
    /// A page of a list, with the links to the next and the first.
    #[must_use]
    pub fn list<Item, Id: AnchorId>(&self, page: Page<Item, Id>) -> List<Item> {
        Bound::Examined.reached_if(page.total.is_none());
        let next = page.next.map(|anchor| {
            let cursor = self.api.cursors.write(&anchor, &self.cursor_binding());
            self.api.links.path(&self.path, &self.query.for_page(Some(&cursor)))
        });
        let first = self.api.links.path(&self.path, &self.query.for_page(None));
        let limit = self.query.page_limit();
        List { items: page.items, page: PageLinks { limit, total: page.total, next, first } }
    }

    /// `document` in the representation that was chosen.
    #[must_use]
    pub fn show(&self, version: &Version, document: &Document) -> Response {
        let mut response = representation::render(self, document, Some(version.at)).into_response();
        let links = document.page_links().map_or_else(Vec::new, PageLinks::link_values);
        self.write_headers(response.headers_mut(), Some(&version.tag), Some(version.at), &links);
        response
    }

    /// `body`, which shows the book in this version.
    #[must_use]
    pub fn show_drawn(&self, version: &Version, body: impl Into<Body>) -> Response {
        let mut response = Response::new(body.into());
        self.write_headers(response.headers_mut(), Some(&version.tag), Some(version.at), &[]);
        response
    }

    /// `body`, which is about now: never stored.
    #[must_use]
    pub fn show_now(&self, body: impl Into<Body>) -> Response {
        let mut response = Response::new(body.into());
        self.write_headers(response.headers_mut(), None, None, &[]);
        response.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
        response
    }

    /// `body`, which changes with the program only, with further `links`.
    #[must_use]
    pub fn show_fixed(&self, body: impl Into<Body>, links: &[String]) -> Response {
        let mut response = Response::new(body.into());
        self.write_headers(response.headers_mut(), Some(&self.fixed_tag()), None, links);
        response.headers_mut().insert(header::CACHE_CONTROL, PUBLIC);
        response
    }

    /// A list of the whole book, which `read` reads from an anchor on: as lines, or a page of it as
    /// the `document` that it makes.
    ///
    /// # Errors
    /// A 412 when `If-Match` names other states only.
    pub fn whole_list<Item, Id>(
        &self,
        after: Option<Anchor<Id>>,
        read: impl Fn(&Gradebook, Option<Anchor<Id>>) -> Page<Item, Id> + Send + 'static,
        document: impl FnOnce(List<Item>) -> Document,
    ) -> Result<Response, Problem>
    where
        Item: Line + 'static,
        Id: AnchorId + Send + 'static,
    {
        let book = self.api.reader.now();
        let version = self.version(&book, book.revision());
        if let Some(unchanged) = self.unchanged(&version.tag, Some(version.at))? {
            return Ok(unchanged);
        }
        if self.wants_lines() {
            drop(book);
            let reader = self.api.reader.clone();
            return Ok(self.lines(&version, after, move |after| read(&reader.now(), after)));
        }
        let page = read(&book, after);
        drop(book);
        Ok(self.show(&version, &document(self.list(page))))
    }

    /// A whole list, line by line: `fetch` is asked for page after page, as fast as the client
    /// reads. Between two pages nothing is held.
    pub fn lines<Item, Id>(
        &self,
        version: &Version,
        after: Option<Anchor<Id>>,
        fetch: impl FnMut(Option<Anchor<Id>>) -> Page<Item, Id> + Send + 'static,
    ) -> Response
    where
        Item: Line + 'static,
        Id: Send + 'static,
    {
        let body = lines::stream(self.media_type, self.api.links.clone(), after, fetch);
        let mut response = Response::new(Body::from_stream(body));
        self.write_headers(response.headers_mut(), Some(&version.tag), Some(version.at), &[]);
        response
    }

    /// The headers that every answer to this call has.
    pub(super) fn write_headers(
        &self,
        headers: &mut HeaderMap,
        tag: Option<&EntityTag>,
        at: Option<EventId>,
        links: &[String],
    ) {
        let content_type = HeaderValue::from_static(self.media_type.content_type());
        headers.insert(header::CONTENT_TYPE, content_type);
        headers.insert(header::CACHE_CONTROL, PRIVATE);
        if matches!(self.media_type, MediaType::Html | MediaType::Svg) {
            headers.insert(header::CONTENT_SECURITY_POLICY, html::POLICY);
        }
        let negotiated = self.resource.media_types.len() > 1;
        let vary = if negotiated { "Accept, Accept-Encoding" } else { "Accept-Encoding" };
        headers.insert(header::VARY, HeaderValue::from_static(vary));
        if let Some(tag) = tag {
            headers.insert(header::ETAG, ascii(tag.to_string()));
        }
        if self.media_type == MediaType::Csv {
            headers.insert(header::CONTENT_DISPOSITION, ascii(self.content_disposition()));
        }
        let links: Vec<_> = links.iter().cloned().chain(self.own_links(at)).collect();
        if !links.is_empty() {
            headers.insert(header::LINK, ascii(links.join(", ")));
        }
    }

    /// The links that do not depend on what was found.
    fn own_links(&self, at: Option<EventId>) -> Vec<String> {
        let links = &self.api.links;
        let mut values = Vec::new();
        if self.has_other_path {
            values.push(format!("<{}>; rel=\"canonical\"", links.path(&self.path, "")));
        }
        if let Some(at) = at.filter(|_| self.resource.watch.is_some()) {
            let mut query = self.query.canonical(&[Role::Filter]);
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(&format!("last_event_id={at}"));
            let url = links.path(&self.path, &query);
            values.push(format!("<{url}>; rel=\"alternate\"; type=\"text/event-stream\""));
        }
        values
    }

    /// A name for the file that a CSV is saved as (RFC 6266, RFC 8187).
    fn content_disposition(&self) -> String {
        let collection = self.resource.template.split('/').nth(1).unwrap_or_default();
        if !self.resource.has_variable() {
            return format!("attachment; filename=\"{collection}.csv\"");
        }
        let one = collection.trim_end_matches('s');
        let name = percent::encode(&self.segment);
        if self.segment.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return format!("attachment; filename=\"{one}-{name}.csv\"");
        }
        format!("attachment; filename=\"{one}.csv\"; filename*=UTF-8''{one}-{name}.csv")
    }
}

impl PageLinks {
    fn link_values(&self) -> Vec<String> {
        let next = self.next.iter().map(|url| format!("<{url}>; rel=\"next\""));
        next.chain([format!("<{}>; rel=\"first\"", self.first)]).collect()
    }
}

/// A header value of text that consists of percent-encoded parts and our own words.
fn ascii(text: String) -> HeaderValue {
    HeaderValue::from_maybe_shared(Bytes::from(text)).expect("invariant: the text is ASCII")
}
