//! Templates of a stack: deployed with CloudFormation, changed as the plan shows, made anew after a failure,
//! and taken down.

use pipectl_testkit::FaultProxy;
use pipectl_testkit::probe::{element, expect};
use serde_json::Value;

use super::Stage;
use super::project::Project;

/// Logical id of the template in the stack.
const ID: &str = "templates.observability";
/// The template in a project.
const FILE: &str = "templates/observability.yaml";

/// A template that can be made; with a resource that cannot, CloudFormation takes all of it back.
const SOUND: &str = "Resources:\n  Topic: { Type: AWS::SNS::Topic }\n";

/// aws-behaviours F2, F6
pub fn deployed_and_changed(stage: &Stage<'_>) {
    let proxy = FaultProxy::start(stage.url);
    let mut project = Project::with_zips(stage, "templates");
    proxy.url().clone_into(&mut project.url);
    project.edit(&[(
        "outputs:\n",
        "outputs:\n  alarm: \"${templates.observability.outputs.DeadLettersWaiting}\"\n",
    )]);
    let up = project.run(&["up", "--output", "json"]).expect_success();
    let told = up.json();
    let made = step(&told);
    assert_eq!(made["action"], "create", "{told:#}");
    let shown = made["changes"].as_array().expect("what is made");
    assert!(
        shown
            .iter()
            .any(|change| change["field"] == "resources.Pipeline"
                && change["to"] == "AWS::CloudWatch::Dashboard")
    );
    // What an endpoint passes over is told, and does not count.
    let passed_over = up.stderr.contains("\"event\":\"part_not_made\"");
    assert_eq!(passed_over, !stage.row.makes_dashboards, "{}", up.stderr);
    let alarm = told["data"]["outputs"]["alarm"]
        .as_str()
        .unwrap_or_default();
    assert!(alarm.starts_with("templates-observability-"), "{told:#}");
    let status = described(&project).expect("a stack");
    assert!(
        status.contains("CREATE_COMPLETE") && status.contains("pipectl:stack"),
        "{status}"
    );
    assert_eq!(project.up(), []);

    // How it is written is no change of it.
    let text = std::fs::read_to_string(project.env.root().join(FILE)).expect("the template");
    project.env.write(FILE, format!("# a comment\n{text}"));
    assert_eq!(project.up(), []);

    // What a plan shows is a change set that is gone afterwards.
    project
        .env
        .write(FILE, text.replace("Period: 60", "Period: 120"));
    project.edit(&[(
        "      DeadLetterQueueName",
        "      OldestJobSeconds: \"300\"\n      DeadLetterQueueName",
    )]);
    proxy.reset();
    let plan = project.json(&["plan"]);
    let fields = fields(&plan);
    for field in [
        "parameters.OldestJobSeconds",
        "resources.JobsWaitTooLong",
        "resources.DeadLettersWaiting",
    ] {
        assert!(fields.contains(&field.to_owned()), "{plan:#}");
    }
    assert_eq!(calls(&proxy, "DeleteChangeSet"), 1);
    assert_eq!(calls(&proxy, "ExecuteChangeSet"), 0);
    // And what `up` carries out is the one that it shows.
    proxy.reset();
    assert_eq!(project.up(), [(ID.to_owned(), "update".to_owned())]);
    assert_eq!(calls(&proxy, "CreateChangeSet"), 1);
    assert_eq!(calls(&proxy, "ExecuteChangeSet"), 1);
    assert!(
        described(&project)
            .expect("a stack")
            .contains("UPDATE_COMPLETE")
    );
    assert_eq!(project.up(), []);

    project.down();
    assert_eq!(described(&project), None, "nothing is left");
}

/// aws-behaviours F1
pub fn failed_and_made_anew(stage: &Stage<'_>) {
    let project = Project::with_zips(stage, "broken-templ");
    let broken = format!("{SOUND}  Broken: {}\n", stage.row.breaks_templates);
    project.env.write("templates/small.yaml", broken);
    project.env.write(
        "stacks/log-pipeline.yaml",
        "stack: broken-templ\ntemplates: { observability: { file: templates/small.yaml } }\n",
    );
    let failed = project.json_of(&["up"], 1).to_string();
    assert!(failed.contains("Broken (AWS::"), "{failed}");
    project.env.write("templates/small.yaml", SOUND);
    assert_eq!(project.up(), [(ID.to_owned(), "replace".to_owned())]);
    assert_eq!(project.up(), []);
    let down = project.json(&["down"]);
    assert_eq!(down["data"]["deleted"], serde_json::json!([ID]));
    assert_eq!(described(&project), None, "nothing is left");
}

/// The step of the template in a plan.
fn step(told: &Value) -> &Value {
    let plan = &told["data"]["plan"];
    let steps = plan["steps"].as_array().expect("steps");
    steps.iter().find(|step| step["id"] == ID).expect("a step")
}

fn fields(told: &Value) -> Vec<String> {
    let changes = step(told)["changes"].as_array().expect("changes");
    let fields = changes.iter().filter_map(|change| change["field"].as_str());
    fields.map(str::to_owned).collect()
}

fn calls(proxy: &FaultProxy, operation: &str) -> usize {
    let calls = proxy.calls();
    calls
        .iter()
        .filter(|call| call.operation == operation)
        .count()
}

/// What CloudFormation says of the stack; none when it is not there.
fn described(project: &Project<'_>) -> Option<String> {
    let name = project.physical("observability");
    let probe = project.probe();
    let answer = probe.query("cloudformation", "DescribeStacks", &[("StackName", &name)]);
    let answer = answer.expect("an answer");
    if answer.status == 400 {
        assert_eq!(element(&answer.text(), "Code"), Some("ValidationError"));
        return None;
    }
    Some(expect(Ok(answer)).text())
}
