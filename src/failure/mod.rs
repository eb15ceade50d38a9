//! The edge where errors get dressed: every error below becomes a [`Failure`] with an exit code and
//! a diagnostic that has a code, a place and a next step.

mod next_step;

use miette::Diagnostic;

use crate::apply::StepError;
use crate::bench::BenchError;
use crate::compare::CompareError;
use crate::cost::CostError;
use crate::exit::Exit;
use crate::observe::ObserveError;
use crate::operate::dead_letters::DeadLetterError;
use crate::operate::logs::LogsError;
use crate::package::PackageError;
use crate::parity::ParityError;
use crate::plan::{Refusal, Violation};
use crate::resource::CallError;
use crate::stack::StackErrors;
use crate::target::TargetError;
use next_step::{next_step, remedy};

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
            Self::Unknown { .. }
            | Self::Ambiguous { .. }
            | Self::NoRegion { .. }
            | Self::NoProfile { .. }
            | Self::BadEndpoint { .. }
            | Self::NoTemplates { .. }
            | Self::BadCertificates { .. } => Exit::Usage,
            Self::Unreachable { .. } | Self::NotAws { .. } | Self::NotRunning { .. } => {
                Exit::Unreachable
            }
            Self::NotLocal { .. }
            | Self::Refused { .. }
            | Self::BadCredentials { .. }
            | Self::WrongClock { .. }
            | Self::OtherAccount { .. }
            | Self::NotAgreed { .. }
            | Self::NoCredentials { .. }
            | Self::NoLabRole { .. } => Exit::Refused,
            Self::Embedded(_) | Self::Files { .. } => Exit::Failed,
        }
    }
}

impl Dressed for crate::operate::pipeline::NotAPipeline {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

impl Dressed for DeadLetterError {
    fn exit(&self) -> Exit {
        match self {
            Self::NoSuchQueue { .. } | Self::NoSuchLetter { .. } | Self::Ambiguous { .. } => {
                Exit::Usage
            }
            Self::NotForced { .. } => Exit::Refused,
            Self::Failed { .. } => Exit::Failed,
            Self::Interrupted { .. } => Exit::Interrupted,
        }
    }
}

impl Dressed for LogsError {
    fn exit(&self) -> Exit {
        match self {
            Self::NoFunctions { .. } | Self::AmbiguousJob { .. } => Exit::Usage,
            Self::NoGroup { .. } => Exit::Unreachable,
            Self::NoSuchJob { .. } => Exit::Failed,
        }
    }
}

impl Dressed for BenchError {
    fn exit(&self) -> Exit {
        match self {
            Self::BadAssert { .. }
            | Self::BadResults { .. }
            | Self::OtherResults { .. }
            | Self::OtherFigures { .. } => Exit::Usage,
            Self::Busy { .. } => Exit::Refused,
            Self::Interrupted { .. }
            | Self::CycleEnded {
                interrupted: true, ..
            } => Exit::Interrupted,
            Self::Asserted { .. }
            | Self::NothingMeasured { .. }
            | Self::EndedEarly { .. }
            | Self::CycleEnded { .. }
            | Self::NotWritten { .. } => Exit::Failed,
        }
    }
}

impl Dressed for CostError {
    fn exit(&self) -> Exit {
        match self {
            Self::NoPrices { .. }
            | Self::BadPriceFile { .. }
            | Self::NoFile { .. }
            | Self::Batch { .. }
            | Self::Nothing { .. }
            | Self::NoReports
            | Self::Shared
            | Self::OtherStack { .. } => Exit::Usage,
            Self::BadPrices { .. } => Exit::Failed,
        }
    }
}

impl Dressed for CompareError {
    fn exit(&self) -> Exit {
        match self {
            Self::Run(error) => error.exit(),
            Self::NotWritten { .. } => Exit::Failed,
            _ => Exit::Usage,
        }
    }
}

impl Dressed for ParityError {
    fn exit(&self) -> Exit {
        match self {
            Self::SameTarget { .. }
            | Self::WhoseEndpoint { .. }
            | Self::NoEndpoint { .. }
            | Self::TargetOption { .. }
            | Self::NoScenario { .. }
            | Self::NothingToPlay { .. }
            | Self::NoCopy { .. } => Exit::Usage,
            Self::Busy { .. } => Exit::Refused,
            Self::Interrupted { .. } => Exit::Interrupted,
            Self::SideFailed { .. }
            | Self::NotCleanedUp { .. }
            | Self::TestsFailed { .. }
            | Self::TooLittle { .. }
            | Self::NotWritten { .. } => Exit::Failed,
        }
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
    /// Something of the stack is not there, or does not work.
    #[error("not well: {}", unwell.join(", "))]
    #[diagnostic(
        code(status::unhealthy),
        help("`pipectl plan` shows what `pipectl up` would do about it")
    )]
    Unhealthy {
        /// Logical ids with their states.
        unwell: Vec<String>,
    },
    /// Something that will not work was found.
    #[error("{} to mend", counted(*bad, "thing"))]
    #[diagnostic(code(doctor::unwell), help("each has its fix above"))]
    Unwell {
        /// How many.
        bad: usize,
    },
    /// The stack has no function of that name.
    #[error("the stack `{stack}` has no function `{name}`")]
    #[diagnostic(code(stack::no_such_function), help("its functions are: {known}"))]
    NoSuchFunction {
        /// As given.
        name: String,
        /// Stack name.
        stack: String,
        /// Names of its functions.
        known: String,
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
    /// Nothing of a stack is where it was brought up.
    #[error("nothing of the stack `{stack}` is at {place} any more, where it was brought up")]
    #[diagnostic(
        code(stack::gone),
        help(
            "{product} was probably started anew; `pipectl up{flag}` makes the stack again, and `pipectl down{flag}` forgets it"
        )
    )]
    Gone {
        /// Stack name.
        stack: String,
        /// Where.
        place: String,
        /// What answers there.
        product: String,
        /// ` --target NAME` where the target is not the default.
        flag: String,
    },
    /// The typed name was not the stack's.
    #[error("the typed name is not `{stack}`")]
    #[diagnostic(code(command::not_confirmed), help("nothing was deleted"))]
    NotConfirmed {
        /// Stack name.
        stack: String,
    },
    /// Something stands in the way that is not ours, or must not be lost.
    #[error("the plan is refused because of {}", counted(refusals.len(), "resource"))]
    #[diagnostic(code(plan::refused), help("nothing was changed"))]
    PlanRefused {
        /// One per resource.
        #[related]
        refusals: Vec<Refused>,
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
    #[error(
        "{} failed; {} done{}",
        counted(errors.len(), "step"),
        counted(*done, "step"),
        untried(*not_tried)
    )]
    #[diagnostic(
        code(apply::failed),
        help("what was done stays; run the same command again to continue")
    )]
    Apply {
        /// One per failed step.
        #[related]
        errors: Vec<FailedStep>,
        /// Steps done.
        done: usize,
        /// Steps that were not tried.
        not_tried: usize,
    },
    /// Somebody interrupted while a plan was carried out.
    #[error("interrupted: {} done{}", counted(*done, "step"), untried(*not_tried))]
    #[diagnostic(
        code(apply::interrupted),
        help("what was done stays; run the same command again to continue")
    )]
    Interrupted {
        /// Steps done.
        done: usize,
        /// Steps that were not tried.
        not_tried: usize,
    },
    /// Somebody interrupted twice.
    #[error("ended at once")]
    #[diagnostic(
        code(command::aborted),
        help("what was on its way may be half done; run the same command again to continue")
    )]
    Aborted,
    /// Somebody interrupted when nothing was on its way.
    #[error("interrupted")]
    #[diagnostic(
        code(command::interrupted),
        help("run the same command again to continue")
    )]
    InterruptedEarly,
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
    /// Files of the project cannot be read or written.
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
            Self::Unreadable { .. } | Self::NoSuchFunction { .. } => Exit::Usage,
            Self::NotUp { .. } | Self::Gone { .. } => Exit::Unreachable,
            Self::NotConfirmed { .. } | Self::PlanRefused { .. } => Exit::Refused,
            Self::Interrupted { .. } | Self::InterruptedEarly => Exit::Interrupted,
            Self::Aborted => Exit::Aborted,
            Self::Apply { errors, .. }
                if errors.iter().all(|e| e.step.error.is_refusal())
                    || errors.iter().any(|e| e.step.error.is_bad_credentials()) =>
            {
                Exit::Refused
            }
            Self::Observe { errors } if errors.iter().any(|e| e.error.is_bad_credentials()) => {
                Exit::Refused
            }
            Self::Call { error, .. } if error.is_bad_credentials() => Exit::Refused,
            Self::Apply { errors, .. } if errors.iter().all(|e| e.step.error.unreachable) => {
                Exit::Unreachable
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
#[error("{} {} ({}): {}{}", step.action.verb(), step.id, step.name, step.error, request(&step.error))]
#[diagnostic(code(apply::step), help("{}", next_step(&step.error)))]
pub struct FailedStep {
    /// The step.
    pub step: StepError,
}

/// A refused resource as a diagnostic of its own.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{} ({}): {}", refusal.id, refusal.name, refusal.why)]
#[diagnostic(code(plan::refusal), help("{}", remedy(refusal.remedy)))]
pub struct Refused {
    /// The refusal.
    pub refusal: Refusal,
}

/// `1 step`, `2 steps`.
fn counted(count: usize, one: &str) -> String {
    if count == 1 {
        format!("1 {one}")
    } else {
        format!("{count} {one}s")
    }
}

fn untried(count: usize) -> String {
    if count == 0 {
        String::new()
    } else {
        format!(", {count} not tried")
    }
}

fn request(error: &CallError) -> String {
    error
        .request_id
        .as_ref()
        .map_or_else(String::new, |id| format!(" (request {id})"))
}

fn join<T: std::fmt::Display>(all: &[T]) -> String {
    all.iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}
