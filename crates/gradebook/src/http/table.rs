//! The table of all resources: routes, checks, `/` and `/openapi.json` come from here.

use super::resource::Resource;
use super::{
    charts, exams, feeds, health, index, openapi, problems, rejections, results, students,
};

/// Every resource.
pub static ALL: [&Resource; 15] = [
    &index::INDEX,
    &students::STUDENTS,
    &students::STUDENT,
    &exams::EXAMS,
    &exams::EXAM,
    &charts::DISTRIBUTION,
    &charts::PROGRESS,
    &results::RESULTS,
    &feeds::FEEDS,
    &rejections::REJECTIONS,
    &openapi::OPENAPI,
    &problems::PROBLEM,
    &health::HEALTHZ,
    &health::READYZ,
    &health::METRICS,
];
