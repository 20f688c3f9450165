//! How the scores of an exam or a student are distributed.

use askama::Template;
use gradebook_core::statistics::{HISTOGRAM_BINS, Statistics};

use super::{Percent, Pixels};
use crate::http::pages::format::{Count, Share, ShortCount};

/// Where the bars stand, in pixels from the top.
const BASELINE: f64 = 204.0;
/// The height of the highest bar, in pixels.
const BAR_HEIGHT_MAX: f64 = 140.0;
/// A bin with anything in it is at least so high, in pixels, so that one score among many is seen.
const BAR_HEIGHT_MIN: f64 = 2.0;
/// A label to the right of its line needs the line to be left of this.
const MARK_ROOM_FROM_RIGHT: f64 = 0.7;
/// The gap on either side of a bar, as a share of the width.
const BAR_GAP: f64 = 0.006;
/// The height of the highest bar of a thumbnail, in pixels.
const THUMBNAIL_HEIGHT: f64 = 28.0;

/// A histogram with the median, the quartiles, and the place of one student.
#[derive(Debug, Template)]
#[template(path = "chart/distribution.svg")]
pub struct Distribution {
    bars: Vec<Bar>,
    ticks: Vec<Tick>,
    median: Mark,
    box_left: Percent,
    box_width: Percent,
    least: Percent,
    most: Percent,
    place: Option<Mark>,
    /// What the chart shows, in one sentence, for those who do not see it.
    pub summary: String,
}

/// A [`Distribution`] as a file of its own.
#[derive(Debug, Template)]
#[template(path = "chart/distribution_image.svg")]
pub struct DistributionImage<'a> {
    /// What it is the distribution of.
    pub title: &'a str,
    /// The chart.
    pub chart: &'a Distribution,
}

/// The score of one student, to be marked in the chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// Whose.
    pub name: String,
    /// Within 0 and 1.
    pub score: f64,
}

#[derive(Debug)]
struct Bar {
    x: Percent,
    width: Percent,
    y: Pixels,
    height: Pixels,
    middle: Percent,
    label_y: Pixels,
    label: ShortCount,
    count: u32,
    from: String,
    to: String,
}

#[derive(Debug)]
struct Tick {
    x: Percent,
    label: String,
}

/// A vertical line with a label beside it.
#[derive(Debug)]
struct Mark {
    x: Percent,
    anchor: &'static str,
    offset: i8,
    label: String,
}

impl Mark {
    /// A line at `at`, with its label on the side away from `other` where there is room for it, and
    /// else where there is more.
    fn new(at: f64, other: Option<f64>, label: String) -> Self {
        let to_the_right = match other {
            Some(other) if at > other => at < MARK_ROOM_FROM_RIGHT,
            Some(other) if at < other => at < 1.0 - MARK_ROOM_FROM_RIGHT,
            _ => at < 0.5,
        };
        let (anchor, offset) = if to_the_right { ("start", 7) } else { ("end", -7) };
        Self { x: Percent(at), anchor, offset, label }
    }
}

impl Distribution {
    /// Draws `statistics`, and marks `place` in it.
    #[must_use]
    pub fn new(statistics: &Statistics, place: Option<&Place>) -> Self {
        let highest = statistics.histogram.iter().copied().max().unwrap_or(0);
        let bars = statistics.histogram.iter().enumerate();
        let bars = bars.map(|(bin, &count)| Bar::new(bin, count, highest)).collect();
        let ticks = (0..=HISTOGRAM_BINS).map(|bin| {
            let at = bin as f64 / HISTOGRAM_BINS as f64;
            Tick { x: Percent(at), label: format!("{at}") }
        });
        Self {
            bars,
            ticks: ticks.collect(),
            median: Mark::new(
                statistics.median,
                place.map(|place| place.score),
                format!("median {}", Share(statistics.median)),
            ),
            box_left: Percent(statistics.lower_quartile),
            box_width: Percent(statistics.upper_quartile - statistics.lower_quartile),
            least: Percent(statistics.minimum),
            most: Percent(statistics.maximum),
            place: place.map(|place| {
                let label = format!("{} {}", shortened(&place.name), Share(place.score));
                Mark::new(place.score, Some(statistics.median), label)
            }),
            summary: summary(statistics, place),
        }
    }
}

impl Bar {
    fn new(bin: usize, count: u32, highest: u32) -> Self {
        let height = bar_height(count, highest, BAR_HEIGHT_MAX);
        let bins = HISTOGRAM_BINS as f64;
        let left = bin as f64 / bins;
        Self {
            x: Percent(left + BAR_GAP),
            width: Percent(1.0 / bins - 2.0 * BAR_GAP),
            y: Pixels(BASELINE - height),
            height: Pixels(height),
            middle: Percent(left + 0.5 / bins),
            label_y: Pixels(BASELINE - height - 6.0),
            label: ShortCount(u64::from(count)),
            count,
            from: format!("{left}"),
            to: format!("{}", (bin + 1) as f64 / bins),
        }
    }
}

fn bar_height(count: u32, highest: u32, most: f64) -> f64 {
    if count == 0 {
        return 0.0;
    }
    (f64::from(count) / f64::from(highest) * most).max(BAR_HEIGHT_MIN)
}

fn summary(statistics: &Statistics, place: Option<&Place>) -> String {
    let results: u64 = statistics.histogram.iter().copied().map(u64::from).sum();
    let noun = if results == 1 { "score" } else { "scores" };
    let mut text = format!(
        "{} {noun} from {} to {}; half of them lie between {} and {}, the median is {}.",
        Count(results),
        Share(statistics.minimum),
        Share(statistics.maximum),
        Share(statistics.lower_quartile),
        Share(statistics.upper_quartile),
        Share(statistics.median),
    );
    if let Some(place) = place {
        text.push_str(&format!(" {} has {}.", place.name, Share(place.score)));
    }
    text
}

/// The longest name in a label, in characters.
const LABEL_CHARACTERS_MAX: usize = 24;

fn shortened(name: &str) -> String {
    if name.chars().count() <= LABEL_CHARACTERS_MAX {
        return name.to_owned();
    }
    name.chars().take(LABEL_CHARACTERS_MAX - 1).chain(['…']).collect()
}

/// A histogram as small as a word.
#[derive(Debug, Template)]
#[template(path = "chart/thumbnail.svg")]
pub struct Thumbnail {
    bars: Vec<ThumbnailBar>,
}

#[derive(Debug)]
struct ThumbnailBar {
    x: usize,
    y: Pixels,
    height: Pixels,
}

impl Thumbnail {
    /// Draws `histogram`.
    #[must_use]
    pub fn new(histogram: &[u32; HISTOGRAM_BINS]) -> Self {
        let highest = histogram.iter().copied().max().unwrap_or(0);
        let bars = histogram.iter().enumerate().map(|(bin, &count)| {
            let height = bar_height(count, highest, THUMBNAIL_HEIGHT);
            ThumbnailBar {
                x: bin * 10 + 1,
                y: Pixels(THUMBNAIL_HEIGHT - height),
                height: Pixels(height),
            }
        });
        Self { bars: bars.collect() }
    }
}

#[cfg(test)]
mod tests {
    use gradebook_core::Score;

    use super::*;

    fn statistics(scores: &[f64]) -> Statistics {
        let scores: Vec<Score> = scores.iter().map(|&score| Score::new(score).unwrap()).collect();
        Statistics::of(&scores, scores.iter().copied().sum())
    }

    #[test]
    fn the_highest_bin_fills_the_chart_and_a_single_score_is_still_seen() {
        let scores: Vec<f64> = (0..10_000).map(|_| 0.75).chain([0.05]).collect();
        let chart = Distribution::new(&statistics(&scores), None);
        assert_eq!(chart.bars[7].height, Pixels(BAR_HEIGHT_MAX));
        assert_eq!(chart.bars[0].height, Pixels(BAR_HEIGHT_MIN));
        assert_eq!(chart.bars[1].height, Pixels(0.0));
    }

    #[test]
    fn the_median_stands_at_its_score() {
        let drawn = Distribution::new(&statistics(&[0.2, 0.25, 0.9]), None).render().unwrap();
        assert!(drawn.contains(r#"x1="25%""#), "{drawn}");
        assert!(drawn.contains("median 0.250"), "{drawn}");
    }

    #[test]
    fn labels_stand_away_from_each_other_where_there_is_room() {
        let sides = |median: f64, score: f64| {
            let place = Place { name: "foo".to_owned(), score };
            let chart = Distribution::new(&statistics(&[median]), Some(&place));
            (chart.median.anchor, chart.place.unwrap().anchor)
        };
        assert_eq!(sides(0.5, 0.6), ("end", "start"));
        assert_eq!(sides(0.6, 0.5), ("start", "end"));
        assert_eq!(sides(0.2, 0.25), ("start", "start"));
        assert_eq!(sides(0.7, 0.9), ("end", "end"));
    }

    #[test]
    fn a_hostile_name_is_text() {
        let place = Place { name: "</svg><script>alert(1)</script>".to_owned(), score: 0.5 };
        let chart = Distribution::new(&statistics(&[0.5]), Some(&place));
        let image = DistributionImage { title: "<b>", chart: &chart }.render().unwrap();
        assert!(!image.contains("<script") && !image.contains("<b>"), "{image}");
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let name = "é".repeat(60);
        assert_eq!(shortened(&name).chars().count(), LABEL_CHARACTERS_MAX);
    }

    #[test]
    fn the_summary_is_a_sentence() {
        let place = Place { name: "foo".to_owned(), score: 0.9 };
        let chart = Distribution::new(&statistics(&[0.2, 0.25, 0.9]), Some(&place));
        assert_eq!(
            chart.summary,
            "3 scores from 0.200 to 0.900; half of them lie between 0.225 and 0.575, the median \
             is 0.250. foo has 0.900."
        );
    }
}
