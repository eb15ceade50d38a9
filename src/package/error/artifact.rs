//! Why an artifact cannot be used: what it is, what is wanted, and how to make it right.

use std::path::{Path, PathBuf};

use miette::Diagnostic;

use super::PackageError;
use crate::package::archive::MAX_UNZIPPED_BYTES;
use crate::package::inspect::Misfit;
use crate::package::ready::Unready;
use crate::package::variant::{Glibc, Variant, label};
use crate::stack::model::Architecture;

/// Why an artifact cannot be used.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ArtifactError {
    /// The zip is none.
    #[error("function `{function}`: {} is damaged or no zip: {why}", path.display())]
    #[diagnostic(
        code(package::bad_zip),
        help(
            "make it again, from inside the directory of the program: `zip worker.zip bootstrap`"
        )
    )]
    BadZip {
        /// Name in the stack.
        function: String,
        /// The zip.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// There is no program in the zip.
    #[error("function `{function}`: {} has no file called `bootstrap` at its top level", path.display())]
    #[diagnostic(code(package::no_bootstrap), help("{}", no_bootstrap(deeper.as_deref())))]
    NoBootstrap {
        /// Name in the stack.
        function: String,
        /// The zip.
        path: PathBuf,
        /// A `bootstrap` further down.
        deeper: Option<String>,
    },
    /// The program may not be run.
    #[error("function `{function}`: `bootstrap` in {} {}", path.display(), permissions(*mode))]
    #[diagnostic(
        code(package::not_executable),
        help("run `chmod 755 bootstrap` and make the zip again on a system that has permissions")
    )]
    NotExecutable {
        /// Name in the stack.
        function: String,
        /// The zip.
        path: PathBuf,
        /// Its permissions, where the zip records any.
        mode: Option<u32>,
    },
    /// Unpacked, it is larger than Lambda takes.
    #[error(
        "function `{function}`: unpacked, {} has more than the {MAX_UNZIPPED_BYTES} bytes that Lambda takes: {bytes} and more",
        path.display()
    )]
    #[diagnostic(
        code(package::too_large),
        help(
            "put data into a bucket or the function's `/tmp`; only the program belongs into the zip"
        )
    )]
    TooLarge {
        /// Name in the stack.
        function: String,
        /// The zip.
        path: PathBuf,
        /// As far as was counted.
        bytes: u64,
    },
    /// The program is for another machine, or none.
    #[error("function `{function}`: the program in {} is {found}; wanted is one for {wanted}", path.display())]
    #[diagnostic(code(package::wrong_machine), help("{help}"))]
    Machine {
        /// Name in the stack.
        function: String,
        /// The zip.
        path: PathBuf,
        /// What it is.
        found: String,
        /// Wanted instruction set.
        wanted: &'static str,
        /// How to build it right.
        help: String,
    },
    /// The program needs a newer glibc.
    #[error(
        "function `{function}`: the program in {} needs glibc {needs}{}, and where it is to run there is {there}",
        path.display(), symbol.as_ref().map(|symbol| format!(" (for `{symbol}`)")).unwrap_or_default()
    )]
    #[diagnostic(code(package::glibc), help("{help}"))]
    Glibc {
        /// Name in the stack.
        function: String,
        /// The zip.
        path: PathBuf,
        /// What it needs.
        needs: Glibc,
        /// What there is.
        there: Glibc,
        /// A function that it needs the newer one for.
        symbol: Option<String>,
        /// How to build it right.
        help: String,
    },
    /// The program needs a loader that is not there.
    #[error(
        "function `{function}`: the program in {} is started by {interpreter}, which is not there where it is to run",
        path.display()
    )]
    #[diagnostic(code(package::interpreter), help("{help}"))]
    Interpreter {
        /// Name in the stack.
        function: String,
        /// The zip.
        path: PathBuf,
        /// The loader.
        interpreter: String,
        /// How to build it right.
        help: String,
    },
}

fn no_bootstrap(deeper: Option<&str>) -> String {
    match deeper {
        Some(name) => format!(
            "it has `{name}`: make the zip from inside that directory, so that the path is `bootstrap` alone"
        ),
        None => "name the program `bootstrap` and put it at the top of the zip".to_owned(),
    }
}

fn permissions(mode: Option<u32>) -> String {
    match mode {
        Some(mode) => format!("may not be run by everybody (its mode is {mode:o})"),
        None => "has no permissions recorded".to_owned(),
    }
}

/// How a program for a variant is built.
fn remedy(architecture: Architecture, given: bool) -> String {
    let triple = Variant::Lambda(architecture).triple().unwrap_or_default();
    let build = format!(
        "`cargo zigbuild --release --target {triple}.{}`",
        crate::package::variant::LAMBDA_GLIBC
    );
    if given {
        format!(
            "build it with {build}, or name its crate (`crate:` instead of `artifact:`) and pipectl does"
        )
    } else {
        // What pipectl builds fits, unless the workspace's own settings say something else.
        "look for a linker, `target-cpu` or library of the workspace's own in .cargo/config.toml and build scripts".to_owned()
    }
}

impl PackageError {
    /// A zip that was made elsewhere and is no artifact.
    pub(in crate::package) fn unready(function: &str, path: &Path, unready: &Unready) -> Self {
        let (function, path) = (function.to_owned(), path.to_owned());
        Self::Artifact(match unready {
            Unready::Io(error) => ArtifactError::BadZip {
                function,
                path,
                why: error.to_string(),
            },
            Unready::Damaged(why) => ArtifactError::BadZip {
                function,
                path,
                why: why.clone(),
            },
            Unready::NoBootstrap { deeper } => ArtifactError::NoBootstrap {
                function,
                path,
                deeper: deeper.clone(),
            },
            Unready::NotExecutable { mode } => ArtifactError::NotExecutable {
                function,
                path,
                mode: *mode,
            },
            Unready::TooLarge { bytes } => ArtifactError::TooLarge {
                function,
                path,
                bytes: *bytes,
            },
        })
    }

    /// A program that cannot run where it is meant to; `given` if somebody else made it.
    pub(in crate::package) fn misfit(
        function: &str,
        path: &Path,
        wanted: Architecture,
        given: bool,
        misfit: Misfit,
    ) -> Self {
        let (function, path) = (function.to_owned(), path.to_owned());
        let help = remedy(wanted, given);
        Self::Artifact(match misfit {
            Misfit::Kind { found } => ArtifactError::Machine {
                help: if given && found.starts_with("a program for") {
                    format!("set `functions.{function}.architecture` to what it is, or {help}")
                } else {
                    help
                },
                function,
                path,
                found,
                wanted: label(wanted),
            },
            Misfit::Glibc {
                needs,
                there,
                symbol,
            } => ArtifactError::Glibc {
                function,
                path,
                needs,
                there,
                symbol,
                help,
            },
            Misfit::Interpreter { path: interpreter } => ArtifactError::Interpreter {
                function,
                path,
                interpreter,
                help,
            },
        })
    }
}
