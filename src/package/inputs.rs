//! What an artifact was made from: source files, manifests, lock file, cargo's configuration, toolchain
//! and environment, as the compiler and the build scripts reported them. While none of it differs, the
//! artifact at hand is right and cargo need not be started to say so. Whatever is not known for sure is
//! left to cargo: then there are no inputs.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::configuration;
use super::depinfo;
use super::marks::{Marks, Stamp, nanoseconds};
use super::toolchain::find;

/// Variables that change what cargo builds, by full name.
const VARIABLES: &[&str] = &[
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_HOME",
    "CARGO_INCREMENTAL",
    "RUSTC",
    "RUSTC_BOOTSTRAP",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
];
/// The same, by how the name begins.
const VARIABLE_PREFIXES: &[&str] = &[
    "CARGO_BUILD_",
    "CARGO_PROFILE_",
    "CARGO_REGISTR",
    "CARGO_SOURCE_",
    "CARGO_TARGET_",
    "CARGO_UNSTABLE_",
    "CARGO_ZIGBUILD_",
];
/// Of these, what says where or how fast, and not what is built.
const VARIABLES_OF_NO_MATTER: &[&str] = &[
    "CARGO_BUILD_JOBS",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_TARGET_DIR",
];
/// Programs that are used as the PATH finds them.
const PROGRAMS: &[&str] = &["cargo", "cargo-zigbuild", "rustc", "rustup"];

/// What decides which toolchain is used, and which one it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Toolchain {
    /// `rustc --print sysroot`.
    sysroot: PathBuf,
    /// The compiler in it: an update in place changes it.
    compiler: Marks,
    /// zig, where it linked: too large to be read each time.
    zig: Option<(PathBuf, Option<Stamp>)>,
    /// Files by which rustup chooses.
    files: Marks,
    /// What else decides: rustup's own variables, and where programs are found.
    choice: BTreeMap<String, Option<String>>,
}

/// What differs from when an artifact was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// The content of a file, or whether it is there.
    File(PathBuf),
    /// The value of a variable.
    Variable(String),
    /// The compiler, or zig.
    Toolchain,
    /// How the compiler is chosen: it has to be asked which one that is.
    Choice,
}

/// Everything that an artifact was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs {
    files: Marks,
    /// Goes before each value that is hashed: values may be secret, and short.
    salt: String,
    /// SHA-256 of their values, hex.
    variables: BTreeMap<String, Option<String>>,
    toolchain: Toolchain,
}

/// What a build reported, from which [`Inputs`] are gathered.
#[derive(Debug, Clone)]
pub struct Reported {
    /// Root directory of the workspace.
    pub root: PathBuf,
    /// Where builds go, and what lies there was made by them.
    pub made: Vec<PathBuf>,
    /// Manifests of the workspace's members and of every package that is a directory.
    pub manifests: Vec<PathBuf>,
    /// The program that was built.
    pub executable: PathBuf,
    /// Where the compiler may have left lists of what it read.
    pub lists: BTreeSet<PathBuf>,
    /// Names of the crates, as in file names, that are directories.
    pub crates: BTreeSet<String>,
    /// Output of build scripts, each with its package's directory if the package is one.
    pub scripts: Vec<(PathBuf, Option<PathBuf>)>,
    /// `rustc --print sysroot`.
    pub sysroot: PathBuf,
    /// zig, where it linked.
    pub zig: Option<PathBuf>,
    /// Did the build make the lock file? Then what is in it is what was built.
    pub made_lock: bool,
}

impl Inputs {
    /// Marks everything that was reported. None when something was written while it was built: nobody
    /// knows what the compiler saw of it then; or when the build left no report that can be trusted.
    pub fn gather(
        reported: &Reported,
        environment: &[(OsString, OsString)],
        began: SystemTime,
    ) -> Option<Self> {
        let mut paths = depinfo::files(&reported.executable)?;
        paths.extend(manifests(reported));
        paths.extend(configuration::files(&reported.root, environment));
        let mut names = depinfo::variables(&reported.lists, &reported.crates)?;
        for (output, package) in &reported.scripts {
            let said = depinfo::script(output)?;
            names.extend(said.variables);
            if let (false, Some(package)) = (said.says_what, package) {
                let made = reported.made.first().map(PathBuf::as_path);
                depinfo::walk(package, made, &mut paths);
            }
        }
        paths.retain(|path| !reported.made.iter().any(|made| path.starts_with(made)));
        let files = Marks::of(paths);
        let lock = reported.root.join("Cargo.lock");
        if files.any_newer(
            nanoseconds(began),
            reported.made_lock.then_some(lock.as_path()),
        ) {
            return None;
        }
        let salt = format!("{:016x}", RandomState::new().build_hasher().finish());
        Some(Self {
            files,
            variables: variables(environment, &names, &salt),
            salt,
            toolchain: Toolchain {
                compiler: Marks::of([reported.sysroot.join("bin/rustc")]),
                sysroot: reported.sysroot.clone(),
                zig: reported.zig.clone().map(|zig| {
                    let stamp = Stamp::of(&zig).ok();
                    (zig, stamp)
                }),
                files: Marks::of(choosing(&reported.root, environment)),
                choice: choice(environment),
            },
        })
    }

    /// What differs now. Ok when nothing does: were files touched without a change?
    pub fn compare(&mut self, environment: &[(OsString, OsString)]) -> Result<bool, Difference> {
        let recorded: BTreeSet<String> = self.variables.keys().cloned().collect();
        let now = variables(environment, &recorded, &self.salt);
        if now != self.variables {
            let differs = |name: &&String| self.variables.get(*name) != now.get(*name);
            let name = now.keys().chain(self.variables.keys()).find(differs);
            return Err(Difference::Variable(name.cloned().unwrap_or_default()));
        }
        let (differs, touched) = self.files.difference();
        if let Some(path) = differs {
            return Err(Difference::File(path));
        }
        let toolchain = &mut self.toolchain;
        let zig = toolchain.zig.as_ref();
        let another_zig = zig.is_some_and(|(path, stamp)| Stamp::of(path).ok() != *stamp);
        if another_zig || toolchain.compiler.difference().0.is_some() {
            return Err(Difference::Toolchain);
        }
        if toolchain.choice == choice(environment) && toolchain.files.difference().0.is_none() {
            Ok(touched)
        } else {
            Err(Difference::Choice)
        }
    }

    /// Takes over that the compiler was asked and is of this toolchain; false when it is another one.
    pub fn choose(&mut self, sysroot: &Path, environment: &[(OsString, OsString)]) -> bool {
        let toolchain = &mut self.toolchain;
        let now = choice(environment);
        // Another cargo-zigbuild may link in another way.
        let links_alike = toolchain.zig.is_none()
            || toolchain.choice.get("cargo-zigbuild") == now.get("cargo-zigbuild");
        if sysroot != toolchain.sysroot || !links_alike {
            return false;
        }
        toolchain.files = Marks::of(toolchain.files.paths().cloned());
        toolchain.choice = now;
        true
    }

    /// How many files it is about.
    pub fn count(&self) -> usize {
        self.files.files()
    }
}

/// Manifests and what stands for one: the lock file, the manifests that cargo would find above (one that
/// appears makes another workspace), and the files by which cargo finds programs and build scripts.
fn manifests(reported: &Reported) -> BTreeSet<PathBuf> {
    let mut paths = BTreeSet::from([reported.root.join("Cargo.lock")]);
    for directory in reported.root.ancestors() {
        paths.insert(directory.join("Cargo.toml"));
    }
    for manifest in &reported.manifests {
        let directory = manifest.parent().unwrap_or(manifest);
        // A package that is in another workspace takes settings from there.
        paths.extend(
            directory
                .ancestors()
                .take_while(|above| *above != reported.root)
                .map(|above| above.join("Cargo.toml")),
        );
        for name in ["build.rs", "src/bin", "src/lib.rs", "src/main.rs"] {
            paths.insert(directory.join(name));
        }
        paths.insert(manifest.clone());
    }
    paths
}

/// Files by which rustup chooses a toolchain for a directory (The rustup book, "Overrides").
fn choosing(root: &Path, environment: &[(OsString, OsString)]) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = root
        .ancestors()
        .flat_map(|path| {
            [
                path.join("rust-toolchain.toml"),
                path.join("rust-toolchain"),
            ]
        })
        .collect();
    let rustup_home = path_of(environment, "RUSTUP_HOME")
        .or_else(|| path_of(environment, "HOME").map(|home| home.join(".rustup")));
    files.extend(rustup_home.map(|home| home.join("settings.toml")));
    files
}

/// rustup's variables, and the programs that are found.
fn choice(environment: &[(OsString, OsString)]) -> BTreeMap<String, Option<String>> {
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    let variables = ["CARGO", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"];
    let variables = variables.map(|name| (name, path_of(environment, name)));
    let programs = PROGRAMS.iter().map(|name| (*name, find(name, environment)));
    variables
        .into_iter()
        .chain(programs)
        .map(|(name, value)| (name.to_owned(), value.map(text)))
        .collect()
}

/// Cargo's own directory.
pub fn cargo_home(environment: &[(OsString, OsString)]) -> Option<PathBuf> {
    path_of(environment, "CARGO_HOME")
        .or_else(|| path_of(environment, "HOME").map(|home| home.join(".cargo")))
}

fn path_of(environment: &[(OsString, OsString)], name: &str) -> Option<PathBuf> {
    let found = environment.iter().find(|(key, _)| key == name)?;
    (!found.1.is_empty()).then(|| PathBuf::from(&found.1))
}

/// Hashes of the values of all variables that matter, and of those that a build asked for.
fn variables(
    environment: &[(OsString, OsString)],
    asked_for: &BTreeSet<String>,
    salt: &str,
) -> BTreeMap<String, Option<String>> {
    let mut found: BTreeMap<String, Option<String>> =
        asked_for.iter().map(|name| (name.clone(), None)).collect();
    for (name, value) in environment {
        let Some(name) = name.to_str() else {
            continue;
        };
        if asked_for.contains(name) || matters(name) {
            found.insert(name.to_owned(), Some(hash(value, salt)));
        }
    }
    found
}

fn matters(name: &str) -> bool {
    // Who may download says nothing of what is built.
    let is_credential = name.ends_with("_TOKEN") || name.ends_with("_CREDENTIAL_PROVIDER");
    !VARIABLES_OF_NO_MATTER.contains(&name)
        && !is_credential
        && (VARIABLES.contains(&name)
            || VARIABLE_PREFIXES
                .iter()
                .any(|prefix| name.starts_with(prefix)))
}

fn hash(value: &OsStr, salt: &str) -> String {
    let salted = Sha256::new()
        .chain_update(salt)
        .chain_update(value.as_encoded_bytes());
    hex::encode(salted.finalize())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct Place {
        directory: tempfile::TempDir,
        environment: Vec<(OsString, OsString)>,
    }

    impl Place {
        fn new() -> Self {
            let place = Self {
                directory: tempfile::tempdir().expect("a temporary directory"),
                environment: Vec::new(),
            };
            place.write("Cargo.toml", "[package]");
            place.write("src/main.rs", "fn main() {}");
            place.write("src/lib.rs", "");
            place.write("sysroot/bin/rustc", "1.95");
            let root = place.directory.path().display().to_string();
            place.write(
                "target/release/f.d",
                &format!("{root}/target/release/f: {root}/src/main.rs {root}/target/made.rs\n"),
            );
            place.write(
                "target/release/deps/f-1.d",
                "# env-dep:STAGE=test\n# env-dep:UNSET\n",
            );
            place.write(
                "target/release/build/z-1/output",
                "cargo:rerun-if-env-changed=CC\n",
            );
            place.write("target/made.rs", "");
            place
        }

        /// Written an hour ago, so that nothing seems to be written during a build.
        fn write(&self, name: &str, text: &str) {
            let path = self.path(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
            std::fs::write(&path, text).expect("written");
            self.touch(name, 3_600);
        }

        fn touch(&self, name: &str, age: u64) {
            let modified = SystemTime::now() - Duration::from_secs(age);
            std::fs::File::options()
                .write(true)
                .open(self.path(name))
                .and_then(|file| file.set_modified(modified))
                .expect("touched");
        }

        fn path(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }

        fn set(&mut self, name: &str, value: &str) {
            self.environment.retain(|(key, _)| key != name);
            self.environment.push((name.into(), value.into()));
        }

        fn gather(&self) -> Option<Inputs> {
            let reported = Reported {
                root: self.directory.path().to_owned(),
                made: vec![self.path("target")],
                manifests: vec![self.path("Cargo.toml")],
                executable: self.path("target/release/f"),
                lists: BTreeSet::from([self.path("target/release/deps")]),
                crates: BTreeSet::from(["f".to_owned()]),
                scripts: vec![(self.path("target/release/build/z-1/output"), None)],
                sysroot: self.path("sysroot"),
                zig: Some(self.path("zig")),
                made_lock: false,
            };
            Inputs::gather(&reported, &self.environment, SystemTime::now())
        }
    }

    #[test]
    fn nothing_differs_until_something_does() {
        let place = Place::new();
        let mut inputs = place.gather().expect("settled");
        assert_eq!(inputs.count(), 3, "{inputs:?}");
        assert_eq!(inputs.compare(&place.environment), Ok(false));

        place.touch("src/main.rs", 60);
        assert_eq!(inputs.compare(&place.environment), Ok(true), "touched");
        assert_eq!(
            inputs.compare(&place.environment),
            Ok(false),
            "and taken over"
        );

        place.write("target/made.rs", "what builds make is no input");
        assert_eq!(inputs.compare(&place.environment), Ok(false));

        place.write("src/main.rs", "fn main() {;}");
        let changed = Err(Difference::File(place.path("src/main.rs")));
        assert_eq!(inputs.compare(&place.environment), changed);
    }

    #[test]
    fn files_that_appear_matter_where_cargo_looks_for_them() {
        for name in [
            ".cargo/config.toml",
            "build.rs",
            "Cargo.lock",
            "src/bin/bootstrap.rs",
        ] {
            let place = Place::new();
            let mut inputs = place.gather().expect("settled");
            place.write(name, "");
            let path = match name {
                // A directory that appears.
                "src/bin/bootstrap.rs" => place.path("src/bin"),
                _ => place.path(name),
            };
            assert_eq!(
                inputs.compare(&place.environment),
                Err(Difference::File(path))
            );
        }
    }

    #[test]
    fn variables_matter_when_cargo_or_the_build_reads_them() {
        for (name, matters) in [
            ("RUSTFLAGS", true),
            ("CARGO_PROFILE_RELEASE_LTO", true),
            ("STAGE", true),
            ("UNSET", true),
            ("CC", true),
            ("CARGO_TERM_COLOR", false),
            ("CARGO_TARGET_DIR", false),
            ("CARGO_REGISTRIES_OURS_INDEX", true),
            ("CARGO_REGISTRIES_OURS_TOKEN", false),
            ("HOME_OF_SOMEBODY", false),
        ] {
            let mut place = Place::new();
            let mut inputs = place.gather().expect("settled");
            place.set(name, "x");
            let expected = if matters {
                Err(Difference::Variable(name.to_owned()))
            } else {
                Ok(false)
            };
            assert_eq!(inputs.compare(&place.environment), expected);
        }
        let mut place = Place::new();
        place.set("STAGE", "hunter2");
        let recorded = serde_json::to_string(&place.gather().expect("settled")).expect("JSON");
        assert!(!recorded.contains("hunter2"), "values may be secret");
    }

    #[test]
    fn another_choice_of_toolchain_is_asked_about_and_the_same_one_is_no_difference() {
        let mut place = Place::new();
        let mut inputs = place.gather().expect("settled");
        place.set("RUSTUP_TOOLCHAIN", "stable");
        assert_eq!(inputs.compare(&place.environment), Err(Difference::Choice));
        assert!(!inputs.choose(&place.path("other"), &place.environment));
        assert!(inputs.choose(&place.path("sysroot"), &place.environment));
        assert_eq!(inputs.compare(&place.environment), Ok(false));
        place.write("rust-toolchain.toml", "[toolchain]");
        assert_eq!(inputs.compare(&place.environment), Err(Difference::Choice));
        let path = "/elsewhere/bin:/bin";
        place.set("PATH", path);
        assert_ne!(inputs.compare(&place.environment), Ok(false));
        place.write("sysroot/bin/rustc", "1.96");
        assert_eq!(
            inputs.compare(&place.environment),
            Err(Difference::Toolchain)
        );
    }

    #[test]
    fn another_zig_is_another_toolchain() {
        let place = Place::new();
        place.write("zig", "0.16");
        let mut inputs = place.gather().expect("settled");
        assert_eq!(inputs.compare(&place.environment), Ok(false));
        place.write("zig", "0.17");
        assert_eq!(
            inputs.compare(&place.environment),
            Err(Difference::Toolchain)
        );
    }

    #[test]
    fn a_workspace_that_appears_above_matters() {
        let place = Place::new();
        let reported = place.gather().expect("settled");
        let above = place.directory.path().parent().expect("a parent");
        assert!(
            reported
                .files
                .paths()
                .any(|path| *path == above.join("Cargo.toml"))
        );
    }

    #[test]
    fn what_was_written_during_the_build_is_not_trusted() {
        let place = Place::new();
        let later = SystemTime::now() + Duration::from_secs(60);
        std::fs::File::options()
            .write(true)
            .open(place.path("src/main.rs"))
            .and_then(|file| file.set_modified(later))
            .expect("touched");
        assert_eq!(place.gather(), None);
    }
}
