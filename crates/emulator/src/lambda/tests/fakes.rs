//! Queues, logs and objects as far as functions see them.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::sync::Mutex;

use tokio::sync::watch;

use crate::bus::{LogLine, LogPort, ObjectPort, QueueFacts, QueuePort, ReceivedMessage};
use crate::error::AwsError;

/// A queue; receipt handles are message ids, and released messages do not come back.
#[derive(Default)]
struct Queue {
    visibility_s: u32,
    visible: Vec<ReceivedMessage>,
    received: Vec<String>,
    deleted: Vec<String>,
    released: Vec<String>,
    /// So many sends are refused as on a full disk.
    refuses: u32,
    sent: Vec<String>,
    sent_attributes: Vec<BTreeMap<String, String>>,
    changes: watch::Sender<u64>,
}

#[derive(Default)]
pub(super) struct FakeQueues(Mutex<HashMap<String, Queue>>);

impl FakeQueues {
    fn with<T>(&self, arn: &str, work: impl FnOnce(&mut Queue) -> T) -> T {
        let mut queues = self.0.lock().expect("no holder panics");
        work(queues.get_mut(arn).expect("a queue"))
    }

    pub(super) fn make(&self, arn: &str, visibility_s: u32) {
        let queue = Queue {
            visibility_s,
            ..Queue::default()
        };
        let mut queues = self.0.lock().expect("no holder panics");
        queues.insert(arn.to_owned(), queue);
    }

    /// Makes messages visible, all at once; their ids are their bodies with a number.
    pub(super) fn put(&self, arn: &str, bodies: &[&str]) {
        self.with(arn, |queue| {
            for (index, body) in bodies.iter().enumerate() {
                let id = format!("{body}-{index}");
                queue.visible.push(ReceivedMessage {
                    message_id: id.clone(),
                    receipt_handle: id,
                    body: (*body).to_owned(),
                    md5_of_body: String::new(),
                    md5_of_message_attributes: None,
                    attributes: BTreeMap::new(),
                    message_attributes: BTreeMap::new(),
                });
            }
            queue.changes.send_modify(|count| *count += 1);
        });
    }

    /// Refuses the next sends as on a full disk.
    pub(super) fn refuse(&self, arn: &str, sends: u32) {
        self.with(arn, |queue| queue.refuses = sends);
    }

    pub(super) fn refusals_left(&self, arn: &str) -> u32 {
        self.with(arn, |queue| queue.refuses)
    }

    pub(super) fn visible(&self, arn: &str) -> usize {
        self.with(arn, |queue| queue.visible.len())
    }

    pub(super) fn received(&self, arn: &str) -> Vec<String> {
        self.with(arn, |queue| queue.received.clone())
    }

    pub(super) fn deleted(&self, arn: &str) -> Vec<String> {
        self.with(arn, |queue| queue.deleted.clone())
    }

    pub(super) fn released(&self, arn: &str) -> Vec<String> {
        self.with(arn, |queue| queue.released.clone())
    }

    pub(super) fn sent_attributes(&self, arn: &str) -> Vec<BTreeMap<String, String>> {
        self.with(arn, |queue| queue.sent_attributes.clone())
    }

    pub(super) fn sent(&self, arn: &str) -> Vec<String> {
        self.with(arn, |queue| queue.sent.clone())
    }
}

impl QueuePort for FakeQueues {
    fn describe(&self, queue_arn: &str) -> Option<QueueFacts> {
        let queues = self.0.lock().expect("no holder panics");
        queues.get(queue_arn).map(|queue| QueueFacts {
            visibility_timeout_s: queue.visibility_s,
        })
    }

    fn receive(&self, queue_arn: &str, max: usize) -> Result<Vec<ReceivedMessage>, AwsError> {
        Ok(self.with(queue_arn, |queue| {
            let most = max.min(queue.visible.len());
            let taken: Vec<_> = queue.visible.drain(..most).collect();
            let ids = taken.iter().map(|message| message.message_id.clone());
            queue.received.extend(ids);
            taken
        }))
    }

    fn delete(&self, queue_arn: &str, receipt_handles: &[String]) -> Result<(), AwsError> {
        self.with(queue_arn, |queue| {
            queue.deleted.extend_from_slice(receipt_handles);
        });
        Ok(())
    }

    fn release(
        &self,
        queue_arn: &str,
        receipt_handles: &[String],
        visibility_s: u32,
    ) -> Result<(), AwsError> {
        assert_eq!(visibility_s, 0);
        self.with(queue_arn, |queue| {
            queue.released.extend_from_slice(receipt_handles);
        });
        Ok(())
    }

    fn send(
        &self,
        queue_arn: &str,
        body: &str,
        attributes: &BTreeMap<String, String>,
    ) -> Result<String, AwsError> {
        self.with(queue_arn, |queue| {
            if let Some(left) = queue.refuses.checked_sub(1) {
                queue.refuses = left;
                return Err(AwsError::new(
                    507,
                    "InsufficientStorage",
                    "the disk is full",
                ));
            }
            queue.sent.push(body.to_owned());
            queue.sent_attributes.push(attributes.clone());
            Ok("sent".to_owned())
        })
    }

    fn watch(&self, queue_arn: &str) -> Option<watch::Receiver<u64>> {
        let queues = self.0.lock().expect("no holder panics");
        queues.get(queue_arn).map(|queue| queue.changes.subscribe())
    }
}

/// Every line, in the order written.
#[derive(Default)]
pub(super) struct FakeLogs(Mutex<Vec<String>>);

impl FakeLogs {
    pub(super) fn all(&self) -> Vec<String> {
        self.0.lock().expect("no holder panics").clone()
    }

    pub(super) fn count(&self, text: &str) -> usize {
        self.all().iter().filter(|line| line.contains(text)).count()
    }

    pub(super) fn has(&self, text: &str) -> bool {
        self.count(text) > 0
    }

    /// The number behind `text` in the last line that has both.
    pub(super) fn number_after(&self, text: &str) -> u64 {
        let all = self.all();
        let mut numbers = all.iter().rev().filter_map(|line| {
            let (_, number) = line.split_once(text)?;
            number.parse().ok()
        });
        numbers.next().expect("a number")
    }
}

impl LogPort for FakeLogs {
    fn append(&self, group: &str, _stream: &str, lines: &[LogLine]) -> Result<(), AwsError> {
        assert!(group.starts_with("/aws/lambda/"), "{group}");
        let texts = lines.iter().map(|line| line.message.clone());
        self.0.lock().expect("no holder panics").extend(texts);
        Ok(())
    }
}

/// Objects that cannot be read, in S3's words or for a trouble of the machine; there is no other.
pub(super) struct FakeObjects;

impl ObjectPort for FakeObjects {
    fn open(&self, _bucket: &str, key: &str, _: Option<&str>) -> Result<File, AwsError> {
        Err(match key {
            "trouble" => AwsError::new(503, "SlowDown", "too many open files"),
            _ => AwsError::new(404, "NoSuchKey", "The specified key does not exist."),
        })
    }
}
