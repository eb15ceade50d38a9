//! What can be wrong with what is asked for.

use miette::Diagnostic;

/// Why a command on dead letters does not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
pub enum DeadLetterError {
    /// No dead letter queue of that name.
    #[error("the stack has no dead letter queue `{name}`")]
    #[diagnostic(code(dlq::no_such_queue), help("{help}"))]
    NoSuchQueue {
        /// As given.
        name: String,
        /// Next step.
        help: String,
    },
    /// Nothing that waits has that id.
    #[error("no dead letter has an id that begins with `{id}`")]
    #[diagnostic(
        code(dlq::no_such_letter),
        help(
            "list them with `pipectl dlq ls`; one that somebody else looks at is hidden for up to half a minute"
        )
    )]
    NoSuchLetter {
        /// As given.
        id: String,
    },
    /// Several that wait have an id like that.
    #[error("several dead letters have an id that begins with `{id}`: {found}")]
    #[diagnostic(
        code(dlq::ambiguous),
        help("nothing was done; write more of the id, or name each")
    )]
    Ambiguous {
        /// As given.
        id: String,
        /// The ids that begin like that.
        found: String,
    },
    /// Deleting was not agreed to.
    #[error("{letters} would be deleted for good")]
    #[diagnostic(
        code(dlq::refused),
        help(
            "nothing was deleted; say so with --force, or redrive them with `pipectl dlq redrive`"
        )
    )]
    NotForced {
        /// How many, in words.
        letters: String,
    },
    /// Some could not be dealt with.
    #[error("{failed} could not be {verb}; {done} {verb}")]
    #[diagnostic(
        code(dlq::failed),
        help("they stay where they are; the reasons are above, and in the data of --output json")
    )]
    Failed {
        /// What was tried: `redriven`, `deleted`.
        verb: &'static str,
        /// How many not, in words.
        failed: String,
        /// How many were.
        done: u64,
    },
    /// Somebody interrupted between two of them.
    #[error("interrupted: {done} {verb}, {left} left")]
    #[diagnostic(code(dlq::interrupted), help("none is lost; {go_on}"))]
    Interrupted {
        /// What was done: `redriven`, `deleted`.
        verb: &'static str,
        /// How many.
        done: u64,
        /// How many still wait.
        left: u64,
        /// How to continue.
        go_on: String,
    },
}
