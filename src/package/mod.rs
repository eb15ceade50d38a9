//! Stage between stack and plan: functions become artifacts that run where the target runs them. Builds
//! go through cargo ([`build`]), with zig as linker where this machine's does not fit ([`toolchain`]); a
//! zip depends on the program's bytes alone ([`archive`]); what was made from the same inputs is not made
//! again ([`inputs`], [`cache`]); and what could not run there is refused before any call ([`inspect`]).
//! Reads the stack, feeds `resource` and `plan`; never prints.

mod archive;
mod batches;
mod build;
mod cache;
mod configuration;
mod depinfo;
mod environment;
mod error;
mod flags;
mod inputs;
mod inspect;
mod job;
mod locate;
mod lock;
mod marks;
mod messages;
mod metadata;
mod output;
mod ready;
mod symbols;
mod toolchain;
mod variant;
mod workshop;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use marks::Stamp;

use crate::stack::model::{Architecture, Stack};

pub use archive::{MAX_DIRECT_BYTES, behind, replace, sha256_of, with_file};
pub use build::Profile;
pub use error::{CargoOutput, PackageError};
pub use symbols::CrateSize;
pub use toolchain::{find, install as install_zig};
pub use variant::{Glibc, RunsOn, label};

/// The zip of one function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Artifact {
    /// Name of the function in the stack.
    pub function: String,
    /// The zip: under `.pipectl/artifacts/` of the project, or where the stack says.
    pub zip: PathBuf,
    /// SHA-256 of the zip in base64: AWS's `CodeSha256`.
    pub sha256: String,
    /// Size of the zip, bytes.
    pub zip_bytes: u64,
    /// Size of everything in it, bytes.
    pub unzipped_bytes: u64,
    /// Size of the program in it, bytes.
    pub program_bytes: u64,
    /// Instruction set; never [`Architecture::Host`].
    pub architecture: Architecture,
    /// The oldest glibc that it runs on; none when it needs none.
    pub glibc: Option<Glibc>,
    /// Libraries that it needs, by file name.
    pub libraries: Vec<String>,
    /// Did somebody else make it?
    pub given: bool,
    /// How the zip was when it was inspected.
    #[serde(skip)]
    stamp: Stamp,
    /// The program with its symbols, as cargo left it.
    #[serde(skip)]
    symbols: PathBuf,
    /// How that was when the artifact was made.
    #[serde(skip)]
    symbols_stamp: Stamp,
}

impl Artifact {
    /// Has Lambda's Linux the glibc that it needs?
    pub fn runs_on_amazon_linux(&self) -> bool {
        self.glibc
            .is_none_or(|needs| needs <= variant::LAMBDA_GLIBC)
    }

    /// A zip that was made elsewhere, of which nothing more is known than what it is.
    pub fn made_elsewhere(
        function: impl Into<String>,
        zip: PathBuf,
        architecture: Architecture,
    ) -> std::io::Result<Self> {
        let stamp = Stamp::of(&zip)?;
        Ok(Self {
            function: function.into(),
            sha256: sha256_of(&zip)?,
            zip_bytes: stamp.len,
            unzipped_bytes: 0,
            program_bytes: 0,
            architecture,
            glibc: None,
            libraries: Vec::new(),
            given: true,
            symbols: zip.clone(),
            symbols_stamp: stamp.clone(),
            stamp,
            zip,
        })
    }

    /// Is the zip still what was inspected? It is read only where its state does not tell.
    pub fn is_whole(&self) -> std::io::Result<bool> {
        Ok(Stamp::of(&self.zip)? == self.stamp || sha256_of(&self.zip)? == self.sha256)
    }

    /// The crates in it by size, largest first. Empty when the program was built without symbols, or is
    /// another one or not there by now.
    pub fn crates(&self) -> Vec<CrateSize> {
        if self.given || Stamp::of(&self.symbols).ok().as_ref() != Some(&self.symbols_stamp) {
            return Vec::new();
        }
        // What cannot be read has no symbols to tell of.
        std::fs::read(&self.symbols)
            .map(|bytes| symbols::crates(&bytes))
            .unwrap_or_default()
    }
}

/// Why an artifact was made, or was not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "because", rename_all = "snake_case")]
pub enum Why {
    /// Nothing that it is made from differs.
    Unchanged {
        /// Files that were compared.
        files: usize,
    },
    /// There was none of this function for this kind of target.
    First,
    /// Other things were asked for: another profile, other functions in the stack.
    Asked,
    /// A file differs: a source, a manifest, the lock file, cargo's configuration.
    File {
        /// Relative to the project where it is in there.
        path: PathBuf,
    },
    /// A variable of the environment differs.
    Variable {
        /// Its name.
        name: String,
    },
    /// The compiler is another one.
    Toolchain,
    /// What it is made from was not sure when it was made last: something was being written meanwhile, or a
    /// build script says that it always has to run.
    Unsettled,
}

/// An artifact and how it came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Packaged {
    /// The artifact.
    #[serde(flatten)]
    pub artifact: Artifact,
    /// Is it another one than before?
    pub built: bool,
    /// Why it was looked at or made.
    pub why: Why,
    /// The crates in it, largest first, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crates: Option<Vec<CrateSize>>,
}

/// What happens while packaging.
#[derive(Debug, Clone)]
pub enum PackageEvent {
    /// Work on these functions began.
    Started {
        /// Their names, in file order.
        functions: Vec<String>,
    },
    /// Cargo wrote a line, or one of its own errors.
    Cargo {
        /// The line as written, without colours.
        line: String,
    },
    /// Cargo drew its bar.
    Progress {
        /// The bar.
        line: String,
    },
    /// An artifact is ready.
    Finished {
        /// The artifact.
        artifact: Box<Artifact>,
        /// Is it another one than before?
        built: bool,
        /// Why it was looked at or made.
        why: Why,
        /// Since packaging started.
        elapsed: Duration,
    },
}

/// How functions are packaged.
#[derive(Debug, Clone)]
pub struct Options {
    /// What runs them.
    pub runs_on: RunsOn,
    /// Instruction set of all of them, instead of what the stack says.
    pub architecture: Option<Architecture>,
    /// Only these functions; all by default.
    pub only: Option<Vec<String>>,
    /// Cargo profile for this host; by default that of pipectl itself.
    pub profile: Profile,
    /// Environment of this process, from which that of cargo is made.
    pub variables: Vec<(OsString, OsString)>,
    /// Width of the terminal for cargo's own progress; none without a terminal.
    pub progress: Option<u16>,
}

impl Options {
    /// As this process is called, for functions that run there.
    pub fn new(runs_on: RunsOn) -> Self {
        Self {
            runs_on,
            architecture: None,
            only: None,
            profile: Profile::default(),
            variables: std::env::vars_os().collect(),
            progress: None,
        }
    }
}

/// Packages the functions of a stack: artifacts by function name.
///
/// Errors of several functions are collected. Dropping the future ends cargo.
pub async fn package(
    stack: &Stack,
    options: Options,
    events: &dyn Fn(PackageEvent),
) -> Result<BTreeMap<String, Artifact>, PackageError> {
    workshop::Workshop::new(stack, options, events).run().await
}

#[cfg(test)]
mod tests;
