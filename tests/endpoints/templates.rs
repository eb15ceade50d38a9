//! Templates of a stack: deployed with CloudFormation, changed as the plan shows, made anew after a failure,
//! and taken down.

use pipectl_testkit::FaultProxy;
use pipectl_testkit::probe::{element, expect};
use serde_json::Value;

use super::Stage;
use super::project::{Project, actions, updates};

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
    // What says something else and changes no resource is told by CloudFormation alone, and is no change either.
    // Where an update changes nothing anyhow, such a difference is an update, too.
    let unused = "\nMappings:\n  Unused: { one: { two: three } }\n";
    let unused = text.replace("\nMappings:\n", unused);
    assert_ne!(unused, text);
    project.env.write(FILE, unused);
    proxy.reset();
    if stage.row.updates_templates {
        assert_eq!(project.up(), []);
        assert_eq!(calls(&proxy, "DeleteChangeSet"), 1, "nothing is left of it");
    } else {
        assert_eq!(project.up(), updates(&["templates.observability"]));
    }
    assert_eq!(calls(&proxy, "CreateChangeSet"), 1, "it was asked");

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

/// A template with stores, a secret and an output.
const STORES: &str = "\
Description: zu spät
Parameters:
  Label: { Type: String, Default: a }
  Secret: { Type: String, NoEcho: true }
Resources:
  Buffer: { Type: AWS::SQS::Queue }
  Topic: { Type: AWS::SNS::Topic, Properties: { DisplayName: !Ref Label } }
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: id, AttributeType: S }]
      KeySchema: [{ AttributeName: id, KeyType: HASH }]
Outputs:
  Label: { Value: !Ref Label }
";
const WITH_STORES: &str = "\
stack: inner
functions:
  f: { artifact: f.zip, environment: { LABEL: '${templates.observability.outputs.Label}' } }
templates:
  observability:
    file: templates/stores.yaml
    parameters: { Label: a, Secret: hidden-word }
";

/// aws-behaviours F8
pub fn what_it_made_is_its_own(stage: &Stage<'_>) {
    let project = Project::with_zips(stage, "inner");
    project.env.write("f.zip", &stage.artifacts.idle[0]);
    let stack = |stack: &str| project.env.write("stacks/log-pipeline.yaml", stack);
    project.env.write("templates/stores.yaml", STORES);
    stack(WITH_STORES);
    project.up();
    // The queue and the table are called as ours are, and have our tags: they are the template's all the same.
    assert_eq!(project.up(), []);
    // The description is nothing that CloudFormation changes.
    project
        .env
        .write("templates/stores.yaml", STORES.replace("zu", "viel zu"));
    assert_eq!(project.up(), []);

    // Who refers to an output has the new one in the same run.
    let relabelled = WITH_STORES.replace("Label: a", "Label: b");
    stack(&relabelled);
    let updates = |ids: &[&str]| super::project::updates(ids);
    let planned = project.run(&["plan", "--output", "json"]).expect_success();
    assert!(
        !planned.stdout.contains("hidden-word"),
        "{}",
        planned.stdout
    );
    let mut done = project.up();
    done.sort();
    assert_eq!(done, updates(&["functions.f", ID]));
    assert_eq!(variable(&project), "b");
    assert_eq!(project.up(), []);

    // Nobody loses a table without having agreed.
    let (before, after) = STORES.split_once("  Table:").expect("a table");
    let (_, outputs) = after.split_once("Outputs:").expect("outputs");
    let without = format!("{before}Outputs:{outputs}");
    project.env.write("templates/stores.yaml", without);
    let refused = project.json_of(&["up"], 77).to_string();
    assert!(
        refused.contains("Table (AWS::DynamoDB::Table)"),
        "{refused}"
    );
    let mut gone = actions(&project.json(&["up", "--force"]));
    gone.sort();
    // The function's output might have been another one.
    assert_eq!(gone, updates(&["functions.f", ID]));
    assert_eq!(project.up(), []);

    assert!(project.json_of(&["down"], 77).to_string().contains(ID));
    let _ = project.json(&["down", "--force"]);
    assert_eq!(described(&project), None, "nothing is left");
}

/// The variable of the function.
fn variable(project: &Project<'_>) -> String {
    let path = format!(
        "/2015-03-31/functions/{}/configuration",
        project.physical("f")
    );
    let answer = expect(project.probe().lambda("GET", &path, &Value::Null));
    let found = pipectl_testkit::probe::parsed(&answer);
    let value = found["Environment"]["Variables"]["LABEL"].as_str();
    value.unwrap_or_default().to_owned()
}
