//! What a resource is.

use axum::http::{HeaderValue, Method};
use axum::response::Response;
use futures_util::future::BoxFuture;
use gradebook_core::gradebook::{ListKey, ResultKey};

use super::accept::MediaType;
use super::access::Scope;
use super::call::Call;
use super::parameters::Parameter;
use super::problem::Problem;

/// One kind of thing that has a URL.
#[derive(Debug)]
pub struct Resource {
    /// The path, with at most one variable, which is a whole segment.
    pub template: &'static str,
    /// What `GET` does, for `/openapi.json`: a name and a sentence.
    pub operation: Operation,
    /// What a token must allow; `None` when none is needed.
    pub scope: Option<Scope>,
    /// The query parameters it has.
    pub parameters: &'static [&'static Parameter],
    /// What its list can be sorted by; the first is the default.
    pub sort_keys: SortKeys,
    /// Its representations, the preferred one first. When there is only one, `Accept` is not looked
    /// at.
    pub media_types: &'static [MediaType],
    /// Answers `GET` and `HEAD` in every media type but the event stream.
    pub get: fn(&Call) -> Result<Response, Problem>,
    /// Answers `GET` with an event stream, where there is one.
    pub watch: Option<fn(Call) -> Answer>,
    /// Answers `DELETE`, where there is one.
    pub delete: Option<Delete>,
}

/// How a resource is deleted.
#[derive(Debug)]
pub struct Delete {
    /// How `/openapi.json` speaks of it.
    pub operation: Operation,
    /// The query parameters it has.
    pub parameters: &'static [&'static Parameter],
    /// What a token must allow.
    pub scope: Scope,
    /// Does it.
    pub run: fn(Call) -> Answer,
}

/// An answer that may have to wait for something.
pub type Answer = BoxFuture<'static, Result<Response, Problem>>;

/// How `/openapi.json` speaks of an operation.
#[derive(Debug)]
pub struct Operation {
    /// `operationId`.
    pub id: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// The name of the schema of its answer in JSON; empty where there is none.
    pub schema: &'static str,
}

/// What a list can be sorted by, and the names of these keys.
#[derive(Debug)]
pub enum SortKeys {
    /// It has one order only, or is no list.
    None,
    /// A list of students or exams.
    List(&'static [(&'static str, ListKey)]),
    /// A list of results.
    Results(&'static [(&'static str, ResultKey)]),
}

impl SortKeys {
    /// The names of the keys.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        match self {
            Self::None => Vec::new(),
            Self::List(keys) => keys.iter().map(|(name, _)| *name).collect(),
            Self::Results(keys) => keys.iter().map(|(name, _)| *name).collect(),
        }
    }
}

impl Resource {
    /// Its paths: without and with a slash at the end. Both name it; the first is canonical.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        if self.template == "/" {
            return vec![self.template.to_owned()];
        }
        vec![self.template.to_owned(), format!("{}/", self.template)]
    }

    /// The template without its variable: what every one of its paths begins with.
    #[must_use]
    pub fn prefix(&self) -> &'static str {
        self.template.split('{').next().unwrap_or(self.template)
    }

    /// The template after its variable: what every one of its paths ends with.
    #[must_use]
    pub fn suffix(&self) -> &'static str {
        self.template.split_once('}').map_or("", |(_, suffix)| suffix)
    }

    /// Whether it shows what the gradebook holds.
    #[must_use]
    pub fn shows_book(&self) -> bool {
        ["/students", "/exams", "/results"].iter().any(|list| self.template.starts_with(list))
    }

    /// Whether its path has a variable.
    #[must_use]
    pub fn has_variable(&self) -> bool {
        self.template.contains('{')
    }

    /// The methods it has.
    #[must_use]
    pub fn methods(&self) -> Vec<Method> {
        let delete = self.delete.as_ref().map(|_| Method::DELETE);
        [Method::GET, Method::HEAD, Method::OPTIONS].into_iter().chain(delete).collect()
    }

    /// The value of `Allow`.
    #[must_use]
    pub fn allow(&self) -> HeaderValue {
        let with_delete = self.delete.is_some();
        let methods = if with_delete { "GET, HEAD, OPTIONS, DELETE" } else { "GET, HEAD, OPTIONS" };
        HeaderValue::from_static(methods)
    }
}
