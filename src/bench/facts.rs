//! What a run was made on and with.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::settings::Settings;
use crate::resource::error::failed;
use crate::resource::{CallError, Context};
use crate::stack::model::Stack;
use crate::target::Product;

/// Facts of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunFacts {
    /// Id: also the folder of its files in the bucket.
    pub id: String,
    /// When it began: UTC, RFC 3339 with milliseconds.
    pub began_at: String,
    /// When it ended.
    pub ended_at: String,
    /// Version of pipectl.
    pub pipectl: String,
    /// Stack.
    pub stack: String,
    /// Name of the target.
    pub target: String,
    /// Endpoint; none where the SDK knows it.
    pub endpoint: Option<String>,
    /// What answered there.
    pub product: Product,
    /// Region.
    pub region: String,
    /// Do the functions run by the client's clock?
    pub same_clock: bool,
    /// How it was made.
    pub settings: Settings,
    /// Functions by their names in the stack.
    pub functions: BTreeMap<String, FunctionFacts>,
    /// Mappings by queue and function.
    pub mappings: BTreeMap<String, MappingFacts>,
    /// The machine that measured.
    pub machine: Machine,
}

impl RunFacts {
    /// Is a mapping's window ours?
    pub fn is_tuned(&self) -> bool {
        self.mappings.values().any(|mapping| mapping.tuned)
    }

    /// What ran: hashes of the zips, in the order of the functions' names.
    pub fn code(&self) -> Vec<Option<&str>> {
        let functions = self.functions.values();
        functions.map(|one| one.code_sha256.as_deref()).collect()
    }
}

/// A function as the target tells it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionFacts {
    /// Instruction set.
    pub architecture: Option<String>,
    /// Memory, MB.
    pub memory_mb: Option<i64>,
    /// SHA-256 of its zip, base64.
    pub code_sha256: Option<String>,
    /// Size of its zip, bytes.
    pub code_bytes: i64,
}

/// A mapping as the target tells it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MappingFacts {
    /// Messages of a batch.
    pub batch: Option<i64>,
    /// Batching window, seconds.
    pub window_s: Option<i64>,
    /// Is the window one that the stack does not ask for, because it is a long poll there?
    pub tuned: bool,
    /// Most invocations at once.
    pub max_concurrency: Option<i64>,
}

/// The machine that measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Operating system.
    pub os: String,
    /// Its kernel's version.
    pub kernel: Option<String>,
    /// Instruction set.
    pub architecture: String,
    /// Processors that this process may use.
    pub processors: usize,
    /// What they are.
    pub processor: Option<String>,
    /// Memory, bytes.
    pub memory_bytes: Option<u64>,
}

impl Machine {
    /// This one.
    pub fn this() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).ok();
        // `model name : Intel(R) …`, `MemTotal:  24 kB`: Linux tells so; others tell nothing here.
        let line = |text: Option<String>, name: &str| {
            let text = text?;
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let memory = line(read("/proc/meminfo"), "MemTotal");
        let memory = memory.and_then(|kb| kb.split(' ').next()?.parse::<u64>().ok());
        Self {
            os: std::env::consts::OS.to_owned(),
            kernel: read("/proc/sys/kernel/osrelease").map(|text| text.trim().to_owned()),
            architecture: std::env::consts::ARCH.to_owned(),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            processor: line(read("/proc/cpuinfo"), "model name"),
            memory_bytes: memory.map(|kb| kb * 1_024),
        }
    }
}

/// The functions as they are now.
pub async fn functions(
    cx: &Context,
    stack: &Stack,
) -> Result<BTreeMap<String, FunctionFacts>, CallError> {
    let mut facts = BTreeMap::new();
    for function in &stack.functions {
        let name = cx.place.function(stack, &function.name).name;
        let call = cx.clients.lambda.get_function_configuration();
        let answer = call.function_name(name).send().await;
        let answer = answer.map_err(failed("GetFunctionConfiguration"))?;
        let architecture = answer.architectures.as_ref().and_then(|all| all.first());
        let one = FunctionFacts {
            architecture: architecture.map(|one| one.as_str().to_owned()),
            memory_mb: answer.memory_size.map(i64::from),
            code_sha256: answer.code_sha256,
            code_bytes: answer.code_size,
        };
        facts.insert(function.name.clone(), one);
    }
    Ok(facts)
}

/// The mappings as they are now.
pub async fn mappings(
    cx: &Context,
    stack: &Stack,
) -> Result<BTreeMap<String, MappingFacts>, CallError> {
    let mut facts = BTreeMap::new();
    for mapping in &stack.mappings {
        let queue = cx.place.queue(stack, &mapping.queue);
        let function = cx.place.function(stack, &mapping.function).name;
        let call = cx.clients.lambda.list_event_source_mappings();
        let call = call.set_event_source_arn(queue.arn).function_name(function);
        let answer = call.send().await;
        let answer = answer.map_err(failed("ListEventSourceMappings"))?;
        let all = answer.event_source_mappings.unwrap_or_default();
        let Some(live) = all.first() else { continue };
        let window = live.maximum_batching_window_in_seconds.map(i64::from);
        let scaling = live.scaling_config.as_ref();
        let one = MappingFacts {
            batch: live.batch_size.map(i64::from),
            window_s: window,
            tuned: window.unwrap_or_default() > i64::from(mapping.window.0),
            max_concurrency: scaling
                .and_then(|one| one.maximum_concurrency)
                .map(i64::from),
        };
        facts.insert(format!("{}-{}", mapping.queue, mapping.function), one);
    }
    Ok(facts)
}
