//! Runs as they lie on the disk: what `pipectl bench` wrote, found by a target's name, a directory or a file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::CompareError;
use crate::bench::cycle::{self, CycleSummary, Round};
use crate::bench::facts::RunFacts;
use crate::bench::store::{read_cycle, read_run, read_summary, results_beside};
use crate::bench::summary::Step;
use crate::bench::{BenchError, Figures, Row, Summary};
use crate::target::{Product, ProductName};

/// Ways in which files come, by their part of a results file's name; the study's own first.
const SUFFIXES: [&str; 5] = ["", "_rate", "_concurrency", "_ramp", "_cold"];
/// Runs that can be told apart in one chart, each by its shape.
const MOST_RUNS: usize = 8;
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
    /// Files beside it that were not taken with it, and why.
    pub left_out: Vec<(String, String)>,
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
    if inputs.len() > MOST_RUNS {
        return Err(CompareError::TooMany {
            runs: inputs.len(),
            most: MOST_RUNS,
        });
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
    checked(label.to_owned())?;
    Ok((Some(label), what))
}

/// A label that can be one: it is also part of keys and commands.
fn checked(label: String) -> Result<String, CompareError> {
    let good = |c: char| c.is_alphanumeric() || " .-_".contains(c);
    let fits = (1..=LONGEST_LABEL).contains(&label.chars().count());
    if !fits || !label.chars().all(good) || label.trim() != label {
        return Err(CompareError::BadLabel { label });
    }
    Ok(label)
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
    let missing = results
        .as_ref()
        .map_or_else(|| what.to_owned(), |path| path.display().to_string());
    results
        .filter(|path| path.is_file())
        .ok_or_else(|| CompareError::NoRun {
            what: missing,
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
    let (summary, rows, unknown_columns) = read_run(&results)?;
    // The rows are what was measured; a summary that has other figures was changed.
    let settings = &summary.run.settings;
    let figures = Figures::of(&rows, &settings.method, settings.seed);
    if figures != summary.figures {
        return Err(BenchError::OtherFigures { path: results }.into());
    }
    let mut files = vec![results.clone()];
    let mut left_out = Vec::new();
    let mut leave = |path: &Path, why: String| left_out.push((name_of(path), why));
    // What lies beside a run of another moment is of another run.
    let is_latest = name_of(&results).ends_with("_latest.csv");
    let beside = |name: String| {
        let path = results.with_file_name(name);
        (is_latest && path != results && path.is_file()).then_some(path)
    };
    let target = &summary.run.target;
    let fits = |stack: &str, product: &Product| {
        if stack != summary.run.stack || *product != summary.run.product {
            return Err("it is of another stack or endpoint".to_owned());
        }
        Ok(())
    };
    let ran_the_same = |other: &RunFacts| {
        fits(&other.stack, &other.product)?;
        if other.code() != summary.run.code() {
            return Err("it ran other code".to_owned());
        }
        Ok(())
    };
    let mut cold = None;
    if let Some(path) = beside(format!("results_{target}_cold_latest.csv")) {
        let read = read_run(&path).map_err(|error| error.to_string());
        let read = read.and_then(|(other, rows, _)| {
            ran_the_same(&other.run)?;
            let settings = &other.run.settings;
            if Figures::of(&rows, &settings.method, settings.seed) != other.figures {
                return Err("its rows give other figures than its summary has".to_owned());
            }
            Ok((other, rows))
        });
        match read {
            Ok(read) => {
                cold = Some(read);
                files.push(path);
            }
            Err(why) => leave(&path, why),
        }
    }
    let mut cycle = None;
    if let Some(path) = beside(format!("results_{target}_cycle_latest.csv")) {
        let read = read_cycle(&path).map_err(|error| error.to_string());
        let read = read.and_then(|(other, rounds)| {
            fits(&other.stack, &other.product)?;
            Ok((other, rounds))
        });
        match read {
            Ok((mut other, rounds)) => {
                other.figures = cycle::figures(&rounds, summary.run.settings.seed);
                cycle = Some((other, rounds));
                files.push(path);
            }
            Err(why) => leave(&path, why),
        }
    }
    let mut ramp = None;
    if let Some(path) = beside(format!("summary_{target}_ramp_latest.json")) {
        let read = read_summary(&path).map_err(|error| error.to_string());
        let read = read.and_then(|other| {
            ran_the_same(&other.run)?;
            let good = |value: f64| (0.0..=1e9).contains(&value);
            let bad = |step: &Step| !good(step.rate) || step.p50_ms.is_some_and(|one| !good(one));
            if other.steps.iter().any(bad) {
                return Err("its steps have figures that none can have".to_owned());
            }
            Ok(other)
        });
        match read {
            Ok(read) => {
                ramp = Some(read);
                files.push(path);
            }
            Err(why) => leave(&path, why),
        }
    }
    let label = match label {
        Some(label) => label.to_owned(),
        None => checked(named(&summary))?,
    };
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
        left_out,
    })
}

fn name_of(path: &Path) -> String {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_default()
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
    let tuned = |one: &Input| one.summary.run.is_tuned();
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
