//! When a score was received.

use std::fmt;

use jiff::tz::Offset;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The latest time that is kept, in milliseconds: 2^44 − 1, in the year 2527.
pub const TIMESTAMP_MS_MAX: u64 = (1 << 44) - 1;

/// An instant, in milliseconds since 1970-01-01T00:00:00Z: 0 to [`TIMESTAMP_MS_MAX`].
///
/// Written as RFC 3339 in UTC with three decimals: `2026-11-22T10:15:30.123Z`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

/// Why a text is not an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an instant is RFC 3339, such as 2026-11-22T10:15:30.123Z, and not before 1970")]
pub struct TimestampError;

impl Timestamp {
    /// The instant `ms` milliseconds after the epoch; later than [`TIMESTAMP_MS_MAX`] is that.
    #[must_use]
    pub fn from_ms(ms: u64) -> Self {
        Self(ms.min(TIMESTAMP_MS_MAX))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub fn as_ms(self) -> u64 {
        self.0
    }

    /// Reads RFC 3339 with any offset; what is finer than a millisecond is cut off.
    ///
    /// # Errors
    /// Another form, or an instant before 1970.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let instant: jiff::Timestamp = text.parse().map_err(|_| TimestampError)?;
        u64::try_from(instant.as_millisecond()).map(Self::from_ms).map_err(|_| TimestampError)
    }
}

/// A [`Timestamp`] as text: 24 ASCII characters.
struct Text([u8; 24]);

impl Text {
    fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("invariant: digits and what is between them")
    }
}

impl Timestamp {
    /// The calendar is the library's. The digits are put in place here, as its printer, which can
    /// do far more, took a fifth of the instructions of a page of results.
    fn text(self) -> Text {
        let ms = i64::try_from(self.0).expect("invariant: at most 2^44 - 1");
        let instant = jiff::Timestamp::from_millisecond(ms).expect("invariant: within year 9999");
        let civil = Offset::UTC.to_datetime(instant);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut put = |last: usize, digits: usize, number: i16| {
            let mut rest = number.unsigned_abs();
            for place in (0..digits).map(|digit| last - digit) {
                text[place] = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
        };
        put(3, 4, civil.year());
        put(6, 2, civil.month().into());
        put(9, 2, civil.day().into());
        put(12, 2, civil.hour().into());
        put(15, 2, civil.minute().into());
        put(18, 2, civil.second().into());
        put(22, 3, civil.millisecond());
        Text(text)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.text().as_str())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text().as_str())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn text_is_what_the_library_prints(ms in 0..=TIMESTAMP_MS_MAX) {
            let instant = jiff::Timestamp::from_millisecond(ms as i64).unwrap();
            prop_assert_eq!(Timestamp::from_ms(ms).to_string(), format!("{instant:.3}"));
        }
    }

    #[test]
    fn text_has_milliseconds_and_z() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_795_342_530_123, "2026-11-22T10:15:30.123Z"),
            (TIMESTAMP_MS_MAX, "2527-06-23T06:20:44.415Z"),
        ] {
            assert_eq!(Timestamp::from_ms(ms).to_string(), text);
            assert_eq!(Timestamp::parse(text), Ok(Timestamp::from_ms(ms)));
        }
    }

    #[test]
    fn other_offsets_are_read_and_other_forms_are_not() {
        assert_eq!(Timestamp::parse("1970-01-01T02:00:01+02:00").map(Timestamp::as_ms), Ok(1000));
        for text in ["", "yesterday", "2026-11-22", "1969-12-31T23:59:59Z", "1795342530"] {
            assert_eq!(Timestamp::parse(text), Err(TimestampError), "{text}");
        }
    }
}
