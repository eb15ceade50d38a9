//! How long functions ran in a run of bench.

use std::collections::BTreeMap;

use super::CostError;
use super::flow::is_started;
use super::usage::{COLD_PERCENT, INIT_MS, Load, Runtime};
use crate::bench::{Row, Summary};
use crate::number::{count, short};
use crate::stack::model::Stack;

/// Times of functions, by their names in the stack, and what a reader should know of them.
#[derive(Debug, Default)]
pub struct Measured {
    /// Times.
    pub runtimes: BTreeMap<String, Runtime>,
    /// Notes.
    pub notes: Vec<String>,
}

/// Columns of one function.
struct Columns {
    billed: fn(&Row) -> Option<f64>,
    init: fn(&Row) -> Option<f64>,
    cold: fn(&Row) -> Option<bool>,
}

const TRIGGER: Columns = Columns {
    billed: |row| row.trigger_billed_ms,
    init: |row| row.trigger_init_ms,
    cold: |row| row.trigger_cold,
};
const WORKER: Columns = Columns {
    billed: |row| row.worker_billed_ms,
    init: |row| row.worker_init_ms,
    cold: |row| row.worker_cold,
};

impl Measured {
    /// Of the rows of a run, for files of the load's size. Bench measures the function of the first notification and that
    /// of the first mapping; warm invocations have the time, cold ones what a new environment takes.
    ///
    /// # Errors
    /// The run is of another stack, had several files in one invocation, or has no report.
    pub fn of(
        stack: &Stack,
        summary: &Summary,
        rows: &[Row],
        load: &Load,
    ) -> Result<Self, CostError> {
        if summary.run.stack != stack.name {
            return Err(CostError::OtherStack {
                run: summary.run.stack.clone(),
                stack: stack.name.clone(),
            });
        }
        if !summary.run.settings.method.is_one_by_one() {
            return Err(CostError::Shared);
        }
        let mut measured = Self::default();
        let trigger = stack.notifications.first().map(|one| &one.function);
        let worker = stack.mappings.first().map(|one| &one.function);
        for (name, columns) in [(trigger, TRIGGER), (worker, WORKER)] {
            let Some(name) = name else { continue };
            if let Some(runtime) = measured.runtime(name, &columns, rows, load) {
                measured.runtimes.insert(name.clone(), runtime);
            }
        }
        if measured.runtimes.is_empty() {
            return Err(CostError::NoReports);
        }
        let functions = stack.functions.iter();
        let started = functions.filter(|one| is_started(stack, one));
        for function in started {
            if !measured.runtimes.contains_key(&function.name) {
                measured.notes.push(format!(
                    "functions.{} was not measured: its time is assumed",
                    function.name
                ));
            }
        }
        Ok(measured)
    }

    fn runtime(
        &mut self,
        name: &str,
        columns: &Columns,
        rows: &[Row],
        load: &Load,
    ) -> Option<Runtime> {
        let warm = rows
            .iter()
            .filter(|row| row.is_done() && (columns.cold)(row) != Some(true));
        let mut sizes: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        for row in warm {
            sizes
                .entry(row.lines)
                .or_default()
                .extend((columns.billed)(row));
        }
        sizes.retain(|_, times| !times.is_empty());
        let points: Vec<(f64, f64)> = sizes
            .iter()
            .flat_map(|(lines, times)| times.iter().map(|time| (*lines as f64, *time)))
            .collect();
        let exact = sizes
            .iter()
            .find(|(lines, _)| (**lines as f64 - load.lines_per_file).abs() < 0.5);
        let billed_ms = if let Some((_, times)) = exact {
            mean(times.iter().copied())?
        } else {
            let known: Vec<String> = sizes.keys().map(|one| count(*one as f64)).collect();
            let (time, how) = match line(&points, load.lines_per_file) {
                Some(time) => (time, "along a straight line through these"),
                None => (mean(points.iter().map(|(_, time)| *time))?, "as their mean"),
            };
            self.notes.push(format!(
                "functions.{name} was measured with files of {} lines: {} ms for {} lines is {how}",
                known.join(", "),
                short(time),
                count(load.lines_per_file)
            ));
            time
        };
        Some(Runtime {
            billed_ms,
            init_ms: mean(rows.iter().filter_map(|row| (columns.init)(row))).unwrap_or(INIT_MS),
            cold_percent: COLD_PERCENT,
            measured: true,
        })
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0.0), |(sum, n), value| (sum + value, n + 1.0));
    (n > 0.0).then(|| sum / n)
}

/// The line of least squares at `x`; none that falls, and none of one place.
fn line(points: &[(f64, f64)], x: f64) -> Option<f64> {
    let middle = mean(points.iter().map(|(x, _)| *x))?;
    let height = mean(points.iter().map(|(_, y)| *y))?;
    let spread: f64 = points.iter().map(|(x, _)| (x - middle).powi(2)).sum();
    let together: f64 = points
        .iter()
        .map(|(x, y)| (x - middle) * (y - height))
        .sum();
    let at = height + together / spread * (x - middle);
    (spread > 0.0 && together > 0.0 && at > 0.0).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_sizes_are_on_a_line_through_those_measured_unless_that_falls() {
        let points = [(100.0, 10.0), (500.0, 14.0), (1_000.0, 19.0)];
        let at = line(&points, 2_000.0).expect("a line");
        assert!((at - 29.0).abs() < 1e-9, "{at}");
        assert_eq!(line(&[(100.0, 10.0), (1_000.0, 9.0)], 500.0), None);
        assert_eq!(line(&[(100.0, 10.0), (100.0, 12.0)], 500.0), None);
        assert_eq!(line(&[], 1.0), None);
    }
}
