//! How numbers and times are written for people.

use std::fmt;

use gradebook_core::Timestamp;

/// A score or an average with three decimals, so that columns line up.
///
/// Ties are rounded up, as `Number.prototype.toFixed` does in the page's module, so that a figure
/// does not flicker between the event and the page that is read after it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(pub f64);

impl fmt::Display for Share {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let thousandths = self.0 * 1000.0;
        // Only odd sixteenths lie exactly between two thousandths; for them the product is exact.
        if thousandths.fract() == 0.5 && (self.0 * 16.0).fract() == 0.0 {
            return write!(formatter, "{:.3}", thousandths.ceil() / 1000.0);
        }
        write!(formatter, "{:.3}", self.0)
    }
}

/// A count with thousands separated by commas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count(pub u64);

impl fmt::Display for Count {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        let head = digits.len() % 3;
        for (index, digit) in digits.char_indices() {
            if index > 0 && index % 3 == head {
                formatter.write_str(",")?;
            }
            write!(formatter, "{digit}")?;
        }
        Ok(())
    }
}

/// A count in at most four characters, for the labels of a chart: `999`, `1.2k`, `12k`, `3.4M`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShortCount(pub u64);

impl fmt::Display for ShortCount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, letter) = match self.0 {
            0..1_000 => return write!(formatter, "{}", self.0),
            1_000..999_500 => (1_000, 'k'),
            999_500..999_500_000 => (1_000_000, 'M'),
            _ => (1_000_000_000, 'G'),
        };
        let tenths = (self.0 * 10 + unit / 2) / unit;
        if tenths < 100 && !tenths.is_multiple_of(10) {
            write!(formatter, "{}.{}{letter}", tenths / 10, tenths % 10)
        } else {
            write!(formatter, "{}{letter}", (self.0 + unit / 2) / unit)
        }
    }
}

/// An instant as `2026-11-22 10:15:30 UTC`; the page's module turns it into local time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instant(pub Timestamp);

impl fmt::Display for Instant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        match text.split_once('T') {
            Some((day, time)) => {
                let seconds = time.split('.').next().unwrap_or(time);
                write!(formatter, "{day} {seconds} UTC")
            }
            None => formatter.write_str(&text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_three_decimals_and_ties_go_up() {
        for (value, text) in [
            (0.0, "0.000"),
            (1.0, "1.000"),
            (0.991, "0.991"),
            (0.745_499_999, "0.745"),
            (0.0625, "0.063"),
            (0.1875, "0.188"),
            (0.9375, "0.938"),
            (0.999_5, "1.000"),
            (0.000_499_999, "0.000"),
        ] {
            assert_eq!(Share(value).to_string(), text);
        }
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        for (count, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (100_000, "100,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(Count(count).to_string(), text);
        }
    }

    #[test]
    fn short_counts_have_at_most_four_characters() {
        for (count, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1k"),
            (1_249, "1.2k"),
            (9_949, "9.9k"),
            (9_960, "10k"),
            (12_345, "12k"),
            (999_499, "999k"),
            (999_500, "1M"),
            (3_440_000, "3.4M"),
            (1_000_000_000, "1G"),
        ] {
            assert_eq!(ShortCount(count).to_string(), text);
        }
    }

    #[test]
    fn instants_are_read_by_people() {
        let instant = Timestamp::parse("2026-11-22T10:15:30.123Z").unwrap();
        assert_eq!(Instant(instant).to_string(), "2026-11-22 10:15:30 UTC");
    }
}
