//! What an endpoint has under the name of a stack, asked past pipectl: nothing twice, nothing left.

use pipectl_testkit::Probe;
use pipectl_testkit::probe::{expect, parsed};
use serde_json::{Value, json};

/// The mappings of a function.
pub fn mappings(probe: &Probe, function: &str) -> Vec<Value> {
    let path = format!("/2015-03-31/event-source-mappings/?FunctionName={function}");
    // Some refuse to list those of a function that is not there.
    let answer = probe.lambda("GET", &path, &Value::Null).expect("an answer");
    if answer.status == 404 {
        return Vec::new();
    }
    let found = parsed(&expect(Ok(answer)));
    let all = found["EventSourceMappings"].as_array();
    all.expect("a list").clone()
}

/// Everything that belongs to a stack with the wiring of the log pipeline, each with its kind, the stack's
/// name taken out.
pub fn inventory(probe: &Probe, stack: &str) -> Vec<String> {
    let prefix = format!("{stack}-");
    let mut all = Vec::new();
    let mut add = |kind: &str, names: Vec<String>| {
        let ours = names.iter().filter_map(|name| name.strip_prefix(&prefix));
        all.extend(ours.map(|name| format!("{kind} {name}")));
    };

    let answer = parsed(&expect(
        probe.sqs("ListQueues", &json!({ "QueueNamePrefix": prefix })),
    ));
    let urls = texts(&answer["QueueUrls"]);
    let queues = urls.iter().filter_map(|url| url.rsplit('/').next());
    add("queue", queues.map(str::to_owned).collect());

    let answer = parsed(&expect(probe.dynamodb("ListTables", &json!({}))));
    add("table", texts(&answer["TableNames"]));

    let groups = json!({ "logGroupNamePrefix": format!("/aws/lambda/{prefix}") });
    let answer = parsed(&expect(probe.logs("DescribeLogGroups", &groups)));
    let names = fields(&answer["logGroups"], "logGroupName");
    let names = names.iter().map(|name| name.replace("/aws/lambda/", ""));
    add("log group", names.collect());

    let answer = expect(probe.s3("/")).text();
    let buckets: Vec<String> = elements(&answer, "Name");
    let ours: Vec<String> = buckets
        .into_iter()
        .filter(|bucket| bucket.starts_with(&prefix))
        .collect();
    let mut notifications = Vec::new();
    for bucket in &ours {
        let path = format!("/{bucket}?notification");
        let told = expect(probe.s3(&path)).text();
        let ids = elements(&told, "Id").len();
        notifications.extend((0..ids).map(|_| bucket.clone()));
    }
    add("bucket", ours);
    add("notification of", notifications);

    let path = "/2015-03-31/functions/?MaxItems=1000";
    let answer = parsed(&expect(probe.lambda("GET", path, &Value::Null)));
    let functions = fields(&answer["Functions"], "FunctionName");
    let mut statements = Vec::new();
    for function in functions.iter().filter(|name| name.starts_with(&prefix)) {
        let path = format!("/2015-03-31/functions/{function}/policy");
        let answer = probe.lambda("GET", &path, &Value::Null).expect("an answer");
        // There is no policy without a statement.
        if answer.status == 404 {
            continue;
        }
        let policy = parsed(&expect(Ok(answer)));
        let policy: Value =
            serde_json::from_str(policy["Policy"].as_str().expect("a policy")).expect("JSON");
        let count = policy["Statement"].as_array().map_or(0, Vec::len);
        statements.extend((0..count).map(|_| function.clone()));
    }
    add("function", functions);
    add("permission of", statements);
    // Also of functions that are gone.
    let answer = parsed(&expect(probe.lambda(
        "GET",
        "/2015-03-31/event-source-mappings/?MaxItems=1000",
        &Value::Null,
    )));
    let listed = answer["EventSourceMappings"].as_array();
    let functions = listed.into_iter().flatten().filter_map(|mapping| {
        let function = mapping["FunctionArn"].as_str()?.split(':').nth(6)?;
        let ours = function.starts_with(&prefix);
        (ours && !is_ghost(probe, mapping)).then(|| function.to_owned())
    });
    let functions = functions.collect();
    add("mapping of", functions);
    all.sort();
    all
}

/// Is it listed as at work, and not there when it is asked for? LocalStack keeps what was deleted before its
/// poller began, and nobody can delete it any more. // aws-behaviours §11
fn is_ghost(probe: &Probe, mapping: &Value) -> bool {
    let uuid = mapping["UUID"].as_str().unwrap_or_default();
    let path = format!("/2015-03-31/event-source-mappings/{uuid}");
    let answer = probe.lambda("GET", &path, &Value::Null).expect("an answer");
    let ghost = mapping["State"] == "Enabled" && answer.status == 404;
    if ghost {
        println!("  a mapping is listed that was deleted before its poller began: {uuid}");
    }
    ghost
}

fn texts(list: &Value) -> Vec<String> {
    let all = list.as_array().into_iter().flatten();
    all.filter_map(|text| text.as_str().map(str::to_owned))
        .collect()
}

fn fields(list: &Value, name: &str) -> Vec<String> {
    let all = list.as_array().into_iter().flatten();
    all.filter_map(|one| one[name].as_str().map(str::to_owned))
        .collect()
}

/// Texts of all elements of this name.
fn elements(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let after = xml.split(&open).skip(1);
    after
        .filter_map(|rest| rest.split(&close).next().map(str::to_owned))
        .collect()
}
