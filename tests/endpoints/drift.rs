//! Changes made past pipectl are told by `plan`, repaired by `up`, and the next file goes through.

use pipectl_testkit::probe::expect;
use serde_json::{Value, json};

use super::Stage;
use super::inventory::mappings;
use super::project::{Project, actions};

/// Something done past pipectl: what, how, and what the plan says then.
type Drift = (
    &'static str,
    fn(&Project<'_>),
    &'static [(&'static str, &'static str)],
);

/// aws-behaviours L9
pub fn told_and_repaired(stage: &Stage<'_>) {
    let project = Project::with_zips(stage, "drift");
    project.up();
    let drifts: &[Drift] = &[
        (
            "attributes",
            |project| {
                attribute_of_a_queue(project);
                settings_of_a_function(project);
            },
            &[("queues.jobs", "update"), ("functions.worker", "update")],
        ),
        (
            "the wiring",
            |project| {
                no_mapping(project);
                no_notification(project);
            },
            &[
                ("notifications.uploads", "create"),
                ("mappings.jobs-worker", "create"),
            ],
        ),
    ];
    for (what, make, expected) in drifts {
        make(&project);
        let mut expected: Vec<_> = expected
            .iter()
            .map(|(id, action)| ((*id).to_owned(), (*action).to_owned()))
            .collect();
        expected.sort();
        let planned = project.json_of(&["plan", "--detailed-exitcode"], 2);
        let mut found = actions(&planned);
        found.sort();
        assert_eq!(found, expected, "{what}: {planned:#}");
        let mut repaired = project.up();
        repaired.sort();
        assert_eq!(repaired, expected, "{what}");
        assert_eq!(project.up(), [], "{what} is repaired");
        project.send("samples/app-100.ndjson");
    }
    project.down();
}

fn attribute_of_a_queue(project: &Project<'_>) {
    let probe = project.probe();
    let url = probe.queue_url(&project.physical("jobs"));
    let request = json!({ "QueueUrl": url, "Attributes": { "VisibilityTimeout": "77" } });
    expect(probe.sqs("SetQueueAttributes", &request));
}

fn settings_of_a_function(project: &Project<'_>) {
    project.configure("worker", |settings| {
        settings["Timeout"] = 7.into();
        settings["Environment"]["Variables"]["RESULTS_TABLE"] = "another".into();
    });
}

fn no_mapping(project: &Project<'_>) {
    let probe = project.probe();
    let found = mappings(&probe, &project.physical("worker"));
    let [mapping] = &found[..] else {
        panic!("one mapping: {found:#?}");
    };
    let uuid = mapping["UUID"].as_str().expect("a UUID");
    let path = format!("/2015-03-31/event-source-mappings/{uuid}");
    expect(probe.lambda("DELETE", &path, &Value::Null));
}

fn no_notification(project: &Project<'_>) {
    let path = format!("/{}?notification", project.physical("uploads"));
    let none = b"<NotificationConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"/>";
    expect(project.probe().request("PUT", &path, &[], none));
}
