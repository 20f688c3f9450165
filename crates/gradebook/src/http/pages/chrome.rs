//! What surrounds the content of every page.

use gradebook_core::Timestamp;

use super::assets::{ASSETS, Assets};
use super::format::Instant;

/// Which part of the site a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `/`
    Overview,
    /// `/exams` and every exam.
    Exams,
    /// `/students` and every student.
    Students,
    /// `/feeds` and `/rejections`.
    Feeds,
    /// Anywhere else.
    Elsewhere,
}

/// The masthead, and how the page is kept up to date.
#[derive(Clone, Debug)]
pub struct Chrome {
    /// Where this page is.
    pub place: Place,
    /// The event stream that tells of changes, from the revision of this page on.
    pub stream: Option<String>,
    /// Read the page anew every so many seconds, even when no change is told of.
    pub refresh_seconds: Option<u32>,
    /// What keeps scores from coming in, for a banner.
    pub outage: Option<&'static str>,
    /// Who reads it has signed in, and can sign out.
    pub signed_in: bool,
    /// What stands in the search box.
    pub search: String,
}

/// A link of the masthead.
#[derive(Clone, Copy, Debug)]
pub struct NavigationItem {
    /// The text.
    pub label: &'static str,
    /// Where it leads.
    pub href: &'static str,
    /// This page belongs there.
    pub current: bool,
}

impl Chrome {
    /// A page that does not change.
    #[must_use]
    pub fn still(place: Place) -> Self {
        Self {
            place,
            stream: None,
            refresh_seconds: None,
            outage: None,
            signed_in: false,
            search: String::new(),
        }
    }

    /// A page that follows `stream`.
    #[must_use]
    pub fn live(place: Place, stream: String) -> Self {
        Self { stream: Some(stream), ..Self::still(place) }
    }

    /// The links of the masthead.
    #[must_use]
    pub fn navigation(&self) -> [NavigationItem; 4] {
        [
            ("Overview", "/", Place::Overview),
            ("Exams", "/exams", Place::Exams),
            ("Students", "/students", Place::Students),
            ("Feeds", "/feeds", Place::Feeds),
        ]
        .map(|(label, href, place)| NavigationItem {
            label,
            href,
            current: place == self.place,
        })
    }

    /// The stylesheet, the module and the icon.
    #[must_use]
    pub fn assets(&self) -> &'static Assets {
        &ASSETS
    }
}

/// An instant for `<time>`: for programs, and for people.
#[must_use]
pub fn told(at: Timestamp) -> (String, Instant) {
    (at.to_string(), Instant(at))
}
