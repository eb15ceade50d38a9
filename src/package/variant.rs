//! What a program is built for: this host, or Lambda's Linux on one of two instruction sets.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::stack::model::Architecture;
use crate::target::Capabilities;

/// glibc of `provided.al2023`. // aws-behaviours L17
pub const LAMBDA_GLIBC: Glibc = Glibc(2, 34);

/// Instruction set of this machine.
pub const HOST: Architecture = if cfg!(target_arch = "aarch64") {
    Architecture::Arm64
} else {
    Architecture::X86_64
};

/// The instruction set itself, `host` resolved.
pub fn resolve(architecture: Architecture) -> Architecture {
    match architecture {
        Architecture::Host => HOST,
        other => other,
    }
}

/// Lambda's name of an instruction set.
pub fn label(architecture: Architecture) -> &'static str {
    resolve(architecture).label()
}

/// A version of the GNU C library: 2.34.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Glibc(pub u16, pub u16);

impl Glibc {
    /// Reads `2.34` or `2.2.5`, of which the last part says nothing here.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('.');
        let major = parts.next()?.parse().ok()?;
        let minor = parts.next()?.parse().ok()?;
        Some(Self(major, minor))
    }
}

impl fmt::Display for Glibc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl From<Glibc> for String {
    fn from(glibc: Glibc) -> Self {
        glibc.to_string()
    }
}

impl TryFrom<String> for Glibc {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is no version of glibc"))
    }
}

/// What runs the functions of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunsOn {
    /// This host, as its own processes.
    Host {
        /// Programs of another instruction set are started by qemu-user where it is installed; else
        /// only the kernel's own means help (`binfmt_misc`).
        by_qemu: bool,
    },
    /// Lambda's Linux, Amazon Linux 2023. // aws-behaviours L17
    Lambda,
}

impl RunsOn {
    /// By what a target can do.
    pub fn of(capabilities: &Capabilities) -> Self {
        if capabilities.runs_functions_on_host {
            Self::Host {
                by_qemu: capabilities.self_served,
            }
        } else {
            Self::Lambda
        }
    }
}

/// One way in which a function is built. Artifacts of several are kept side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// For this host, with everything that is compiled shared with a build of pipectl itself.
    Host,
    /// For Lambda's Linux: small, for its glibc, the same from every directory.
    Lambda(Architecture),
}

impl Variant {
    /// What is built of a function with this instruction set for functions that run there. What this
    /// host has to emulate is built as for Lambda.
    pub fn of(architecture: Architecture, runs_on: RunsOn) -> Self {
        match (runs_on, resolve(architecture)) {
            (RunsOn::Host { .. }, wanted) if wanted == HOST => Self::Host,
            (_, wanted) => Self::Lambda(wanted),
        }
    }

    /// Its instruction set; never [`Architecture::Host`].
    pub fn architecture(self) -> Architecture {
        match self {
            Self::Host => HOST,
            Self::Lambda(architecture) => resolve(architecture),
        }
    }

    /// Rust's name of the target; none where cargo's own is right.
    pub fn triple(self) -> Option<&'static str> {
        match self {
            Self::Host => None,
            Self::Lambda(architecture) => Some(match resolve(architecture) {
                Architecture::Arm64 => "aarch64-unknown-linux-gnu",
                Architecture::X86_64 | Architecture::Host => "x86_64-unknown-linux-gnu",
            }),
        }
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("host"),
            Self::Lambda(architecture) => write!(f, "lambda-{}", label(*architecture)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOREIGN: Architecture = match HOST {
        Architecture::Arm64 => Architecture::X86_64,
        _ => Architecture::Arm64,
    };

    /// aws-behaviours L17
    #[test]
    fn what_runs_here_is_built_for_here_and_everything_else_for_lambda() {
        let host = RunsOn::Host { by_qemu: true };
        assert_eq!(Variant::of(Architecture::Host, host), Variant::Host);
        assert_eq!(Variant::of(HOST, host), Variant::Host);
        assert_eq!(Variant::of(FOREIGN, host), Variant::Lambda(FOREIGN));
        assert_eq!(
            Variant::of(Architecture::Host, RunsOn::Lambda),
            Variant::Lambda(HOST)
        );
        assert_eq!(Variant::Lambda(FOREIGN).architecture(), FOREIGN);
    }

    /// aws-behaviours L17
    #[test]
    fn versions_of_glibc_are_compared_by_number() {
        let glibc = |text: &str| Glibc::parse(text).expect("a version");
        assert!(glibc("2.4") < glibc("2.34") && glibc("2.34") < glibc("2.36"));
        assert_eq!(glibc("2.2.5"), Glibc(2, 2));
        assert_eq!(glibc("2.34\n").to_string(), "2.34");
        assert_eq!(Glibc::parse("private"), None);
    }
}
