//! What cannot be compared, and what figures do not say.

use super::assemble::same_way;
use super::input::Input;
use super::report::Report;
use super::words::{Words, fact, number, words};
use crate::bench::Settings;
use crate::bench::facts::RunFacts;
use crate::number;
use crate::target::ProductName;

/// What differs between the runs besides their targets.
pub fn not_comparable(inputs: &[Input], first: &Input, sizes: &[u64]) -> Vec<Words> {
    let mut found = Vec::new();
    let others = inputs.iter().filter(|one| one.results != first.results);
    if inputs.len() == 1 {
        found.push("One run: there is nothing to compare it with but what was published, if it is asked for.".into());
    }
    let a = &first.summary.run;
    for other in others {
        let b = &other.summary.run;
        let both =
            |what: &'static str| words![fact(&first.label), " and ", fact(&other.label), what];
        if !same_way(&a.settings.method, &b.settings.method) {
            found.push(both(
                " were made in different ways: the times of a load are not those of files one after the other. Each is told \
                 by itself, and no difference is.",
            ));
        } else if pace(&a.settings) != pace(&b.settings) {
            found.push(both(
                " were made in the same way, but not with the same numbers of files and pauses.",
            ));
        }
        if a.stack != b.stack {
            found.push(both(
                " are of different stacks: a difference may be one of the stacks.",
            ));
        }
        if a.stack == b.stack && a.code() != b.code() {
            found.push(both(
                " ran other code (their zips differ): a difference may be one of the code.",
            ));
        }
        let size = |run: &RunFacts| -> Vec<(Option<i64>, Option<String>)> {
            let functions = run.functions.values();
            functions
                .map(|one| (one.memory_mb, one.architecture.clone()))
                .collect()
        };
        if a.stack == b.stack && size(a) != size(b) {
            found.push(both(
                " gave their functions other memory, or another instruction set.",
            ));
        }
        let pull = |run: &RunFacts| -> Vec<(Option<i64>, Option<i64>)> {
            let mappings = run.mappings.values();
            mappings
                .map(|one| (one.batch, one.max_concurrency))
                .collect()
        };
        if a.stack == b.stack && pull(a) != pull(b) {
            found.push(both(
                " had mappings with other batches, or other concurrency.",
            ));
        }
        if a.region != b.region {
            found.push(both(" are of different regions."));
        }
        if a.machine != b.machine {
            found.push(both(
                " were measured by different machines: a difference may be one of the machines.",
            ));
        }
        if a.pipectl != b.pipectl {
            found.push(both(" were made by different versions of pipectl."));
        }
    }
    for input in inputs {
        let mut own: Vec<u64> = input
            .summary
            .figures
            .sizes
            .iter()
            .map(|size| size.lines)
            .collect();
        own.dedup();
        if input.summary.figures.files == 0 {
            found.push(words![
                fact(&input.label),
                " has no file that counts: it is in no figure."
            ]);
        } else if own != sizes && !sizes.is_empty() {
            let kept: Vec<String> = sizes.iter().map(u64::to_string).collect();
            found.push(words![
                "Not all runs have files of the same sizes: percentiles of ",
                fact(&input.label),
                " are of its files of ",
                fact(kept.join(", ")),
                " lines, which all have."
            ]);
        } else if sizes.is_empty() {
            found.push(words![
                "No size is one that all runs have files of: ",
                fact(&input.label),
                " is told by size alone."
            ]);
        }
        if !input.unknown_columns.is_empty() {
            let columns = input.unknown_columns.iter().map(|one| fact(one).into());
            let mut text = words![
                "The results file of ",
                fact(&input.label),
                " has columns that this version does not know; they are left out: "
            ];
            text.0.extend(Words::listed(columns).0);
            text.push(".");
            found.push(text);
        }
        let figures = &input.summary.figures;
        let failed = figures.files - figures.done();
        if failed > 0 {
            let of = format!("run/{}/failed_files", input.label);
            found.push(words![
                fact(&input.label),
                " has files that failed: ",
                number(failed.to_string(), failed as f64, of),
                ". Times are of those that did not, which may be the quicker ones."
            ]);
        }
        for (file, why) in &input.left_out {
            found.push(words![
                fact(&input.label),
                ": ",
                fact(file),
                " is left out: ",
                fact(why),
                "."
            ]);
        }
        let unfinished = figures.fates.get("unfinished").copied().unwrap_or_default();
        if unfinished > 0 {
            found.push(words![
                fact(&input.label),
                " had files on their way when it ended, which are in no figure and would have been among the slower ones: ",
                number(unfinished.to_string(), unfinished as f64, format!("run/{}/unfinished", input.label)),
                "."
            ]);
        }
        if !input.summary.complete && input.summary.ended_early.is_none() {
            found.push(words![fact(&input.label), " did not come to its end."]);
        }
        if let Some(cause) = &input.summary.ended_early {
            found.push(words![
                fact(&input.label),
                " did not come to its end: ",
                fact(cause),
                "."
            ]);
        }
    }
    found
}

/// What of the settings shapes the figures, but the way itself.
fn pace(settings: &Settings) -> String {
    format!("{:?}", settings.method)
}

/// What figures do not say.
pub fn limitations(report: &Report) -> Vec<Words> {
    let mut found = Vec::new();
    for run in &report.runs {
        if let Some(times) = &run.compared_ms
            && let Some(least) = times.only_the_maximum.first()
        {
            found.push(words![
                fact(&run.label),
                ": of ",
                number(
                    times.n.to_string(),
                    times.n as f64,
                    format!("run/{}/e2e/n", run.label)
                ),
                " files ",
                fact(format!("P{least}")),
                " and what is above it is the slowest one; more files would tell more."
            ]);
        }
        let times = run.figures.end_to_end_ms.as_ref();
        if let (Some(gap), Some(times)) = (&run.figures.poll_gap_ms, times) {
            let key = |what: &str| format!("run/{}/poll/{what}", run.label);
            let percent = gap.p50 / times.p50 * 100.0;
            found.push(words![
                fact(&run.label),
                ": looking for results makes the median ",
                number(number::ms(gap.p50), gap.p50, key("p50")),
                " too long at most (",
                number(number::percent(percent), percent, key("percent")),
                " of it), half of that as a rule."
            ]);
        }
        if run.figures.far_out > 0 {
            let of = format!("run/{}/far_out", run.label);
            found.push(words![
                fact(&run.label),
                ": files that took far longer than others of their size (Tukey's outer fence): ",
                number(
                    run.figures.far_out.to_string(),
                    run.figures.far_out as f64,
                    of
                ),
                ". They are in every figure."
            ]);
        }
        if run.figures.without_hops > 0 {
            let of = format!("run/{}/without_hops", run.label);
            found.push(words![
                fact(&run.label),
                ": files whose parts are not known, because clocks differ: ",
                number(
                    run.figures.without_hops.to_string(),
                    run.figures.without_hops as f64,
                    of
                ),
                "."
            ]);
        }
        if run.timed > run.points.len() {
            found.push(words![
                fact(&run.label),
                ": charts have ",
                number(
                    run.points.len().to_string(),
                    run.points.len() as f64,
                    format!("run/{}/drawn", run.label)
                ),
                " of its files, evenly by number; tables have all."
            ]);
        }
    }
    let is_emulator = |name: ProductName| name != ProductName::Aws;
    if report
        .runs
        .iter()
        .any(|run| is_emulator(run.facts.product.name))
    {
        found.push(
            "Emulators run on one machine with the client, and share its processors with it: their times are of that \
             machine, and say nothing about AWS's."
                .into(),
        );
    }
    if !report
        .runs
        .iter()
        .any(|run| !is_emulator(run.facts.product.name))
    {
        found.push("None of these runs is on AWS.".into());
    }
    if report.cost.is_none() {
        found.push("Cost is left out: there is no stack file here that can be read and is of these runs' stack.".into());
    }
    for caveat in report.baseline.iter().flat_map(|one| &one.caveats) {
        found.push(words!["Published figures: ", fact(caveat)]);
    }
    if !report.published.is_empty() {
        found.push(
            "Published figures have no rows: nothing can be said about chance, and their client and machine were others."
                .into(),
        );
    }
    found
}
