//! Why there is no comparison, or not the one that was asked for.

use std::path::PathBuf;

use miette::Diagnostic;

/// What can go wrong besides calls.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ParityError {
    /// Both sides are one.
    #[error("both targets are {place}")]
    #[diagnostic(
        code(parity::same_target),
        help(
            "name two: `pipectl parity embedded localstack`, or one target at two endpoints: `localstack=http://localhost:4566 localstack=http://localhost:4567`"
        )
    )]
    SameTarget {
        /// Where.
        place: String,
    },
    /// `--endpoint` could be of either.
    #[error("--endpoint could be meant for either target")]
    #[diagnostic(
        code(parity::whose_endpoint),
        help("write it with its target: `{target}=URL`")
    )]
    WhoseEndpoint {
        /// One of the targets.
        target: String,
    },
    /// `--target` says nothing here.
    #[error("--target names one target, and parity has two")]
    #[diagnostic(
        code(parity::target_option),
        help("write both behind the command: `pipectl parity embedded {target}`")
    )]
    TargetOption {
        /// As given.
        target: String,
    },
    /// No target takes the endpoint: pipectl serves it itself, or has it already.
    #[error("the target `{target}` does not take the endpoint {endpoint}")]
    #[diagnostic(
        code(parity::no_endpoint),
        help(
            "leave it out: pipectl serves that target itself, or its endpoint is written already"
        )
    )]
    NoEndpoint {
        /// Target.
        target: String,
        /// What was written.
        endpoint: String,
    },
    /// There is none of that name.
    #[error("there is no scenario `{name}`")]
    #[diagnostic(code(parity::no_scenario), help("{help}"))]
    NoScenario {
        /// As written.
        name: String,
        /// What there is.
        help: String,
    },
    /// Nothing would be compared.
    #[error("the stack `{stack}` has nothing that the chosen scenarios need: {missing}")]
    #[diagnostic(
        code(parity::nothing_to_play),
        help("leave `--only` out to see what fits the stack")
    )]
    NothingToPlay {
        /// Stack.
        stack: String,
        /// What it has not.
        missing: String,
    },
    /// A name would be too long.
    #[error("no copy of the stack can be made: {cause}")]
    #[diagnostic(
        code(parity::no_copy),
        help("shorter names of the stack or of its buckets and functions do")
    )]
    NoCopy {
        /// Why.
        cause: String,
    },
    /// Two runs at once on one target.
    #[error("another run on the stack `{stack}` and the target `{target}` goes on")]
    #[diagnostic(code(parity::busy), help("wait until it is done"))]
    Busy {
        /// Stack.
        stack: String,
        /// Target.
        target: String,
    },
    /// What an earlier run left is still there.
    #[error("{target}: {cause}")]
    #[diagnostic(
        code(parity::not_cleaned_up),
        help("nothing else was made; run it again")
    )]
    NotCleanedUp {
        /// Target.
        target: String,
        /// What is there, and why.
        cause: String,
    },
    /// Tests of the stack file were not met.
    #[error("not as the stack file expects: {names}")]
    #[diagnostic(
        code(parity::tests_failed),
        help("what was expected is above, and in {file}")
    )]
    TestsFailed {
        /// Their names.
        names: String,
        /// The report.
        file: String,
    },
    /// A copy could not be made, or not taken down.
    #[error("{target}: {cause}")]
    #[diagnostic(
        code(parity::side_failed),
        help(
            "run it again: what is left of a copy goes first. What was seen until then is in {file}"
        )
    )]
    SideFailed {
        /// Target.
        target: String,
        /// What failed.
        cause: String,
        /// The report.
        file: String,
    },
    /// Somebody interrupted.
    #[error("interrupted after {played} of {of} scenarios")]
    #[diagnostic(code(parity::interrupted), help("{left}; run it again for all of it"))]
    Interrupted {
        /// Scenarios that were played on both.
        played: usize,
        /// Of how many.
        of: usize,
        /// What is left.
        left: String,
    },
    /// Less parity than was asked for.
    #[error("{percent:.1} % parity, and {least} % were asked for: {differing}")]
    #[diagnostic(code(parity::too_little), help("what differs is above, and in {file}"))]
    TooLittle {
        /// Found.
        percent: f64,
        /// Asked for.
        least: f64,
        /// Names of scenarios that are not equal.
        differing: String,
        /// The report.
        file: String,
    },
    /// The report cannot be written.
    #[error("cannot write {}: {cause}", path.display())]
    #[diagnostic(
        code(parity::not_written),
        help("choose another directory with `--out`")
    )]
    NotWritten {
        /// Where.
        path: PathBuf,
        /// What the system said.
        cause: String,
    },
}
