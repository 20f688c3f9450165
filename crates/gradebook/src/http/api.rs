//! What every request can be answered from.

use std::time::Duration;

use gradebook_core::Position;

use super::access::Guard;
use super::cursor::CursorKey;
use super::event_id::EventId;
use super::links::Links;
use super::representation::event_stream::EventText;
use super::resource::Resource;
use crate::config::AccessSettings;
use crate::reader::Reader;

/// What every request can be answered from.
#[derive(Debug)]
pub struct Api {
    /// The gradebook, and how everything is.
    pub reader: Reader,
    /// Makes URLs.
    pub links: Links,
    /// Every resource there is.
    pub resources: &'static [&'static Resource],
    /// Makes and reads cursors.
    pub cursors: CursorKey,
    /// Who may ask for what.
    pub guard: Guard,
    /// Whether clients are answered over TLS by this process.
    pub is_tls: bool,
    /// What bodies depend on besides the book and the request: version, policy and public URL.
    pub variant: String,
    /// The longest silence on an event stream.
    pub keep_alive: Duration,
    /// The longest wait for the journal: one that is unavailable must not hold callers for good.
    pub request_timeout: Duration,
}

impl Api {
    /// Answers about `resources` from `reader`, with URLs under `public_url`, to whom `access`
    /// allows it; event streams are never silent for longer than `keep_alive`.
    #[must_use]
    pub fn new(
        resources: &'static [&'static Resource],
        reader: Reader,
        public_url: Option<&str>,
        access: &AccessSettings,
        keep_alive: Duration,
    ) -> Self {
        let links = Links::new(public_url);
        let policy = reader.now().policy();
        let variant = format!("{} {policy} {}", env!("CARGO_PKG_VERSION"), links.base());
        let key = reader.identity.key;
        let cursors = CursorKey::new(&key);
        let guard = Guard::new(access, key);
        Self {
            reader,
            links,
            resources,
            cursors,
            guard,
            is_tls: access.tls.is_some(),
            variant,
            keep_alive,
            request_timeout: access.limits.request_timeout,
        }
    }

    /// Text of events, none yet.
    #[must_use]
    pub fn event_text(&self) -> EventText<'_> {
        EventText::new(self.reader.identity.epoch, &self.links)
    }

    /// `position` as clients see it.
    #[must_use]
    pub fn event_id(&self, position: Position) -> EventId {
        EventId { epoch: self.reader.identity.epoch, position }
    }

    /// The figures, in the text format of Prometheus.
    #[must_use]
    pub fn metrics(&self) -> String {
        crate::metrics::render(&self.reader)
    }
}
