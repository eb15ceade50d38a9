//! How a file goes through a stack: how often each bucket, queue and function has a part in it.

use std::collections::BTreeMap;

use crate::stack::model::{AccessAction, Function, Kind, Stack};

/// Of one file.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Flow {
    /// Objects that come into each bucket which starts functions.
    pub objects: BTreeMap<String, f64>,
    /// Messages that are sent to each queue which starts functions.
    pub messages: BTreeMap<String, f64>,
    /// Invocations of each function by events of buckets.
    pub events: BTreeMap<String, f64>,
    /// Messages that each mapping hands on, in the order of the stack.
    pub mapped: Vec<f64>,
}

impl Flow {
    /// Files come in by what nothing else of the stack feeds, the same number by each way: by buckets with notifications,
    /// and by queues with mappings to which no started function sends. A bucket's files are divided among its
    /// notifications, which cannot overlap, and a queue's messages among its mappings. A function passes each file on to
    /// every queue that it may send to and that starts a function.
    pub fn of(stack: &Stack) -> Self {
        let buckets: Vec<&str> = unique(stack.notifications.iter().map(|one| &*one.bucket));
        let queues: Vec<&str> = unique(stack.mappings.iter().map(|one| &*one.queue));
        let is_fed = |queue: &&&str| {
            let started = stack.functions.iter().filter(|one| is_started(stack, one));
            started
                .flat_map(|one| sends(stack, one))
                .any(|one| one == **queue)
        };
        let open: Vec<&str> = queues.iter().filter(|one| !is_fed(one)).copied().collect();
        let ways = (buckets.len() + open.len()).max(1) as f64;
        let mut flow = Self::default();
        for bucket in buckets {
            flow.objects.insert(bucket.to_owned(), 1.0 / ways);
            let all = || {
                stack
                    .notifications
                    .iter()
                    .filter(|one| one.bucket == bucket)
            };
            let share = 1.0 / ways / all().count() as f64;
            for one in all() {
                *flow.events.entry(one.function.clone()).or_default() += share;
            }
        }
        flow.mapped = vec![0.0; stack.mappings.len()];
        // Each round goes one queue further; a ring, which the stack file may have, is gone round once.
        for _ in 0..=stack.mappings.len() {
            let mut messages: BTreeMap<String, f64> = open
                .iter()
                .map(|one| ((*one).to_owned(), 1.0 / ways))
                .collect();
            for function in &stack.functions {
                let files = flow.files(stack, &function.name);
                for queue in sends(stack, function) {
                    *messages.entry(queue.to_owned()).or_default() += files;
                }
            }
            for (at, mapping) in stack.mappings.iter().enumerate() {
                let all = stack
                    .mappings
                    .iter()
                    .filter(|one| one.queue == mapping.queue);
                let sent = messages.get(&mapping.queue).copied().unwrap_or_default();
                flow.mapped[at] = sent / all.count() as f64;
            }
            flow.messages = messages;
        }
        flow
    }

    /// Files that a function works on, in events or messages.
    pub fn files(&self, stack: &Stack, function: &str) -> f64 {
        let mapped = stack.mappings.iter().zip(&self.mapped);
        let mapped = mapped.filter(|(one, _)| one.function == function);
        let events = self.events.get(function).copied().unwrap_or_default();
        events + mapped.map(|(_, messages)| messages).sum::<f64>()
    }
}

fn unique<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut all: Vec<&str> = names.collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Does a bucket or a queue start it?
pub fn is_started(stack: &Stack, function: &Function) -> bool {
    let by_event = stack
        .notifications
        .iter()
        .any(|one| one.function == function.name);
    by_event
        || stack
            .mappings
            .iter()
            .any(|one| one.function == function.name)
}

/// Queues with mappings that a function may send to: to others, dead letter queues, goes only what fails.
fn sends<'a>(stack: &'a Stack, function: &'a Function) -> impl Iterator<Item = &'a str> {
    let to = function.access.iter().filter(|one| {
        one.action == AccessAction::Send
            && one.on.kind == Kind::Queue
            && stack
                .mappings
                .iter()
                .any(|mapping| mapping.queue == one.on.name)
    });
    to.map(|one| &*one.on.name)
}

/// Does it hand files on? Then what it writes itself is about those that it refuses.
pub fn hands_on(stack: &Stack, function: &Function) -> bool {
    sends(stack, function).next().is_some()
}
