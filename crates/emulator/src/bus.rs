//! The one way in which services reach one another: ports, set once while the emulator starts.
//!
//! Calls are synchronous and short (one SQLite transaction at most); what takes time goes on in
//! the service that owns it.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tokio::sync::watch;

use crate::error::AwsError;

/// A message that a mapping took from a queue, in the shape of a Lambda SQS event record.
#[derive(Debug, Clone)]
pub struct ReceivedMessage {
    /// Identity of the message.
    pub message_id: String,
    /// What deletes it or changes its visibility.
    pub receipt_handle: String,
    /// Body text.
    pub body: String,
    /// MD5 of the body, hex.
    pub md5_of_body: String,
    /// System attributes: `ApproximateReceiveCount`, `SentTimestamp`, `SenderId`,
    /// `ApproximateFirstReceiveTimestamp` …
    pub attributes: BTreeMap<String, String>,
    /// Message attributes in the form of Lambda's records: name → `{"stringValue": …,
    /// "stringListValues": [], "binaryListValues": [], "dataType": …}`, with `binaryValue`
    /// (base64) in place of `stringValue` where the type is binary.
    pub message_attributes: BTreeMap<String, serde_json::Value>,
}

/// What a mapping needs to know of a queue.
#[derive(Debug, Clone)]
pub struct QueueFacts {
    /// Default visibility timeout, seconds.
    pub visibility_timeout_s: u32,
}

/// What other services may do with queues. Queues are named by ARN.
pub trait QueuePort: Send + Sync + 'static {
    /// Facts of the queue, or `None` when there is no such queue.
    fn describe(&self, queue_arn: &str) -> Option<QueueFacts>;
    /// Takes up to `max` visible messages; each is hidden for the queue's visibility timeout.
    /// Messages over their `maxReceiveCount` are moved to the dead letter queue and not returned.
    fn receive(&self, queue_arn: &str, max: usize) -> Result<Vec<ReceivedMessage>, AwsError>;
    /// Deletes messages by receipt handle; unknown handles are ignored.
    fn delete(&self, queue_arn: &str, receipt_handles: &[String]) -> Result<(), AwsError>;
    /// Makes messages visible again after `visibility_s` seconds (0: at once).
    fn release(
        &self,
        queue_arn: &str,
        receipt_handles: &[String],
        visibility_s: u32,
    ) -> Result<(), AwsError>;
    /// Sends a message with string attributes; returns its id.
    fn send(
        &self,
        queue_arn: &str,
        body: &str,
        attributes: &BTreeMap<String, String>,
    ) -> Result<String, AwsError>;
    /// Changes whenever a message of the queue may have become visible: after a send, a release,
    /// a redrive, and at the end of delays and visibility timeouts. The channel closes when the
    /// queue is deleted. `None` when there is no such queue.
    fn watch(&self, queue_arn: &str) -> Option<watch::Receiver<u64>>;
}

/// Whether a service may invoke a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvokePermission {
    /// A statement of the function's policy allows it.
    Allowed,
    /// No statement allows it.
    Denied,
    /// There is no such function.
    NoFunction,
}

/// What other services may do with functions. Functions are named by ARN.
pub trait FunctionPort: Send + Sync + 'static {
    /// Does the function's resource policy let `principal` invoke it on behalf of `source_arn`?
    fn permission(
        &self,
        function_arn: &str,
        principal: &str,
        source_arn: &str,
        source_account: &str,
    ) -> InvokePermission;
    /// Accepts an asynchronous invocation; once this returns it survives a crash.
    fn invoke_async(&self, function_arn: &str, payload: Bytes) -> Result<(), AwsError>;
}

/// One line for CloudWatch Logs.
#[derive(Debug, Clone)]
pub struct LogLine {
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// Text without its line end.
    pub message: String,
}

/// What other services may do with logs.
pub trait LogPort: Send + Sync + 'static {
    /// Appends lines to a stream; group and stream are made when absent.
    fn append(&self, group: &str, stream: &str, lines: &[LogLine]) -> Result<(), AwsError>;
}

/// The ports of one emulator.
#[derive(Default)]
pub struct Bus {
    queues: OnceLock<Arc<dyn QueuePort>>,
    functions: OnceLock<Arc<dyn FunctionPort>>,
    logs: OnceLock<Arc<dyn LogPort>>,
}

impl Bus {
    /// Connects the services. Called once, before the first request.
    pub fn connect(
        &self,
        queues: Arc<dyn QueuePort>,
        functions: Arc<dyn FunctionPort>,
        logs: Arc<dyn LogPort>,
    ) {
        // A second call would be a bug of the start sequence; the first connection stays.
        let _ = self.queues.set(queues);
        let _ = self.functions.set(functions);
        let _ = self.logs.set(logs);
    }

    /// The queue service.
    pub fn queues(&self) -> &Arc<dyn QueuePort> {
        self.queues.get().expect("the bus is connected at start")
    }

    /// The function service.
    pub fn functions(&self) -> &Arc<dyn FunctionPort> {
        self.functions.get().expect("the bus is connected at start")
    }

    /// The log service.
    pub fn logs(&self) -> &Arc<dyn LogPort> {
        self.logs.get().expect("the bus is connected at start")
    }
}
