//! `/exams` and `/exams/{number}`.

use serde_json::json;

use crate::support::Held;

#[tokio::test]
async fn exams_are_listed_in_the_order_of_their_numbers() {
    let last = 9_007_199_254_740_991;
    let scores = [("foo", 10, 0.5), ("foo", 9, 0.991), ("bar", 9, 0.5), ("bar", last, 0.25)];
    let held = Held::new(&scores).await;
    let list = held.service.json("/exams/").await;
    let exams = list["exams"].as_array().unwrap();
    let told: Vec<_> = exams
        .iter()
        .map(|exam| json!([exam["exam"], exam["averageScore"], exam["resultCount"], exam["href"]]))
        .collect();
    let last_href = format!("/exams/{last}");
    let expected = [
        json!([9, 0.7455, 2, "/exams/9"]),
        json!([10, 0.5, 1, "/exams/10"]),
        json!([last, 0.25, 1, last_href]),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn an_exam_is_all_results_and_their_average() {
    let held = Held::new(&[("foo", 3, 0.991), ("bar", 3, 0.5), ("foo", 4, 0.1)]).await;
    let exam = held.service.json("/exams/3").await;
    let members: Vec<_> = exam.as_object().unwrap().keys().map(String::as_str).collect();
    assert!(members.contains(&"scoringPolicy") && members.contains(&"statistics"), "{members:?}");
    assert_eq!((&exam["exam"], &exam["resultCount"]), (&json!(3), &json!(2)));
    assert_eq!(exam["averageScore"], 0.7455);
    let results = exam["results"].as_array().unwrap();
    let ids: Vec<_> = results.iter().map(|one| (&one["studentId"], &one["score"])).collect();
    assert_eq!(ids, [(&json!("bar"), &json!(0.5)), (&json!("foo"), &json!(0.991))]);
}

#[tokio::test]
async fn filters_leave_the_average_as_it_is() {
    let held = Held::new(&[("foo", 3, 0.991), ("bar", 3, 0.5)]).await;
    for (query, total) in [
        ("student_name=foo", 1),
        ("student_id=foo&student_id=bar", 2),
        ("student=nobody", 0),
        ("student_name=''", 2),
        ("student=''", 0),
        ("student_name=", 2),
        ("min_score=0.5&max_score=0.5", 1),
    ] {
        let exam = held.service.json(&format!("/exams/3?{query}")).await;
        assert_eq!(exam["averageScore"], 0.7455, "{query}");
        assert_eq!(exam["resultCount"], 2, "{query}");
        assert_eq!(exam["page"]["total"], total, "{query}");
    }
    let list = held.service.json("/exams?student=nobody").await;
    assert_eq!(list["exams"], json!([]));
}

#[tokio::test]
async fn a_number_has_one_spelling() {
    let held = Held::new(&[("foo", 3, 0.5), ("foo", 0, 0.5)]).await;
    for (path, status) in [
        ("/exams/3", 200),
        ("/exams/0", 200),
        ("/exams/%33", 200),
        ("/exams/4", 404),
        ("/exams/abc", 404),
        ("/exams/03", 404),
        ("/exams/-1", 404),
        ("/exams/+3", 404),
        ("/exams/3.0", 404),
        ("/exams/9007199254740992", 404),
        ("/exams/99999999999999999999999", 404),
        ("/students?exam=3", 200),
        ("/students?exam=abc", 400),
        ("/students?exam=03", 400),
        ("/students?exam=-1", 400),
        ("/students?exam=3,4", 400),
    ] {
        let answer = held.service.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        match status {
            404 => assert_eq!(answer.json()["code"], "exam-not-found", "{path}"),
            400 => assert_eq!(answer.json()["errors"][0]["parameter"], "exam", "{path}"),
            _ => {}
        }
    }
}
