//! The stack file as it is written: the source of its JSON schema, which editors read. Descriptions
//! say what a field is for; unit, range and default are added from the reader's own table. Reading
//! goes through a tree with places instead, so that every error can be underlined.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// A pipeline: buckets, queues, tables and functions, and how they are wired.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stack {
    /// Name of the stack; begins the name of everything it becomes. 1 to 30 of a-z, 0-9 and `-`.
    #[schemars(extend("pattern" = "^[a-z][a-z0-9-]{0,29}$"))]
    pub stack: String,
    /// Managed policy that bounds what the roles of functions can allow: its ARN, or its name.
    pub permissions_boundary: Option<String>,
    /// S3 buckets by name.
    #[serde(default)]
    pub buckets: BTreeMap<String, Bucket>,
    /// SQS queues by name.
    #[serde(default)]
    pub queues: BTreeMap<String, Queue>,
    /// DynamoDB tables by name.
    #[serde(default)]
    pub tables: BTreeMap<String, Table>,
    /// Lambda functions by name.
    #[serde(default)]
    pub functions: BTreeMap<String, Function>,
    /// What starts which function: buckets by their events, queues by their messages.
    #[serde(default)]
    pub wiring: Vec<Wiring>,
    /// CloudFormation templates to deploy beside, by name.
    #[serde(default)]
    pub templates: BTreeMap<String, Template>,
    /// Values to show when the stack is up, by name; text with references.
    #[serde(default)]
    pub outputs: BTreeMap<String, Text>,
    /// Tests of the stack's own by name, which `pipectl parity` plays beside its scenarios.
    #[serde(default)]
    pub tests: BTreeMap<String, Test>,
    /// Changes for single targets, by the target's name; merged into the rest of the file.
    #[serde(default)]
    pub targets: BTreeMap<String, Overrides>,
}

/// What a target changes: the sections of a stack again, with only what differs.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Overrides(pub serde_json::Value);

/// S3 bucket: private, TLS only, encrypted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// Keep every version of an object.
    #[serde(default)]
    pub versioning: bool,
    /// Delete objects, and noncurrent versions, after so many days.
    pub expire_after: Option<Days>,
    /// `pipectl down` leaves the bucket.
    #[serde(default)]
    pub retain: bool,
}

/// SQS queue.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// How long a received message stays hidden; at least the timeout of the function it feeds, better
    /// six times as long.
    pub visibility_timeout: Option<Duration>,
    /// How long a message is kept.
    pub retention: Option<Duration>,
    /// How long a new message is hidden at first.
    pub delay: Option<Duration>,
    /// Where messages go that were received too often.
    pub dead_letter: Option<DeadLetter>,
    /// `pipectl down` leaves the queue.
    #[serde(default)]
    pub retain: bool,
}

/// Where messages go that were received too often.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadLetter {
    /// Name of the dead letter queue in `queues`.
    pub queue: String,
    /// Receives before a message moves there.
    pub max_receives: Option<u32>,
}

/// DynamoDB table with on-demand billing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Attribute that items are found by.
    pub partition_key: Key,
    /// Attribute that items of one partition are sorted by.
    pub sort_key: Option<Key>,
    /// Attribute that holds when an item expires, in seconds since 1970.
    pub ttl: Option<String>,
    /// Global secondary indexes by name; they hold all attributes. At most 20.
    #[serde(default)]
    pub indexes: BTreeMap<String, Index>,
    /// `pipectl down` leaves the table.
    #[serde(default)]
    pub retain: bool,
}

/// Global secondary index.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// Attribute that items are found by.
    pub partition_key: Key,
    /// Attribute that items of one partition are sorted by.
    pub sort_key: Option<Key>,
}

/// Attribute of a key: its name (then it is a string), or name and type.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Key {
    /// Name of a string attribute.
    Name(String),
    /// Name and type.
    Typed(TypedKey),
}

/// Attribute of a key with its type.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TypedKey {
    /// Name of the attribute.
    pub name: String,
    /// Type of the attribute.
    pub r#type: Option<KeyType>,
}

/// Type of a key's attribute.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyType {
    /// Text.
    String,
    /// A number.
    Number,
    /// Bytes.
    Binary,
}

/// Lambda function: a Rust crate, or a zip made elsewhere.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Function {
    /// Directory of the crate it is built from, relative to the project.
    #[serde(rename = "crate")]
    pub crate_dir: Option<String>,
    /// Instead of a crate: a zip made elsewhere with a `bootstrap` in it, relative to the project.
    pub artifact: Option<String>,
    /// Memory; processor time grows with it.
    pub memory: Option<Memory>,
    /// Longest run of one invocation.
    pub timeout: Option<Duration>,
    /// Instruction set; `host` is that of the machine pipectl runs on.
    pub architecture: Option<Architecture>,
    /// Environment variables; text with references. At most 4096 bytes as JSON.
    #[serde(default)]
    pub environment: BTreeMap<String, Text>,
    /// What the function may do; becomes a role that allows nothing else.
    #[serde(default)]
    pub access: Vec<Access>,
    /// A role that is there already, for targets with roles: its ARN, or its name. Then pipectl makes none, and
    /// `access` says what that role must allow.
    pub role: Option<String>,
    /// Queue for events that used up their retries, as `queues.NAME`.
    pub on_failure: Option<Reference>,
    /// Retries of an asynchronous invocation, as from a bucket.
    pub async_retries: Option<u32>,
    /// Concurrent invocations that are set aside for the function, and its limit.
    pub reserved_concurrency: Option<u32>,
    /// How long its logs are kept; CloudWatch Logs knows 1, 3, 5, 7, 14, 30, 60, 90 days and longer.
    pub log_retention: Option<Days>,
}

/// Instruction set of a function.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// That of the machine pipectl runs on.
    Host,
    /// 64-bit ARM (Graviton).
    Arm64,
    /// 64-bit x86.
    #[serde(rename = "x86_64")]
    X86_64,
}

/// One action on one resource.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct Access {
    /// Read objects, items or messages of a bucket, table or queue.
    pub read: Option<Reference>,
    /// Write objects or items of a bucket or table.
    pub write: Option<Reference>,
    /// Send messages to a queue.
    pub send: Option<Reference>,
}

/// A bucket or queue that starts a function.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wiring {
    /// What starts the function: `buckets.NAME` or `queues.NAME`.
    pub from: Reference,
    /// The function: `functions.NAME`.
    pub to: Reference,
    /// From a bucket: which events, as `object-created`, `object-removed` or S3's own names.
    pub events: Option<Vec<String>>,
    /// From a bucket: only keys that begin so.
    pub prefix: Option<String>,
    /// From a bucket: only keys that end so.
    pub suffix: Option<String>,
    /// From a queue: most messages of one invocation; more than 10 need a window.
    pub batch: Option<u32>,
    /// From a queue: how long to wait for a batch to fill.
    pub window: Option<Duration>,
    /// From a queue: most invocations at once.
    pub max_concurrency: Option<u32>,
}

/// CloudFormation template.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// The template, relative to the project.
    pub file: String,
    /// Its parameters by name; text with references.
    #[serde(default)]
    pub parameters: BTreeMap<String, Text>,
    /// What the template may do that CloudFormation wants consent to: make what IAM has, also under names of its own,
    /// and be rewritten by macros.
    #[serde(default)]
    pub capabilities: Vec<Capability>,
}

/// Consent to what a template does.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Capability {
    /// It makes roles, policies, users or groups, which CloudFormation names.
    CapabilityIam,
    /// It makes them with names of its own.
    CapabilityNamedIam,
    /// Macros (`Transform`) rewrite it.
    CapabilityAutoExpand,
}

/// This is uploaded to the bucket that starts a function, that is expected.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// The file, relative to the project.
    pub upload: String,
    /// Its key in the bucket; by default the wiring's prefix and the file's name.
    pub key: Option<String>,
    /// What must come of it, all of it.
    pub expect: Vec<Expectation>,
    /// How long it may take.
    pub within: Option<Duration>,
}

/// One thing that is expected.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct Expectation {
    /// An item in a table. Name an attribute that tells this upload's item from others, as its key.
    pub item: Option<Item>,
    /// A message in a queue that no function takes from: a dead letter.
    pub message: Option<Message>,
    /// A line in a function's log.
    pub log: Option<LogLine>,
}

/// An item in a table.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// The table: `tables.NAME`.
    pub table: Reference,
    /// Attributes that it has, among others: text, numbers, true or false.
    pub has: BTreeMap<String, Value>,
}

/// Value of an attribute.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Value {
    /// Text.
    Text(String),
    /// A number.
    Number(f64),
    /// True or false.
    Flag(bool),
}

/// A message in a queue.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// The queue: `queues.NAME`.
    pub queue: Reference,
    /// What is in its body.
    pub contains: String,
}

/// A line in a function's log.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogLine {
    /// The function: `functions.NAME`.
    pub function: Reference,
    /// What is in it.
    pub contains: String,
}

/// Duration: a whole number with `s`, `m`, `h` or `d`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(extend("pattern" = "^[0-9]+[smhd]$"))]
pub struct Duration(pub String);

/// Days: a whole number with `d`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(extend("pattern" = "^[0-9]+d$"))]
pub struct Days(pub String);

/// Memory: a whole number with `MB` or `GB`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(extend("pattern" = "^[0-9]+(MB|GB)$"))]
pub struct Memory(pub String);

/// Text with references like `${queues.jobs.url}`: `name` and `arn` of buckets, queues, tables and
/// functions, `url` of queues, `${templates.NAME.outputs.OUTPUT}`. `$${` stands for `${`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Text(pub String);

/// A resource of the stack, as `queues.jobs`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(extend("pattern" = "^(buckets|queues|tables|functions)\\.[A-Za-z0-9_-]+$"))]
pub struct Reference(pub String);
