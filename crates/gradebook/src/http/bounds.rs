//! Counts where an answer was shortened by a bound that no client has set.

/// A bound on what one answer costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Items that are looked at for one page of a list: it may end early, or have no total.
    Examined,
    /// Results that are compared for the standings on a page of JSON: it ends early.
    Standings,
    /// Results that are compared for the standings on a page for people: rows have none.
    Compared,
    /// Exams in the chart of a student: the earliest are left out.
    ProgressPoints,
    /// Ids that are compared with one that is not there.
    Neighbours,
    /// Students whom a reader may have meant.
    Alike,
}

impl Bound {
    /// It has been met.
    pub fn reached(self) {
        let bound = match self {
            Self::Examined => "examined",
            Self::Standings => "standings",
            Self::Compared => "compared",
            Self::ProgressPoints => "progress-points",
            Self::Neighbours => "neighbours",
            Self::Alike => "alike",
        };
        metrics::counter!("gradebook_http_bounds_reached_total", "bound" => bound).increment(1);
    }

    /// It has been met when `is_reached`.
    pub fn reached_if(self, is_reached: bool) {
        if is_reached {
            self.reached();
        }
    }
}
