//! The query of a request, checked against the table of parameters of its resource.

use std::fmt::Write as _;

use gradebook_core::gradebook::{Anchor, ListKey, ListQuery, ResultKey, ResultQuery, Sort};
use gradebook_core::{ExamNumber, Score, StudentId, Timestamp};

use super::accept::MediaType;
use super::pages::ROWS_DEFAULT;
use super::parameters::{self, LIMIT_MAX, Parameter, REPEATS_MAX, Role};
use super::percent;
use super::problem::{ParameterError, Problem};
use super::resource::Resource;

/// What a query asks for. What was not sent, or was sent empty, is absent.
#[derive(Debug, Default)]
pub struct Query {
    /// `exam`: any of these.
    pub exams: Vec<ExamNumber>,
    /// `student`: any of these.
    pub students: Vec<StudentId>,
    /// `q`.
    pub contains: Option<String>,
    /// `min_score`.
    pub min_score: Option<Score>,
    /// `max_score`.
    pub max_score: Option<Score>,
    /// `since`.
    pub since: Option<Timestamp>,
    /// `sort`, on lists of students or exams.
    pub list_sort: Option<Sort<ListKey>>,
    /// `sort`, on lists of results.
    pub result_sort: Option<Sort<ResultKey>>,
    /// `limit`, at most [`LIMIT_MAX`].
    pub limit: Option<usize>,
    /// `cursor`, not looked at yet.
    pub cursor: Option<String>,
    /// `include=standing`.
    pub standing: bool,
    /// `suppress=true`.
    pub suppress: bool,
    /// `format`.
    pub format: Option<MediaType>,
    /// The page is read by a person, and is shorter unless `limit` says otherwise.
    pub for_people: bool,
    /// `last_event_id`, not looked at yet.
    pub last_event_id: Option<String>,
    /// Each parameter that was sent, under its own name, and its value, in order.
    sent: Vec<(&'static Parameter, String)>,
}

/// The place of one name-value pair in a query, decoded.
struct Pair<'a> {
    parameter: &'static Parameter,
    name: &'a str,
    value: String,
}

impl Query {
    /// Reads what stands after the `?`.
    ///
    /// # Errors
    /// A 400 that names every unknown parameter; or else the first that was sent once too often; or
    /// else all with values that they cannot have.
    pub fn parse(
        resource: &Resource,
        parameters: &[&'static Parameter],
        text: &str,
    ) -> Result<Self, Problem> {
        let pairs = pairs(text)?;
        let pairs = known(resource, parameters, &pairs)?;
        refuse_duplicates(&pairs)?;
        refuse_too_many(&pairs)?;
        let mut query = Self::default();
        let mut errors = Vec::new();
        for Pair { parameter, name, value } in pairs {
            match (parameter.read)(&mut query, resource, &value) {
                Ok(()) => query.sent.push((parameter, value)),
                Err(detail) => errors.push(ParameterError { parameter: name.to_owned(), detail }),
            }
        }
        if query.min_score.zip(query.max_score).is_some_and(|(least, most)| least > most) {
            let detail = "must not be greater than max_score".to_owned();
            errors.push(ParameterError { parameter: "min_score".to_owned(), detail });
        }
        if !errors.is_empty() {
            return Err(Problem::invalid_parameters(errors));
        }
        query.sent.sort_by(|(a, x), (b, y)| (a.name, x).cmp(&(b.name, y)));
        query.sent.dedup_by(|(a, x), (b, y)| a.name == b.name && x == y);
        Ok(query)
    }

    /// What was sent: each parameter under its own name, and its value.
    pub fn sent(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.sent.iter().map(|(parameter, value)| (parameter.name, value.as_str()))
    }

    /// What was sent of these roles, as a query: the same for queries that ask the same.
    #[must_use]
    pub fn canonical(&self, roles: &[Role]) -> String {
        let mut text = String::new();
        for (parameter, value) in &self.sent {
            if roles.contains(&parameter.role) {
                append(&mut text, parameter.name, value);
            }
        }
        text
    }

    /// The same, for the page that `cursor` leads to.
    #[must_use]
    pub fn for_page(&self, cursor: Option<&str>) -> String {
        let mut text = self.canonical(&[Role::Filter, Role::Order, Role::Content]);
        if let Some(format) = self.format {
            append(&mut text, "format", format.format());
        }
        if let Some(limit) = self.limit {
            append(&mut text, "limit", &limit.to_string());
        }
        if let Some(cursor) = cursor {
            append(&mut text, "cursor", cursor);
        }
        text
    }

    /// Refuses what has no meaning in an event stream.
    ///
    /// # Errors
    /// A 400 that names all parameters that have none.
    pub fn check_for_stream(&self) -> Result<(), Problem> {
        let misplaced =
            self.sent.iter().filter(|(one, _)| matches!(one.role, Role::Order | Role::Page));
        let errors: Vec<_> = misplaced
            .map(|(parameter, _)| ParameterError {
                parameter: parameter.name.to_owned(),
                detail: "has no meaning in an event stream".to_owned(),
            })
            .collect();
        if errors.is_empty() { Ok(()) } else { Err(Problem::invalid_parameters(errors)) }
    }

    /// The most items that a page of it has.
    #[must_use]
    pub fn page_limit(&self) -> usize {
        self.limit.unwrap_or(if self.for_people { ROWS_DEFAULT } else { LIMIT_MAX })
    }

    /// The question for a list of students or exams.
    #[must_use]
    pub fn list<Id>(&self, after: Option<Anchor<Id>>) -> ListQuery<Id> {
        ListQuery {
            exams: self.exams.clone(),
            students: self.students.clone(),
            contains: self.contains.clone(),
            sort: self.list_sort.unwrap_or(Sort { key: ListKey::Id, descending: false }),
            after,
            limit: self.page_limit(),
        }
    }

    /// The question for a list of results.
    #[must_use]
    pub fn results<Id>(&self, after: Option<Anchor<Id>>) -> ResultQuery<Id> {
        ResultQuery {
            exams: self.exams.clone(),
            students: self.students.clone(),
            min_score: self.min_score,
            max_score: self.max_score,
            since: self.since,
            sort: self.result_sort.unwrap_or(Sort { key: ResultKey::Id, descending: false }),
            after,
            limit: self.page_limit(),
        }
    }
}

/// The decoded names and values of a query.
fn pairs(text: &str) -> Result<Vec<(String, String)>, Problem> {
    let decode = |text: &str, name: &str| {
        percent::decode_form(text).map_err(|error| {
            Problem::invalid_parameter(name, format!("cannot be decoded: {error}"))
        })
    };
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decode(name, name)?, decode(value, name)?))
    });
    pairs.collect()
}

/// The pairs that say something, each with its parameter.
fn known<'a>(
    resource: &Resource,
    parameters: &[&'static Parameter],
    pairs: &'a [(String, String)],
) -> Result<Vec<Pair<'a>>, Problem> {
    let mut unknown = Vec::new();
    let mut known = Vec::new();
    for (name, value) in pairs {
        let parameter = parameters.iter().find(|one| one.names().any(|other| other == name));
        match parameter {
            None if unknown.contains(name) => {}
            None => unknown.push(name.clone()),
            Some(parameter) if parameter.is_absent(name, value) => {}
            Some(parameter) => known.push(Pair { parameter, name, value: value.clone() }),
        }
    }
    if unknown.is_empty() {
        return Ok(known);
    }
    let allowed = parameters::names(parameters);
    Err(Problem::unknown_parameters(&unknown, resource.template, allowed))
}

fn refuse_duplicates(pairs: &[Pair<'_>]) -> Result<(), Problem> {
    for (index, pair) in pairs.iter().enumerate() {
        let before =
            pairs[..index].iter().find(|other| other.parameter.name == pair.parameter.name);
        let Some(before) = before else { continue };
        if before.name != pair.name {
            let detail = format!("is another name of '{}', which was sent too", before.name);
            return Err(Problem::duplicate_parameter(pair.name, detail));
        }
        if !pair.parameter.repeats {
            let detail = "may be sent once".to_owned();
            return Err(Problem::duplicate_parameter(pair.name, detail));
        }
    }
    Ok(())
}

fn refuse_too_many(pairs: &[Pair<'_>]) -> Result<(), Problem> {
    let times = |name| pairs.iter().filter(|pair| pair.parameter.name == name).count();
    let too_many = pairs
        .iter()
        .enumerate()
        .find(|(index, pair)| *index >= REPEATS_MAX && times(pair.parameter.name) > REPEATS_MAX);
    too_many.map_or(Ok(()), |(_, pair)| {
        let detail = format!("may be repeated at most {REPEATS_MAX} times");
        Err(Problem::invalid_parameter(pair.name, detail))
    })
}

fn append(text: &mut String, name: &str, value: &str) {
    let mark = if text.is_empty() { "" } else { "&" };
    write!(text, "{mark}{name}={}", percent::encode(value)).expect("invariant: memory takes text");
}
