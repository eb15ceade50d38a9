//! What a stack uses: for each file that goes through it, and a month whether or not files come.

use serde::{Deserialize, Serialize};

use super::prices::Item;
use crate::number;
use crate::stack::model::{AccessAction, Architecture, Kind, Stack};

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
const MONTH_S: f64 = 30.0 * 24.0 * 3_600.0;
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
    let mut all = Vec::new();
    for bucket in &stack.buckets {
        let of = format!("buckets.{}", bucket.name);
        let fed = stack
            .notifications
            .iter()
            .any(|one| one.bucket == bucket.name);
        if !fed {
            continue;
        }
        all.push(Use::of_file(&of, Item::S3Puts, 1.0, "one upload"));
        let days = bucket
            .expire_after
            .map_or(OBJECT_DAYS, |days| f64::from(days.0));
        let kept = load.file_bytes() / GB * days / MONTH_DAYS;
        let how = format!("{} for {days:.0} days", bytes(load.file_bytes()));
        all.push(Use::of_file(&of, Item::S3GbMonth, kept, how));
    }
    for function in &stack.functions {
        all.extend(of_function(stack, function, load, &runtime(&function.name)));
    }
    for mapping in &stack.mappings {
        let of = format!("queues.{}", mapping.queue);
        all.push(Use::of_file(
            &of,
            Item::SqsRequests,
            1.0,
            "one message is sent",
        ));
        let receives = 2.0 / load.batch;
        let how = if load.batch > 1.0 {
            format!("a receive and a deletion for {} messages", load.batch)
        } else {
            "a receive and a deletion a message".to_owned()
        };
        all.push(Use::of_file(&of, Item::SqsRequests, receives, how));
        let pollers = if mapping.max_concurrency.is_some() {
            POLLERS
        } else {
            IDLE_POLLERS
        };
        let how = format!("{pollers} pollers look every {POLL_S} s, also when nothing comes");
        all.push(Use::of_month(
            &of,
            Item::SqsRequests,
            pollers * MONTH_S / POLL_S,
            how,
        ));
    }
    for table in &stack.tables {
        let of = format!("tables.{}", table.name);
        let writes = stack.mappings.len().min(1) as f64;
        let units = (ITEM_BYTES / 1_024.0).ceil() * (1.0 + table.indexes.len() as f64) * writes;
        let how = format!(
            "{units} units for an item of {ITEM_BYTES} bytes, in the table and {} index{}",
            table.indexes.len(),
            if table.indexes.len() == 1 { "" } else { "es" }
        );
        all.push(Use::of_file(&of, Item::DynamodbWrites, units, how));
        let copies = 1.0 + table.indexes.len() as f64;
        let days = if table.ttl.is_some() {
            RESULT_DAYS
        } else {
            MONTH_DAYS
        };
        let kept = (ITEM_BYTES + ITEM_OVERHEAD_BYTES) * copies / GB * days / MONTH_DAYS * writes;
        all.push(Use::of_file(
            &of,
            Item::DynamodbGbMonth,
            kept,
            format!("kept for {days} days"),
        ));
    }
    for template in &stack.templates {
        let of = format!("templates.{}", template.name);
        let count = |kind: &str| {
            template
                .resources
                .iter()
                .filter(|(_, one)| one == kind)
                .count() as f64
        };
        for (kind, item) in [
            ("AWS::CloudWatch::Alarm", Item::Alarms),
            ("AWS::CloudWatch::Dashboard", Item::Dashboards),
        ] {
            if count(kind) > 0.0 {
                all.push(Use::of_month(&of, item, count(kind), kind));
            }
        }
    }
    all
}

fn of_function(
    stack: &Stack,
    function: &crate::stack::model::Function,
    load: &Load,
    runtime: &Runtime,
) -> Vec<Use> {
    let of = format!("functions.{}", function.name);
    let by_event = stack
        .notifications
        .iter()
        .any(|one| one.function == function.name);
    let by_queue = stack
        .mappings
        .iter()
        .any(|one| one.function == function.name);
    // A function that nothing starts costs nothing here.
    let invocations = match (by_event, by_queue) {
        (true, _) => 1.0,
        (false, true) => 1.0 / load.batch,
        (false, false) => return Vec::new(),
    };
    let gb = f64::from(function.memory.0) / 1_024.0;
    let files = if by_event { 1.0 } else { load.batch };
    let seconds =
        (runtime.billed_ms * files + runtime.init_ms * runtime.cold_percent / 100.0) / 1_000.0;
    let item = match function.architecture {
        Architecture::Arm64 => Item::LambdaGbSArm64,
        _ => Item::LambdaGbSX86,
    };
    let time = if runtime.measured {
        format!(
            "{} MB for {} ms a file, as was billed in the run",
            function.memory.0, runtime.billed_ms
        )
    } else {
        format!(
            "{} MB for {} ms a file, and {} ms for a new environment in {} % (assumed)",
            function.memory.0, runtime.billed_ms, runtime.init_ms, runtime.cold_percent
        )
    };
    let mut all = vec![
        Use::of_file(
            &of,
            Item::LambdaRequests,
            invocations,
            if invocations < 1.0 {
                format!("one invocation for {} files", load.batch)
            } else {
                "one invocation a file".to_owned()
            },
        ),
        Use::of_file(&of, item, invocations * seconds * gb, time),
    ];
    let reads = function
        .access
        .iter()
        .filter(|access| access.action == AccessAction::Read && access.on.kind == Kind::Bucket);
    for read in reads {
        let of = format!("buckets.{}", read.on.name);
        all.push(Use::of_file(
            of,
            Item::S3Gets,
            1.0,
            format!("{} reads it", function.name),
        ));
    }
    let bytes = LOG_BYTES * invocations / GB;
    all.push(Use::of_file(
        &of,
        Item::LogsGb,
        bytes,
        format!("{LOG_BYTES} bytes of log an invocation"),
    ));
    let days = f64::from(function.log_retention.0);
    all.push(Use::of_file(
        &of,
        Item::LogsGbMonth,
        bytes * days / MONTH_DAYS,
        format!("kept for {days} days"),
    ));
    all
}

/// What the study measured of its worker on AWS, ms: 256 MB, files of 533 lines on average.
const STUDY_WORKER_MS: f64 = 77.0;
const STUDY_LINES: f64 = 533.0;
/// An invocation that only passes something on, ms: two calls of AWS.
const PASS_ON_MS: f64 = 40.0;
/// An environment of a Rust function of a few megabytes, ms, and how often one is made.
const INIT_MS: f64 = 100.0;
const COLD_PERCENT: f64 = 1.0;

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
