//! The other half of dead letters: an upload whose trigger fails is recorded after its retries, told with
//! its file and its reason, and goes through again after the fix. Both endpoints record it; the launchers
//! take away the pauses between the tries.

use serde_json::Value;

use super::Stage;
use super::project::{Project, actions, updates};

/// aws-behaviours L21
pub fn recorded_and_redriven(stage: &Stage<'_>) {
    let project = Project::with_zips(stage, "uploads");
    project.up();
    break_trigger(&project);
    std::thread::park_timeout(stage.row.after_update);
    let _ = project
        .run(&["send", "samples/app-100.ndjson", "--timeout", "1s"])
        .expect_code(1);

    let letter = project.letter("uploads-dlq", &Value::Null);
    assert_eq!(letter["kind"], "invocation", "{letter:#}");
    assert_eq!(letter["from"], "functions.trigger", "{letter:#}");
    assert_eq!(
        letter["files"][0]["key"], "logs/app-100.ndjson",
        "{letter:#}"
    );
    assert_eq!(letter["tries"], 3, "{letter:#}");
    let why = &letter["why"];
    assert_eq!(why["code"], "RetriesExhausted", "{letter:#}");
    assert_eq!(why["told_by"], "record", "{letter:#}");
    let text = why["text"].as_str().expect("a text");
    assert!(text.contains("queue"), "{letter:#}");

    // As good as a fix of the code: what was wrong is put right by the next `up`.
    let planned = project.json(&["plan"]);
    assert_eq!(actions(&planned), updates(&["functions.trigger"]));
    assert_eq!(project.up(), updates(&["functions.trigger"]));
    std::thread::park_timeout(stage.row.after_update);
    let redriven = project.json(&["dlq", "redrive", "--all"]);
    let queues = redriven["data"]["queues"].as_array().expect("queues");
    let done: Vec<_> = queues.iter().filter(|one| one["done"] == 1).collect();
    assert_eq!(done.len(), 1, "{redriven:#}");
    // By an invocation with the same event: no task of SQS can do that.
    assert_eq!(done[0]["how"], "one_by_one", "{redriven:#}");
    let results = project.results(1);
    assert_eq!(results[0]["lines"], 100, "{results:#?}");
    assert_eq!(project.letters("uploads-dlq"), [] as [Value; 0]);
    project.down();
}

/// The trigger sends to a queue that is not there.
fn break_trigger(project: &Project<'_>) {
    let gone = project.probe().queue_url(&project.physical("gone"));
    project.configure("trigger", |settings| {
        settings["Environment"]["Variables"]["JOBS_QUEUE_URL"] = gone.into();
    });
}
