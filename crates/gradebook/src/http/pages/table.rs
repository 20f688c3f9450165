//! What all tables have: columns to sort by, how much is shown, and where it goes on.

use super::format::Count;
use super::link::View;
use crate::http::representation::List;

/// The head of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The text.
    pub label: &'static str,
    /// Where a click leads: the same list sorted by this, or the other way when it already is.
    /// `None`: cannot be sorted by.
    pub href: Option<String>,
    /// How the list is sorted by this column at present: `ascending` or `descending`.
    pub sorted: Option<&'static str>,
    /// Figures, which are set to the right.
    pub numeric: bool,
    /// Left out where there is little room.
    pub spare: bool,
}

impl Column {
    /// A column that the list `view` can be sorted by. `default` tells that it is the order of a
    /// list that was not asked for another.
    #[must_use]
    pub fn sortable(view: &View, key: &str, label: &'static str, default: bool) -> Self {
        let sort = view.get("sort").trim();
        let descending = sort.strip_prefix('-').is_some_and(|sort| sort == key);
        let ascending = sort == key || (sort.is_empty() && default);
        let sorted = match (ascending, descending) {
            (true, _) => Some("ascending"),
            (_, true) => Some("descending"),
            _ => None,
        };
        // What is high or late interests first; ids are looked up from the beginning.
        let descends_first = matches!(key, "score" | "averageScore" | "resultCount")
            || matches!(key, "receivedAt" | "lastResultAt");
        let descend = if sorted.is_some() { ascending } else { descends_first };
        let next = if descend { format!("-{key}") } else { key.to_owned() };
        let href = view.without(&["cursor"]).with("sort", &next).href();
        Self { label, href: Some(href), sorted, numeric: false, spare: false }
    }

    /// A column that only informs.
    #[must_use]
    pub fn plain(label: &'static str) -> Self {
        Self { label, href: None, sorted: None, numeric: false, spare: false }
    }

    /// The same, left out where there is little room.
    #[must_use]
    pub fn spare(self) -> Self {
        Self { spare: true, ..self }
    }

    /// The same, with figures in it.
    #[must_use]
    pub fn numeric(self) -> Self {
        Self { numeric: true, ..self }
    }
}

/// How much of a list is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent {
    /// How many items this page has.
    pub shown: Count,
    /// How many there are after filtering; `None` when they were too many to be counted.
    pub total: Option<Count>,
    /// All of them are on this page.
    pub whole: bool,
    /// The first page, when this is not it.
    pub first: Option<String>,
    /// The next page.
    pub next: Option<String>,
    /// The whole list as CSV.
    pub csv: String,
}

impl Extent {
    /// The extent of `list`, as it was asked for with `view`.
    #[must_use]
    pub fn of<Item>(view: &View, list: &List<Item>) -> Self {
        Self::new(view, list.items.len(), list.page.total, list.page.next.clone())
    }

    fn new(view: &View, shown: usize, total: Option<u64>, next: Option<String>) -> Self {
        let continued = !view.get("cursor").is_empty();
        Self {
            shown: Count(shown as u64),
            total: total.map(Count),
            whole: next.is_none() && !continued,
            first: continued.then(|| view.without(&["cursor"]).href()),
            next,
            csv: view.without(&["cursor", "limit"]).with("format", "csv").href(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(parameters: &[(&str, &str)]) -> View {
        let owned = parameters.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        View::new("/exams/3", &owned.collect::<Vec<_>>())
    }

    #[test]
    fn a_second_click_turns_the_order_and_goes_back_to_the_first_page() {
        let column = Column::sortable(&view(&[("cursor", "x")]), "score", "Score", false);
        assert_eq!(column.href.as_deref(), Some("/exams/3?sort=-score"));
        assert_eq!(column.sorted, None);
        let column = Column::sortable(&view(&[("sort", "-score")]), "score", "Score", false);
        assert_eq!(column.href.as_deref(), Some("/exams/3?sort=score"));
        assert_eq!(column.sorted, Some("descending"));
    }

    #[test]
    fn the_default_order_is_shown_as_such() {
        let column = Column::sortable(&view(&[]), "studentId", "Student", true);
        assert_eq!(column.sorted, Some("ascending"));
        assert_eq!(column.href.as_deref(), Some("/exams/3?sort=-studentId"));
        let column = Column::sortable(&view(&[("sort", "score")]), "studentId", "Student", true);
        assert_eq!(column.sorted, None);
        assert_eq!(column.href.as_deref(), Some("/exams/3?sort=studentId"));
    }

    #[test]
    fn an_export_has_the_filters_but_not_the_page() {
        let view = view(&[("student", "foo"), ("limit", "10"), ("cursor", "x")]);
        let extent = Extent::new(&view, 10, Some(12), None);
        assert_eq!(extent.csv, "/exams/3?student=foo&format=csv");
        assert_eq!(extent.first.as_deref(), Some("/exams/3?student=foo&limit=10"));
        assert!(!extent.whole);
    }
}
