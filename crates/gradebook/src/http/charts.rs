//! `/exams/{number}/distribution.svg` and `/students/{id}/progress.svg`: the charts of the pages,
//! to be shown elsewhere.

use askama::Template;
use axum::response::Response;

use super::accept::MediaType;
use super::access::Scope;
use super::call::Call;
use super::pages::chart::{Distribution, DistributionImage, Place, Progress, ProgressImage};
use super::pages::progress;
use super::parameters as parameter;
use super::problem::Problem;
use super::resource::{Operation, Resource, SortKeys};

/// `/exams/{number}/distribution.svg`.
pub static DISTRIBUTION: Resource = Resource {
    template: "/exams/{number}/distribution.svg",
    operation: Operation {
        id: "drawDistribution",
        summary: "How the scores of an exam are distributed, and the place of one student, drawn",
        schema: "",
    },
    scope: Some(Scope::Read),
    parameters: &[&parameter::STUDENT],
    sort_keys: SortKeys::None,
    media_types: &[MediaType::Svg],
    get: distribution,
    watch: None,
    delete: None,
};

/// `/students/{id}/progress.svg`.
pub static PROGRESS: Resource = Resource {
    template: "/students/{id}/progress.svg",
    operation: Operation {
        id: "drawProgress",
        summary: "A student's last scores, each beside the class average, drawn",
        schema: "",
    },
    scope: Some(Scope::Read),
    parameters: &[],
    sort_keys: SortKeys::None,
    media_types: &[MediaType::Svg],
    get: progress_image,
    watch: None,
    delete: None,
};

fn distribution(call: &Call) -> Result<Response, Problem> {
    let exam = call.exam()?;
    let book = call.api.reader.now();
    let aggregate = book.exam(exam).ok_or_else(Problem::exam_not_found)?;
    let version = call.version(&book, aggregate.revision);
    if let Some(unchanged) = call.unchanged(&version.tag, Some(version.at))? {
        return Ok(unchanged);
    }
    let statistics = book.exam_statistics(exam).ok_or_else(Problem::exam_not_found)?;
    let place = match call.query.students.as_slice() {
        [student] => book
            .result(student, exam)
            .map(|result| Place { name: result.student.to_string(), score: result.score.get() }),
        _ => None,
    };
    drop(book);
    let chart = Distribution::new(&statistics, place.as_ref());
    let image = DistributionImage { title: &format!("Exam {exam}"), chart: &chart };
    Ok(call.show_drawn(&version, drawn(&image)))
}

fn progress_image(call: &Call) -> Result<Response, Problem> {
    let student = call.student()?;
    let book = call.api.reader.now();
    book.student(&student).ok_or_else(Problem::student_not_found)?;
    // It shows class averages: everybody's scores change it.
    let version = call.version(&book, book.revision());
    if let Some(unchanged) = call.unchanged(&version.tag, Some(version.at))? {
        return Ok(unchanged);
    }
    let points = progress(&book, &student);
    drop(book);
    let image = ProgressImage { title: student.as_str(), chart: &Progress::new(&points) };
    Ok(call.show_drawn(&version, drawn(&image)))
}

fn drawn(image: &impl Template) -> String {
    image.render().expect("invariant: templates write to memory")
}
