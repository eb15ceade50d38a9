//! Emulators from PyPI: each version in a virtual environment of its own in the cache.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{INSTALL_DEADLINE, Skip, cache, command, lock, step};

/// Oldest Python that they admit, as a condition of Python's own.
const PYTHON_OK: &str = "import sys; sys.exit(sys.version_info < (3, 10))";

/// A program from PyPI.
pub(super) struct Package {
    /// What it is called.
    pub name: &'static str,
    /// The version that suites are written for.
    pub version: &'static str,
    /// Name at PyPI, with extras.
    pub project: &'static str,
    /// Name of the program.
    pub program: &'static str,
    /// Variable that names another place to install to.
    pub home: &'static str,
    /// Name of its directory in the user's cache.
    pub cache: &'static str,
}

impl Package {
    /// The program, installed first if that is allowed.
    pub(super) fn installed(&self, may_install: bool) -> Result<PathBuf, Skip> {
        let (name, version) = (self.name, self.version);
        let cache = cache(self.home, self.cache)?;
        let home = cache.join(version);
        let program = home.join("bin").join(self.program);
        let done = home.join(".installed");
        let _lock = lock(&cache)?;
        // The mark comes last: an installation that was cut short is begun again.
        if done.exists() && program.exists() {
            return Ok(program);
        }
        if !may_install {
            return Err(Skip::new(format!(
                "{name} {version} is not installed in {}; PIPECTL_REQUIRE_ENDPOINTS=1 installs it",
                cache.display()
            )));
        }
        let python = python(name)?;
        step(
            "create a virtual environment",
            command(&python).args(["-m", "venv", "--clear"]).arg(&home),
            INSTALL_DEADLINE,
        )?;
        step(
            &format!("install {name}"),
            command(home.join("bin/pip"))
                .args(["install", "--quiet"])
                .arg(format!("{}=={version}", self.project)),
            INSTALL_DEADLINE,
        )?;
        std::fs::write(&done, "")
            .map_err(|error| Skip::cannot(&format!("write {}", done.display()), &error))?;
        Ok(program)
    }
}

/// A Python that is new enough: `$PYTHON`, the one on the PATH, or one of pyenv's.
fn python(of: &str) -> Result<PathBuf, Skip> {
    let set = std::env::var_os("PYTHON").map(PathBuf::from);
    let root = std::env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".pyenv")));
    let mut versions: Vec<PathBuf> = root
        .and_then(|root| std::fs::read_dir(root.join("versions")).ok())
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin/python3")))
        .collect();
    versions.sort();
    set.into_iter()
        .chain([PathBuf::from("python3")])
        .chain(versions)
        .find(|python| {
            Command::new(python)
                .args(["-c", PYTHON_OK])
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
        })
        .ok_or_else(|| {
            Skip::new(format!(
                "no Python of at least 3.10 found for {of}; set PYTHON"
            ))
        })
}
