//! What `pipectl bench` measures there: every hop has its time, cold files meet new environments, and nothing is
//! left of either. Rounds of work leave no copy.

use serde_json::json;

use super::Stage;
use super::inventory::inventory;
use super::project::Project;

pub fn measured(stage: &Stage<'_>) {
    let project = Project::with_zips(stage, "bench");
    project.up();
    let run = [
        "bench",
        "--sizes",
        "100",
        "--iterations",
        "3",
        "--warmup",
        "1",
        "--pause",
        "0s",
    ];
    let told = project.json(&run);
    let figures = &told["data"]["figures"];
    assert_eq!(figures["fates"], json!({"done": 3}), "{told:#}");
    assert_eq!(figures["without_hops"], json!(0), "{told:#}");
    let hops = figures["hops"].as_array().expect("hops");
    assert_eq!(hops.len(), 6, "{told:#}");
    let sum: f64 = hops
        .iter()
        .filter_map(|hop| hop["ms"]["mean"].as_f64())
        .sum();
    let whole = figures["end_to_end_ms"]["mean"].as_f64().expect("a mean");
    assert!((sum - whole).abs() < 0.01, "{sum} of {whole}");
    let tuned = &told["data"]["run"]["mappings"]["jobs-worker"]["tuned"];
    assert_eq!(*tuned, json!(stage.row.tuned));

    let told = project.json(&["bench", "--cold", "2", "--sizes", "100"]);
    let cold = &told["data"]["figures"]["cold"];
    assert_eq!(
        (&cold["both"], &cold["warm_ms"]["n"]),
        (&json!(2), &json!(2)),
        "{told:#}"
    );
    // The variable is gone, and so are the files.
    assert_eq!(project.up(), []);

    let told = project.json(&["bench", "--cycle", "1"]);
    assert_eq!(
        told["data"]["rounds"].as_array().map(Vec::len),
        Some(1),
        "{told:#}"
    );
    // Whatever else is there of a stack whose name begins as this one's.
    let left = inventory(&project.probe(), "bench");
    let left: Vec<_> = left
        .iter()
        .filter(|one| one.contains(" c1-") && !one.starts_with("mapping of "))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    project.down();
}
