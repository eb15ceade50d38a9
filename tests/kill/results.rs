//! What the pipeline made of it all: one result of each log file and of each invocation, no other, and
//! nothing left over in any queue.

use std::collections::BTreeMap;
use std::time::Duration;

use pipectl_testkit::probe::Probe;
use pipectl_testkit::until;
use serde_json::Value;

use crate::BUCKET;
use crate::invocations::{self, Invocations};
use crate::objects::LogFile;

const TABLE: &str = "log-pipeline-results";
const JOBS: &str = "log-pipeline-jobs";
const DEAD: [&str; 2] = ["log-pipeline-jobs-dlq", "log-pipeline-uploads-dlq"];
/// How long the pipeline may take for what the kills left to it: less than the visibility timeout of the
/// jobs (three minutes), for those that were at work at a kill are given back at the next start.
const PATIENCE: Duration = Duration::from_mins(2);

/// A job: what its result must say, and whether there must be one.
struct Job {
    key: String,
    lines: usize,
    acknowledged: bool,
}

/// What was found.
#[derive(Debug)]
pub struct Found {
    pub results: usize,
    /// Most receives that a job needed.
    pub most_receives: u64,
}

/// Waits until the pipeline has nothing more to do, then compares its results with what was uploaded and
/// invoked.
pub fn check(probe: &Probe, files: Vec<LogFile>, invocations: &Invocations) -> Found {
    let mut jobs = BTreeMap::new();
    for file in files {
        let id = model::job_id(BUCKET, &file.key, Some(&file.version_id), None);
        let job = Job {
            key: file.key,
            lines: file.lines,
            acknowledged: true,
        };
        assert!(jobs.insert(id, job).is_none(), "two jobs with one id");
    }
    for (id, acknowledged) in invocations.jobs() {
        let job = Job {
            key: invocations::KEY.to_owned(),
            lines: invocations::LINES,
            acknowledged,
        };
        assert!(jobs.insert(id, job).is_none(), "two jobs with one id");
    }
    let wanted = jobs.values().filter(|job| job.acknowledged).count();

    let mut idle = 0;
    let results = until("the pipeline is through", PATIENCE, || {
        let dead: u64 = DEAD.iter().map(|queue| probe.depth(queue).all()).sum();
        assert_eq!(dead, 0, "good work is dead: {}", letters(probe));
        let depth = probe.depth(JOBS);
        let results = probe.scan(TABLE);
        let there = |id: &str| results.iter().any(|result| result["job_id"]["S"] == *id);
        let missing: Vec<&str> = jobs
            .iter()
            .filter(|(id, job)| job.acknowledged && !there(id))
            .map(|(_, job)| job.key.as_str())
            .collect();
        // What was invoked without an answer may be on its way still: more than one look has to agree.
        idle = if missing.is_empty() && depth.all() == 0 {
            idle + 1
        } else {
            0
        };
        if idle >= 5 {
            Ok(results)
        } else {
            let some = &missing[..missing.len().min(5)];
            Err(format!(
                "{} of {wanted} results missing, such as {some:?}; jobs: {depth:?}",
                missing.len()
            ))
        }
    });

    let mut most_receives = 0;
    for result in &results {
        let id = result["job_id"]["S"].as_str().expect("an id");
        let job = jobs.get(id);
        let job = job.unwrap_or_else(|| panic!("a result of nothing that was attempted: {result}"));
        assert_eq!(result["status"]["S"], "done", "{result}");
        assert_eq!(result["key"]["S"], *job.key, "{result}");
        assert_eq!(result["lines"]["N"], job.lines.to_string(), "{result}");
        most_receives = most_receives.max(number(&result["receive_count"]));
    }
    Found {
        results: results.len(),
        most_receives,
    }
}

fn number(value: &Value) -> u64 {
    value["N"]
        .as_str()
        .and_then(|text| text.parse().ok())
        .expect("a number")
}

/// What is in the dead letter queues.
fn letters(probe: &Probe) -> String {
    let messages: Vec<Value> = DEAD
        .iter()
        .flat_map(|queue| probe.receive(queue, 0))
        .collect();
    format!("{messages:#?}")
}
