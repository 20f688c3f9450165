//! `/healthz`: the process is alive.

use crate::support::Service;

#[tokio::test]
async fn healthz_answers_as_soon_as_the_service_is_up() {
    let service = Service::start(&["--journal", "memory:"]).await;
    let answer = service.get("/healthz").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.text(), "{\"status\":\"alive\"}\n");
}
