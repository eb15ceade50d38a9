//! The main job from nothing to nothing: up, no-op, status, send, results, dead letters, logs, a change,
//! down, and up again at once.

use serde_json::Value;

use super::Stage;
use super::inventory::inventory;
use super::project::{Project, actions, updates};

/// aws-behaviours L10
pub fn whole(stage: &Stage<'_>) {
    // Built by pipectl itself, as users have it.
    let project = Project::with_crates(stage, "lifecycle");
    let up = project.json(&["up"]);
    assert!(
        actions(&up).iter().all(|(_, action)| action == "create"),
        "{up:#}"
    );
    assert!(actions(&up).len() >= 12, "{up:#}");
    let product = up["data"]["product"]["name"].as_str().expect("a product");
    assert_eq!(product, stage.row.name.to_lowercase());

    assert_eq!(project.up(), [], "a second up makes no write call");
    let planned = project.json(&["plan", "--detailed-exitcode"]);
    assert_eq!(actions(&planned), []);

    let status = project.json(&["status"]);
    let resources = status["data"]["targets"][0]["resources"]
        .as_array()
        .expect("resources");
    assert!(
        resources.iter().all(|resource| resource["healthy"] == true),
        "{status:#}"
    );

    let files = ["samples/app-100.ndjson", "samples/app-malformed.ndjson"];
    let sent = project.json(&["send", files[0], files[1]]);
    let sent = sent["data"]["sent"].as_array().expect("sent");
    assert_eq!(sent[0]["result"]["lines"], 100, "{sent:#?}");
    assert_eq!(sent[1]["result"]["malformed"], 10, "{sent:#?}");
    project.results(2);
    dead_letters(&project);
    story(
        &project,
        sent[0]["result"]["job_id"].as_str().expect("an id"),
    );

    let mut there = inventory(&project.probe(), &project.name);
    let all = there.len();
    there.dedup();
    assert_eq!(there.len(), all, "something is there twice: {there:?}");
    assert!(all >= 12, "{there:?}");

    project.edit(&[("max_receives: 5", "max_receives: 6")]);
    assert_eq!(project.up(), updates(&["queues.jobs"]));

    let refused = project.json_of(&["down"], 77);
    assert!(refused["error"]["code"].is_string(), "{refused:#}");
    project.down();
    let nothing = project.json(&["down"]);
    let deleted = nothing["data"]["deleted"].as_array().map(Vec::len);
    assert_eq!(deleted, Some(0), "{nothing:#}");

    assert_eq!(inventory(&project.probe(), &project.name), [] as [&str; 0]);

    // At once: nothing of the old stack is in the way, and nothing of it is left in the new one.
    assert!(project.up().len() >= 12);
    assert_eq!(project.letters("jobs-dlq"), [] as [Value; 0]);
    project.results(0);
    assert_eq!(project.send(files[0])["lines"], 100);
    project.down();
}

/// A file that can never be read waits with its reason, goes through again, waits again, and is deleted.
fn dead_letters(project: &Project<'_>) {
    let file = "binary.ndjson";
    project.env.write(file, [0u8, 159, 146, 150, 10, 255]);
    let _ = project.run(&["send", file]).expect_code(1);
    let first = project.letter("jobs-dlq", &Value::Null);
    assert_eq!(first["why"]["code"], "no_record", "{first:#}");
    assert_eq!(first["files"][0]["key"], "logs/binary.ndjson", "{first:#}");
    let redriven = project.json(&["dlq", "redrive", "--all"]);
    let report = &redriven["data"]["queues"][0];
    assert_eq!(report["done"], 1, "{redriven:#}");
    assert_eq!(report["how"], project.stage.row.redrives_by, "{redriven:#}");
    let again = project.letter("jobs-dlq", &first["message_id"]);
    assert_eq!(again["why"]["code"], "no_record", "{again:#}");
    let dropped = project.json(&["dlq", "drop", "--all", "--force"]);
    assert_eq!(dropped["data"]["queues"][0]["done"], 1, "{dropped:#}");
}

/// What functions wrote arrives a while after what they did.
fn story(project: &Project<'_>, job: &str) {
    let expected = [("trigger", "sent"), ("worker", "begun"), ("worker", "done")];
    project.await_data("the story of a file", &["logs", "--job", job], |data| {
        let events = data["events"].as_array()?.iter();
        let said = events
            .filter(|event| event["kind"] == "json")
            .filter_map(|event| Some((event["function"].as_str()?, event["message"].as_str()?)));
        said.eq(expected).then_some(())
    });
}
