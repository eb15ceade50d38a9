//! What processes write: line by line into CloudWatch Logs, off the path of the invocation.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{ChildStderr, ChildStdout};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::Environment;
use crate::bus::LogLine;

/// Longer lines are cut, bytes: the largest event of CloudWatch Logs.
const MAX_LINE_BYTES: usize = 256 * 1024;
/// Lines written to the store at once.
const BATCH: usize = 512;
/// Lines that may wait to be written; a process that writes faster waits, as with any full pipe.
pub(in crate::lambda) const ROOM: usize = 8 * 1024;

/// A line on its way to the log.
pub(in crate::lambda) struct Line {
    pub function: String,
    pub group: String,
    pub stream: String,
    pub timestamp_ms: i64,
    pub message: String,
    /// Its place among the lines that wait; given back when it is written.
    pub room: Option<OwnedSemaphorePermit>,
}

/// What the writer is told.
pub(in crate::lambda) enum Told {
    /// Write this.
    Line(Line),
    /// Say when everything told before is written.
    Flush(oneshot::Sender<()>),
}

/// Asks a pump to say when it has read what there is to read.
pub(super) type ReadAll = oneshot::Sender<()>;

/// One of the two outputs of a process.
pub(super) enum Stream {
    Out(ChildStdout),
    Err(ChildStderr),
}

/// Reads an output until its end.
pub(super) async fn pump(
    stream: Stream,
    environment: Arc<Environment>,
    asked: mpsc::UnboundedReceiver<ReadAll>,
) {
    match stream {
        Stream::Out(stream) => lines(stream, &environment, asked).await,
        Stream::Err(stream) => lines(stream, &environment, asked).await,
    }
}

async fn lines(
    stream: impl AsyncRead + Unpin,
    environment: &Environment,
    mut asked: mpsc::UnboundedReceiver<ReadAll>,
) {
    let mut reader = BufReader::new(stream);
    let mut line = LineBuffer::default();
    loop {
        // Reading comes first: what was written before somebody asked is read before the answer.
        let read = tokio::select! {
            biased;
            read = reader.fill_buf() => read,
            Some(asker) = asked.recv() => {
                // Whoever asked may have given up.
                let _ = asker.send(());
                continue;
            }
        };
        match read {
            Ok([]) => {
                if let Some(text) = line.take() {
                    environment.log_output(text).await;
                }
                return;
            }
            Ok(bytes) => {
                let (used, complete) = line.add(bytes);
                reader.consume(used);
                if complete && let Some(text) = line.take() {
                    environment.log_output(text).await;
                }
            }
            Err(error) => {
                environment.log(format!("[the output could not be read: {error}]"));
                return;
            }
        }
    }
}

/// One line as far as it was read. Never larger than [`MAX_LINE_BYTES`]: a process that writes no line
/// ends must not fill the memory.
#[derive(Default)]
struct LineBuffer(Vec<u8>);

impl LineBuffer {
    /// Adds bytes up to the end of the line: how many of them were used, and whether it is complete.
    fn add(&mut self, bytes: &[u8]) -> (usize, bool) {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let text = &bytes[..end.unwrap_or(bytes.len())];
        let room = MAX_LINE_BYTES - self.0.len();
        self.0.extend_from_slice(&text[..text.len().min(room)]);
        (end.map_or(bytes.len(), |end| end + 1), end.is_some())
    }

    /// The line, unless it is empty; the next one begins.
    fn take(&mut self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.0);
        let text = text.trim_end_matches('\r').to_owned();
        self.0.clear();
        (!text.is_empty()).then_some(text)
    }
}

/// Writes lines with `append` (function, group, stream, lines) in batches until all senders are gone.
pub(in crate::lambda) async fn write(
    mut told: mpsc::UnboundedReceiver<Told>,
    append: impl Fn(&str, &str, &str, &[LogLine]),
) {
    let mut batch = Vec::new();
    while told.recv_many(&mut batch, BATCH).await > 0 {
        let mut streams: BTreeMap<(String, String, String), Vec<LogLine>> = BTreeMap::new();
        let mut rooms = Vec::new();
        let mut askers = Vec::new();
        for told in batch.drain(..) {
            match told {
                Told::Line(line) => {
                    rooms.extend(line.room);
                    let key = (line.function, line.group, line.stream);
                    streams.entry(key).or_default().push(LogLine {
                        timestamp_ms: line.timestamp_ms,
                        message: line.message,
                    });
                }
                Told::Flush(asker) => askers.push(asker),
            }
        }
        for ((function, group, stream), lines) in &streams {
            append(function, group, stream, lines);
        }
        drop(rooms);
        for asker in askers {
            // Whoever asked may have given up.
            let _ = asker.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_joined_from_parts_and_never_larger_than_an_event() {
        let mut line = LineBuffer::default();
        assert_eq!(line.add(b"one"), (3, false));
        assert_eq!(line.add(b" line\r\nnext"), (7, true));
        assert_eq!(line.take().as_deref(), Some("one line"));
        assert_eq!(line.add(b"\n"), (1, true));
        assert_eq!(line.take(), None, "empty lines are no events");
        let much = vec![b'x'; 100_000];
        for _ in 0..10 {
            assert_eq!(line.add(&much), (much.len(), false));
        }
        assert_eq!(line.add(b"x\ny"), (2, true));
        assert_eq!(line.take().map(|text| text.len()), Some(MAX_LINE_BYTES));
        assert_eq!(line.add(b"y\n"), (2, true));
        assert_eq!(line.take().as_deref(), Some("y"), "the next line is whole");
    }
}
