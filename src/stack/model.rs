//! The validated stack: what every later stage reads. Built only by [`super::resolve`], so a value
//! of these types is in range, its references exist and its names are legal.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

mod id;
mod test;

pub use id::{Kind, LogicalId};
pub use test::{Expectation, Scalar, Test};

/// What a reference asks of a resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attribute {
    /// Physical name.
    Name,
    /// ARN.
    Arn,
    /// URL (queues).
    Url,
    /// An output, by its name (templates).
    Output(String),
}

impl fmt::Display for Attribute {
    /// As written in a stack file: `name`, `arn`, `url`, `outputs.NAME`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => f.write_str("name"),
            Self::Arn => f.write_str("arn"),
            Self::Url => f.write_str("url"),
            Self::Output(name) => write!(f, "outputs.{name}"),
        }
    }
}

/// `${queues.jobs.url}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// Which resource.
    pub id: LogicalId,
    /// Which of its attributes.
    pub attribute: Attribute,
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${{{}.{}}}", self.id, self.attribute)
    }
}

/// Text with references in it; `$${` in the file stands for a literal `${`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text {
    /// Parts in order.
    pub parts: Vec<Part>,
}

/// One part of a [`Text`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text as it stands.
    Literal(String),
    /// A value known once the resource exists (often before).
    Reference(Reference),
}

impl Text {
    /// The references, in order.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        self.parts.iter().filter_map(|part| match part {
            Part::Reference(reference) => Some(reference),
            Part::Literal(_) => None,
        })
    }
}

/// A whole number of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Seconds(pub u32);

/// A whole number of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Days(pub u32);

/// A whole number of megabytes (MiB, as Lambda counts memory).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Megabytes(pub u32);

/// The wanted state of one stack file, overrides of the chosen target already merged.
#[derive(Debug, Clone)]
pub struct Stack {
    /// Name; prefix of every physical name.
    pub name: String,
    /// The stack file.
    pub file: PathBuf,
    /// Project directory: crates, templates and `.pipectl/` are relative to it.
    pub root: PathBuf,
    /// Managed policy that bounds the roles of functions, as written: its ARN or its name.
    pub permissions_boundary: Option<String>,
    /// Buckets, in file order (so are all that follow).
    pub buckets: Vec<Bucket>,
    /// Queues.
    pub queues: Vec<Queue>,
    /// Tables.
    pub tables: Vec<Table>,
    /// Functions.
    pub functions: Vec<Function>,
    /// Wiring from buckets to functions.
    pub notifications: Vec<Notification>,
    /// Wiring from queues to functions.
    pub mappings: Vec<Mapping>,
    /// CloudFormation templates.
    pub templates: Vec<Template>,
    /// Outputs by name.
    pub outputs: Vec<(String, Text)>,
    /// Tests of its own, for `pipectl parity`.
    pub tests: Vec<Test>,
}

/// S3 bucket. Private, TLS only, encrypted by default.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// Name in the stack.
    pub name: String,
    /// Keep every version of an object.
    pub versioning: bool,
    /// Objects (and noncurrent versions) expire after this many days.
    pub expire_after: Option<Days>,
    /// `down` leaves it.
    pub retain: bool,
}

/// SQS queue.
#[derive(Debug, Clone)]
pub struct Queue {
    /// Name in the stack.
    pub name: String,
    /// How long a received message is hidden (0–43,200 s; AWS's default 30 s).
    pub visibility_timeout: Seconds,
    /// How long a message is kept (60 s–14 d; AWS's default 4 d).
    pub retention: Seconds,
    /// How long a new message is hidden (0–900 s).
    pub delay: Seconds,
    /// Where messages go that were received too often.
    pub dead_letter: Option<DeadLetter>,
    /// `down` leaves it.
    pub retain: bool,
}

/// Redrive policy of a queue.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// Name of the dead letter queue in the stack.
    pub queue: String,
    /// Receives before a message moves (1–1,000).
    pub max_receives: u32,
}

/// Type of a key attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    /// `S`
    String,
    /// `N`
    Number,
    /// `B`
    Binary,
}

impl KeyType {
    /// DynamoDB's letter.
    pub fn letter(self) -> &'static str {
        match self {
            Self::String => "S",
            Self::Number => "N",
            Self::Binary => "B",
        }
    }
}

/// A key attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Attribute name.
    pub name: String,
    /// Its type; string unless the file says otherwise.
    pub key_type: KeyType,
}

/// DynamoDB table; on-demand billing.
#[derive(Debug, Clone)]
pub struct Table {
    /// Name in the stack.
    pub name: String,
    /// Partition key.
    pub partition_key: Key,
    /// Sort key.
    pub sort_key: Option<Key>,
    /// Attribute that holds the expiry, epoch seconds.
    pub ttl: Option<String>,
    /// Global secondary indexes, all attributes projected.
    pub indexes: Vec<Index>,
    /// `down` leaves it.
    pub retain: bool,
}

/// Global secondary index.
#[derive(Debug, Clone)]
pub struct Index {
    /// Index name.
    pub name: String,
    /// Partition key.
    pub partition_key: Key,
    /// Sort key.
    pub sort_key: Option<Key>,
}

/// Instruction set of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// That of this machine.
    Host,
    /// 64-bit ARM (Graviton).
    Arm64,
    /// 64-bit x86.
    #[serde(rename = "x86_64")]
    X86_64,
}

impl Architecture {
    /// What a function of it is on Lambda: this machine's, where it is the host's.
    #[must_use]
    pub fn on_lambda(self) -> Self {
        match self {
            Self::Host if cfg!(target_arch = "aarch64") => Self::Arm64,
            Self::Host => Self::X86_64,
            own => own,
        }
    }

    /// Lambda's name for it; `host` has none.
    pub fn label(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }
}

/// What a function may do with a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessAction {
    /// Read objects, items or messages.
    Read,
    /// Write objects or items.
    Write,
    /// Send messages.
    Send,
}

/// One entry of `access`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// What may be done.
    pub action: AccessAction,
    /// With which resource.
    pub on: LogicalId,
}

/// Where the code of a function comes from; paths are relative to [`Stack::root`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Directory of a Rust crate that pipectl builds.
    Crate(PathBuf),
    /// A zip that somebody else made, with a `bootstrap` in it.
    Artifact(PathBuf),
}

/// Lambda function.
#[derive(Debug, Clone)]
pub struct Function {
    /// Name in the stack.
    pub name: String,
    /// Its code.
    pub source: Source,
    /// Memory (128–10,240 MB).
    pub memory: Megabytes,
    /// Timeout (1–900 s).
    pub timeout: Seconds,
    /// Instruction set.
    pub architecture: Architecture,
    /// Environment variables, in file order.
    pub environment: Vec<(String, Text)>,
    /// What it may do.
    pub access: Vec<Access>,
    /// A role that is there already, as written: its ARN or its name. None: it gets one of its own.
    pub role: Option<String>,
    /// Name of the queue for asynchronous invocations that used up their retries.
    pub on_failure: Option<String>,
    /// Retries of an asynchronous invocation (0–2; AWS's default 2).
    pub async_retries: u32,
    /// Reserved concurrency.
    pub reserved_concurrency: Option<u32>,
    /// How long its logs are kept.
    pub log_retention: Days,
}

/// Bucket → function.
#[derive(Debug, Clone)]
pub struct Notification {
    /// Name of the bucket in the stack.
    pub bucket: String,
    /// Name of the function in the stack.
    pub function: String,
    /// S3 event names, e.g. `s3:ObjectCreated:*`.
    pub events: Vec<String>,
    /// Key prefix.
    pub prefix: String,
    /// Key suffix.
    pub suffix: String,
}

impl Notification {
    /// Name of the wiring: `uploads-trigger`; the same pair twice is numbered by the resolver's
    /// caller through distinct prefixes, so prefix and suffix are part of it when not empty.
    pub fn name(&self) -> String {
        let mut name = format!("{}-{}", self.bucket, self.function);
        for filter in [&self.prefix, &self.suffix] {
            let word: String = filter
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
                .collect();
            let word = word.trim_matches('-');
            if !word.is_empty() {
                name.push('-');
                name.push_str(word);
            }
        }
        name
    }
}

/// Queue → function. Partial batch failures are always reported.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// Name of the queue in the stack.
    pub queue: String,
    /// Name of the function in the stack.
    pub function: String,
    /// Messages per invocation (1–10,000; over 10 needs a window).
    pub batch: u32,
    /// Batching window (0–300 s).
    pub window: Seconds,
    /// Concurrent invocations of this mapping (2–1,000).
    pub max_concurrency: Option<u32>,
}

impl Mapping {
    /// Name of the wiring: `jobs-worker`.
    pub fn name(&self) -> String {
        format!("{}-{}", self.queue, self.function)
    }
}

/// CloudFormation template that the stack includes.
#[derive(Debug, Clone)]
pub struct Template {
    /// Name in the stack.
    pub name: String,
    /// Template file, relative to [`Stack::root`].
    pub file: PathBuf,
    /// Parameters, in file order.
    pub parameters: Vec<(String, Text)>,
    /// Capabilities that the stack consents to, by CloudFormation's names.
    pub capabilities: Vec<String>,
    /// The template as it is in the file.
    pub body: String,
    /// Its resources: logical id and type, in the order of the file.
    pub resources: Vec<(String, String)>,
    /// Names of its outputs, in the order of the file.
    pub outputs: Vec<String>,
}
