//! What of a stack scenarios work with: the first of each kind of way through it.

use crate::operate::pipeline::Pipeline;
use crate::resource::Place;
use crate::stack::model::{Function, KeyType, Kind, Part, Stack, Table, Text};

/// A bucket that starts a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventWay {
    /// Name of the bucket in the stack.
    pub bucket: String,
    /// Name of the function in the stack.
    pub function: String,
    /// Keys begin so.
    pub prefix: String,
    /// Keys end so.
    pub suffix: String,
    /// Does the bucket keep versions?
    pub versioned: bool,
}

/// A queue that starts a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueWay {
    /// Name of the queue in the stack.
    pub queue: String,
    /// Name of the function in the stack.
    pub function: String,
    /// Name of the queue's dead letter queue.
    pub dead_letters: Option<String>,
}

/// What there is.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    /// Files go in and results come out, by the contract of pipectl's log pipeline.
    pub is_pipeline: bool,
    /// The first bucket that starts a function.
    pub event: Option<EventWay>,
    /// The first queue that starts a function.
    pub queue: Option<QueueWay>,
    /// The function that is started by the bucket, else the first one.
    pub function: Option<String>,
    /// Name of the queue that this function's failed events go to.
    pub on_failure: Option<String>,
    /// The first table.
    pub table: Option<Table>,
}

impl Parts {
    /// Those of a stack.
    pub fn of(stack: &Stack, place: &Place) -> Self {
        let created = |events: &[String]| {
            events
                .iter()
                .any(|event| event == "s3:ObjectCreated:*" || event == "s3:ObjectCreated:Put")
        };
        let mut notifications = stack.notifications.iter();
        let event = notifications
            .find(|one| created(&one.events))
            .map(|one| EventWay {
                bucket: one.bucket.clone(),
                function: one.function.clone(),
                prefix: one.prefix.clone(),
                suffix: one.suffix.clone(),
                versioned: stack
                    .buckets
                    .iter()
                    .any(|bucket| bucket.name == one.bucket && bucket.versioning),
            });
        let queue = stack.mappings.first().map(|mapping| {
            let of = stack.queues.iter().find(|one| one.name == mapping.queue);
            QueueWay {
                queue: mapping.queue.clone(),
                function: mapping.function.clone(),
                dead_letters: of
                    .and_then(|queue| queue.dead_letter.as_ref())
                    .map(|letters| letters.queue.clone()),
            }
        });
        let by_event = event.as_ref().map(|event| &event.function);
        let function = stack
            .functions
            .iter()
            .find(|function| by_event.is_none_or(|name| *name == function.name));
        Self {
            is_pipeline: Pipeline::of(stack, place).is_ok(),
            function: function.map(|function| function.name.clone()),
            on_failure: function.and_then(|function| function.on_failure.clone()),
            table: stack.tables.first().cloned(),
            event,
            queue,
        }
    }

    /// Name of the function that messages start, where that is not the one that events start.
    pub fn other_function(&self) -> Option<&str> {
        let queue = self.queue.as_ref()?;
        (Some(&queue.function) != self.function.as_ref()).then_some(queue.function.as_str())
    }
}

/// What a scenario needs of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing but being a stack.
    Nothing,
    /// Files go in and results come out.
    Pipeline,
    /// A bucket that starts a function.
    Event,
    /// The same with a prefix.
    Prefix,
    /// A queue that starts a function.
    Queue,
    /// The same with a dead letter queue.
    DeadLetters,
    /// The same, in a pipeline.
    PipelineWithDeadLetters,
    /// A function.
    Function,
    /// A function whose failed events go to a queue.
    OnFailure,
    /// A table.
    Table,
    /// A table whose items expire.
    Ttl,
    /// A pipeline whose results have an index on the day.
    DayIndex,
}

impl Need {
    /// What is missing for it, if anything is.
    pub fn missing(self, parts: &Parts) -> Option<&'static str> {
        let dead_letters = parts
            .queue
            .as_ref()
            .and_then(|queue| queue.dead_letters.as_ref());
        let (met, what) = match self {
            Self::Nothing => (true, ""),
            Self::Pipeline => (parts.is_pipeline, "a pipeline from files to results"),
            Self::Event => (parts.event.is_some(), "a bucket that starts a function"),
            Self::Prefix => (
                parts
                    .event
                    .as_ref()
                    .is_some_and(|event| !event.prefix.is_empty()),
                "a bucket that starts a function, with a prefix",
            ),
            Self::Queue => (parts.queue.is_some(), "a queue that starts a function"),
            Self::DeadLetters => (
                dead_letters.is_some(),
                "a queue that starts a function, with a dead letter queue",
            ),
            Self::PipelineWithDeadLetters => (
                parts.is_pipeline && dead_letters.is_some(),
                "a pipeline from files to results, with a dead letter queue",
            ),
            Self::Function => (parts.function.is_some(), "a function"),
            Self::OnFailure => (
                parts.on_failure.is_some(),
                "a function with a queue for its failed events",
            ),
            Self::Table => (parts.table.is_some(), "a table"),
            Self::Ttl => (
                parts
                    .table
                    .as_ref()
                    .is_some_and(|table| table.ttl.is_some()),
                "a table whose items expire",
            ),
            Self::DayIndex => {
                let index = parts.table.as_ref().is_some_and(|table| {
                    let mut indexes = table.indexes.iter();
                    indexes.any(|index| {
                        index.partition_key.name == "day"
                            && index.partition_key.key_type == KeyType::String
                    })
                });
                (
                    parts.is_pipeline && index,
                    "a pipeline whose results have an index on the day",
                )
            }
        };
        (!met).then_some(what)
    }
}

/// Longest run of one invocation in a copy, s.
pub const TIMEOUT_S: u32 = 3;
/// How long a message is hidden in a copy, s: six times as long, as AWS advises. // aws-behaviours Q10
pub const VISIBILITY_S: u32 = 18;
/// Receives before a message moves to the dead letter queue, in a copy.
pub const RECEIVES: u32 = 2;
/// Most memory of a function in a copy, MB: a scenario takes all of it, also where nothing stops it.
const MEMORY_MB: u32 = 512;
/// Largest file in a copy of a pipeline, bytes.
pub const LARGEST_FILE: usize = 21 * 1024 * 1024;

/// The stack as copies are: short times, few tries, nothing that stays, nothing that costs beyond what scenarios
/// need.
pub fn adjusted(stack: &Stack, parts: &Parts) -> Stack {
    let mut copy = stack.clone();
    let started_by_queue = |queue: &str| stack.mappings.iter().any(|one| one.queue == queue);
    for function in &mut copy.functions {
        function.timeout.0 = TIMEOUT_S;
        function.memory.0 = function.memory.0.min(MEMORY_MB);
        function.async_retries = 0;
        // It may not fit an account, and is what a scenario sets.
        function.reserved_concurrency = None;
        if parts.is_pipeline
            && parts
                .event
                .as_ref()
                .is_some_and(|e| e.function == function.name)
        {
            set(function, "MAX_FILE_BYTES", &LARGEST_FILE.to_string());
        }
    }
    for queue in &mut copy.queues {
        queue.retain = false;
        queue.delay.0 = 0;
        if started_by_queue(&queue.name) {
            queue.visibility_timeout.0 = VISIBILITY_S;
            if let Some(letters) = &mut queue.dead_letter {
                letters.max_receives = RECEIVES;
            }
        }
    }
    for bucket in &mut copy.buckets {
        bucket.retain = false;
    }
    for table in &mut copy.tables {
        table.retain = false;
    }
    for mapping in &mut copy.mappings {
        mapping.batch = mapping.batch.min(10);
        mapping.window.0 = 0;
    }
    let mut texts = copy
        .functions
        .iter()
        .flat_map(|function| &function.environment);
    let needs_templates = texts.any(|(_, text)| {
        let mut references = text.references();
        references.any(|reference| reference.id.kind == Kind::Template)
    });
    if !needs_templates {
        copy.templates.clear();
    }
    copy.outputs.clear();
    copy.tests.clear();
    copy
}

/// Sets a variable of a function.
pub fn set(function: &mut Function, name: &str, value: &str) {
    let text = Text {
        parts: vec![Part::Literal(value.to_owned())],
    };
    function.environment.retain(|(one, _)| one != name);
    function.environment.push((name.to_owned(), text));
}
