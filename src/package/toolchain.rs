//! What a build needs besides cargo: the standard library of the target, and zig as its linker where this
//! machine's own does not fit. What is missing is installed where that is rustup's business, else named
//! with the one command that installs it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::PackageEvent;
use super::build::Cargo;
use super::error::{CargoOutput, PackageError};
use super::variant::{Glibc, HOST, LAMBDA_GLIBC, Variant, resolve};

/// Cargo with zig as linker; it brings zig along when installed by pip.
const ZIGBUILD: &str = "cargo-zigbuild";

/// What links a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linker {
    /// The system's own.
    System,
    /// zig, for a glibc that is not this machine's, or for another machine.
    Zig,
}

impl Linker {
    /// Which one makes programs of this variant on a machine with this glibc (none: another C library, or
    /// unknown).
    pub fn of(variant: Variant, host_glibc: Option<Glibc>) -> Self {
        match variant {
            Variant::Host => Self::System,
            Variant::Lambda(architecture)
                if resolve(architecture) == HOST
                    && host_glibc.is_some_and(|glibc| glibc <= LAMBDA_GLIBC) =>
            {
                Self::System
            }
            Variant::Lambda(_) => Self::Zig,
        }
    }
}

/// The path in the answer of `zig env`: `.zig_exe = "…"`, or in JSON before 0.15.
fn zig_exe(answer: &str) -> Option<PathBuf> {
    let (_, rest) = answer.split_once("zig_exe")?;
    let (_, rest) = rest.split_once([':', '='])?;
    let path = rest.trim_start().strip_prefix('"')?.split('"').next()?;
    Some(PathBuf::from(path))
}

/// The one command that installs cargo-zigbuild here, and zig with it.
pub fn install(environment: &[(OsString, OsString)]) -> &'static str {
    if cfg!(target_os = "macos") {
        return "brew install cargo-zigbuild";
    }
    // A distribution's pip refuses to install beside its packages unless told (PEP 668).
    let is_systems = find("pip", environment)
        .or_else(|| find("pip3", environment))
        .is_none_or(|pip| pip.starts_with("/usr/bin"));
    let is_managed = std::fs::read_dir("/usr/lib").is_ok_and(|entries| {
        let mut entries = entries.flatten();
        entries.any(|entry| entry.path().join("EXTERNALLY-MANAGED").exists())
    });
    if is_systems && is_managed {
        "pip install --break-system-packages cargo-zigbuild"
    } else {
        "pip install cargo-zigbuild"
    }
}

/// glibc of this machine, as its own tool tells; none where there is no glibc.
pub fn host_glibc() -> Option<Glibc> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let output = std::process::Command::new("getconf")
        .arg("GNU_LIBC_VERSION")
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Glibc::parse(text.trim().strip_prefix("glibc ")?)
}

/// A program on the PATH of `environment`.
pub fn find(program: &str, environment: &[(OsString, OsString)]) -> Option<PathBuf> {
    let (_, path) = environment.iter().find(|(name, _)| name == "PATH")?;
    std::env::split_paths(path)
        .map(|directory| directory.join(program))
        .find(|candidate| is_executable(candidate))
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path)
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

impl Cargo {
    /// The program that builds with zig.
    pub(super) fn zigbuild(&self, functions: &[String]) -> Result<PathBuf, PackageError> {
        find(ZIGBUILD, self.environment()).ok_or_else(|| PackageError::ZigMissing {
            functions: functions.to_vec(),
            install: install(self.environment()),
        })
    }

    /// zig itself, as cargo-zigbuild would find it.
    pub(super) async fn zig(&self, directory: &Path) -> Option<PathBuf> {
        let ways: [(&str, &[&str]); 2] =
            [("python3", &["-m", "ziglang", "env"]), ("zig", &["env"])];
        for (program, arguments) in ways {
            let output = self
                .program(program.as_ref(), directory, None)
                .args(arguments)
                .output()
                .await;
            let told = output.ok().filter(|output| output.status.success());
            if let Some(path) =
                told.and_then(|told| zig_exe(&String::from_utf8_lossy(&told.stdout)))
            {
                return Some(path);
            }
        }
        None
    }

    /// Directory of the toolchain that is used in `directory`; none when the compiler cannot be asked.
    pub(super) async fn sysroot(&self, directory: &Path) -> Option<PathBuf> {
        let answer = self
            .ask_rustc(directory, &["--print", "sysroot"])
            .await
            .ok()?;
        Some(PathBuf::from(answer))
    }

    async fn ask_rustc(&self, directory: &Path, arguments: &[&str]) -> std::io::Result<String> {
        let rustc = self
            .variable("RUSTC")
            .unwrap_or_else(|| OsString::from("rustc"));
        let output = self
            .program(&rustc, directory, None)
            .args(arguments)
            .output()
            .await?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        } else {
            Err(std::io::Error::other(
                String::from_utf8_lossy(&output.stderr).into_owned(),
            ))
        }
    }

    /// Makes sure that there is a standard library for `triple`.
    pub(super) async fn ensure_target(
        &self,
        directory: &Path,
        triple: &'static str,
        functions: &[String],
        events: &dyn Fn(PackageEvent),
    ) -> Result<(), PackageError> {
        let ask = ["--print", "target-libdir", "--target", triple];
        // A compiler that cannot be asked is cargo's to complain about.
        let Ok(directory_of_it) = self.ask_rustc(directory, &ask).await else {
            return Ok(());
        };
        if Path::new(&directory_of_it).is_dir() {
            return Ok(());
        }
        let missing = |output: &str| PackageError::TargetMissing {
            functions: functions.to_vec(),
            triple,
            output: CargoOutput::new(output),
        };
        if find("rustup", self.environment()).is_none() {
            return Err(missing("rustup is not on the PATH"));
        }
        events(PackageEvent::Cargo {
            line: format!("  Installing the target {triple} (rustup target add {triple})"),
        });
        let output = self
            .program("rustup".as_ref(), directory, None)
            .args(["target", "add", triple])
            .output()
            .await
            .map_err(|error| missing(&error.to_string()))?;
        if output.status.success() {
            Ok(())
        } else {
            Err(missing(&String::from_utf8_lossy(&output.stderr)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::model::Architecture;

    #[test]
    fn zig_links_what_this_machine_cannot() {
        let foreign = match HOST {
            Architecture::Arm64 => Architecture::X86_64,
            _ => Architecture::Arm64,
        };
        let newer = Some(Glibc(2, 36));
        let cases = [
            (Variant::Host, newer, Linker::System),
            (Variant::Lambda(HOST), Some(LAMBDA_GLIBC), Linker::System),
            (Variant::Lambda(HOST), newer, Linker::Zig),
            (Variant::Lambda(HOST), None, Linker::Zig),
            (Variant::Lambda(foreign), Some(LAMBDA_GLIBC), Linker::Zig),
        ];
        for (variant, glibc, linker) in cases {
            assert_eq!(Linker::of(variant, glibc), linker, "{variant} {glibc:?}");
        }
    }

    #[test]
    fn zig_tells_where_it_is_in_two_formats() {
        let zon = ".{\n    .zig_exe = \"/opt/zig/zig\",\n    .lib_dir = \"/opt/zig/lib\",\n}";
        let json = "{\n \"zig_exe\": \"/opt/zig/zig\",\n \"lib_dir\": \"/opt/zig/lib\"\n}";
        for answer in [zon, json] {
            assert_eq!(zig_exe(answer), Some(PathBuf::from("/opt/zig/zig")));
        }
        assert_eq!(zig_exe("zig: command not found"), None);
    }

    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn this_machine_knows_its_glibc() {
        assert!(host_glibc().is_some_and(|glibc| glibc >= Glibc(2, 17)));
    }

    #[test]
    fn programs_are_found_on_the_path_that_is_given() {
        use std::os::unix::fs::PermissionsExt as _;

        let directory = tempfile::tempdir().expect("a temporary directory");
        let tool = directory.path().join("tool");
        std::fs::write(&tool, "").expect("written");
        let path = std::env::join_paths([Path::new("/nowhere"), directory.path()]).expect("a path");
        let environment = vec![(OsString::from("PATH"), path)];
        assert_eq!(find("tool", &environment), None, "not executable");
        std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755))
            .expect("executable");
        assert_eq!(find("tool", &environment), Some(tool));
        assert_eq!(find("tool", &[]), None);
    }
}
