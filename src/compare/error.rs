//! Why there is no comparison.

use std::path::PathBuf;

use miette::Diagnostic;

use crate::bench::BenchError;

/// What can be wrong with what is compared.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum CompareError {
    /// A run that is damaged.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Run(#[from] BenchError),
    /// A run that is not there.
    #[error("there is no run `{what}`")]
    #[diagnostic(code(compare::no_run), help("{help}"))]
    NoRun {
        /// As it was named.
        what: String,
        /// What there is.
        help: String,
    },
    /// A directory with runs of several targets.
    #[error("{} has runs of several targets: {}", path.display(), targets.join(", "))]
    #[diagnostic(
        code(compare::several_targets),
        help("name the results file of one, e.g. {}", example.display())
    )]
    SeveralTargets {
        /// Directory.
        path: PathBuf,
        /// Targets.
        targets: Vec<String>,
        /// A results file of the first.
        example: PathBuf,
    },
    /// A label that cannot be one.
    #[error("`{label}` is no label")]
    #[diagnostic(
        code(compare::bad_label),
        help(
            "a label has letters, digits, spaces, dots, hyphens and underscores, and is short: 1 to 24 of them"
        )
    )]
    BadLabel {
        /// As it was written.
        label: String,
    },
    /// A label twice.
    #[error("two runs are called `{label}`")]
    #[diagnostic(
        code(compare::same_label),
        help(
            "give them labels: LABEL=RUN, e.g. before=results/results_embedded_20261126T101530Z-1f0c3a.csv"
        )
    )]
    SameLabel {
        /// Label.
        label: String,
    },
    /// More runs than can be told apart.
    #[error("{runs} runs are too many: {most} can be told apart in one chart")]
    #[diagnostic(
        code(compare::too_many),
        help("make several reports, each with the run that the others are compared with")
    )]
    TooMany {
        /// Runs.
        runs: usize,
        /// At most.
        most: usize,
    },
    /// The same run twice.
    #[error("{} is named twice", path.display())]
    #[diagnostic(
        code(compare::same_run),
        help("a run does not differ from itself: name another one")
    )]
    SameRun {
        /// Results file.
        path: PathBuf,
    },
    /// No run has a file that was processed.
    #[error("there is nothing to compare: no file was processed in {runs}")]
    #[diagnostic(
        code(compare::nothing),
        help("`pipectl bench` makes a run; its rows tell what became of each file")
    )]
    Nothing {
        /// The runs.
        runs: String,
    },
    /// Published figures that cannot be read.
    #[error("the published figures {name} cannot be read: {cause}")]
    #[diagnostic(
        code(compare::bad_baseline),
        help("`study` is part of pipectl; a file must be as docs/baselines/study-2025-12.json")
    )]
    BadBaseline {
        /// As they were named.
        name: String,
        /// Why.
        cause: String,
    },
    /// A report of parity that cannot be read.
    #[error("{}: {cause}", path.display())]
    #[diagnostic(
        code(compare::bad_parity),
        help("--parity takes the JSON that `pipectl parity` wrote: parity_…_latest.json")
    )]
    BadParity {
        /// File.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// Two reports of parity of one pair.
    #[error("two reports of parity are of {a} and {b}")]
    #[diagnostic(
        code(compare::same_parity),
        help("name one of them, the newer as a rule")
    )]
    SameParity {
        /// A target.
        a: String,
        /// The other one.
        b: String,
    },
    /// A file of the report cannot be written.
    #[error("cannot write {}: {cause}", path.display())]
    #[diagnostic(
        code(compare::not_written),
        help(
            "check the permissions of the directory and the space on the disk, or name another one with --out"
        )
    )]
    NotWritten {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: String,
    },
}
