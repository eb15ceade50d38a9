//! What Lambda reports of the invocations that worked on the files: read from the functions' logs after the run,
//! so that reading them is in no figure. A report of a worker is of its batch. Lambda writes no line for an
//! invocation that it throttles: a throttle shows as a longer hop or as a second delivery.

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::row::Row;
use crate::operate::logs::{self, LineKind, LogEvent};
use crate::resource::{CallError, Context};
use crate::stack::model::Stack;
use crate::wait;

/// Files of which logs are read; those of more would be read for longer than the run took.
const MOST_FILES: usize = 2_000;
/// Looks at the logs: lines come in with a delay.
const LOOKS: usize = 8;

/// What a report tells of one invocation.
#[derive(Debug, Clone, Copy, Default)]
struct Report {
    billed_ms: Option<f64>,
    init_ms: Option<f64>,
    memory_mb: Option<f64>,
}

/// Reports by function and job.
#[derive(Debug, Default)]
struct Found {
    /// The invocation that each log stream runs.
    current: HashMap<(String, String), String>,
    /// The last invocation of a function that named a job.
    jobs: HashMap<(String, String), String>,
    reports: HashMap<(String, String), Report>,
}

impl Found {
    fn take(&mut self, event: LogEvent) {
        let stream = (event.function.clone(), event.stream.clone());
        if event.line.kind == LineKind::Start
            && let Some(request) = &event.line.request_id
        {
            self.current.insert(stream.clone(), request.clone());
        }
        let request = event.line.request_id.clone();
        let request = request.or_else(|| self.current.get(&stream).cloned());
        let Some(request) = request else { return };
        if let Some(job) = event.line.fields.get("job_id").and_then(|job| job.as_str()) {
            let job = (event.function.clone(), job.to_owned());
            self.jobs.insert(job, request.clone());
        }
        if event.line.kind == LineKind::Report {
            let report = Report {
                billed_ms: event.line.figure("billed_ms"),
                init_ms: event.line.figure("init_ms"),
                memory_mb: event.line.figure("max_memory_mb"),
            };
            self.reports.insert((event.function, request), report);
        }
    }

    fn of(&self, function: &str, job: &str) -> Option<Report> {
        let request = self.jobs.get(&(function.to_owned(), job.to_owned()))?;
        self.reports
            .get(&(function.to_owned(), request.clone()))
            .copied()
    }
}

/// Adds what the logs since `from` (milliseconds since the Unix epoch) tell of the rows' files.
pub async fn add(
    cx: &Context,
    stack: &Stack,
    rows: &mut [Row],
    from: i64,
) -> Result<(), CallError> {
    if rows.len() > MOST_FILES {
        return Ok(());
    }
    let trigger = stack
        .notifications
        .first()
        .map(|wiring| wiring.function.clone());
    let worker = stack
        .mappings
        .first()
        .map(|mapping| mapping.function.clone());
    let groups = logs::groups(stack, &cx.place, None);
    for look in 0..LOOKS {
        let mut found = Found::default();
        logs::read::read(&cx.clients, &groups, from, &mut |event| {
            found.take(event);
            ControlFlow::Continue(())
        })
        .await?;
        let mut missing = false;
        for row in rows.iter_mut().filter(|row| !row.job_id.is_empty()) {
            let of = |function: &Option<String>| {
                let function = function.as_deref()?;
                found.of(function, &row.job_id)
            };
            let (trigger, worker) = (of(&trigger), of(&worker));
            missing |= row.is_done() && (trigger.is_none() || worker.is_none());
            if let Some(report) = trigger {
                row.trigger_billed_ms = report.billed_ms;
                row.trigger_init_ms = report.init_ms;
                row.trigger_memory_mb = report.memory_mb;
            }
            if let Some(report) = worker {
                row.worker_billed_ms = report.billed_ms;
                row.worker_init_ms = report.init_ms;
                row.worker_memory_mb = report.memory_mb;
            }
        }
        // Where no report is written at all, none will come.
        if !missing || (found.reports.is_empty() && look > 0) {
            break;
        }
        wait::pause(cx.place.target.row.deadlines.tail.0).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_belongs_to_the_jobs_that_its_invocation_named() {
        let job = "ab".repeat(32);
        let named = format!(r#"{{"level":"INFO","fields":{{"message":"sent"}},"job_id":"{job}"}}"#);
        let mut found = Found::default();
        for (stream, line) in [
            (
                "s1",
                "START RequestId: 11111111-1111-4111-8111-111111111111 Version: $LATEST",
            ),
            (
                "s2",
                "START RequestId: 22222222-2222-4222-8222-222222222222 Version: $LATEST",
            ),
            ("s1", &*named),
            (
                "s2",
                "REPORT RequestId: 22222222-2222-4222-8222-222222222222\tDuration: 9 ms\tBilled Duration: 10 ms\tMemory Size: 256 MB\tMax Memory Used: 30 MB\t",
            ),
            (
                "s1",
                "REPORT RequestId: 11111111-1111-4111-8111-111111111111\tDuration: 1.5 ms\tBilled Duration: 2 ms\tMemory Size: 256 MB\tMax Memory Used: 20 MB\tInit Duration: 14.2 ms\t",
            ),
        ] {
            found.take(LogEvent::new(0, "trigger", stream, line));
        }
        let report = found.of("trigger", &job).expect("a report");
        assert_eq!(
            (report.billed_ms, report.init_ms, report.memory_mb),
            (Some(2.0), Some(14.2), Some(20.0))
        );
        assert!(found.of("worker", &job).is_none());
    }
}
