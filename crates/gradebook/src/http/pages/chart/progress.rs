//! A student's scores over exams, each beside the average of the class.

use askama::Template;
use gradebook_core::ExamNumber;

use super::{Percent, Pixels};
use crate::http::pages::format::Share;

/// The most exams in one chart: with more, neighbours run into each other on a phone.
pub const PROGRESS_POINTS_MAX: usize = 48;

/// The place of score 1, in pixels from the top.
const TOP: f64 = 12.0;
/// The distance of scores 0 and 1, in pixels.
const HEIGHT: f64 = 200.0;
/// The most exams that are all labelled with their number.
const LABELLED_MAX: usize = 8;

/// One exam of the chart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProgressPoint {
    /// Which exam.
    pub exam: ExamNumber,
    /// The student's score.
    pub score: f64,
    /// The average of all students.
    pub class_average: f64,
}

/// Scores and class averages, in the order of the exams.
#[derive(Debug, Template)]
#[template(path = "chart/progress.svg")]
pub struct Progress {
    points: Vec<Drawn>,
    grid: Vec<Line>,
    /// What the chart shows, in one sentence, for those who do not see it.
    pub summary: String,
}

/// A [`Progress`] as a file of its own.
#[derive(Debug, Template)]
#[template(path = "chart/progress_image.svg")]
pub struct ProgressImage<'a> {
    /// Whose scores they are.
    pub title: &'a str,
    /// The chart.
    pub chart: &'a Progress,
}

#[derive(Debug)]
struct Drawn {
    x: Percent,
    score_y: Pixels,
    class_y: Pixels,
    above: bool,
    label: Option<ExamNumber>,
    told: String,
}

#[derive(Debug)]
struct Line {
    y: Pixels,
    label_y: Pixels,
    label: &'static str,
}

impl Progress {
    /// Draws at most [`PROGRESS_POINTS_MAX`] points; of more, the last.
    #[must_use]
    pub fn new(points: &[ProgressPoint]) -> Self {
        let points = &points[points.len().saturating_sub(PROGRESS_POINTS_MAX)..];
        let grid = [(1.0, "1"), (0.75, "0.75"), (0.5, "0.5"), (0.25, "0.25"), (0.0, "0")];
        let above = points.iter().filter(|point| point.score >= point.class_average).count();
        let exams = if points.len() == 1 { "exam" } else { "exams" };
        Self {
            points: points.iter().enumerate().map(|(i, p)| drawn(i, points.len(), p)).collect(),
            grid: grid
                .map(|(at, label)| Line { y: y(at), label_y: Pixels(y(at).0 + 4.0), label })
                .into(),
            summary: format!(
                "{} {exams}; the score is at or above the class average in {above} of them.",
                points.len()
            ),
        }
    }

    /// How many exams are drawn.
    #[must_use]
    pub fn exams(&self) -> usize {
        self.points.len()
    }
}

fn y(share: f64) -> Pixels {
    Pixels(TOP + (1.0 - share) * HEIGHT)
}

fn drawn(index: usize, of: usize, point: &ProgressPoint) -> Drawn {
    let labelled = of <= LABELLED_MAX || index == 0 || index == of - 1;
    Drawn {
        x: Percent((index as f64 + 0.5) / of as f64),
        score_y: y(point.score),
        class_y: y(point.class_average),
        above: point.score >= point.class_average,
        label: labelled.then_some(point.exam),
        told: format!(
            "Exam {}: {}, class average {}",
            point.exam,
            Share(point.score),
            Share(point.class_average)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(count: u64) -> Vec<ProgressPoint> {
        let exams = (0..count).map(|exam| ExamNumber::new(exam).unwrap());
        exams.map(|exam| ProgressPoint { exam, score: 0.8, class_average: 0.6 }).collect()
    }

    #[test]
    fn the_last_exams_are_drawn_and_no_more() {
        let chart = Progress::new(&points(500));
        assert_eq!(chart.points.len(), PROGRESS_POINTS_MAX);
        let last = chart.points.last().and_then(|point| point.label);
        assert_eq!(last, ExamNumber::new(499).ok());
    }

    #[test]
    fn one_exam_stands_in_the_middle() {
        let chart = Progress::new(&points(1));
        assert_eq!(chart.points[0].x, Percent(0.5));
        assert!((chart.points[0].score_y.0 - (TOP + 0.2 * HEIGHT)).abs() < 1e-9);
    }

    #[test]
    fn few_exams_are_all_labelled_and_many_only_at_the_ends() {
        let labels = |count| {
            Progress::new(&points(count)).points.iter().filter(|p| p.label.is_some()).count()
        };
        assert_eq!(labels(8), 8);
        assert_eq!(labels(9), 2);
    }

    #[test]
    fn no_exam_is_an_empty_chart() {
        assert_eq!(Progress::new(&[]).exams(), 0);
    }
}
