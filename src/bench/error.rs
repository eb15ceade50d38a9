//! Why a run is not what was asked for.

use std::path::PathBuf;

use miette::{Diagnostic, NamedSource, SourceSpan};

use super::gate::{BadTerm, Broken};

/// What can go wrong with a run besides its calls.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum BenchError {
    /// Two at once would measure each other.
    #[error("another bench of the stack `{stack}` runs on the target `{target}`")]
    #[diagnostic(
        code(bench::busy),
        help("two at once would measure each other: wait until it is done")
    )]
    Busy {
        /// Stack.
        stack: String,
        /// Target.
        target: String,
    },
    /// `--assert` cannot be read.
    #[error("--assert: {message}")]
    #[diagnostic(
        code(bench::bad_assert),
        help("for example --assert 'p50<2s,p95<3s,errors=0'; nothing was sent")
    )]
    BadAssert {
        /// What is wrong.
        message: String,
        /// The text.
        #[source_code]
        text: NamedSource<String>,
        /// Where.
        #[label("here")]
        at: SourceSpan,
    },
    /// Figures are not as they must be.
    #[error("{}", broken_words(broken))]
    #[diagnostic(code(bench::asserted), help("the figures are above, and in {file}"))]
    Asserted {
        /// The terms.
        broken: Vec<Broken>,
        /// Summary file.
        file: String,
    },
    /// Not one file was processed.
    #[error("none of {files} files was processed: {first}")]
    #[diagnostic(
        code(bench::nothing_measured),
        help(
            "`pipectl status` and `pipectl logs --failed` tell more; what was tried is in {file}"
        )
    )]
    NothingMeasured {
        /// Files sent.
        files: usize,
        /// What became of the first.
        first: String,
        /// Results file.
        file: String,
    },
    /// A run that somebody interrupted.
    #[error("interrupted after {files} files")]
    #[diagnostic(
        code(bench::interrupted),
        help("what was measured is in {file}; run it again for a whole run")
    )]
    Interrupted {
        /// Counted files.
        files: usize,
        /// Results file.
        file: String,
    },
    /// A run that could not go on.
    #[error("the run ended after {files} files: {cause}")]
    #[diagnostic(
        code(bench::ended_early),
        help("what was measured is in {file}; `pipectl status` shows how the stack is")
    )]
    EndedEarly {
        /// Counted files.
        files: usize,
        /// Why.
        cause: String,
        /// Results file.
        file: String,
    },
    /// A cycle that did not come to its end.
    #[error("the cycle ended after {rows} of {times} rounds: {cause}")]
    #[diagnostic(code(bench::cycle_ended_early), help("what was measured is in {file}"))]
    CycleEnded {
        /// Whole rounds.
        rows: usize,
        /// Rounds asked for.
        times: u32,
        /// Why.
        cause: String,
        /// Did somebody interrupt?
        interrupted: bool,
        /// Results file.
        file: String,
    },
    /// The figures are not those of the summary beside the rows.
    #[error("{} gives other figures than its summary has", path.display())]
    #[diagnostic(
        code(bench::other_figures),
        help(
            "a line was changed, or another version of pipectl wrote the summary; the figures of the rows are above"
        )
    )]
    OtherFigures {
        /// The results file.
        path: PathBuf,
    },
    /// A file of a run cannot be read.
    #[error("{}:{line} {cause}", path.display())]
    #[diagnostic(
        code(bench::bad_results),
        help("it must be a results file as `pipectl bench` wrote it, and whole")
    )]
    BadResults {
        /// The file.
        path: PathBuf,
        /// ` line N:` where that is known.
        line: String,
        /// What is wrong.
        cause: String,
    },
    /// The rows are not those of the summary beside them.
    #[error("{} has {found} rows, and its summary tells of {told}", path.display())]
    #[diagnostic(
        code(bench::other_results),
        help("lines were lost or added: make the run again, or take its dated copy")
    )]
    OtherResults {
        /// The results file.
        path: PathBuf,
        /// Rows in it.
        found: usize,
        /// Rows that the summary tells of.
        told: usize,
    },
    /// A file of a run cannot be written.
    #[error("cannot write {}: {cause}", path.display())]
    #[diagnostic(
        code(bench::not_written),
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

impl BenchError {
    /// Of a text of `--assert`.
    pub fn bad_assert(text: &str, bad: BadTerm) -> Self {
        Self::BadAssert {
            message: bad.message,
            text: NamedSource::new("--assert", text.to_owned()),
            // An empty text has no place of its own.
            at: (
                bad.at.min(text.len()),
                bad.length.min(text.len() - bad.at.min(text.len())),
            )
                .into(),
        }
    }
}

fn broken_words(broken: &[Broken]) -> String {
    let words = broken.iter().map(|one| match one.found {
        Some(found) if one.is_time => format!("`{}` does not hold: it is {found} ms", one.term),
        Some(found) => format!("`{}` does not hold: it is {found}", one.term),
        None => format!(
            "`{}` does not hold: there is no such figure in this run",
            one.term
        ),
    });
    words.collect::<Vec<_>>().join("; ")
}
