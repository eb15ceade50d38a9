//! What an artifact was made from: source files, manifests, lock file, cargo's configuration, toolchain
//! and environment, as the compiler and the build scripts reported them. While none of it differs, the
//! artifact at hand is right and cargo need not be started to say so.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::depinfo;

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

/// A file as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Size, bytes.
    len: u64,
    /// Last change, nanoseconds since the Unix epoch.
    modified_ns: u64,
    /// SHA-256 of the content, hex.
    sha256: String,
}

impl Mark {
    /// Reads a file; none when there is none.
    fn of(path: &Path) -> Option<Self> {
        let (len, modified_ns) = stat(path)?;
        let content = std::fs::read(path).ok()?;
        Some(Self {
            len,
            modified_ns,
            sha256: hex::encode(Sha256::digest(content)),
        })
    }
}

fn stat(path: &Path) -> Option<(u64, u64)> {
    let metadata = std::fs::metadata(path)
        .ok()
        .filter(std::fs::Metadata::is_file)?;
    let modified = metadata.modified().unwrap_or(UNIX_EPOCH);
    Some((metadata.len(), nanoseconds(modified)))
}

fn nanoseconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos() as u64
}

/// Files as they were; none is a file that was not there.
type Marks = BTreeMap<PathBuf, Option<Mark>>;

/// The first file that differs, and were some only touched? Marks of those are renewed.
fn first_difference(marks: &mut Marks) -> (Option<PathBuf>, bool) {
    let mut touched = false;
    for (path, mark) in marks.iter_mut() {
        let now = stat(path);
        match (mark.as_ref(), now) {
            (None, None) => {}
            (Some(was), Some((len, modified_ns)))
                if was.len == len && was.modified_ns == modified_ns => {}
            (Some(was), Some((len, _))) if was.len == len => {
                let read = Mark::of(path);
                if read.as_ref().is_none_or(|read| read.sha256 != was.sha256) {
                    return (Some(path.clone()), touched);
                }
                *mark = read;
                touched = true;
            }
            _ => return (Some(path.clone()), touched),
        }
    }
    (None, touched)
}

/// What decides which toolchain is used, and which one it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Toolchain {
    /// `rustc --print sysroot`.
    sysroot: PathBuf,
    /// The compiler in it: an update in place changes it.
    compiler: Marks,
    /// Files by which rustup chooses.
    files: Marks,
    /// `RUSTUP_TOOLCHAIN`.
    variable: Option<String>,
}

/// What differs from when an artifact was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// The content of a file, or whether it is there.
    File(PathBuf),
    /// The value of a variable.
    Variable(String),
    /// The compiler.
    Toolchain,
    /// How rustup chooses the compiler: it has to be asked which one that is.
    Choice,
}

/// Everything that an artifact was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs {
    files: Marks,
    /// SHA-256 of their values, hex: values may be secret.
    variables: BTreeMap<String, Option<String>>,
    toolchain: Toolchain,
}

/// What a build reported, from which [`Inputs`] are gathered.
#[derive(Debug)]
pub struct Reported<'r> {
    /// Root directory of the workspace.
    pub root: &'r Path,
    /// Where builds go: what is in there was made by the build.
    pub target: &'r Path,
    /// Manifests of the workspace's members and of every package that is a directory.
    pub manifests: Vec<PathBuf>,
    /// The program that was built.
    pub executable: &'r Path,
    /// Names of the crates, as in file names, that are directories.
    pub crates: BTreeSet<String>,
    /// Output of build scripts, each with its package's directory if the package is one.
    pub scripts: Vec<(PathBuf, Option<PathBuf>)>,
    /// `rustc --print sysroot`.
    pub sysroot: PathBuf,
    /// Did the build make the lock file? Then what is in it is what was built.
    pub made_lock: bool,
}

impl Inputs {
    /// Marks everything that was reported. None when something was written while it was built: nobody
    /// knows what the compiler saw of it then; or when the build left no report.
    pub fn gather(
        reported: &Reported<'_>,
        environment: &[(OsString, OsString)],
        began: SystemTime,
    ) -> Option<Self> {
        let mut paths: BTreeSet<PathBuf> = reported.manifests.iter().cloned().collect();
        paths.insert(reported.root.join("Cargo.toml"));
        paths.insert(reported.root.join("Cargo.lock"));
        paths.extend(configuration(reported.root, environment));
        // A build script that appears is found by its name alone.
        let beside = |manifest: &PathBuf| manifest.with_file_name("build.rs");
        paths.extend(reported.manifests.iter().map(beside));
        paths.extend(depinfo::files(reported.executable)?);
        let mut names = depinfo::variables(reported.executable, &reported.crates);
        for (output, package) in &reported.scripts {
            let said = depinfo::script(output);
            names.extend(said.variables);
            if let (false, Some(package)) = (said.says_what, package) {
                depinfo::walk(package, &mut paths);
            }
        }
        paths.retain(|path| !path.starts_with(reported.target));
        let files = marks(paths);
        let began = nanoseconds(began);
        let lock = reported.root.join("Cargo.lock");
        let is_new = |(path, mark): (&PathBuf, &Option<Mark>)| {
            mark.as_ref().is_some_and(|mark| mark.modified_ns >= began)
                && !(reported.made_lock && *path == lock)
        };
        if files.iter().any(is_new) {
            return None;
        }
        Some(Self {
            files,
            variables: variables(environment, &names),
            toolchain: Toolchain {
                compiler: marks([reported.sysroot.join("bin/rustc")]),
                sysroot: reported.sysroot.clone(),
                files: marks(choosing(reported.root, environment)),
                variable: value(environment, "RUSTUP_TOOLCHAIN"),
            },
        })
    }

    /// What differs now. Ok when nothing does: were files touched without a change?
    pub fn compare(&mut self, environment: &[(OsString, OsString)]) -> Result<bool, Difference> {
        let recorded: BTreeSet<String> = self.variables.keys().cloned().collect();
        let now = variables(environment, &recorded);
        if now != self.variables {
            let differs = |name: &&String| self.variables.get(*name) != now.get(*name);
            let name = now.keys().chain(self.variables.keys()).find(differs);
            return Err(Difference::Variable(name.cloned().unwrap_or_default()));
        }
        let (differs, touched) = first_difference(&mut self.files);
        if let Some(path) = differs {
            return Err(Difference::File(path));
        }
        if first_difference(&mut self.toolchain.compiler).0.is_some() {
            return Err(Difference::Toolchain);
        }
        let chosen_alike = self.toolchain.variable == value(environment, "RUSTUP_TOOLCHAIN")
            && first_difference(&mut self.toolchain.files).0.is_none();
        if chosen_alike {
            Ok(touched)
        } else {
            Err(Difference::Choice)
        }
    }

    /// Takes over that rustup was asked and chose this toolchain; false when it is another one.
    pub fn choose(&mut self, sysroot: &Path, environment: &[(OsString, OsString)]) -> bool {
        if sysroot != self.toolchain.sysroot {
            return false;
        }
        let paths: Vec<PathBuf> = self.toolchain.files.keys().cloned().collect();
        self.toolchain.files = marks(paths);
        self.toolchain.variable = value(environment, "RUSTUP_TOOLCHAIN");
        true
    }

    /// How many files it is about.
    pub fn count(&self) -> usize {
        self.files.values().flatten().count()
    }
}

fn marks(paths: impl IntoIterator<Item = PathBuf>) -> Marks {
    paths
        .into_iter()
        .map(|path| {
            let mark = Mark::of(&path);
            (path, mark)
        })
        .collect()
}

/// Configuration files that cargo reads for a directory (The Cargo Book, "Hierarchical structure").
fn configuration(root: &Path, environment: &[(OsString, OsString)]) -> Vec<PathBuf> {
    let mut directories: Vec<PathBuf> = root.ancestors().map(|path| path.join(".cargo")).collect();
    directories.extend(cargo_home(environment));
    directories
        .iter()
        .flat_map(|directory| [directory.join("config.toml"), directory.join("config")])
        .collect()
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

/// Cargo's own directory.
pub fn cargo_home(environment: &[(OsString, OsString)]) -> Option<PathBuf> {
    path_of(environment, "CARGO_HOME")
        .or_else(|| path_of(environment, "HOME").map(|home| home.join(".cargo")))
}

fn path_of(environment: &[(OsString, OsString)], name: &str) -> Option<PathBuf> {
    let found = environment.iter().find(|(key, _)| key == name)?;
    (!found.1.is_empty()).then(|| PathBuf::from(&found.1))
}

fn value(environment: &[(OsString, OsString)], name: &str) -> Option<String> {
    let found = environment.iter().find(|(key, _)| key == name)?;
    Some(found.1.to_string_lossy().into_owned())
}

/// Hashes of the values of all variables that matter, and of those that a build asked for.
fn variables(
    environment: &[(OsString, OsString)],
    asked_for: &BTreeSet<String>,
) -> BTreeMap<String, Option<String>> {
    let mut found: BTreeMap<String, Option<String>> =
        asked_for.iter().map(|name| (name.clone(), None)).collect();
    for (name, value) in environment {
        let Some(name) = name.to_str() else {
            continue;
        };
        if asked_for.contains(name) || matters(name) {
            found.insert(name.to_owned(), Some(hash(value)));
        }
    }
    found
}

fn matters(name: &str) -> bool {
    !VARIABLES_OF_NO_MATTER.contains(&name)
        && (VARIABLES.contains(&name)
            || VARIABLE_PREFIXES
                .iter()
                .any(|prefix| name.starts_with(prefix)))
}

fn hash(value: &OsStr) -> String {
    hex::encode(Sha256::digest(value.as_encoded_bytes()))
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
            let target = self.path("target");
            let reported = Reported {
                root: self.directory.path(),
                target: &target,
                manifests: vec![self.path("Cargo.toml")],
                executable: &self.path("target/release/f"),
                crates: BTreeSet::from(["f".to_owned()]),
                scripts: vec![(self.path("target/release/build/z-1/output"), None)],
                sysroot: self.path("sysroot"),
                made_lock: false,
            };
            Inputs::gather(&reported, &self.environment, SystemTime::now())
        }
    }

    #[test]
    fn nothing_differs_until_something_does() {
        let place = Place::new();
        let mut inputs = place.gather().expect("settled");
        assert_eq!(inputs.count(), 2, "{inputs:?}");
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
    fn a_change_of_the_same_length_and_time_is_the_only_one_that_hides() {
        let place = Place::new();
        let mut inputs = place.gather().expect("settled");
        std::fs::write(place.path("src/main.rs"), "fn mine() {}").expect("written");
        place.touch("src/main.rs", 30);
        assert!(
            inputs.compare(&place.environment).is_err(),
            "same length, other time"
        );
    }

    #[test]
    fn files_that_appear_matter_where_cargo_looks_for_them() {
        for name in [".cargo/config.toml", "build.rs", "Cargo.lock"] {
            let place = Place::new();
            let mut inputs = place.gather().expect("settled");
            place.write(name, "");
            assert_eq!(
                inputs.compare(&place.environment),
                Err(Difference::File(place.path(name)))
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
        place.write("sysroot/bin/rustc", "1.96");
        assert_eq!(
            inputs.compare(&place.environment),
            Err(Difference::Toolchain)
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
