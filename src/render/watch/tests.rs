use insta::assert_snapshot;
use model::JobResult;
use serde_json::{Value, json};

use super::*;
use crate::operate::status::{LastResult, StackStatus};
use crate::stack::model::LogicalId;

const SECOND: Duration = Duration::from_secs(2);

fn resource(kind: Kind, name: &str, state: &str, facts: Value) -> ResourceStatus {
    ResourceStatus {
        id: LogicalId::new(kind, name),
        name: format!("log-pipeline-{name}"),
        state: state.to_owned(),
        facts: serde_json::from_value(facts).expect("facts"),
        healthy: !["Absent", "Disabled"].contains(&state),
    }
}

fn queue(name: &str, visible: u64, in_flight: u64) -> ResourceStatus {
    let facts = json!({ "visible": visible, "in_flight": in_flight, "delayed": 0 });
    resource(Kind::Queue, name, "Available", facts)
}

fn result(key: &str, failed: bool) -> JobResult {
    let mut json = json!({
        "job_id": "0123456789abcdef".repeat(4), "status": "done", "bucket": "b", "key": key,
        "size": 1, "lines": 1_000, "malformed": 0, "error_rate": 0.054,
        "processed_at": "2025-11-25T10:00:00.000Z", "day": "2025-11-25#0", "expires_at": 0,
        "timings": { "trigger_start_ms": 0, "sent_ms": 0, "trigger_cold": false },
    });
    if failed {
        json["status"] = "failed".into();
        json["reason"] = json!({ "code": "no_record", "text": "none" });
    }
    serde_json::from_value(json).expect("a result")
}

fn flow(name: &str, messages: u64, change: f64, no_decrease_ms: Option<u64>) -> QueueFlow {
    QueueFlow {
        id: LogicalId::new(Kind::Queue, name),
        messages,
        change_per_s: Some(change),
        no_decrease_ms,
    }
}

fn target(resources: Vec<ResourceStatus>) -> TargetLook {
    TargetLook {
        status: StackStatus {
            target: "embedded".to_owned(),
            endpoint: "http://127.0.0.1:41234".to_owned(),
            at: "2025-11-25T10:00:12.000Z".to_owned(),
            resources,
            last_results: Vec::new(),
        },
        error: None,
        queues: Vec::new(),
        new_results: Some(0),
        results_per_s: None,
        came: Vec::new(),
    }
}

fn stack(targets: Vec<TargetLook>) -> StackLook {
    StackLook {
        stack: "log-pipeline".to_owned(),
        at: "2025-11-25T10:00:12.345Z".to_owned(),
        healthy: true,
        targets,
    }
}

/// A pipeline at work.
fn busy() -> TargetLook {
    let mut look = target(vec![
        resource(Kind::Bucket, "uploads", "Available", json!({})),
        queue("jobs", 1_312, 50),
        queue("jobs-dlq", 1, 0),
        queue("uploads-dlq", 0, 0),
        resource(Kind::Table, "results", "ACTIVE", json!({ "items": 4_711 })),
        resource(Kind::LogGroup, "worker", "Available", json!({})),
        resource(Kind::Function, "worker", "Active", json!({})),
        resource(Kind::Mapping, "jobs-worker", "Disabled", json!({})),
        resource(Kind::Permission, "uploads-trigger", "Available", json!({})),
    ]);
    look.queues = vec![
        flow("jobs", 1_362, 7.5, Some(42_000)),
        flow("jobs-dlq", 1, 0.0, Some(125_000)),
        flow("uploads-dlq", 0, -0.5, None),
    ];
    look.results_per_s = Some(12.0);
    let long = format!("logs/{}.ndjson", "very-".repeat(12));
    look.status.last_results = [
        ("logs/app-1000.ndjson", false, 900),
        (&long, true, 3_720_000),
    ]
    .map(|(key, failed, age_ms)| LastResult {
        result: result(key, failed),
        age_ms: Some(age_ms),
    })
    .to_vec();
    look
}

fn frame(look: &StackLook, size: (usize, usize)) -> String {
    let lines = watched(look, SECOND, size);
    assert!(lines.len() <= size.1, "{lines:#?}");
    for line in &lines {
        assert!(console::measure_text_width(line) <= size.0, "{line}");
    }
    console::strip_ansi_codes(&lines.join("\n")).into_owned()
}

#[test]
fn a_look_fits_the_screen() {
    let look = stack(vec![busy()]);
    assert_snapshot!("80_columns", frame(&look, (79, 50)));
    assert_snapshot!("40_columns", frame(&look, (39, 50)));
    assert_snapshot!("80_columns_19_lines", frame(&look, (79, 19)));
    assert_snapshot!("80_columns_17_lines", frame(&look, (79, 17)));
    assert_snapshot!("80_columns_10_lines", frame(&look, (79, 10)));
    assert_snapshot!("80_columns_4_lines", frame(&look, (79, 4)));
    for size in [(1, 1), (5, 2)] {
        frame(&look, size);
    }
}

#[test]
fn a_target_that_cannot_be_read_is_told_beside_the_others() {
    let mut away = target(Vec::new());
    away.status.target = "localstack".to_owned();
    away.status.endpoint = String::new();
    away.error = Some("nobody\u{1b}[2J answers".to_owned());
    let look = stack(vec![target(vec![queue("jobs", 0, 0)]), away]);
    assert_snapshot!("two_targets", frame(&look, (79, 50)));
    let begun = watch_begun(&look);
    assert_snapshot!("two_targets_begun", console::strip_ansi_codes(&begun));
}

fn told(before: &TargetLook, now: &TargetLook) -> String {
    let look = |target: &TargetLook| stack(vec![target.clone()]);
    let text = watch_changes(&look(before), &look(now)).unwrap_or_default();
    let text = console::strip_ansi_codes(&text);
    text.replace("2025-11-25T10:00:12.000Z ", "")
}

#[test]
fn nothing_is_told_when_nothing_changed() {
    let mut now = busy();
    now.queues[0].no_decrease_ms = Some(44_000);
    now.queues[0].change_per_s = Some(0.0);
    now.status.last_results[0].age_ms = Some(2_900);
    assert_eq!(told(&busy(), &now), "");
}

#[test]
fn what_changed_is_told_a_line_each() {
    let mut now = busy();
    now.status.resources[1] = queue("jobs", 1_300, 48);
    now.queues[0].change_per_s = Some(-7.0);
    now.status.resources[4]
        .facts
        .insert("items".to_owned(), json!(4_712));
    now.status.resources[7].state = "Enabled".to_owned();
    now.status.resources.pop();
    now.status.resources.push(queue("late", 0, 0));
    now.came = vec![result("logs/a.log", false), result("logs/b\u{7}.log", true)];
    assert_eq!(
        told(&busy(), &now),
        "queues.jobs: in flight 50 → 48, visible 1312 → 1300 (-7.0 per second)\n\
         tables.results: items 4711 → 4712\n\
         mappings.jobs-worker: Disabled → Enabled\n\
         queues.late: Available, new in the stack\n\
         permissions.uploads-trigger: no longer in the stack\n\
         result: done logs/a.log, 1000 lines, job 0123456789ab…\n\
         result: failed logs/b\u{fffd}.log, no_record, job 0123456789ab…"
    );
    now = busy();
    now.came = vec![result("logs/a.log", false); 13];
    let lines = told(&busy(), &now);
    assert_eq!(lines.lines().count(), MOST_RESULTS + 1);
    assert!(lines.ends_with("result: 3 more"), "{lines}");
}

#[test]
fn a_target_that_goes_and_comes_back_is_told_once_each() {
    let mut away = target(Vec::new());
    away.error = Some("nobody answers".to_owned());
    assert_eq!(
        told(&busy(), &away),
        "embedded: cannot be read: nobody answers"
    );
    assert_eq!(told(&away, &away), "");
    assert_eq!(
        told(&away, &busy()),
        "embedded: can be read again at http://127.0.0.1:41234: 9 resources, 1 not well: \
         mappings.jobs-worker (Disabled)"
    );
}
