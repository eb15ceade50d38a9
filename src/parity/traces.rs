//! Logs of the copy's functions: lines of the front, which tell of every record with a mark, and of the platform.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::operate::logs::{self, Group, LogEvent};
use crate::resource::{CallError, Context};
use crate::stack::model::Stack;

/// A record with a mark, as the front saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// Name of the function in the stack.
    pub function: String,
    /// Log stream.
    pub stream: String,
    /// Id of the invocation.
    pub request_id: String,
    /// Records of the invocation.
    pub batch: usize,
    /// Which code it was.
    pub note: String,
    /// Of which scenario.
    pub tag: String,
    /// What was asked for.
    pub act: String,
    /// Kind of an event of S3.
    pub event: Option<String>,
    /// Id of a message.
    pub message: Option<String>,
    /// How often it was received.
    pub receives: Option<u32>,
    /// By the clock of the function, milliseconds since the Unix epoch.
    pub at: i64,
}

/// All there is in the logs, read anew when it is older than a moment.
pub struct Traces {
    groups: Vec<Group>,
    /// How old what was read may be.
    fresh: Duration,
    read: Mutex<Option<(Instant, Arc<Vec<LogEvent>>)>>,
}

impl Traces {
    /// Of a copy.
    pub fn new(copy: &Stack, cx: &Context, fresh: Duration) -> Self {
        Self {
            groups: logs::groups(copy, &cx.place, None),
            fresh,
            read: Mutex::default(),
        }
    }

    /// All events, in the order of time. Groups that are not there have none.
    pub async fn events(&self, cx: &Context) -> Result<Arc<Vec<LogEvent>>, CallError> {
        let mut read = self.read.lock().await;
        if let Some((at, events)) = read.as_ref()
            && at.elapsed() < self.fresh
        {
            return Ok(Arc::clone(events));
        }
        let mut events = Vec::new();
        let mut take = |event| {
            events.push(event);
            ControlFlow::Continue(())
        };
        logs::read::read(&cx.clients, &self.groups, 0, &mut take).await?;
        let events = Arc::new(events);
        *read = Some((Instant::now(), Arc::clone(&events)));
        Ok(events)
    }

    /// The records with the mark of a scenario.
    pub async fn of(&self, cx: &Context, tag: &str) -> Result<Vec<Trace>, CallError> {
        let events = self.events(cx).await?;
        let mut traces: Vec<Trace> = events.iter().flat_map(traces).collect();
        traces.retain(|trace| trace.tag == tag);
        Ok(traces)
    }
}

/// What a line tells, if it is the front's.
fn traces(event: &LogEvent) -> Vec<Trace> {
    if !event.raw.contains("\"pipectl_parity\"") {
        return Vec::new();
    }
    let Ok(line) = serde_json::from_str::<Value>(&event.raw) else {
        return Vec::new();
    };
    let records = line["records"].as_array().map_or(&[][..], Vec::as_slice);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    records
        .iter()
        .filter_map(|record| {
            Some(Trace {
                function: event.function.clone(),
                stream: event.stream.clone(),
                request_id: text(&line["request_id"])?,
                batch: line["batch"].as_u64()? as usize,
                note: text(&line["note"])?,
                tag: text(&record["tag"])?,
                act: text(&record["act"])?,
                event: text(&record["event"]),
                message: text(&record["message"]),
                receives: text(&record["receives"]).and_then(|count| count.parse().ok()),
                at: event.at,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_marked_record_of_a_line_is_a_trace_and_nothing_else_is() {
        let line = r#"{"pipectl_parity":1,"request_id":"r","batch":3,"note":"first","records":[
            {"source":"aws:sqs","tag":"t","act":"queue-ok","event":null,"message":"m","receives":"2"},
            {"source":"aws:sqs","tag":null,"act":null,"event":null,"message":"n","receives":"1"},
            {"source":"aws:s3","tag":"u","act":"go","event":"ObjectCreated:Put","message":null,"receives":null}]}"#;
        let found = traces(&LogEvent::new(7, "worker", "s", &line.replace('\n', "")));
        let of = |trace: &Trace| (trace.tag.clone(), trace.receives, trace.batch);
        assert_eq!(
            found.iter().map(of).collect::<Vec<_>>(),
            [("t".to_owned(), Some(2), 3), ("u".to_owned(), None, 3)]
        );
        for other in [
            "START RequestId: r",
            "{\"level\":\"INFO\"}",
            "{\"pipectl_parity\"",
        ] {
            assert_eq!(traces(&LogEvent::new(7, "worker", "s", other)), []);
        }
    }
}
