//! The edge where errors get dressed: every error below becomes a [`Failure`] with an exit code and
//! a diagnostic that has a code, a place and a next step.

use miette::Diagnostic;

use crate::apply::StepError;
use crate::exit::Exit;
use crate::observe::ObserveError;
use crate::package::PackageError;
use crate::plan::{Refusal, Violation};
use crate::resource::CallError;
use crate::stack::StackErrors;
use crate::target::TargetError;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub struct Failure {
    /// For the shell.
    pub exit: Exit,
    /// For people.
    pub report: miette::Report,
}

impl Failure {
    /// Dresses a diagnostic.
    pub fn new(exit: Exit, diagnostic: impl Diagnostic + Send + Sync + 'static) -> Self {
        Self {
            exit,
            report: miette::Report::new(diagnostic),
        }
    }
}

impl<D: Dressed> From<D> for Failure {
    fn from(diagnostic: D) -> Self {
        Self::new(diagnostic.exit(), diagnostic)
    }
}

/// A diagnostic that knows its exit code.
pub trait Dressed: Diagnostic + Send + Sync + Sized + 'static {
    /// For the shell.
    fn exit(&self) -> Exit;
}

impl Dressed for StackErrors {
    fn exit(&self) -> Exit {
        Exit::InvalidStack
    }
}

impl Dressed for PackageError {
    fn exit(&self) -> Exit {
        Exit::BuildFailed
    }
}

impl Dressed for TargetError {
    fn exit(&self) -> Exit {
        match self {
            Self::Unknown { .. } | Self::Ambiguous { .. } => Exit::Usage,
            Self::Unreachable { .. } | Self::NotRunning { .. } => Exit::Unreachable,
            Self::NotLocal { .. } => Exit::Refused,
            Self::Embedded(_) | Self::Files { .. } => Exit::Failed,
        }
    }
}

impl Dressed for crate::operate::pipeline::NotAPipeline {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

impl Dressed for crate::target::embedded::EmbeddedError {
    fn exit(&self) -> Exit {
        Exit::Failed
    }
}

/// Errors of the commands themselves.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum CommandError {
    /// A local file cannot be used.
    #[error("cannot read {path}: {cause}")]
    #[diagnostic(
        code(file::unreadable),
        help("check the path and its permissions; nothing was uploaded")
    )]
    Unreadable {
        /// As given.
        path: String,
        /// What the system said.
        cause: String,
    },
    /// The stack is not up.
    #[error("the stack `{stack}` is not up on the target `{target}`: {missing} is not there")]
    #[diagnostic(code(stack::not_up), help("run `pipectl up{flag}` first"))]
    NotUp {
        /// Stack name.
        stack: String,
        /// Target name.
        target: String,
        /// The first resource that is missing.
        missing: String,
        /// ` --target NAME` where the target is not the default.
        flag: String,
    },
    /// Data would be lost and nobody said so.
    #[error("there is still data in {what}")]
    #[diagnostic(
        code(down::holds_data),
        help("nothing was deleted; run `pipectl down --force` to delete the data too")
    )]
    HoldsData {
        /// The stores, comma-separated.
        what: String,
    },
    /// The typed name was not the stack's.
    #[error("the typed name is not `{stack}`")]
    #[diagnostic(code(down::not_confirmed), help("nothing was deleted"))]
    NotConfirmed {
        /// Stack name.
        stack: String,
    },
    /// Something stands in the way that is not ours, or must not be replaced.
    #[error("the plan is refused: {}", list(refusals))]
    #[diagnostic(
        code(plan::refused),
        help(
            "nothing was changed; rename the resource in the stack, or remove what is in the way"
        )
    )]
    PlanRefused {
        /// All of them.
        refusals: Vec<Refusal>,
    },
    /// The planner made a plan that its checker refuses.
    #[error("the plan is inconsistent: {}", join(violations))]
    #[diagnostic(
        code(plan::inconsistent),
        help("nothing was changed; this is a fault of pipectl: please report it")
    )]
    Inconsistent {
        /// What does not hold.
        violations: Vec<Violation>,
    },
    /// Reading the live state failed.
    #[error("cannot read the live state: {}", join(errors))]
    #[diagnostic(
        code(observe::failed),
        help("nothing was changed; check the target with `pipectl status`, then run it again")
    )]
    Observe {
        /// One per resource.
        errors: Vec<ObserveError>,
    },
    /// Some steps failed.
    #[error("{} of the plan's steps failed", errors.len())]
    #[diagnostic(
        code(apply::failed),
        help("what was done stays; run the same command again to continue")
    )]
    Apply {
        /// One per failed step.
        #[related]
        errors: Vec<FailedStep>,
    },
    /// A single call failed.
    #[error("{what}: {error}{}", request(error))]
    #[diagnostic(code(call::failed), help("{help}"))]
    Call {
        /// What was being done.
        what: String,
        /// What the target said.
        error: CallError,
        /// Next step.
        help: &'static str,
    },
    /// Some files did not end as done.
    #[error("{failed} of {total} files did not end as done")]
    #[diagnostic(code(send::not_done), help("{help}"))]
    NotDone {
        /// How many.
        failed: usize,
        /// Of how many.
        total: usize,
        /// Next step.
        help: String,
    },
    /// Several functions or stacks and no choice.
    #[error("the files of the stack at {root} cannot be used: {cause}")]
    #[diagnostic(
        code(file::project),
        help("check the permissions of the directory and the space on the disk")
    )]
    Project {
        /// Project directory.
        root: String,
        /// What the system said.
        cause: String,
    },
}

impl Dressed for CommandError {
    fn exit(&self) -> Exit {
        match self {
            Self::Unreadable { .. } => Exit::Usage,
            Self::NotUp { .. } => Exit::Unreachable,
            Self::HoldsData { .. } | Self::NotConfirmed { .. } | Self::PlanRefused { .. } => {
                Exit::Refused
            }
            Self::Observe { errors } if errors.iter().all(|e| e.error.unreachable) => {
                Exit::Unreachable
            }
            Self::Call { error, .. } if error.unreachable => Exit::Unreachable,
            _ => Exit::Failed,
        }
    }
}

/// A failed step as a diagnostic of its own.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{} {} ({}): {}{}", verb(step), step.id, step.name, step.error, request(&step.error))]
#[diagnostic(code(apply::step))]
pub struct FailedStep {
    /// The step.
    pub step: StepError,
}

fn verb(step: &StepError) -> &'static str {
    match step.action {
        crate::plan::Action::Create => "create",
        crate::plan::Action::Update => "update",
        crate::plan::Action::Replace => "replace",
        crate::plan::Action::Delete => "delete",
        crate::plan::Action::Keep => "keep",
    }
}

fn request(error: &CallError) -> String {
    error
        .request_id
        .as_ref()
        .map_or_else(String::new, |id| format!(" (request {id})"))
}

fn list(refusals: &[Refusal]) -> String {
    refusals
        .iter()
        .map(|refusal| format!("{} ({}): {}", refusal.id, refusal.name, refusal.why))
        .collect::<Vec<_>>()
        .join("; ")
}

fn join<T: std::fmt::Display>(all: &[T]) -> String {
    all.iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}
