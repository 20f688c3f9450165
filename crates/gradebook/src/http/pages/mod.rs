//! Pages for people: the HTML representation of the resources.
//!
//! A page is the same resource as its JSON, at the same URL, and its figures come from the same
//! questions to the book. It is semantic HTML that works without JavaScript: sorting, filtering and
//! paging are links and forms. One module (`assets/live.js`) follows the page's own event stream
//! and keeps what is on screen up to date; what it cannot tell from an event it reads from the page
//! itself, anew.

pub mod assets;
pub mod chart;
pub mod format;
pub mod link;
pub mod nearest;
pub mod sign_in;

mod chrome;
mod exam;
mod feeds;
mod list;
mod overview;
mod problem;
mod results;
mod student;
mod table;

pub use chrome::{Chrome, Place};
pub use exam::{ExamAside, ExamPage};
pub use feeds::{FeedsPage, RejectionsPage, outage};
pub use link::View;
pub use list::ListPage;
pub use overview::OverviewPage;
pub use problem::{ProblemPage, ProblemTypePage};
pub use results::ResultsPage;
pub use sign_in::SignInPage;
pub use student::{StudentAside, StudentPage, progress};

/// How many rows a page has that was not asked for another number. Fewer than in JSON: a page is
/// read by eye, and read anew while it is open.
pub const ROWS_DEFAULT: usize = 100;
