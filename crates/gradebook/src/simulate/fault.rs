//! What can go wrong on a feed, to be tried on purpose.

use std::fmt;
use std::str::FromStr;

/// One thing that can go wrong on a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// The connection breaks in the middle of an event.
    Drops,
    /// An event whose data is not JSON, or not an object, or lacks something, comes before.
    Malformed,
    /// An event with a score below 0 or above 1 comes before.
    OutOfRange,
    /// The event comes twice.
    Duplicates,
    /// The event comes with another score first, then as it is.
    Corrections,
    /// A comment comes before.
    Comments,
    /// An event of another type comes before.
    OtherEvents,
    /// The event has CR or CRLF line ends.
    LineEnds,
    /// The data is spread over two `data:` lines.
    SplitData,
    /// Nothing comes for [`super::STALL`].
    Stalls,
    /// The data is written as the feed's documentation does: `{"exam": 3, "studentId": "foo",
    /// score: .991}`.
    Unquoted,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Drops,
        Self::Malformed,
        Self::OutOfRange,
        Self::Duplicates,
        Self::Corrections,
        Self::Comments,
        Self::OtherEvents,
        Self::LineEnds,
        Self::SplitData,
        Self::Stalls,
        Self::Unquoted,
    ];

    /// The name in `--faults`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Drops => "drops",
            Self::Malformed => "malformed",
            Self::OutOfRange => "out-of-range",
            Self::Duplicates => "duplicates",
            Self::Corrections => "corrections",
            Self::Comments => "comments",
            Self::OtherEvents => "other-events",
            Self::LineEnds => "line-ends",
            Self::SplitData => "split-data",
            Self::Stalls => "stalls",
            Self::Unquoted => "unquoted",
        }
    }
}

/// Which faults a feed has, without repeats, in the order of [`Fault::ALL`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// These faults.
    #[must_use]
    pub fn new(faults: &[Fault]) -> Self {
        Self(Fault::ALL.into_iter().filter(|fault| faults.contains(fault)).collect())
    }

    /// The faults, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Fault] {
        &self.0
    }
}

/// A word in `--faults` that names no fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{unknown}` is no fault; there are all, none, {}", Faults::new(&Fault::ALL))]
pub struct UnknownFault {
    unknown: String,
}

impl FromStr for Faults {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        let mut faults = Vec::new();
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            match (word, Fault::ALL.into_iter().find(|fault| fault.name() == word)) {
                (_, Some(fault)) => faults.push(fault),
                ("all", None) => faults.extend(Fault::ALL),
                ("none", None) => {}
                (unknown, None) => return Err(UnknownFault { unknown: unknown.to_owned() }),
            }
        }
        Ok(Self::new(&faults))
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return formatter.write_str("none");
        }
        let names: Vec<&str> = self.0.iter().map(|fault| fault.name()).collect();
        formatter.write_str(&names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_written_alike() {
        let faults: Faults = "stalls, drops,drops".parse().unwrap();
        assert_eq!(faults.as_slice(), [Fault::Drops, Fault::Stalls]);
        assert_eq!(faults.to_string(), "drops, stalls");
        assert_eq!("all".parse(), Ok(Faults::new(&Fault::ALL)));
        assert_eq!(Faults::default().to_string().parse(), Ok(Faults::default()));
    }

    #[test]
    fn an_unknown_word_is_named_with_what_there_is() {
        let error = "drop".parse::<Faults>().unwrap_err().to_string();
        assert!(error.starts_with("`drop` is no fault; there are all, none, drops, "), "{error}");
    }
}
