//! `pipectl parity`: the whole catalogue on the embedded target, compared with itself, and what goes wrong.

mod bad_input;
mod stacks;

use pipectl::parity::catalogue;
use pipectl_testkit::probe::{expect, parsed};
use pipectl_testkit::{Probe, Serving, TestEnv, Transcript, free_port};
use serde_json::{Value, json};

/// The program under test.
const BINARY: &str = env!("CARGO_BIN_EXE_pipectl");

/// Another endpoint of pipectl's own emulator, as any endpoint of LocalStack's protocol.
struct Other {
    serving: Serving,
    // Last: its data goes after it.
    _env: TestEnv,
}

impl Other {
    fn start() -> Self {
        let env = TestEnv::empty(BINARY);
        let mut serving = env.serve(free_port());
        serving.ready();
        Self { serving, _env: env }
    }

    fn url(&self) -> &str {
        self.serving.endpoint()
    }

    /// As the second target.
    fn target(&self) -> String {
        format!("localstack={}", self.url())
    }
}

/// `pipectl parity ARGUMENTS`, as JSON.
fn parity(env: &TestEnv, arguments: &[&str]) -> Transcript {
    let all = [&["parity"], arguments, &["--output", "json"]].concat();
    env.pipectl(&all)
}

/// Everything at an endpoint: queues, tables, functions, log groups, buckets.
fn all(endpoint: &str) -> Vec<String> {
    let probe = Probe::new(endpoint);
    let list = |answer: std::io::Result<pipectl_testkit::http::Response>, field: &str| {
        let answer = parsed(&expect(answer));
        let listed = answer[field].as_array().cloned().unwrap_or_default();
        listed.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let functions = "/2015-03-31/functions/?MaxItems=1000";
    let mut all = list(probe.sqs("ListQueues", &json!({})), "QueueUrls");
    all.extend(list(probe.dynamodb("ListTables", &json!({})), "TableNames"));
    all.extend(list(
        probe.lambda("GET", functions, &Value::Null),
        "Functions",
    ));
    all.extend(list(
        probe.logs("DescribeLogGroups", &json!({})),
        "logGroups",
    ));
    let buckets = expect(probe.s3("/")).text();
    all.extend(buckets.split("<Bucket>").skip(1).map(str::to_owned));
    all
}

/// Nothing is left at an endpoint.
fn is_empty(endpoint: &str) {
    assert_eq!(all(endpoint), Vec::<String>::new());
}

/// The row of a scenario.
fn row<'d>(data: &'d Value, name: &str) -> &'d Value {
    let rows = data["rows"].as_array().expect("rows");
    let found = rows.iter().find(|row| row["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {data:#}"))
}

/// aws-behaviours L22, L23, L24, L25
#[test]
fn the_whole_catalogue_is_as_on_aws_on_the_embedded_target() {
    let env = TestEnv::new(BINARY);
    let other = Other::start();
    let told = parity(&env, &["embedded", &other.target(), "--at-least", "100"]).expect_success();
    let told = told.json();
    let data = &told["data"];
    assert_eq!(data["complete"], json!(true));
    assert_eq!(
        (&data["equal"], &data["all"]),
        (&json!(44), &json!(44)),
        "{data:#}"
    );
    for scenario in catalogue::all() {
        let row = row(data, &scenario.name);
        assert_eq!(row["unlike_aws"], json!([[], []]), "{row:#}");
        for outcome in row["outcomes"].as_array().expect("outcomes") {
            for (fact, value, _) in scenario.aws {
                // That it is not unlike AWS could mean that nobody saw it.
                assert_eq!(outcome["facts"][fact], *value, "{}: {fact}", scenario.name);
            }
        }
    }
    is_empty(other.url());
    // It was started for this, and serves nobody any more.
    assert_eq!(env.emulator(), None);
    let report = env
        .root()
        .join("results/parity_embedded_embedded-2_latest.md");
    let report = std::fs::read_to_string(report).expect("the report");
    assert!(
        report.contains("44 of 44 scenarios are equal: 100.0 %"),
        "{report}"
    );
    assert!(!report.contains("What differs"), "{report}");
}

/// docs/parity.md names every scenario, with its words and what it needs.
#[test]
fn the_document_has_the_scenarios_of_the_catalogue() {
    let path = pipectl_testkit::repository().join("docs/parity.md");
    let text = std::fs::read_to_string(path).expect("the document");
    let named: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let all: Vec<String> = catalogue::all()
        .iter()
        .map(|one| format!("| `{}` | {} | {} |", one.name, one.title, one.need.words()))
        .collect();
    assert_eq!(named, all);
}
