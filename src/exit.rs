//! Exit codes: named here, and documented from here.

/// How a command ended, for the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Something failed.
    Failed,
    /// Changes are pending (`plan --detailed-exitcode`).
    ChangesPending,
    /// The command line asks for something that cannot be.
    Usage,
    /// The stack file is invalid.
    InvalidStack,
    /// The target did not answer.
    Unreachable,
    /// Interrupted; running it again continues.
    Interrupted,
    /// Refused: not ours, or protected.
    Refused,
    /// Building the functions failed.
    BuildFailed,
    /// Interrupted twice: ended at once.
    Aborted,
}

/// All exit codes with their meaning, in ascending order.
pub const ALL: &[(Exit, &str)] = &[
    (Exit::Done, "done"),
    (Exit::Failed, "failed"),
    (
        Exit::ChangesPending,
        "changes are pending (plan --detailed-exitcode)",
    ),
    (
        Exit::Usage,
        "usage: the command line asks for something that cannot be",
    ),
    (Exit::InvalidStack, "the stack file is invalid"),
    (Exit::Unreachable, "the target did not answer"),
    (Exit::Interrupted, "interrupted; run it again to continue"),
    (
        Exit::Refused,
        "refused: not owned by the stack, or protected",
    ),
    (Exit::BuildFailed, "building the functions failed"),
    (Exit::Aborted, "interrupted twice: ended at once"),
];

impl Exit {
    /// The number, in the range that sysexits.h gives such causes.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::ChangesPending => 2,
            Self::Usage => 64,
            Self::InvalidStack => 65,
            Self::Unreachable => 69,
            Self::Interrupted => 75,
            Self::Refused => 77,
            Self::BuildFailed => 78,
            Self::Aborted => 130,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn codes_are_distinct_and_ascending() {
        let codes: Vec<u8> = ALL.iter().map(|(exit, _)| exit.code()).collect();
        assert!(codes.is_sorted_by(|a, b| a < b), "{codes:?}");
    }
}
