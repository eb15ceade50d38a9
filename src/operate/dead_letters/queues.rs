//! Which queues of a stack hold dead letters, and where those came from.

use crate::resource::{Identity, Place};
use crate::stack::model::{Function, Kind, LogicalId, Stack};

/// A queue of the stack that dead letters go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterQueue {
    /// Its logical id.
    pub id: LogicalId,
    /// Its identity.
    pub queue: Identity,
    /// Queues whose messages go there.
    pub sources: Vec<SourceQueue>,
    /// Functions whose failed asynchronous invocations go there.
    pub functions: Vec<SourceFunction>,
}

/// A queue that gives messages up after some receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceQueue {
    /// Its logical id.
    pub id: LogicalId,
    /// Its identity.
    pub queue: Identity,
    /// After so many receives.
    pub max_receives: u32,
    /// Physical names of the functions that are given its messages.
    pub consumers: Vec<String>,
    /// Does one of them send to the dead letter queue by itself?
    pub sets_aside: bool,
}

/// A function that says where its failed asynchronous invocations go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFunction {
    /// Its logical id.
    pub id: LogicalId,
    /// Its physical name.
    pub name: String,
}

impl DeadLetterQueue {
    /// The only queue whose messages all go back to: none where a message has to be looked at first.
    pub fn only_source(&self) -> Option<&SourceQueue> {
        match &self.sources[..] {
            [only] if self.functions.is_empty() => Some(only),
            _ => None,
        }
    }

    /// The queue that a message came from: the one that SQS says, else the only one, else the only one
    /// whose consumers send to the dead letter queue by themselves.
    pub fn source(&self, told: Option<&str>) -> Option<&SourceQueue> {
        if let Some(arn) = told {
            // Only the name: endpoints differ in the account that they put into ARNs.
            let name = arn.rsplit(':').next();
            return self
                .sources
                .iter()
                .find(|source| name == Some(source.queue.name.as_str()));
        }
        if let [only] = &self.sources[..] {
            return Some(only);
        }
        let mut by_hand = self.sources.iter().filter(|source| source.sets_aside);
        by_hand.next().filter(|_| by_hand.next().is_none())
    }

    /// The function that an ARN names, with or without a version behind it.
    pub fn function(&self, arn: &str) -> Option<&SourceFunction> {
        let name = arn.split(':').nth(6);
        self.functions
            .iter()
            .find(|function| name == Some(function.name.as_str()))
    }

    /// What it holds the dead letters of.
    pub fn of(&self) -> Vec<LogicalId> {
        let queues = self.sources.iter().map(|source| &source.id);
        let functions = self.functions.iter().map(|function| &function.id);
        queues.chain(functions).cloned().collect()
    }

    /// Is this what somebody calls it: `NAME`, `queues.NAME`, or as the target knows it?
    fn is_called(&self, name: &str) -> bool {
        self.id.name == name || self.queue.name == name || self.id.to_string() == name
    }
}

/// All dead letter queues of a stack, in the order of the file.
pub fn all(stack: &Stack, place: &Place) -> Vec<DeadLetterQueue> {
    let queues = stack.queues.iter().map(|queue| DeadLetterQueue {
        id: LogicalId::new(Kind::Queue, &queue.name),
        queue: place.queue(stack, &queue.name),
        sources: sources(stack, place, &queue.name),
        functions: functions(stack, place, &queue.name),
    });
    queues
        .filter(|queue| !queue.sources.is_empty() || !queue.functions.is_empty())
        .collect()
}

/// The one that somebody names; all of them without a name.
pub fn named(
    all: Vec<DeadLetterQueue>,
    name: Option<&str>,
) -> Result<Vec<DeadLetterQueue>, super::DeadLetterError> {
    let Some(name) = name else {
        return Ok(all);
    };
    let known: Vec<String> = all.iter().map(|queue| queue.id.name.clone()).collect();
    all.into_iter()
        .find(|queue| queue.is_called(name))
        .map(|found| vec![found])
        .ok_or_else(|| super::DeadLetterError::NoSuchQueue {
            name: name.to_owned(),
            help: if known.is_empty() {
                "the stack has none: give a queue `dead_letter`, or a function `on_failure`"
                    .to_owned()
            } else {
                format!("they are: {}", known.join(", "))
            },
        })
}

fn sources(stack: &Stack, place: &Place, dead_letters: &str) -> Vec<SourceQueue> {
    let to_it = stack.queues.iter().filter_map(|source| {
        let rule = source.dead_letter.as_ref()?;
        (rule.queue == dead_letters).then_some((source, rule))
    });
    to_it
        .map(|(source, rule)| {
            let consumers: Vec<&Function> = stack
                .mappings
                .iter()
                .filter(|mapping| mapping.queue == source.name)
                .filter_map(|mapping| stack.functions.iter().find(|f| f.name == mapping.function))
                .collect();
            SourceQueue {
                id: LogicalId::new(Kind::Queue, &source.name),
                queue: place.queue(stack, &source.name),
                max_receives: rule.max_receives,
                sets_aside: consumers.iter().any(|f| knows(f, dead_letters)),
                consumers: consumers
                    .iter()
                    .map(|f| place.function(stack, &f.name).name)
                    .collect(),
            }
        })
        .collect()
}

fn functions(stack: &Stack, place: &Place, dead_letters: &str) -> Vec<SourceFunction> {
    stack
        .functions
        .iter()
        .filter(|function| function.on_failure.as_deref() == Some(dead_letters))
        .map(|function| SourceFunction {
            id: LogicalId::new(Kind::Function, &function.name),
            name: place.function(stack, &function.name).name,
        })
        .collect()
}

/// Is a function told of the queue?
fn knows(function: &Function, queue: &str) -> bool {
    function
        .environment
        .iter()
        .flat_map(|(_, text)| text.references())
        .any(|reference| reference.id.kind == Kind::Queue && reference.id.name == queue)
}
