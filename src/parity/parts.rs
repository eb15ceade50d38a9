//! What of a stack scenarios work with: the first of each kind of way through it; and what they need.

use crate::operate::pipeline::Pipeline;
use crate::resource::Place;
use crate::stack::model::{KeyType, Stack, Table};

/// Every kind of creation.
const CREATIONS: &str = "s3:ObjectCreated:*";
/// Where objects may go that start nothing.
const OUTSIDE: &[&str] = &["outside/", "pipectl-outside/", "0/"];

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
    /// A prefix of keys that start nothing, if there is one.
    pub outside: Option<&'static str>,
    /// Does the bucket keep versions?
    versioned: bool,
    /// Does every kind of creation start the function?
    creations: bool,
    /// Does a removal start it, too?
    removals: bool,
}

/// A queue that starts a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueWay {
    /// Name of the queue in the stack.
    pub queue: String,
    /// Name of the function in the stack.
    pub function: String,
    /// Name of the queue's dead letter queue, if nothing takes from it.
    pub dead_letters: Option<String>,
    /// Messages of one invocation.
    batch: u32,
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
    /// Name of the queue that this function's failed events go to, if nothing takes from it.
    pub on_failure: Option<String>,
    /// The first table.
    pub table: Option<Table>,
}

impl Parts {
    /// Those of a stack.
    pub fn of(stack: &Stack, place: &Place) -> Self {
        let stays = |queue: &String| !stack.mappings.iter().any(|one| one.queue == *queue);
        let event = event(stack);
        let queue = stack.mappings.first().map(|mapping| {
            let of = stack.queues.iter().find(|one| one.name == mapping.queue);
            let letters = of.and_then(|queue| queue.dead_letter.as_ref());
            QueueWay {
                queue: mapping.queue.clone(),
                function: mapping.function.clone(),
                dead_letters: letters.map(|letters| letters.queue.clone()).filter(stays),
                batch: mapping.batch,
            }
        });
        let by_event = event.as_ref().map(|event| &event.function);
        let function = stack
            .functions
            .iter()
            .find(|function| by_event.is_none_or(|name| *name == function.name));
        // A pipeline's files come in by the first wiring.
        let first = stack.notifications.first();
        let first = first.zip(event.as_ref()).is_some_and(|(first, event)| {
            first.bucket == event.bucket && first.prefix == event.prefix
        });
        Self {
            is_pipeline: first && Pipeline::of(stack, place).is_ok(),
            function: function.map(|function| function.name.clone()),
            on_failure: function
                .and_then(|function| function.on_failure.clone())
                .filter(stays),
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

/// The first bucket that tells a function of what is put into it.
fn event(stack: &Stack) -> Option<EventWay> {
    let has = |events: &[String], name: &str| events.iter().any(|event| event == name);
    let way = stack
        .notifications
        .iter()
        .find(|one| has(&one.events, CREATIONS) || has(&one.events, "s3:ObjectCreated:Put"))?;
    let of_bucket = || {
        let all = stack.notifications.iter();
        all.filter(|one| one.bucket == way.bucket)
    };
    let starts_nothing = |outside: &&&str| {
        of_bucket().all(|one| !one.prefix.is_empty() && !outside.starts_with(&one.prefix))
    };
    Some(EventWay {
        bucket: way.bucket.clone(),
        function: way.function.clone(),
        prefix: way.prefix.clone(),
        suffix: way.suffix.clone(),
        outside: OUTSIDE.iter().find(starts_nothing).copied(),
        versioned: stack
            .buckets
            .iter()
            .any(|bucket| bucket.name == way.bucket && bucket.versioning),
        creations: has(&way.events, CREATIONS),
        removals: of_bucket()
            .flat_map(|one| &one.events)
            .any(|event| event.starts_with("s3:ObjectRemoved")),
    })
}

/// What a scenario needs of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing but being a stack.
    Nothing,
    /// Files go in and results come out.
    Pipeline,
    /// The same, whatever a file's name ends with.
    AnySuffix,
    /// The same, and there are keys that start nothing.
    PipelineWithOutside,
    /// A bucket that starts a function.
    Event,
    /// The same, and there are keys that start nothing.
    Outside,
    /// A bucket whose every kind of creation starts a function.
    Creations,
    /// The same, and there are keys that start nothing.
    CreationsWithOutside,
    /// A bucket whose creations start a function, and whose removals do not.
    NoRemovals,
    /// A bucket with versions that starts a function.
    Versions,
    /// A queue that starts a function.
    Queue,
    /// The same, with several messages at once.
    Batches,
    /// A queue that starts a function, with a dead letter queue.
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
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Pipeline => "a pipeline from files to results",
            Self::AnySuffix => "a pipeline for files of any name",
            Self::PipelineWithOutside => "a pipeline for files under a prefix",
            Self::Event => "a bucket that starts a function",
            Self::Outside => "a bucket that starts a function, under a prefix",
            Self::Creations => "a bucket whose every creation starts a function",
            Self::CreationsWithOutside => {
                "a bucket whose every creation starts a function, under a prefix"
            }
            Self::NoRemovals => {
                "a bucket whose creations start a function and whose removals do not"
            }
            Self::Versions => "a bucket with versions that starts a function",
            Self::Queue => "a queue that starts a function",
            Self::Batches => "a queue that starts a function with several messages",
            Self::DeadLetters => "a queue that starts a function, with a dead letter queue",
            Self::PipelineWithDeadLetters => {
                "a pipeline from files to results, with a dead letter queue"
            }
            Self::Function => "a function",
            Self::OnFailure => "a function with a queue for its failed events",
            Self::Table => "a table",
            Self::Ttl => "a table whose items expire",
            Self::DayIndex => "a pipeline whose results have an index on the day",
        }
    }

    /// Has the stack what it takes?
    pub fn is_met(self, parts: &Parts) -> bool {
        let event = |is: fn(&EventWay) -> bool| parts.event.as_ref().is_some_and(is);
        let queue = |is: fn(&QueueWay) -> bool| parts.queue.as_ref().is_some_and(is);
        let table = |is: fn(&Table) -> bool| parts.table.as_ref().is_some_and(is);
        let outside = event(|event| event.outside.is_some());
        match self {
            Self::Nothing => true,
            Self::Pipeline => parts.is_pipeline,
            Self::AnySuffix => parts.is_pipeline && event(|event| event.suffix.is_empty()),
            Self::PipelineWithOutside => parts.is_pipeline && outside,
            Self::Event => parts.event.is_some(),
            Self::Outside => outside,
            Self::Creations => event(|event| event.creations),
            Self::CreationsWithOutside => outside && event(|event| event.creations),
            Self::NoRemovals => event(|event| !event.removals),
            Self::Versions => event(|event| event.versioned),
            Self::Queue => parts.queue.is_some(),
            Self::Batches => queue(|queue| queue.batch >= 3),
            Self::DeadLetters => queue(|queue| queue.dead_letters.is_some()),
            Self::PipelineWithDeadLetters => {
                parts.is_pipeline && queue(|queue| queue.dead_letters.is_some())
            }
            Self::Function => parts.function.is_some(),
            Self::OnFailure => parts.on_failure.is_some(),
            Self::Table => parts.table.is_some(),
            Self::Ttl => table(|table| table.ttl.is_some()),
            Self::DayIndex => {
                parts.is_pipeline
                    && table(|table| {
                        table.indexes.iter().any(|index| {
                            index.partition_key.name == "day"
                                && index.partition_key.key_type == KeyType::String
                        })
                    })
            }
        }
    }
}
