//! `pipectl parity` between the embedded target and an endpoint: what differs is what is known to differ, and in
//! each of these the embedded target is as AWS is.

use serde_json::{Value, json};

use super::Stage;
use super::inventory::inventory;
use super::project::Project;

/// What MiniStack 1.5.33 does otherwise than AWS; docs/runs tells why in each.
pub const MINISTACK: &[&str] = &[
    "function-timeout",
    "function-crash",
    "function-panic",
    "function-memory",
    "function-init-error",
    "function-async-failure",
    "function-environment",
    "function-no-concurrency",
];

pub fn as_known(stage: &Stage<'_>) {
    let project = Project::with_zips(stage, "parity");
    let target = format!("localstack={}", stage.url);
    let arguments = ["parity", "embedded", &target, "--output", "json"];
    let told = project.env.pipectl(&arguments).expect_success().json();
    let data = &told["data"];
    assert_eq!(data["complete"], json!(true));
    let rows = data["rows"].as_array().expect("rows");
    let unequal: Vec<&Value> = rows
        .iter()
        .filter(|row| row["verdict"] != "equal")
        .collect();
    let names: Vec<&str> = unequal
        .iter()
        .filter_map(|row| row["name"].as_str())
        .collect();
    let known = stage.row.unlike_embedded.unwrap_or_default();
    assert_eq!(names, known, "{unequal:#?}");
    for row in rows {
        assert_eq!(row["unlike_aws"][0], json!([]), "{row:#}");
    }
    let left = inventory(&project.probe(), "parity-p");
    assert!(left.is_empty(), "{left:?}");
}
