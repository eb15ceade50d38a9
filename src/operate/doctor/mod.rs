//! What this machine and this project have, and what they lack: tools, endpoints, the stack. Looks only;
//! every finding that is not good has its fix.

mod endpoints;
mod project;
mod tools;

use std::ffi::OsString;
use std::path::Path;

use serde::Serialize;

/// How a finding is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Not there, and only needed for something.
    Optional,
    /// Something will not work.
    Bad,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at: `cargo`, `port 4566`.
    pub what: String,
    /// How it is to be taken.
    pub verdict: Verdict,
    /// What was found, in a few words.
    pub found: String,
    /// What to do about it; none when nothing needs to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Finding {
    fn good(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            verdict: Verdict::Good,
            found: found.into(),
            fix: None,
        }
    }

    /// Worth knowing, and nothing to do.
    fn note(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Optional,
            ..Self::good(what, found)
        }
    }

    fn optional(what: impl Into<String>, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Optional,
            fix: Some(fix.into()),
            ..Self::good(what, found)
        }
    }

    fn bad(what: impl Into<String>, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Bad,
            ..Self::optional(what, found, fix)
        }
    }
}

/// Looks at everything, several things at once. `stack` is the file that was named, `root` where the
/// project is.
pub async fn examine(
    root: &Path,
    stack: Option<&Path>,
    environment: &[(OsString, OsString)],
) -> Vec<Finding> {
    let (tools, endpoints, project) = futures::join!(
        tools::look(environment),
        endpoints::look(environment),
        project::look(root, stack),
    );
    [tools, endpoints, project].concat()
}
