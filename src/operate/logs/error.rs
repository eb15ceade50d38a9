//! Why there are no logs to show.

/// There is nothing to show, and that is not because nothing was logged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum LogsError {
    /// The stack has no functions.
    #[error("the stack `{stack}` has no functions, so there are no logs")]
    #[diagnostic(
        code(stack::no_functions),
        help("add one to the stack file: functions: {{ NAME: {{ crate: functions/NAME }} }}")
    )]
    NoFunctions {
        /// Stack name.
        stack: String,
    },
    /// None of the log groups is there.
    #[error("there is no log group on the target `{target}`: {names}")]
    #[diagnostic(
        code(logs::no_group),
        help(
            "the stack is not up, or was not invoked since its log group was deleted: look with `pipectl status{flag}`, bring it up with `pipectl up{flag}`"
        )
    )]
    NoGroup {
        /// Target name.
        target: String,
        /// Physical names, comma-separated.
        names: String,
        /// ` --target NAME` where the target is not the default.
        flag: String,
    },
    /// No line names the job, and it has no result.
    #[error("no line in that time names a job `{job}`")]
    #[diagnostic(
        code(logs::no_such_job),
        help(
            "look further back with --since, or for its id: `pipectl results` and `pipectl send` show it"
        )
    )]
    NoSuchJob {
        /// As given.
        job: String,
    },
    /// The beginning of an id fits several jobs.
    #[error("`{job}` begins the ids of {} jobs", ids.len())]
    #[diagnostic(code(logs::ambiguous_job), help("write more of it: {}", some(ids)))]
    AmbiguousJob {
        /// As given.
        job: String,
        /// Their ids.
        ids: Vec<String>,
    },
}

/// The first few.
fn some(ids: &[String]) -> String {
    const FEW: usize = 4;
    let mut text = ids
        .iter()
        .take(FEW)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    if ids.len() > FEW {
        text.push_str(" …");
    }
    text
}
