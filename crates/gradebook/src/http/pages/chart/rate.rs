//! How many scores come in, over the last minutes.

use askama::Template;

use super::{Percent, Pixels};
use crate::http::pages::format::Count;

/// The height of the highest bar, in pixels.
const HEIGHT: f64 = 144.0;

/// A row of bars, the newest at the right.
#[derive(Debug, Template)]
#[template(path = "chart/rate.svg")]
pub struct Rate {
    bars: Vec<Bar>,
    /// The highest rate, in scores per minute.
    pub highest: Count,
    /// What the chart shows, in one sentence, for those who do not see it.
    pub summary: String,
}

#[derive(Debug)]
struct Bar {
    x: Percent,
    width: Percent,
    y: Pixels,
    height: Pixels,
}

impl Rate {
    /// Draws rates in scores per minute, oldest first, that span `minutes`.
    #[must_use]
    pub fn new(per_minute: &[u64], minutes: u64) -> Self {
        let highest = per_minute.iter().copied().max().unwrap_or(0);
        let step = 1.0 / per_minute.len().max(1) as f64;
        let bars = per_minute.iter().enumerate().filter(|(_, rate)| **rate > 0);
        let bars = bars.map(|(index, &rate)| {
            let height = (rate as f64 / highest as f64 * HEIGHT).max(1.0);
            Bar {
                x: Percent(index as f64 * step + step * 0.1),
                width: Percent(step * 0.8),
                y: Pixels(HEIGHT - height),
                height: Pixels(height),
            }
        });
        Self {
            bars: bars.collect(),
            highest: Count(highest),
            summary: format!(
                "Scores per minute over the last {minutes} minutes; at most {}.",
                Count(highest)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_rate_fills_the_chart_and_the_newest_is_at_the_right() {
        let chart = Rate::new(&[0, 50, 0, 100], 1);
        assert_eq!(chart.bars.len(), 2);
        assert_eq!(chart.bars[1].height, Pixels(HEIGHT));
        assert_eq!(chart.bars[1].x, Percent(0.775));
        assert_eq!(chart.highest, Count(100));
    }

    #[test]
    fn silence_is_an_empty_chart() {
        assert!(Rate::new(&[0; 4], 1).bars.is_empty());
        assert!(Rate::new(&[], 1).bars.is_empty());
    }
}
