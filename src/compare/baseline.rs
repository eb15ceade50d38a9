//! Figures that somebody published, of which there are no rows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::CompareError;

/// The study's, which are part of pipectl.
const STUDY: &str = include_str!("../../docs/baselines/study-2025-12.json");

/// A published study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Of this form.
    pub version: u32,
    /// Name.
    pub name: String,
    /// Where it is from.
    pub source: String,
    /// How it measured.
    pub method: Method,
    /// What a reader should know.
    pub caveats: Vec<String>,
    /// Figures by target.
    pub targets: BTreeMap<String, Target>,
}

/// How it measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Method {
    /// Files of a target, with those that were not counted.
    pub files: usize,
    /// Of them not counted.
    pub of_them_warmup: usize,
    /// Lines of the files.
    pub lines: Vec<u64>,
    /// Files of each size.
    pub iterations: u32,
    /// Pause after each, milliseconds.
    pub pause_ms: u64,
    /// Pause between looks for a result, milliseconds.
    pub poll_ms: u64,
    /// Did one file wait for the one before?
    pub one_by_one: bool,
}

/// Figures of one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// From end to end, milliseconds.
    pub end_to_end_ms: Percentiles,
    /// Files per second.
    pub files_per_s: f64,
    /// Mean of each part, milliseconds.
    pub breakdown_ms: Breakdown,
    /// Files that failed.
    pub failed: usize,
    /// How long a change of code took until it ran, seconds: from, to.
    pub deploy_cycle_s: [f64; 2],
}

/// Percentiles.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Median.
    pub p50: f64,
    /// 95th.
    pub p95: f64,
    /// 99th.
    pub p99: f64,
}

/// Parts of the way.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Breakdown {
    /// Upload.
    pub upload: f64,
    /// The worker's part.
    pub processing: f64,
    /// All else.
    pub queue_and_overhead: f64,
}

impl Target {
    fn fault(&self, counted: usize) -> Option<&'static str> {
        let Percentiles { p50, p95, p99 } = self.end_to_end_ms;
        let parts = self.breakdown_ms;
        let [from, to] = self.deploy_cycle_s;
        let in_order = |values: &[f64]| {
            let within = |value: &f64| (0.0..=LONGEST_MS).contains(value);
            values.iter().all(within) && values.windows(2).all(|two| two[0] <= two[1])
        };
        let at_most = |value: f64| in_order(&[value]);
        match () {
            () if p50 <= 0.0 || !in_order(&[p50, p95, p99]) => {
                Some("its percentiles must be above zero and grow")
            }
            () if ![parts.upload, parts.processing, parts.queue_and_overhead]
                .into_iter()
                .all(at_most)
                || parts.total() <= 0.0 =>
            {
                Some("its parts must not be below zero")
            }
            () if self.files_per_s <= 0.0 || !at_most(self.files_per_s) => {
                Some("its files per second must be above zero")
            }
            () if !in_order(&[from, to]) => Some("its cycle must be from less to more seconds"),
            () if self.failed > counted => Some("more files failed than were counted"),
            () => None,
        }
    }
}

impl Breakdown {
    /// Mean from end to end.
    pub fn total(&self) -> f64 {
        self.upload + self.processing + self.queue_and_overhead
    }
}

/// Longest name of a target, characters.
const LONGEST_NAME: usize = 16;
/// No time is longer, milliseconds: a year.
const LONGEST_MS: f64 = 366.0 * 86_400_000.0;

impl Baseline {
    /// Why no figure can be compared with it.
    fn fault(&self) -> Option<String> {
        if self.version != 1 {
            return Some(format!("its version is {} and not 1", self.version));
        }
        let counted = self.method.files.checked_sub(self.method.of_them_warmup);
        let counted = counted.filter(|counted| *counted > 0);
        let Some(counted) = counted else {
            return Some("no file of it counts".to_owned());
        };
        if self.targets.is_empty() {
            return Some("it has no target".to_owned());
        }
        self.targets.iter().find_map(|(name, one)| {
            let good = |c: char| c.is_alphanumeric() || " .-_".contains(c);
            if !(1..=LONGEST_NAME).contains(&name.chars().count()) || !name.chars().all(good) {
                return Some(format!("`{name}` is no name of a target"));
            }
            let fault = one.fault(counted)?;
            Some(format!("{name}: {fault}"))
        })
    }

    /// `study`, or a file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn named(name: &str) -> Result<Self, CompareError> {
        let bad = |cause: String| CompareError::BadBaseline {
            name: name.to_owned(),
            cause,
        };
        let text = match name {
            "study" => STUDY.to_owned(),
            path => std::fs::read_to_string(path).map_err(|error| bad(error.to_string()))?,
        };
        let read: Self = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
        if let Some(fault) = read.fault() {
            return Err(bad(fault));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_study_is_part_of_pipectl_and_others_are_files() {
        let study = Baseline::named("study").expect("the study");
        assert_eq!(study.name, "study-2025-12");
        assert_eq!(
            study.targets["aws"].breakdown_ms.total().round() as u64,
            2_057
        );
        let error = Baseline::named("/nowhere/x.json").expect_err("no file");
        assert!(error.to_string().contains("/nowhere/x.json"), "{error}");
        let faulty = |change: &dyn Fn(&mut Baseline)| {
            let mut one = study.clone();
            change(&mut one);
            one.fault().is_some()
        };
        assert!(!faulty(&|_| ()));
        assert!(faulty(&|one| one.version = 2));
        assert!(faulty(&|one| one.method.of_them_warmup = 32));
        assert!(faulty(&|one| one.method.of_them_warmup = 40));
        assert!(faulty(&|one| one.targets.clear()));
        type Change = fn(&mut Target);
        let changes: [Change; 6] = [
            |aws| aws.failed = 31,
            |aws| aws.end_to_end_ms.p99 = 1.0,
            |aws| aws.end_to_end_ms.p99 = 1.7e308,
            |aws| aws.breakdown_ms.upload = -500.0,
            |aws| aws.deploy_cycle_s = [2.0, 1.0],
            |aws| aws.files_per_s = f64::NAN,
        ];
        for change in changes {
            assert!(faulty(&|one| change(
                one.targets.get_mut("aws").expect("aws")
            )));
        }
        assert!(faulty(&|one| {
            let aws = one.targets["aws"].clone();
            one.targets.insert("<b>".to_owned(), aws);
        }));
    }
}
