//! `gradebook demo`: the first thing that anybody runs.

use crate::support::{Service, finished};

#[tokio::test]
async fn a_port_in_use_is_one_line_that_says_so() {
    let taken = Service::start_role("demo", &[]).await;
    let address = taken.address().to_string();
    let output = finished(Service::command().args(["demo", "--listen", &address])).await;
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        format!(
            "gradebook: --listen: {address} is in use; take another port, or 0 for a free one\n"
        )
    );
    assert!(output.stdout.is_empty(), "nothing to look at");
}
