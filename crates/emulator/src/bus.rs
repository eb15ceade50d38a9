//! The one way in which services reach one another: ports, set once while the emulator starts.
//!
//! Calls are synchronous and short (one SQLite transaction at most); what takes time goes on in
//! the service that owns it.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

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
    /// MD5 of the message attributes as SQS counts it, hex; none without attributes.
    pub md5_of_message_attributes: Option<String>,
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

/// What other services may do with objects.
pub trait ObjectPort: Send + Sync + 'static {
    /// Opens the current object under a key, or one version of it. The refusals are S3's own. What is
    /// open can be read to its end, whatever becomes of the object meanwhile.
    fn open(&self, bucket: &str, key: &str, version_id: Option<&str>) -> Result<File, AwsError>;
}

/// The ports of one emulator.
#[derive(Default)]
pub struct Bus {
    lines: OnceLock<Lines>,
}

/// Every service behind a line of its own that can be cut.
struct Lines {
    queues: Arc<dyn QueuePort>,
    functions: Arc<dyn FunctionPort>,
    logs: Arc<dyn LogPort>,
    objects: Arc<dyn ObjectPort>,
    cut: Box<dyn Fn() + Send + Sync>,
}

impl Bus {
    /// Connects the services. Called once, before the first request.
    pub fn connect(
        &self,
        queues: Arc<dyn QueuePort>,
        functions: Arc<dyn FunctionPort>,
        logs: Arc<dyn LogPort>,
        objects: Arc<dyn ObjectPort>,
    ) {
        let (queues, functions) = (Line::to(queues), Line::to(functions));
        let (logs, objects) = (Line::to(logs), Line::to(objects));
        let ends = (
            queues.clone(),
            functions.clone(),
            logs.clone(),
            objects.clone(),
        );
        // A second call would be a bug of the start sequence; the first connection stays.
        let _ = self.lines.set(Lines {
            queues,
            functions,
            logs,
            objects,
            cut: Box::new(move || {
                ends.0.cut();
                ends.1.cut();
                ends.2.cut();
                ends.3.cut();
            }),
        });
    }

    /// Lets go of the services, which hold the bus themselves: without this none of them would ever
    /// close its store. What is asked of them from now on is refused, so that whoever asks keeps what
    /// it has and takes it up at the next start.
    pub fn disconnect(&self) {
        if let Some(lines) = self.lines.get() {
            (lines.cut)();
        }
    }

    fn lines(&self) -> &Lines {
        self.lines.get().expect("the bus is connected at start")
    }

    /// The queue service.
    pub fn queues(&self) -> &Arc<dyn QueuePort> {
        &self.lines().queues
    }

    /// The function service.
    pub fn functions(&self) -> &Arc<dyn FunctionPort> {
        &self.lines().functions
    }

    /// The log service.
    pub fn logs(&self) -> &Arc<dyn LogPort> {
        &self.lines().logs
    }

    /// The object service.
    pub fn objects(&self) -> &Arc<dyn ObjectPort> {
        &self.lines().objects
    }
}

/// A connection to a service, until it is cut.
struct Line<P: ?Sized>(RwLock<Option<Arc<P>>>);

impl<P: ?Sized> Line<P> {
    fn to(service: Arc<P>) -> Arc<Self> {
        Arc::new(Self(RwLock::new(Some(service))))
    }

    fn cut(&self) {
        let service = self
            .0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // The service may end with its last holder: not while the line is locked.
        drop(service);
    }

    fn service(&self) -> Option<Arc<P>> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn on(&self) -> Result<Arc<P>, AwsError> {
        self.service().ok_or_else(AwsError::stopping)
    }
}

impl QueuePort for Line<dyn QueuePort> {
    fn describe(&self, queue_arn: &str) -> Option<QueueFacts> {
        self.service()?.describe(queue_arn)
    }

    fn receive(&self, queue_arn: &str, max: usize) -> Result<Vec<ReceivedMessage>, AwsError> {
        self.on()?.receive(queue_arn, max)
    }

    fn delete(&self, queue_arn: &str, receipt_handles: &[String]) -> Result<(), AwsError> {
        self.on()?.delete(queue_arn, receipt_handles)
    }

    fn release(
        &self,
        queue_arn: &str,
        receipt_handles: &[String],
        visibility_s: u32,
    ) -> Result<(), AwsError> {
        self.on()?.release(queue_arn, receipt_handles, visibility_s)
    }

    fn send(
        &self,
        queue_arn: &str,
        body: &str,
        attributes: &BTreeMap<String, String>,
    ) -> Result<String, AwsError> {
        self.on()?.send(queue_arn, body, attributes)
    }

    fn watch(&self, queue_arn: &str) -> Option<watch::Receiver<u64>> {
        self.service()?.watch(queue_arn)
    }
}

impl FunctionPort for Line<dyn FunctionPort> {
    fn permission(
        &self,
        function_arn: &str,
        principal: &str,
        source_arn: &str,
        source_account: &str,
    ) -> InvokePermission {
        // None is asked once the requests have ended; what is left is no function to invoke.
        self.service().map_or(InvokePermission::NoFunction, |on| {
            on.permission(function_arn, principal, source_arn, source_account)
        })
    }

    fn invoke_async(&self, function_arn: &str, payload: Bytes) -> Result<(), AwsError> {
        self.on()?.invoke_async(function_arn, payload)
    }
}

impl LogPort for Line<dyn LogPort> {
    fn append(&self, group: &str, stream: &str, lines: &[LogLine]) -> Result<(), AwsError> {
        self.on()?.append(group, stream, lines)
    }
}

impl ObjectPort for Line<dyn ObjectPort> {
    fn open(&self, bucket: &str, key: &str, version_id: Option<&str>) -> Result<File, AwsError> {
        self.on()?.open(bucket, key, version_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Service;

    impl LogPort for Service {
        fn append(&self, _: &str, _: &str, _: &[LogLine]) -> Result<(), AwsError> {
            Ok(())
        }
    }

    impl ObjectPort for Service {
        fn open(&self, _: &str, _: &str, _: Option<&str>) -> Result<File, AwsError> {
            Err(AwsError::new(404, "NoSuchKey", "none"))
        }
    }

    impl FunctionPort for Service {
        fn permission(&self, _: &str, _: &str, _: &str, _: &str) -> InvokePermission {
            InvokePermission::Allowed
        }

        fn invoke_async(&self, _: &str, _: Bytes) -> Result<(), AwsError> {
            Ok(())
        }
    }

    impl QueuePort for Service {
        fn describe(&self, _: &str) -> Option<QueueFacts> {
            Some(QueueFacts {
                visibility_timeout_s: 1,
            })
        }

        fn receive(&self, _: &str, _: usize) -> Result<Vec<ReceivedMessage>, AwsError> {
            Ok(Vec::new())
        }

        fn delete(&self, _: &str, _: &[String]) -> Result<(), AwsError> {
            Ok(())
        }

        fn release(&self, _: &str, _: &[String], _: u32) -> Result<(), AwsError> {
            Ok(())
        }

        fn send(&self, _: &str, _: &str, _: &BTreeMap<String, String>) -> Result<String, AwsError> {
            Ok(String::new())
        }

        fn watch(&self, _: &str) -> Option<watch::Receiver<u64>> {
            None
        }
    }

    #[test]
    fn services_end_with_the_bus_disconnected_and_callers_are_refused() {
        let service = Arc::new(Service);
        let bus = Bus::default();
        bus.connect(
            service.clone(),
            service.clone(),
            service.clone(),
            service.clone(),
        );
        let held = Arc::clone(bus.queues());
        assert!(held.describe("q").is_some());
        assert!(bus.logs().append("g", "s", &[]).is_ok());
        bus.disconnect();
        assert_eq!(Arc::strong_count(&service), 1, "nobody else has it");
        assert!(held.describe("q").is_none());
        let refused = bus.functions().invoke_async("f", Bytes::new());
        assert_eq!(refused.map_err(|error| error.status), Err(503));
        assert!(held.send("q", "b", &BTreeMap::new()).is_err());
        let refused = bus.objects().open("b", "k", None).map(|_| ());
        assert_eq!(refused.map_err(|error| error.status), Err(503));
    }
}
