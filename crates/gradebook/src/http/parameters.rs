//! The table of query parameters: parsing, `allowed`, suggestions and `/openapi.json` come from it.

use gradebook_core::gradebook::Sort;
use gradebook_core::{ExamNumber, Score, StudentId, Timestamp};
use serde_json::{Value, json};

use super::accept::{FORMATS, MediaType};
use super::query::Query;
use super::resource::{Resource, SortKeys};

/// The most items on a page, and how many there are unless `limit` says otherwise.
pub const LIMIT_MAX: usize = 1_000;

/// How often `exam` or `student` may be repeated.
pub const REPEATS_MAX: usize = 100;

/// A query parameter.
#[derive(Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Other names for it.
    pub aliases: &'static [Alias],
    /// Whether it may be sent more than once, for any of the values.
    pub repeats: bool,
    /// What it acts on.
    pub role: Role,
    /// What it means, for `/openapi.json`.
    pub meaning: &'static str,
    /// The JSON schema of one value.
    pub schema: fn(&Resource) -> Value,
    /// Reads one value, which is not empty; the error completes "`name` …".
    pub read: fn(&mut Query, &Resource, &str) -> Result<(), String>,
}

/// Another name for a parameter.
#[derive(Debug)]
pub struct Alias {
    /// The name.
    pub name: &'static str,
    /// Whether `''` and `""` mean "not sent" under this name.
    pub empty_quotes_are_absent: bool,
}

/// What a parameter acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Which items are listed.
    Filter,
    /// In which order.
    Order,
    /// Which part of the list.
    Page,
    /// What else is said of an item.
    Content,
    /// In which form.
    Form,
}

impl Parameter {
    /// All its names.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().map(|alias| alias.name))
    }

    /// Whether `value`, sent under `name`, counts as not sent. HTML forms send empty inputs.
    #[must_use]
    pub fn is_absent(&self, name: &str, value: &str) -> bool {
        let quotes = || {
            let alias = self.aliases.iter().find(|alias| alias.name == name);
            alias.is_some_and(|alias| alias.empty_quotes_are_absent)
        };
        value.is_empty() || (matches!(value, "''" | "\"\"") && quotes())
    }
}

/// Which exams.
pub static EXAM: Parameter = Parameter {
    name: "exam",
    aliases: &[Alias { name: "exam_id", empty_quotes_are_absent: true }],
    repeats: true,
    role: Role::Filter,
    meaning: "Only this exam; repeat it for any of several. On `/students`: students with a result \
              in it. Averages are not affected.",
    schema: |_| json!({ "type": "integer", "minimum": 0, "maximum": 9_007_199_254_740_991_u64 }),
    read: |query, _, text| {
        let exam = ExamNumber::parse(text).map_err(
            |_| "must be an integer from 0 to 9007199254740991, without sign or leading zeros",
        )?;
        push(&mut query.exams, exam);
        Ok(())
    },
};

/// Which students.
pub static STUDENT: Parameter = Parameter {
    name: "student",
    aliases: &[
        Alias { name: "student_name", empty_quotes_are_absent: true },
        Alias { name: "student_id", empty_quotes_are_absent: false },
    ],
    repeats: true,
    role: Role::Filter,
    meaning: "Only the student with exactly this id; repeat it for any of several. On `/exams`: \
              exams with a result of theirs. Averages are not affected.",
    schema: |_| json!({ "type": "string", "minLength": 1 }),
    read: |query, _, text| {
        let student = StudentId::parse(text)
            .map_err(|_| "must be at most 512 bytes of UTF-8 without control characters")?;
        push(&mut query.students, student);
        Ok(())
    },
};

/// Part of an id.
pub static CONTAINS: Parameter = Parameter {
    name: "q",
    aliases: &[],
    repeats: false,
    role: Role::Filter,
    meaning: "Only students whose id contains this text, whatever the case.",
    schema: |_| json!({ "type": "string" }),
    read: |query, _, text| {
        query.contains = Some(text.to_owned());
        Ok(())
    },
};

/// The least score.
pub static MIN_SCORE: Parameter = Parameter {
    name: "min_score",
    aliases: &[],
    repeats: false,
    role: Role::Filter,
    meaning: "Only results with at least this score.",
    schema: |_| json!({ "type": "number", "minimum": 0, "maximum": 1 }),
    read: |query, _, text| {
        query.min_score = Some(read_score(text)?);
        Ok(())
    },
};

/// The highest score.
pub static MAX_SCORE: Parameter = Parameter {
    name: "max_score",
    aliases: &[],
    repeats: false,
    role: Role::Filter,
    meaning: "Only results with at most this score.",
    schema: |_| json!({ "type": "number", "minimum": 0, "maximum": 1 }),
    read: |query, _, text| {
        query.max_score = Some(read_score(text)?);
        Ok(())
    },
};

/// Since when.
pub static SINCE: Parameter = Parameter {
    name: "since",
    aliases: &[],
    repeats: false,
    role: Role::Filter,
    meaning: "Only results received at this instant (RFC 3339) or later.",
    schema: |_| json!({ "type": "string", "format": "date-time" }),
    read: |query, _, text| {
        // A raw `+` before the offset has become a space.
        let text = text.replace(' ', "+");
        let since = Timestamp::parse(&text)
            .map_err(|_| "must be an instant such as 2026-11-22T10:15:30Z, not before 1970")?;
        query.since = Some(since);
        Ok(())
    },
};

/// The order.
pub static SORT: Parameter = Parameter {
    name: "sort",
    aliases: &[],
    repeats: false,
    role: Role::Order,
    meaning: "The key to sort by; `-` before it sorts from high to low. The id is always the last \
              key. Ids are sorted by their UTF-8 bytes.",
    schema: |resource| {
        let names = resource.sort_keys.names();
        let both: Vec<_> =
            names.iter().flat_map(|name| [(*name).to_owned(), format!("-{name}")]).collect();
        json!({ "type": "string", "enum": both, "default": names.first() })
    },
    read: |query, resource, text| {
        let (descending, name) = match text.strip_prefix('-') {
            Some(name) => (true, name),
            // A raw `+` has become a space.
            None => (false, text.strip_prefix([' ', '+']).unwrap_or(text)),
        };
        match resource.sort_keys {
            SortKeys::None => {}
            SortKeys::List(keys) => {
                let key = find(keys, name)?;
                query.list_sort = Some(Sort { key, descending });
            }
            SortKeys::Results(keys) => {
                let key = find(keys, name)?;
                query.result_sort = Some(Sort { key, descending });
            }
        }
        Ok(())
    },
};

/// How many.
pub static LIMIT: Parameter = Parameter {
    name: "limit",
    aliases: &[],
    repeats: false,
    role: Role::Page,
    meaning: "The most items on a page. More than 1000 is 1000, and `page.limit` says so. NDJSON \
              and CSV are whole lists unless it is sent.",
    schema: |_| json!({ "type": "integer", "minimum": 1, "default": LIMIT_MAX }),
    read: |query, _, text| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let zero = text.bytes().all(|byte| byte == b'0');
        if !digits || zero {
            return Err("must be an integer from 1".to_owned());
        }
        // Digits that do not fit are more than the most.
        query.limit = Some(text.parse().map_or(LIMIT_MAX, |limit: usize| limit.min(LIMIT_MAX)));
        Ok(())
    },
};

/// From where.
pub static CURSOR: Parameter = Parameter {
    name: "cursor",
    aliases: &[],
    repeats: false,
    role: Role::Page,
    meaning: "Where the page before this one ended: part of the link in `page.next`.",
    schema: |_| json!({ "type": "string" }),
    read: |query, _, text| {
        query.cursor = Some(text.to_owned());
        Ok(())
    },
};

/// What else.
pub static INCLUDE: Parameter = Parameter {
    name: "include",
    aliases: &[],
    repeats: false,
    role: Role::Content,
    meaning: "`standing` adds to each result its rank and percentile rank within the exam.",
    schema: |_| json!({ "type": "string", "enum": ["standing"] }),
    read: |query, _, text| {
        query.standing = text == "standing";
        if query.standing { Ok(()) } else { Err("must be 'standing'".to_owned()) }
    },
};

/// Whether an erased student stays away.
pub static SUPPRESS: Parameter = Parameter {
    name: "suppress",
    aliases: &[],
    repeats: false,
    role: Role::Content,
    meaning: "`true` also drops later scores of the same student.",
    schema: |_| json!({ "type": "boolean", "default": false }),
    read: |query, _, text| {
        query.suppress = text == "true";
        let known = matches!(text, "true" | "false");
        if known { Ok(()) } else { Err("must be true or false".to_owned()) }
    },
};

/// In which format.
pub static FORMAT: Parameter = Parameter {
    name: "format",
    aliases: &[],
    repeats: false,
    role: Role::Form,
    meaning: "The representation, instead of the Accept header.",
    schema: |resource| {
        let formats: Vec<_> = resource.media_types.iter().map(|one| one.format()).collect();
        json!({ "type": "string", "enum": formats })
    },
    read: |query, _, text| {
        query.format = MediaType::from_format(text);
        let names = FORMATS.map(MediaType::format).join(", ");
        query.format.map(|_| ()).ok_or_else(|| format!("must be one of {names}"))
    },
};

/// Where an event stream goes on.
pub static LAST_EVENT_ID: Parameter = Parameter {
    name: "last_event_id",
    aliases: &[],
    repeats: false,
    role: Role::Form,
    meaning: "Event streams: go on after this event, when there is no Last-Event-ID header. Other \
              representations do not look at it.",
    schema: |_| json!({ "type": "string" }),
    read: |query, _, text| {
        query.last_event_id = Some(text.to_owned());
        Ok(())
    },
};

/// All names of these parameters, in order.
#[must_use]
pub fn names(parameters: &[&'static Parameter]) -> Vec<&'static str> {
    let mut names: Vec<_> = parameters.iter().flat_map(|one| one.names()).collect();
    names.sort_unstable();
    names
}

fn push<Value: PartialEq>(values: &mut Vec<Value>, value: Value) {
    if !values.contains(&value) {
        values.push(value);
    }
}

fn read_score(text: &str) -> Result<Score, String> {
    let score = text.parse().ok().and_then(|value| Score::new(value).ok());
    score.ok_or_else(|| "must be a number from 0 to 1".to_owned())
}

fn find<Key: Copy>(keys: &[(&'static str, Key)], name: &str) -> Result<Key, String> {
    let found = keys.iter().find(|(other, _)| *other == name).map(|(_, key)| *key);
    found.ok_or_else(|| {
        let names: Vec<_> = keys.iter().map(|(name, _)| *name).collect();
        format!("must be one of {}, with '-' before it for descending order", names.join(", "))
    })
}
