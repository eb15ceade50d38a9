//! Asynchronous invocations: of the trigger, by events that no upload made. Every event names an entity
//! tag of its own, so every one is a job of its own, and its result proves that it was run.

use pipectl_testkit::probe::{Probe, expect};
use serde_json::{Value, json};

use crate::load::{Lane, Load, Scope, acknowledged};
use crate::random::log_file;
use crate::{BUCKET, TRIGGER};

/// Invocations of one round.
const EACH_ROUND: usize = 3;
/// The object that all events are about; not below the prefix that triggers by itself.
pub const KEY: &str = "seed/invoked.ndjson";
/// Its lines.
pub const LINES: usize = 11;

/// The lane: whether each invocation was acknowledged.
#[derive(Debug)]
pub struct Invocations(Vec<bool>);

impl Invocations {
    pub fn new(probe: &Probe) -> Self {
        expect(probe.put_object(BUCKET, KEY, &log_file(u64::MAX, LINES)));
        Self(Vec::new())
    }

    pub fn acknowledged(&self) -> usize {
        self.0.iter().filter(|acknowledged| **acknowledged).count()
    }

    /// Job ids of all attempts, each with whether it was acknowledged.
    pub fn jobs(&self) -> impl Iterator<Item = (String, bool)> + '_ {
        self.0.iter().enumerate().map(|(id, acknowledged)| {
            let job = model::job_id(BUCKET, KEY, None, Some(&etag(id)));
            (job, *acknowledged)
        })
    }
}

impl Lane for Invocations {
    fn load(&mut self, load: &mut Load<'_>) {
        for _ in 0..EACH_ROUND {
            if load.over() {
                return;
            }
            let id = self.0.len();
            self.0.push(false);
            let answer = load.probe.invoke_event(TRIGGER, &event(id));
            if let Some(answer) = acknowledged(answer) {
                assert_eq!(answer.status, 202);
                self.0[id] = true;
            }
        }
    }

    /// Their results are compared at the end.
    fn check(&mut self, _probe: &Probe, _scope: Scope) {}
}

fn etag(id: usize) -> String {
    format!("invoked-{id}")
}

fn event(id: usize) -> Value {
    json!({ "Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1",
        "eventTime": "2026-11-23T10:00:00.000Z", "eventName": "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0", "configurationId": "none",
            "bucket": { "name": BUCKET, "arn": format!("arn:aws:s3:::{BUCKET}") },
            "object": { "key": KEY, "size": 1_000, "eTag": etag(id), "sequencer": "01" },
        },
    }] })
}
