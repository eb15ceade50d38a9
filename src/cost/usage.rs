//! What a stack uses: for each file that goes through it, and a month whether or not files come.

use serde::{Deserialize, Serialize};

use super::flow::{Flow, hands_on};
use super::prices::Item;
use crate::number::{self, short};
use crate::stack::model::{AccessAction, Architecture, Function, Kind, Mapping, Stack, Table};

/// Bytes of a log line: 1,000 lines are about 235 KB (docs/measurements.md).
pub const LINE_BYTES: f64 = 235.0;
/// Bytes of a result, as it is in the table: 1,073 measured of a file of 1,000 lines (docs/measurements.md).
const ITEM_BYTES: f64 = 1_100.0;
/// DynamoDB counts so many more for every item that it keeps, bytes (its page on item sizes).
const ITEM_OVERHEAD_BYTES: f64 = 100.0;
/// Bytes of logs of one invocation, with the 26 that CloudWatch Logs adds to every line: 762 of the trigger and
/// 1,172 of the worker measured (docs/measurements.md).
const LOG_BYTES: f64 = 1_000.0;
/// Long polls of a mapping that waits: 5 pollers, or 2 where nothing limits its concurrency, every 20 s.
/// aws-behaviours E7, §12
const POLLERS: f64 = 5.0;
const IDLE_POLLERS: f64 = 2.0;
/// Seconds of a month, and of a long poll.
pub(super) const MONTH_S: f64 = 30.0 * 24.0 * 3_600.0;
const POLL_S: f64 = 20.0;
/// How long results are kept, days.
const RESULT_DAYS: f64 = 7.0;
/// How long objects are kept where the stack does not say, days.
const OBJECT_DAYS: f64 = 30.0;
/// Days of a month.
const MONTH_DAYS: f64 = 30.0;
const GB: f64 = 1e9;

/// How long a function runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Runtime {
    /// What Lambda bills for a warm invocation, ms.
    pub billed_ms: f64,
    /// What it bills for making an environment, ms. // aws-behaviours §12: custom runtimes pay for it
    pub init_ms: f64,
    /// Of how many invocations in a hundred an environment is made.
    pub cold_percent: f64,
    /// Was it measured?
    pub measured: bool,
}

/// What is assumed where nothing was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// Log lines a month.
    pub lines: f64,
    /// Lines of a file.
    pub lines_per_file: f64,
    /// Messages of one invocation, on average.
    pub batch: f64,
}

impl Load {
    /// Files a month.
    pub fn files(&self) -> f64 {
        self.lines / self.lines_per_file
    }

    /// Bytes of a file.
    pub fn file_bytes(&self) -> f64 {
        self.lines_per_file * LINE_BYTES
    }
}

/// Some units of an item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Use {
    /// What they are of: `functions.worker`, `buckets.uploads`.
    pub of: String,
    /// Item.
    pub item: Item,
    /// Units of each file.
    pub per_file: f64,
    /// Units of each month besides.
    pub per_month: f64,
    /// How it comes about, for people.
    pub how: String,
}

impl Use {
    fn of_file(of: impl Into<String>, item: Item, per_file: f64, how: impl Into<String>) -> Self {
        Self {
            of: of.into(),
            item,
            per_file,
            per_month: 0.0,
            how: how.into(),
        }
    }

    fn of_month(of: impl Into<String>, item: Item, per_month: f64, how: impl Into<String>) -> Self {
        Self {
            per_file: 0.0,
            per_month,
            ..Self::of_file(of, item, 0.0, how)
        }
    }

    /// Units of a month with so many files.
    pub fn units(&self, files: f64) -> f64 {
        self.per_file * files + self.per_month
    }
}

/// All that a stack uses. `runtime` tells of each function by its name.
pub fn of(stack: &Stack, load: &Load, runtime: &dyn Fn(&str) -> Runtime) -> Vec<Use> {
    let flow = Flow::of(stack);
    let mut all = Vec::new();
    for (bucket, files) in &flow.objects {
        all.extend(of_bucket(stack, bucket, *files, load));
    }
    for function in &stack.functions {
        all.extend(of_function(
            stack,
            &flow,
            function,
            load,
            &runtime(&function.name),
        ));
    }
    for (queue, messages) in &flow.messages {
        let of = format!("queues.{queue}");
        let how = "a message is sent";
        all.push(Use::of_file(&of, Item::SqsRequests, *messages, how));
    }
    for (mapping, messages) in stack.mappings.iter().zip(&flow.mapped) {
        let of = format!("queues.{}", mapping.queue);
        let batch = batch(mapping, load);
        let how = if batch > 1.0 {
            format!("a receive and a deletion for {batch} messages")
        } else {
            "a receive and a deletion a message".to_owned()
        };
        all.push(Use::of_file(
            &of,
            Item::SqsRequests,
            2.0 * messages / batch,
            how,
        ));
        let pollers = if mapping.max_concurrency.is_some() {
            POLLERS
        } else {
            IDLE_POLLERS
        };
        let how = format!("{pollers} pollers look every {POLL_S} s, also when nothing comes");
        let polls = pollers * MONTH_S / POLL_S;
        all.push(Use::of_month(&of, Item::SqsRequests, polls, how));
    }
    for template in &stack.templates {
        let of = format!("templates.{}", template.name);
        for (kind, item) in [
            ("AWS::CloudWatch::Alarm", Item::Alarms),
            ("AWS::CloudWatch::Dashboard", Item::Dashboards),
        ] {
            let count = template.resources.iter().filter(|(_, one)| one == kind);
            let count = count.count() as f64;
            if count > 0.0 {
                all.push(Use::of_month(&of, item, count, kind));
            }
        }
    }
    all
}

/// Messages of one invocation: a mapping takes no more than its own.
pub fn batch(mapping: &Mapping, load: &Load) -> f64 {
    load.batch.min(f64::from(mapping.batch))
}

fn of_bucket(stack: &Stack, name: &str, files: f64, load: &Load) -> Vec<Use> {
    let of = format!("buckets.{name}");
    let bucket = stack.buckets.iter().find(|one| one.name == name);
    let days = bucket.and_then(|one| one.expire_after);
    let days = days.map_or(OBJECT_DAYS, |days| f64::from(days.0));
    let expires = bucket.is_some_and(|one| one.expire_after.is_some());
    // What expires in a versioned bucket is kept as an old version for as long again.
    let (kept, again) = if bucket.is_some_and(|one| one.versioning) && expires {
        (
            2.0 * days,
            format!(", and {days:.0} more as an old version"),
        )
    } else {
        (days, String::new())
    };
    let size = load.file_bytes();
    let how = format!("{} for {days:.0} days{again}", bytes(size));
    let gb_months = files * size / GB * kept / MONTH_DAYS;
    vec![
        Use::of_file(&of, Item::S3Puts, files, "one upload"),
        Use::of_file(&of, Item::S3GbMonth, gb_months, how),
    ]
}

fn of_function(
    stack: &Stack,
    flow: &Flow,
    function: &Function,
    load: &Load,
    runtime: &Runtime,
) -> Vec<Use> {
    let of = format!("functions.{}", function.name);
    let files = flow.files(stack, &function.name);
    // A function that nothing starts costs nothing here.
    if files == 0.0 {
        return Vec::new();
    }
    let events = flow.events.get(&function.name).copied().unwrap_or_default();
    let mapped = stack.mappings.iter().zip(&flow.mapped);
    let mapped = mapped.filter(|(one, _)| one.function == function.name);
    let batches: f64 = mapped
        .map(|(one, messages)| messages / batch(one, load))
        .sum();
    let invocations = events + batches;
    let gb = f64::from(function.memory.0) / 1_024.0;
    let cold = runtime.init_ms * runtime.cold_percent / 100.0;
    let seconds = (runtime.billed_ms * files + cold * invocations) / 1_000.0;
    let item = match function.architecture.on_lambda() {
        Architecture::Arm64 => Item::LambdaGbSArm64,
        _ => Item::LambdaGbSX86,
    };
    let how = if invocations < files {
        format!("one invocation for {} files", short(files / invocations))
    } else {
        "one invocation a file".to_owned()
    };
    let time = format!(
        "{} MB for {} ms a file ({}), and {} ms for a new environment in {} %",
        function.memory.0,
        short(runtime.billed_ms),
        if runtime.measured {
            "measured"
        } else {
            "assumed"
        },
        short(runtime.init_ms),
        runtime.cold_percent
    );
    let mut all = vec![
        Use::of_file(&of, Item::LambdaRequests, invocations, how),
        Use::of_file(&of, item, seconds * gb, time),
    ];
    all.extend(of_access(stack, flow, function, files));
    let bytes = LOG_BYTES * invocations / GB;
    let how = format!("{} of log an invocation", self::bytes(LOG_BYTES));
    all.push(Use::of_file(&of, Item::LogsGb, bytes, how));
    let days = f64::from(function.log_retention.0);
    let kept = bytes * days / MONTH_DAYS;
    let how = format!("kept for {days} days");
    all.push(Use::of_file(&of, Item::LogsGbMonth, kept, how));
    all
}

/// Calls that a function makes for each file, by what it may do: one for each resource. One that hands files on writes
/// only of those that it refuses, which are not counted.
fn of_access(stack: &Stack, flow: &Flow, function: &Function, files: f64) -> Vec<Use> {
    let mut all = Vec::new();
    for access in &function.access {
        let on = &access.on;
        let of = format!("{}.{}", on.kind.section(), on.name);
        match (access.action, on.kind) {
            (AccessAction::Read, Kind::Bucket) => {
                // No more than come in there.
                let objects = flow.objects.get(&on.name).copied().unwrap_or(files);
                let how = format!("{} reads it", function.name);
                all.push(Use::of_file(of, Item::S3Gets, files.min(objects), how));
            }
            (AccessAction::Read, Kind::Table) => {
                let how = format!("{} reads an item of {}", function.name, bytes(ITEM_BYTES));
                all.push(Use::of_file(of, Item::DynamodbReads, files, how));
            }
            (AccessAction::Write, Kind::Bucket) if !hands_on(stack, function) => {
                let how = format!("{} writes an object", function.name);
                all.push(Use::of_file(of, Item::S3Puts, files, how));
            }
            (AccessAction::Write, Kind::Table) if !hands_on(stack, function) => {
                let table = stack.tables.iter().find(|one| one.name == on.name);
                all.extend(
                    table
                        .into_iter()
                        .flat_map(|table| of_item(&of, table, files)),
                );
            }
            _ => {}
        }
    }
    all
}

fn of_item(of: &str, table: &Table, files: f64) -> [Use; 2] {
    let copies = 1.0 + table.indexes.len() as f64;
    let units = (ITEM_BYTES / 1_024.0).ceil() * copies;
    let how = format!(
        "{units} units for an item of {}, in the table and {}",
        bytes(ITEM_BYTES),
        match table.indexes.len() {
            1 => "an index".to_owned(),
            count => format!("{count} indexes"),
        }
    );
    let days = if table.ttl.is_some() {
        RESULT_DAYS
    } else {
        MONTH_DAYS
    };
    let kept = (ITEM_BYTES + ITEM_OVERHEAD_BYTES) * copies / GB * days / MONTH_DAYS;
    [
        Use::of_file(of, Item::DynamodbWrites, files * units, how),
        Use::of_file(
            of,
            Item::DynamodbGbMonth,
            files * kept,
            format!("kept for {days} days"),
        ),
    ]
}

/// What the study measured of its worker on AWS, ms: 256 MB, files of 533 lines on average.
const STUDY_WORKER_MS: f64 = 77.0;
const STUDY_LINES: f64 = 533.0;
/// An invocation that only passes something on, ms: two calls of AWS.
const PASS_ON_MS: f64 = 40.0;
/// An environment of a Rust function of a few megabytes, ms, and how often one is made.
pub(super) const INIT_MS: f64 = 100.0;
pub(super) const COLD_PERCENT: f64 = 1.0;

fn bytes(bytes: f64) -> String {
    format!("{} bytes", number::count(bytes))
}

/// How long a function runs where nobody measured it.
pub fn assumed(stack: &Stack, name: &str, load: &Load) -> Runtime {
    let by_queue = stack.mappings.iter().any(|one| one.function == name);
    let billed_ms = if by_queue {
        // Half of it is calls, half grows with the file.
        STUDY_WORKER_MS / 2.0 * (1.0 + load.lines_per_file / STUDY_LINES)
    } else {
        PASS_ON_MS
    };
    Runtime {
        billed_ms: billed_ms.round(),
        init_ms: INIT_MS,
        cold_percent: COLD_PERCENT,
        measured: false,
    }
}
