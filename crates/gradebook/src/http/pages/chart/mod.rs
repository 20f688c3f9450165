//! Charts as SVG, drawn on the server.
//!
//! Widths are percentages and heights pixels, so a chart fills its place without its text growing
//! or shrinking. Colours are presentation attributes, which the stylesheet of a page overrides: a
//! chart embedded elsewhere looks the same as on paper, and a content security policy without
//! inline styles suffices.

mod distribution;
mod progress;
mod rate;

use std::fmt;

pub use distribution::{Distribution, DistributionImage, Place, Thumbnail};
pub use progress::{PROGRESS_POINTS_MAX, Progress, ProgressImage, ProgressPoint};
pub use rate::Rate;

/// A share of a chart's width, written as a percentage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percent(pub f64);

impl fmt::Display for Percent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.2}", self.0 * 100.0);
        write!(formatter, "{}%", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// A height or a vertical place, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pixels(pub f64);

impl fmt::Display for Pixels {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.1}", self.0);
        formatter.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_short() {
        assert_eq!(Percent(0.5).to_string(), "50%");
        assert_eq!(Percent(0.123_456).to_string(), "12.35%");
        assert_eq!(Percent(0.0).to_string(), "0%");
        assert_eq!(Percent(1.0).to_string(), "100%");
        assert_eq!(Pixels(100.0).to_string(), "100");
        assert_eq!(Pixels(12.34).to_string(), "12.3");
    }
}
