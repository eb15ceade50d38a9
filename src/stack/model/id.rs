//! Kinds of resources, and how a stack names one of them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kinds of resource that a stack becomes (glossary: *kind*).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// S3 bucket.
    Bucket,
    /// SQS queue.
    Queue,
    /// DynamoDB table.
    Table,
    /// IAM role.
    Role,
    /// CloudWatch Logs log group.
    LogGroup,
    /// Lambda function.
    Function,
    /// Statement of a function's resource policy.
    Permission,
    /// S3 bucket notification.
    Notification,
    /// Lambda event source mapping.
    Mapping,
    /// CloudFormation template.
    Template,
}

impl Kind {
    /// All there are.
    pub const ALL: &[Self] = &[
        Self::Bucket,
        Self::Queue,
        Self::Table,
        Self::Role,
        Self::LogGroup,
        Self::Function,
        Self::Permission,
        Self::Notification,
        Self::Mapping,
        Self::Template,
    ];

    /// Name for people: `log group`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Bucket => "bucket",
            Self::Queue => "queue",
            Self::Table => "table",
            Self::Role => "role",
            Self::LogGroup => "log group",
            Self::Function => "function",
            Self::Permission => "permission",
            Self::Notification => "notification",
            Self::Mapping => "mapping",
            Self::Template => "template",
        }
    }

    /// First part of a logical id: `log-groups`.
    pub fn section(self) -> &'static str {
        match self {
            Self::Bucket => "buckets",
            Self::Queue => "queues",
            Self::Table => "tables",
            Self::Role => "roles",
            Self::LogGroup => "log-groups",
            Self::Function => "functions",
            Self::Permission => "permissions",
            Self::Notification => "notifications",
            Self::Mapping => "mappings",
            Self::Template => "templates",
        }
    }
}

/// Logical id: how the stack names a resource, e.g. `queues.jobs`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogicalId {
    /// Kind of the resource.
    pub kind: Kind,
    /// Name inside its section; `from-to` for wiring.
    pub name: String,
}

impl LogicalId {
    /// Joins kind and name.
    pub fn new(kind: Kind, name: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
        }
    }
}

impl fmt::Display for LogicalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.kind.section(), self.name)
    }
}

impl std::str::FromStr for LogicalId {
    type Err = String;

    /// Reads what `Display` writes: `queues.jobs`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (section, name) = text
            .split_once('.')
            .ok_or_else(|| format!("`{text}` is not SECTION.NAME"))?;
        Kind::ALL
            .iter()
            .find(|kind| kind.section() == section)
            .map(|kind| Self::new(*kind, name))
            .ok_or_else(|| format!("there is no section `{section}`"))
    }
}

impl<'de> Deserialize<'de> for LogicalId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for LogicalId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
