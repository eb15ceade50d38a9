//! Runs as they lie on the disk: what `pipectl bench` wrote, found by a target's name, a directory or a file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::CompareError;
use crate::bench::cycle::{self, CycleSummary, Round};
use crate::bench::store::{read_cycle, read_run, read_summary, results_beside};
use crate::bench::{BenchError, Figures, Row, Summary};
use crate::target::ProductName;

/// Ways in which files come, by their part of a results file's name; the study's own first.
const SUFFIXES: [&str; 5] = ["", "_rate", "_concurrency", "_ramp", "_cold"];
/// Longest label, characters.
const LONGEST_LABEL: usize = 24;

/// A run and what was measured beside it.
#[derive(Debug)]
pub struct Input {
    /// What it is called.
    pub label: String,
    /// The run.
    pub summary: Summary,
    /// Its rows.
    pub rows: Vec<Row>,
    /// A run into new environments.
    pub cold: Option<(Summary, Vec<Row>)>,
    /// Rounds of work.
    pub cycle: Option<(CycleSummary, Vec<Round>)>,
    /// A ramp.
    pub ramp: Option<Summary>,
    /// Its results file.
    pub results: PathBuf,
    /// All files that were read.
    pub files: Vec<PathBuf>,
    /// Columns that nobody knows.
    pub unknown_columns: Vec<String>,
}

/// Reads runs: each `[LABEL=]RUN`, where RUN is a target's name in `within`, a directory, a results file or a summary.
///
/// # Errors
/// One is not there or damaged, or two have one label.
pub fn read(runs: &[String], within: &Path) -> Result<Vec<Input>, CompareError> {
    let mut inputs: Vec<Input> = Vec::new();
    let mut labelled = Vec::new();
    for run in runs {
        let (label, what) = split(run)?;
        let results = find(what, within)?;
        let same = |one: &&Input| one.results.canonicalize().ok() == results.canonicalize().ok();
        if let Some(one) = inputs.iter().find(same) {
            let path = one.results.clone();
            return Err(CompareError::SameRun { path });
        }
        labelled.push(label.is_some());
        inputs.push(read_one(label, results)?);
    }
    tell_apart(&mut inputs, &labelled)?;
    Ok(inputs)
}

/// `LABEL=RUN`; a path may have a `=` behind a slash.
fn split(run: &str) -> Result<(Option<&str>, &str), CompareError> {
    let Some((label, what)) = run
        .split_once('=')
        .filter(|(label, _)| !label.contains('/'))
    else {
        return Ok((None, run));
    };
    let good = |c: char| c.is_alphanumeric() || " .-_".contains(c);
    let fits = (1..=LONGEST_LABEL).contains(&label.chars().count());
    if !fits || !label.chars().all(good) || label.trim() != label {
        let label = label.to_owned();
        return Err(CompareError::BadLabel { label });
    }
    Ok((Some(label), what))
}

/// The results file of a run.
///
/// # Errors
/// There is none, or several.
pub fn find(what: &str, within: &Path) -> Result<PathBuf, CompareError> {
    let path = Path::new(what);
    if path.is_dir() {
        return of_directory(path);
    }
    let results = match path.extension().and_then(|one| one.to_str()) {
        Some("csv") => Some(path.to_owned()),
        Some("json") => results_beside(path),
        _ => SUFFIXES
            .iter()
            .map(|suffix| within.join(format!("results_{what}{suffix}_latest.csv")))
            .find(|path| path.is_file()),
    };
    results
        .filter(|path| path.is_file())
        .ok_or_else(|| CompareError::NoRun {
            what: what.to_owned(),
            help: help(within),
        })
}

fn help(within: &Path) -> String {
    let there: Vec<String> = latest(within).into_keys().collect();
    if there.is_empty() {
        return format!(
            "name a results file, a directory of one target, or a target; {} has no run: `pipectl bench` makes one",
            within.display()
        );
    }
    format!("{} has runs of {}", within.display(), there.join(", "))
}

/// The latest runs of a directory by target.
fn latest(directory: &Path) -> BTreeMap<String, PathBuf> {
    let mut found: BTreeMap<String, (usize, PathBuf)> = BTreeMap::new();
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        let name = path.file_name().and_then(|name| name.to_str());
        let target = name
            .and_then(|name| name.strip_prefix("results_")?.strip_suffix("_latest.csv"))
            .filter(|target| !target.ends_with("_cycle"));
        let Some(target) = target else { continue };
        // A target may be called so: what has no suffix is the study's own way.
        let mut way = SUFFIXES.iter().enumerate().skip(1);
        let (rank, target) = way
            .find_map(|(rank, suffix)| Some((rank, target.strip_suffix(suffix)?)))
            .unwrap_or((0, target));
        let known = found.get(target).is_some_and(|(other, _)| *other < rank);
        if !known {
            found.insert(target.to_owned(), (rank, path.clone()));
        }
    }
    found
        .into_iter()
        .map(|(target, (_, path))| (target, path))
        .collect()
}

fn of_directory(directory: &Path) -> Result<PathBuf, CompareError> {
    let mut found = latest(directory);
    match found.len() {
        0 => Err(CompareError::NoRun {
            what: directory.display().to_string(),
            help: help(directory),
        }),
        1 => Ok(found.pop_first().map(|(_, path)| path).unwrap_or_default()),
        _ => Err(CompareError::SeveralTargets {
            path: directory.to_owned(),
            example: found.values().next().cloned().unwrap_or_default(),
            targets: found.into_keys().collect(),
        }),
    }
}

fn read_one(label: Option<&str>, results: PathBuf) -> Result<Input, CompareError> {
    let (mut summary, rows, unknown_columns) = read_run(&results)?;
    // The rows are what was measured; a summary that has other figures was changed.
    let settings = &summary.run.settings;
    let figures = Figures::of(&rows, &settings.method, settings.seed);
    if figures != summary.figures {
        return Err(BenchError::OtherFigures { path: results }.into());
    }
    summary.figures = figures;
    let mut files = vec![results.clone()];
    let target = &summary.run.target;
    let is_same = |other: (&str, &crate::target::Product)| {
        other.0 == summary.run.stack && *other.1 == summary.run.product
    };
    let beside = |suffix: &str| {
        let name = format!("results_{target}{suffix}_latest.csv");
        let path = results.with_file_name(name);
        (path != results && path.is_file()).then_some(path)
    };
    let mut cold = None;
    if let Some(path) = beside("_cold") {
        let (other, rows, _) = read_run(&path)?;
        if is_same((&other.run.stack, &other.run.product)) {
            files.push(path);
            cold = Some((other, rows));
        }
    }
    let mut cycle = None;
    if let Some(path) = beside("_cycle") {
        let (mut other, rounds) = read_cycle(&path)?;
        if is_same((&other.stack, &other.product)) {
            files.push(path);
            other.figures = cycle::figures(&rounds, summary.run.settings.seed);
            cycle = Some((other, rounds));
        }
    }
    let mut ramp = None;
    let path = results.with_file_name(format!("summary_{target}_ramp_latest.json"));
    if path.is_file() {
        let other = read_summary(&path)?;
        if is_same((&other.run.stack, &other.run.product)) {
            files.push(path);
            ramp = Some(other);
        }
    }
    let label = label.map_or_else(|| named(&summary), str::to_owned);
    Ok(Input {
        label,
        summary,
        rows,
        cold,
        cycle,
        ramp,
        results,
        files,
        unknown_columns,
    })
}

/// By what answered; a row of one's own by its name.
fn named(summary: &Summary) -> String {
    let product = summary.run.product.name;
    if product == ProductName::Other {
        return summary.run.target.clone();
    }
    serde_json::to_value(product)
        .ok()
        .and_then(|name| name.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// Runs of one product are told apart by their tuning; what is still the same needs labels.
fn tell_apart(inputs: &mut [Input], labelled: &[bool]) -> Result<(), CompareError> {
    let tuned = |one: &Input| {
        one.summary
            .run
            .mappings
            .values()
            .any(|mapping| mapping.tuned)
    };
    let labels: Vec<(String, bool)> = inputs
        .iter()
        .map(|one| (one.label.clone(), tuned(one)))
        .collect();
    for (input, labelled) in inputs.iter_mut().zip(labelled) {
        let is_tuned = tuned(input);
        let other = |(label, tuned): &(String, bool)| *label == input.label && *tuned != is_tuned;
        if !labelled && !is_tuned && labels.iter().any(other) {
            input.label.push_str(" untuned");
        }
    }
    for (at, one) in inputs.iter().enumerate() {
        if inputs[..at].iter().any(|other| other.label == one.label) {
            let label = one.label.clone();
            return Err(CompareError::SameLabel { label });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_before_the_first_equals_sign_unless_that_is_in_a_path() {
        let split = |run| split(run).expect("a run");
        assert_eq!(split("embedded"), (None, "embedded"));
        assert_eq!(split("before=a.csv"), (Some("before"), "a.csv"));
        assert_eq!(split("./a=b/c.csv"), (None, "./a=b/c.csv"));
        for bad in ["=a", " x=a", "a<b=c", "abcdefghijklmnopqrstuvwxyz=a"] {
            assert!(super::split(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_directory_s_runs_are_known_by_target_and_the_study_s_way_comes_first() {
        let directory = tempfile::tempdir().expect("a directory");
        let names = [
            "results_aws_cold_latest.csv",
            "results_aws_latest.csv",
            "results_aws_cycle_latest.csv",
            "results_mine_rate_latest.csv",
            "results_mine_20261126T101530Z-1f0c3a.csv",
            "summary_other_latest.json",
        ];
        for name in names {
            std::fs::write(directory.path().join(name), "").expect("written");
        }
        let found = latest(directory.path());
        let found: Vec<(&str, &str)> = found
            .iter()
            .map(|(target, path)| (&**target, path.file_name().and_then(|one| one.to_str())))
            .map(|(target, name)| (target, name.expect("a name")))
            .collect();
        assert_eq!(found, [("aws", names[1]), ("mine", names[3])]);
        assert!(matches!(
            of_directory(directory.path()),
            Err(CompareError::SeveralTargets { .. })
        ));
        let error = find("nothing", directory.path()).expect_err("no run");
        let help = miette::Diagnostic::help(&error).expect("help").to_string();
        assert!(help.ends_with("has runs of aws, mine"), "{help}");
    }
}
