//! A function's code changes: that alone is updated, and the next file is handled by the new code.

use pipectl_testkit::until;

use super::Stage;
use super::project::{PATIENCE, Project, actions, updates};

/// aws-behaviours L10
pub fn next_file_meets_new_code(stage: &Stage<'_>) {
    let project = Project::with_zips(stage, "code");
    let worker = |zip: &[u8]| project.env.write("dist/worker.zip", zip);
    worker(&stage.artifacts.faulty_worker);
    // What failed comes again soon, and is not given up.
    project.edit(&[
        ("visibility_timeout: 180s", "visibility_timeout: 5s"),
        (" timeout: 30s", " timeout: 5s"),
        ("max_receives: 5", "max_receives: 100"),
    ]);
    project.up();
    assert_eq!(project.send("samples/app-100.ndjson")["lines"], 100);
    // The old code cannot do this one.
    let _ = project
        .run(&["send", "samples/app-malformed.ndjson", "--timeout", "2s"])
        .expect_code(1);
    until("the old code fails", PATIENCE, || {
        let failed = project
            .probe()
            .log_lines(&project.physical("worker"), "to be tried again");
        if failed.is_empty() {
            Err("not yet".to_owned())
        } else {
            Ok(())
        }
    });

    worker(&stage.artifacts.worker);
    let planned = project.json(&["plan"]);
    assert_eq!(actions(&planned), updates(&["functions.worker"]));
    assert_eq!(project.up(), updates(&["functions.worker"]));
    assert_eq!(project.up(), []);
    let text = std::fs::read(project.env.root().join("samples/app-malformed.ndjson"));
    project.env.write("next.ndjson", text.expect("the sample"));
    assert_eq!(project.send("next.ndjson")["malformed"], 10);
    // The one from before comes again by itself.
    project.results(3);
    project.down();
}
