//! What processes write: line by line into CloudWatch Logs, off the path of the invocation.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{ChildStderr, ChildStdout};
use tokio::sync::mpsc;

use super::Environment;
use crate::bus::{LogLine, LogPort};

/// Longer lines are cut, bytes: the largest event of CloudWatch Logs.
const MAX_LINE_BYTES: usize = 256 * 1024;
/// Lines written to the store at once.
const BATCH: usize = 512;

/// A line on its way to the log.
pub(in crate::lambda) struct Lines {
    pub function: String,
    pub group: String,
    pub stream: String,
    pub timestamp_ms: i64,
    pub message: String,
}

/// One of the two outputs of a process.
pub(super) enum Stream {
    Out(ChildStdout),
    Err(ChildStderr),
}

/// Reads an output until its end.
pub(super) async fn pump(stream: Stream, environment: Arc<Environment>) {
    match stream {
        Stream::Out(stream) => lines(stream, &environment).await,
        Stream::Err(stream) => lines(stream, &environment).await,
    }
}

async fn lines(stream: impl AsyncRead + Unpin, environment: &Environment) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        match reader.read_until(b'\n', &mut line).await {
            Ok(0) => return,
            Ok(_) => {
                line.truncate(MAX_LINE_BYTES);
                let text = String::from_utf8_lossy(&line);
                let text = text.trim_end_matches(['\n', '\r']);
                if !text.is_empty() {
                    environment.log(text.to_owned());
                }
            }
            Err(error) => {
                environment.log(format!("[the output could not be read: {error}]"));
                return;
            }
        }
    }
}

/// Writes lines to the log service in batches until all senders are gone. Lines of functions that
/// `exists` does not know are dropped: writing them would bring back a deleted log group.
/// // aws-behaviours C2
pub(in crate::lambda) async fn write(
    mut lines: mpsc::UnboundedReceiver<Lines>,
    logs: Arc<dyn LogPort>,
    exists: impl Fn(&str) -> bool,
) {
    let mut batch = Vec::new();
    while lines.recv_many(&mut batch, BATCH).await > 0 {
        let mut streams: BTreeMap<(String, String), Vec<LogLine>> = BTreeMap::new();
        for line in batch.drain(..) {
            if exists(&line.function) {
                let key = (line.group, line.stream);
                let line = LogLine {
                    timestamp_ms: line.timestamp_ms,
                    message: line.message,
                };
                streams.entry(key).or_default().push(line);
            }
        }
        for ((group, stream), lines) in streams {
            if let Err(error) = logs.append(&group, &stream, &lines) {
                tracing::error!(%error, group, "log lines are lost");
            }
        }
    }
}
