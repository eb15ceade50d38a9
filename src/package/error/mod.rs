//! Why a function did not become an artifact.

mod artifact;

use std::fmt;
use std::path::{Path, PathBuf};

use miette::Diagnostic;

use super::variant::LAMBDA_GLIBC;

pub use artifact::ArtifactError;

/// What cargo and the compiler said, in their own words and layout. It is the cause in an error
/// chain, so that it is shown once, below the sentence that names the function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CargoOutput(String);

/// Diagnostics beyond this many bytes are cut: the first errors are the ones that help.
const OUTPUT_LIMIT: usize = 16 * 1024;

impl CargoOutput {
    /// Bounds `text`: whole lines, up to 16 KiB, and a last line that says what was left out.
    pub fn new(text: &str) -> Self {
        let text = text.trim_end().trim_start_matches('\n');
        if text.len() <= OUTPUT_LIMIT {
            return Self(text.to_owned());
        }
        let mut kept = String::with_capacity(OUTPUT_LIMIT);
        let mut left_out = 0_usize;
        for line in text.lines() {
            if left_out == 0 && kept.len() + line.len() < OUTPUT_LIMIT {
                kept.push_str(line);
                kept.push('\n');
            } else {
                left_out += 1;
            }
        }
        Self(format!("{kept}… {left_out} more lines"))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CargoOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CargoOutput {}

/// Why there is no artifact.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum PackageError {
    /// The directory that the stack names does not exist.
    #[error("function `{function}`: the crate {} does not exist", path.display())]
    #[diagnostic(
        code(package::crate_missing),
        help("correct `functions.{function}.crate` (it is relative to the project directory), or run `cargo new --bin {}`", path.display())
    )]
    CrateMissing {
        /// Name in the stack.
        function: String,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The directory has no package.
    #[error("function `{function}`: {} is not a cargo package", path.display())]
    #[diagnostic(
        code(package::not_a_crate),
        help(
            "`functions.{function}.crate` has to name a directory whose Cargo.toml has a [package] section"
        )
    )]
    NotACrate {
        /// Name in the stack.
        function: String,
        /// The directory.
        path: PathBuf,
    },
    /// Cargo cannot read the manifest.
    #[error("function `{function}`: cargo cannot read {}", manifest.display())]
    #[diagnostic(
        code(package::manifest),
        help("correct the manifest; `cargo metadata --no-deps --manifest-path {}` shows the same error", manifest.display())
    )]
    Manifest {
        /// Name in the stack.
        function: String,
        /// The Cargo.toml.
        manifest: PathBuf,
        /// Cargo's error.
        #[source]
        output: CargoOutput,
    },
    /// The package has no program.
    #[error("function `{function}`: the package `{package}` has no binary, only {has}")]
    #[diagnostic(
        code(package::no_binary),
        help("add src/main.rs to {}: a function is a program that serves the Lambda Runtime API", path.display())
    )]
    NoBinary {
        /// Name in the stack.
        function: String,
        /// Name of the package.
        package: String,
        /// Its directory.
        path: PathBuf,
        /// What it has instead, e.g. `a library`.
        has: String,
    },
    /// The package has several programs and none is obviously the function.
    #[error("function `{function}`: the package `{package}` has several binaries: {}", binaries.join(", "))]
    #[diagnostic(
        code(package::several_binaries),
        help(
            "name the function's binary `bootstrap` or `{package}` in a [[bin]] section, or give it a crate of its own"
        )
    )]
    SeveralBinaries {
        /// Name in the stack.
        function: String,
        /// Name of the package.
        package: String,
        /// Names of its binaries, sorted.
        binaries: Vec<String>,
    },
    /// There is no cargo.
    #[error("cannot run cargo (`{program}`)")]
    #[diagnostic(
        code(package::cargo_missing),
        help(
            "install Rust from https://rustup.rs, open a new terminal so that `cargo` is on the PATH, and run this again"
        )
    )]
    CargoMissing {
        /// What was run.
        program: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A crate does not compile.
    #[error(
        "the crate `{package}` does not compile; not built: {}",
        list("function", functions)
    )]
    #[diagnostic(
        code(package::compile),
        help("correct {}; to repeat the build alone: {command}", path.display())
    )]
    Compile {
        /// Functions that have no artifact because of it.
        functions: Vec<String>,
        /// Package that does not compile: that of a function, or one that it needs.
        package: String,
        /// Directory of the package.
        path: PathBuf,
        /// Shell command that shows the same error.
        command: String,
        /// The compiler's errors.
        #[source]
        output: CargoOutput,
    },
    /// Cargo gave up before or after compiling: dependencies, lock file, network, build script.
    #[error("cargo cannot build {}", list("function", functions))]
    #[diagnostic(
        code(package::cargo),
        help("{hint}to repeat the build alone: {command}")
    )]
    Cargo {
        /// Functions that have no artifact because of it.
        functions: Vec<String>,
        /// Shell command that shows the same error.
        command: String,
        /// Next step for a known cause, with a separator at its end; else empty.
        hint: &'static str,
        /// Cargo's error.
        #[source]
        output: CargoOutput,
    },
    /// Cargo succeeded without naming the program.
    #[error("function `{function}`: cargo built no binary `{binary}`")]
    #[diagnostic(
        code(package::no_executable),
        help(
            "run `{command}` and look for the binary; a wrapper around cargo may have changed the command"
        )
    )]
    NoExecutable {
        /// Name in the stack.
        function: String,
        /// Name of the wanted binary.
        binary: String,
        /// Shell command that was run.
        command: String,
    },
    /// The crate lies below a workspace that does not know it.
    #[error("function `{function}`: the crate {} is outside of the workspace above it", manifest.parent().unwrap_or(manifest).display())]
    #[diagnostic(
        code(package::outside_workspace),
        help(
            "add it to `workspace.members` of the Cargo.toml above it, or give it a workspace of its own: an empty `[workspace]` in {}",
            manifest.display()
        )
    )]
    OutsideWorkspace {
        /// Name in the stack.
        function: String,
        /// Its Cargo.toml.
        manifest: PathBuf,
        /// Cargo's error.
        #[source]
        output: CargoOutput,
    },
    /// Cargo's configuration cannot be read.
    #[error(
        "cargo's configuration cannot be used for {}",
        list("function", functions)
    )]
    #[diagnostic(
        code(package::configuration),
        help(
            "correct .cargo/config.toml of the workspace, of a directory above it, or in ~/.cargo"
        )
    )]
    Configuration {
        /// Functions that have no artifact because of it.
        functions: Vec<String>,
        /// What is wrong.
        #[source]
        output: CargoOutput,
    },
    /// The standard library of a target is not there and could not be installed.
    #[error(
        "{} cannot be built: Rust has no standard library for {triple} here",
        list("function", functions)
    )]
    #[diagnostic(
        code(package::target_missing),
        help("run `rustup target add {triple}` (rustup: https://rustup.rs)")
    )]
    TargetMissing {
        /// Functions that have no artifact because of it.
        functions: Vec<String>,
        /// Rust's name of the target.
        triple: &'static str,
        /// What was tried and what came of it.
        #[source]
        output: CargoOutput,
    },
    /// There is no zig where it is needed.
    #[error(
        "{} cannot be built: zig has to link for Lambda's glibc {LAMBDA_GLIBC}, and `cargo-zigbuild` is not on the PATH",
        list("function", functions)
    )]
    #[diagnostic(
        code(package::zig_missing),
        help("run `{install}`, which brings zig along, then run this again")
    )]
    ZigMissing {
        /// Functions that have no artifact because of it.
        functions: Vec<String>,
        /// The command that installs it.
        install: &'static str,
    },
    /// zig is there and cannot be started.
    #[error("{} cannot be built: {} does not start", list("function", functions), program.display())]
    #[diagnostic(code(package::zig_broken), help("install it again: `{install}`"))]
    ZigBroken {
        /// Functions that have no artifact because of it.
        functions: Vec<String>,
        /// What was started.
        program: PathBuf,
        /// The command that installs it.
        install: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// This host cannot run the instruction set that the stack wants.
    #[error(
        "function `{function}` wants {wanted}, and this target runs functions on this host: {host}"
    )]
    #[diagnostic(code(package::architecture), help("{}", architecture_help(function, wanted, *by_qemu)))]
    Architecture {
        /// Name in the stack.
        function: String,
        /// Instruction set that the stack wants.
        wanted: &'static str,
        /// That of this machine.
        host: &'static str,
        /// Would qemu-user help?
        by_qemu: bool,
    },
    /// An artifact is none that could run where it is meant to.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Artifact(#[from] ArtifactError),
    /// The binary cannot run on Lambda's Linux or is for another machine.
    #[error("function `{function}`: {} is {found}, not a 64-bit Linux program for {wanted}", path.display())]
    #[diagnostic(
        code(package::wrong_binary),
        help(
            "look for a `build.target` in .cargo/config.toml or CARGO_BUILD_TARGET that builds for another machine"
        )
    )]
    WrongBinary {
        /// Name in the stack.
        function: String,
        /// The binary.
        path: PathBuf,
        /// What it is.
        found: String,
        /// Wanted instruction set.
        wanted: &'static str,
    },
    /// A file could not be read or written.
    #[error("function `{function}`: cannot {what} {}", path.display())]
    #[diagnostic(code(package::files), help("{}", file_help(source)))]
    Files {
        /// Name in the stack.
        function: String,
        /// `read`, `write` or `zip`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// More than one function has an error of its own.
    #[error("{} functions cannot be packaged", errors.len())]
    #[diagnostic(
        code(package::several),
        help("each of them has its own next step below")
    )]
    Several {
        /// One error per function, in file order.
        #[related]
        errors: Vec<PackageError>,
    },
}

impl PackageError {
    /// zig that does not start.
    pub(super) fn zig_broken(
        functions: &[String],
        program: PathBuf,
        source: std::io::Error,
    ) -> Self {
        let environment: Vec<_> = std::env::vars_os().collect();
        Self::ZigBroken {
            functions: functions.to_vec(),
            program,
            install: super::toolchain::install(&environment),
            source,
        }
    }

    /// What cargo says of a manifest that it cannot use.
    pub(super) fn manifest(function: &str, manifest: &Path, said: &str) -> Self {
        let (function, manifest) = (function.to_owned(), manifest.to_owned());
        let output = CargoOutput::new(said);
        if said.contains("current package believes it's in a workspace when it's not") {
            Self::OutsideWorkspace {
                function,
                manifest,
                output,
            }
        } else {
            Self::Manifest {
                function,
                manifest,
                output,
            }
        }
    }

    /// One error as itself, more than one together. None when there are none.
    pub(super) fn collect(mut errors: Vec<Self>) -> Option<Self> {
        match errors.len() {
            0 | 1 => errors.pop(),
            _ => Some(Self::Several { errors }),
        }
    }
}

fn architecture_help(function: &str, wanted: &str, by_qemu: bool) -> String {
    let host = format!("set `functions.{function}.architecture: host` for this target");
    match (by_qemu, wanted) {
        (true, "arm64") => format!(
            "{host}, or install what runs it here: `apt-get install qemu-user libc6-arm64-cross`"
        ),
        (true, _) => format!(
            "{host}, or install what runs it here: `apt-get install qemu-user libc6-amd64-cross`"
        ),
        (false, _) => format!(
            "{host}, or let the kernel run it: `apt-get install qemu-user-binfmt` (binfmt_misc)"
        ),
    }
}

fn list(what: &str, names: &[String]) -> String {
    let plural = if names.len() == 1 { "" } else { "s" };
    format!("{what}{plural} `{}`", names.join("`, `"))
}

fn file_help(source: &std::io::Error) -> &'static str {
    match source.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            "the disk is full: free some space and run this again"
        }
        std::io::ErrorKind::FileTooLarge => {
            "files may not be that large here: raise the limit (`ulimit -f`) and run this again"
        }
        std::io::ErrorKind::PermissionDenied => {
            "check who owns the file and its directory, and their permissions"
        }
        std::io::ErrorKind::NotFound => "something removed it in the meantime: run this again",
        _ => "check the disk and the permissions of the directory, and run this again",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_output_is_cut_at_a_line_and_says_so() {
        let long = "error: something\n".repeat(2000);
        let output = CargoOutput::new(&long);
        assert!(output.as_str().len() < OUTPUT_LIMIT + 32);
        let kept = output.as_str().lines().count() - 1;
        assert!(
            output
                .as_str()
                .ends_with(&format!("something\n… {} more lines", 2000 - kept))
        );
        assert_eq!(
            CargoOutput::new("\nerror: one\n  --> a\n\n").as_str(),
            "error: one\n  --> a"
        );
    }

    #[test]
    fn the_full_disk_has_a_next_step_of_its_own() {
        let error = PackageError::Files {
            function: "trigger".to_owned(),
            what: "write",
            path: PathBuf::from("a.zip"),
            source: std::io::Error::from(std::io::ErrorKind::StorageFull),
        };
        let help = error
            .help()
            .map(|help| help.to_string())
            .unwrap_or_default();
        assert!(help.starts_with("the disk is full"), "{help}");
    }

    #[test]
    fn one_error_stays_alone_and_several_come_together() {
        let error = || PackageError::CrateMissing {
            function: "a".to_owned(),
            path: PathBuf::from("functions/a"),
        };
        assert!(PackageError::collect(Vec::new()).is_none());
        assert!(matches!(
            PackageError::collect(vec![error()]),
            Some(PackageError::CrateMissing { .. })
        ));
        let Some(several) = PackageError::collect(vec![error(), error()]) else {
            panic!("two errors are an error");
        };
        assert_eq!(several.related().map(Iterator::count), Some(2));
        assert!(several.code().is_some() && several.help().is_some());
    }
}
