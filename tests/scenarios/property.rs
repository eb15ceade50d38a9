//! Random valid stacks: once up there is nothing more to do; one turns into another by its plan alone;
//! after `down` the emulator is as empty as before.

use std::fmt::Write as _;

use pipectl::plan::{Consent, Losses, Purpose};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::world::{World, down, end_state, leftovers, run, up, whole};

#[derive(Debug, Clone)]
struct Queue {
    retention: u32,
    delay: u32,
    /// Sends what fails to one of the queues after it.
    dead_letter: Option<(usize, u32)>,
}

#[derive(Debug, Clone)]
struct Table {
    key: &'static str,
    sort: bool,
    ttl: Option<&'static str>,
    index: Option<&'static str>,
}

#[derive(Debug, Clone)]
struct Function {
    memory: u32,
    timeout: u32,
    retries: u32,
    reserved: Option<u32>,
    log_days: u32,
    /// Variables that refer to queues and tables, by number.
    queue: Option<usize>,
    table: Option<usize>,
    on_failure: Option<usize>,
    plain: Option<String>,
}

#[derive(Debug, Clone)]
struct Wiring {
    function: usize,
    batch: u32,
    concurrency: Option<u32>,
    suffix: Option<&'static str>,
}

/// Choices that a stack is written from. Numbers are taken modulo what there is.
#[derive(Debug, Clone)]
struct Plot {
    buckets: Vec<(bool, Option<u32>)>,
    queues: Vec<Queue>,
    tables: Vec<Table>,
    functions: Vec<Function>,
    /// At most one per queue: the nth is of the nth queue.
    mappings: Vec<Option<Wiring>>,
    /// At most one per bucket.
    notifications: Vec<Option<Wiring>>,
}

fn queue() -> impl Strategy<Value = Queue> {
    let dead_letter = option::of((0..4_usize, 1..9_u32));
    (1..4_u32, 0..3_u32, dead_letter).prop_map(|(days, delay, dead_letter)| Queue {
        retention: days,
        delay,
        dead_letter,
    })
}

fn table() -> impl Strategy<Value = Table> {
    (
        select(vec!["id", "key"]),
        any::<bool>(),
        option::of(select(vec!["expires_at", "ends"])),
        option::of(select(vec!["day", "week"])),
    )
        .prop_map(|(key, sort, ttl, index)| Table {
            key,
            sort,
            ttl,
            index,
        })
}

fn function() -> impl Strategy<Value = Function> {
    let numbers = (
        1..8_u32,
        1..60_u32,
        0..3_u32,
        option::weighted(0.2, 1..20_u32),
        select(vec![1, 3, 7, 30]),
    );
    let references = (
        option::of(0..4_usize),
        option::of(0..4_usize),
        option::of(0..4_usize),
        option::of("[ -~]{0,12}"),
    );
    (numbers, references).prop_map(|((memory, timeout, retries, reserved, log_days), refs)| {
        let (queue, table, on_failure, plain) = refs;
        Function {
            memory: memory * 128,
            timeout,
            retries,
            reserved,
            log_days,
            queue,
            table,
            on_failure,
            plain,
        }
    })
}

fn wiring() -> impl Strategy<Value = Option<Wiring>> {
    let some = (
        0..4_usize,
        1..11_u32,
        option::of(2..50_u32),
        option::of(select(vec![".json", ".log"])),
    );
    option::of(
        some.prop_map(|(function, batch, concurrency, suffix)| Wiring {
            function,
            batch,
            concurrency,
            suffix,
        }),
    )
}

fn plot() -> impl Strategy<Value = Plot> {
    (
        vec((any::<bool>(), option::of(1..90_u32)), 0..3),
        vec(queue(), 0..4),
        vec(table(), 0..3),
        vec(function(), 0..3),
        vec(wiring(), 4),
        vec(wiring(), 3),
    )
        .prop_map(
            |(buckets, queues, tables, functions, mappings, notifications)| Plot {
                buckets,
                queues,
                tables,
                functions,
                mappings,
                notifications,
            },
        )
}

impl Plot {
    /// The stack file.
    fn yaml(&self, name: &str) -> String {
        let mut text = format!("stack: {name}\n");
        self.stores(&mut text);
        self.functions(&mut text);
        self.wiring(&mut text);
        text
    }

    fn stores(&self, text: &mut String) {
        let line = |text: &mut String, line: String| {
            let _ = writeln!(text, "{line}");
        };
        if !self.buckets.is_empty() {
            line(text, "buckets:".to_owned());
        }
        for (number, (versioning, days)) in self.buckets.iter().enumerate() {
            let expiry = days.map_or_else(String::new, |days| format!(", expire_after: {days}d"));
            line(
                text,
                format!("  b{number}: {{ versioning: {versioning}{expiry} }}"),
            );
        }
        if !self.queues.is_empty() {
            line(text, "queues:".to_owned());
        }
        for (number, queue) in self.queues.iter().enumerate() {
            // To a later one, so that there is no ring.
            let later = self.queues.len() - number - 1;
            let dead_letter = queue.dead_letter.filter(|_| later > 0);
            let dead_letter = dead_letter.map_or_else(String::new, |(which, receives)| {
                let to = number + 1 + which % later;
                format!(", dead_letter: {{ queue: q{to}, max_receives: {receives} }}")
            });
            // A dead letter queue keeps for longer than what it serves.
            let (days, delay) = (queue.retention + 3 * number as u32, queue.delay);
            line(
                text,
                format!(
                    "  q{number}: {{ visibility_timeout: 90s, retention: {days}d, delay: {delay}s{dead_letter} }}"
                ),
            );
        }
        if !self.tables.is_empty() {
            line(text, "tables:".to_owned());
        }
        for (number, table) in self.tables.iter().enumerate() {
            let mut fields = format!("partition_key: {}", table.key);
            if table.sort {
                fields.push_str(", sort_key: at");
            }
            if let Some(ttl) = table.ttl {
                fields.push_str(&format!(", ttl: {ttl}"));
            }
            if let Some(index) = table.index {
                fields.push_str(&format!(
                    ", indexes: {{ by_{index}: {{ partition_key: {index} }} }}"
                ));
            }
            line(text, format!("  t{number}: {{ {fields} }}"));
        }
    }

    fn functions(&self, text: &mut String) {
        if !self.functions.is_empty() {
            text.push_str("functions:\n");
        }
        for (number, function) in self.functions.iter().enumerate() {
            let mut fields = format!(
                "crate: functions/trigger, memory: {}MB, timeout: {}s, async_retries: {}, log_retention: {}d",
                function.memory, function.timeout, function.retries, function.log_days
            );
            if let Some(reserved) = function.reserved {
                fields.push_str(&format!(", reserved_concurrency: {reserved}"));
            }
            if let Some(queue) = of(function.on_failure, self.queues.len()) {
                fields.push_str(&format!(", on_failure: queues.q{queue}"));
            }
            let mut variables = Vec::new();
            if let Some(queue) = of(function.queue, self.queues.len()) {
                variables.push(format!("QUEUE: \"${{queues.q{queue}.url}}\""));
            }
            if let Some(table) = of(function.table, self.tables.len()) {
                variables.push(format!("TABLE: \"${{tables.t{table}.name}}\""));
            }
            if let Some(plain) = &function.plain {
                // In YAML's single quotes, and never a reference.
                let plain = plain.replace('$', "S").replace('\'', "''");
                variables.push(format!("PLAIN: '{plain}'"));
            }
            if !variables.is_empty() {
                fields.push_str(&format!(", environment: {{ {} }}", variables.join(", ")));
            }
            text.push_str(&format!("  f{number}: {{ {fields} }}\n"));
        }
    }

    fn wiring(&self, text: &mut String) {
        let mut lines = Vec::new();
        let functions = self.functions.len();
        for (number, wiring) in self.mappings.iter().enumerate().take(self.queues.len()) {
            let Some(wiring) = wiring else { continue };
            let Some(function) = of(Some(wiring.function), functions) else {
                continue;
            };
            let limit = wiring
                .concurrency
                // No more than the function may ever run.
                .filter(|limit| {
                    self.functions[function]
                        .reserved
                        .is_none_or(|most| *limit <= most)
                })
                .map_or_else(String::new, |limit| format!(", max_concurrency: {limit}"));
            let batch = wiring.batch;
            lines.push(format!(
                "  - {{ from: queues.q{number}, to: functions.f{function}, batch: {batch}{limit} }}"
            ));
        }
        for (number, wiring) in self
            .notifications
            .iter()
            .enumerate()
            .take(self.buckets.len())
        {
            let Some(wiring) = wiring else { continue };
            let Some(function) = of(Some(wiring.function), functions) else {
                continue;
            };
            let suffix = wiring
                .suffix
                .map_or_else(String::new, |suffix| format!(", suffix: {suffix}"));
            lines.push(format!(
                "  - {{ from: buckets.b{number}, events: [object-created], prefix: in/{suffix}, to: functions.f{function} }}"
            ));
        }
        if !lines.is_empty() {
            text.push_str("wiring:\n");
            text.push_str(&lines.join("\n"));
            text.push('\n');
        }
    }
}

fn of(number: Option<usize>, count: usize) -> Option<usize> {
    number.filter(|_| count > 0).map(|number| number % count)
}

/// Up with the first, on to the second, down.
async fn lives(world: &World, first: &str, second: &str) -> Result<(), String> {
    let before = world.stack(first);
    let cx = world.context(&before, world.endpoint(), "one");
    whole(up(&before, &cx).await)?;
    end_state(&before, &cx).await?;

    let after = world.stack(second);
    let cx = world.context(&after, world.endpoint(), "two");
    let consent = Consent {
        adopt: false,
        losses: Losses::Any,
    };
    whole(run(&after, &cx, Purpose::Up, consent).await)?;
    let left = leftovers(&after, &cx).await;
    if !left.is_empty() {
        return Err(format!("left over: {left:?}"));
    }
    end_state(&after, &cx).await?;
    whole(down(&after, &cx).await)?;
    match world.resources() {
        0 => Ok(()),
        left => Err(format!("{left} resources are left after down")),
    }
}

/// aws-behaviours E5, D15
#[test]
fn random_stacks_come_up_whole_and_go_without_a_trace() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let world = runtime.block_on(World::new());
    let cases = std::env::var("PIPECTL_STACKS").map_or(60, |text| text.parse().expect("a number"));
    let config = ProptestConfig {
        cases,
        // Failures are kept in the message; there is no file of them.
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(first in plot(), second in plot())| {
        let (first, second) = (first.yaml("random"), second.yaml("random"));
        let lived = runtime.block_on(lives(&world, &first, &second));
        if let Err(error) = lived {
            // What is left must not disturb the search for a smaller one.
            let stack = world.stack(&second);
            let cx = world.context(&stack, world.endpoint(), "two");
            let _ = runtime.block_on(down(&stack, &cx));
            return Err(TestCaseError::fail(format!("{error}\n{first}\n{second}")));
        }
    });
    runtime.block_on(async { drop(world) });
}
