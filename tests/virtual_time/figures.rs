//! What a run took, against what it could have taken.

use std::collections::BTreeSet;
use std::time::Duration;

use pipectl::stack::model::Kind;

use crate::world::Run;

impl Run {
    /// All delays of its calls and of what they began, one after the other.
    pub fn sum(&self) -> Duration {
        let delays = &self.delays;
        let begun = self.calls.iter().filter(|call| call.status < 300);
        let waits: Duration = begun
            .map(|call| match call.operation.as_str() {
                "CreateRole" => delays.role,
                "CreateFunction" => delays.function,
                "UpdateFunctionCode" | "UpdateFunctionConfiguration" => delays.update,
                "CreateEventSourceMapping" | "DeleteEventSourceMapping" => delays.mapping,
                "CreateTable" => delays.table,
                "DeleteTable" => delays.table_deleting,
                "ExecuteChangeSet" | "CreateStack" | "DeleteStack" => delays.stack,
                _ => Duration::ZERO,
            })
            .sum();
        waits + delays.call * self.calls.len() as u32
    }

    /// The time of the calls on its critical path: those on its resources, where calls that were sent at
    /// the same moment count as one, and reading.
    pub fn calls_on_path(&self) -> Duration {
        let path = self.outcome.critical_path.iter();
        let names: BTreeSet<&str> = path
            .filter_map(|stretch| self.outcome.identities.get(&stretch.id))
            .map(|identity| identity.name.as_str())
            .collect();
        let calls = self.calls.iter();
        let rounds: BTreeSet<Duration> = calls
            .filter(|call| names.contains(call.resource.as_str()))
            .map(|call| call.sent)
            .collect();
        self.reading + self.delays.call * rounds.len() as u32
    }

    /// The kinds of its critical path, in the order of time.
    pub fn critical_kinds(&self) -> Vec<Kind> {
        let path = self.outcome.critical_path.iter();
        path.map(|stretch| stretch.id.kind).collect()
    }

    /// How many calls of an operation were answered so.
    pub fn answered(&self, operation: &str, status: u16) -> usize {
        let calls = self.calls.iter();
        calls
            .filter(|call| call.operation == operation && call.status == status)
            .count()
    }

    /// Bytes that were sent, and those of them with calls that were refused.
    pub fn bytes(&self) -> (usize, usize) {
        let of = |refused: bool| {
            let calls = self.calls.iter();
            let calls = calls.filter(|call| !refused || call.status >= 300);
            calls.map(|call| call.bytes).sum()
        };
        (of(false), of(true))
    }

    /// How many of its calls may have changed something.
    pub fn writes(&self) -> usize {
        self.calls.iter().filter(|call| call.writes).count()
    }

    /// Prints what it took, its critical path and when each step ran; all calls, too, where `CALLS` is
    /// set in the environment.
    #[expect(clippy::print_stdout, reason = "figures for whoever asks for them")]
    pub fn print(&self, name: &str) {
        let seconds = |time: Duration| format!("{:.2} s", time.as_secs_f64());
        println!(
            "{name}: {}, of it reading {}; {} calls, {} of them writes; one after the other {}",
            seconds(self.took),
            seconds(self.reading),
            self.calls.len(),
            self.writes(),
            seconds(self.sum()),
        );
        let (bytes, in_vain) = self.bytes();
        println!("  {bytes} bytes sent, {in_vain} of them in vain");
        for stretch in &self.outcome.critical_path {
            println!("  critical: {} {}", stretch.id, seconds(stretch.elapsed));
        }
        for (id, ran) in &self.outcome.ran {
            println!("  {id}: {} to {}", seconds(ran.begun), seconds(ran.ended));
        }
        if std::env::var_os("CALLS").is_none() {
            return;
        }
        for call in &self.calls {
            println!(
                "  {} {}:{} {} {}",
                seconds(call.sent),
                call.service,
                call.operation,
                call.resource,
                call.status
            );
        }
    }
}
