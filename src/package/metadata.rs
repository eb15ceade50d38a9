//! What `cargo metadata --no-deps` tells of a workspace, and which binary of a package is the function.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::archive::BOOTSTRAP;
use super::error::PackageError;

/// A workspace, as asked for at its root: elsewhere cargo gives other default members.
#[derive(Debug, Clone, Deserialize)]
pub struct Workspace {
    /// Its members.
    pub packages: Vec<Package>,
    /// Directory of its root manifest.
    #[serde(rename = "workspace_root")]
    pub root: PathBuf,
    /// Ids of the packages that a build without `-p` selects.
    #[serde(rename = "workspace_default_members", default)]
    pub default_members: Vec<String>,
    /// Where builds go.
    #[serde(rename = "target_directory")]
    pub target: PathBuf,
    /// Where they keep what is of no use to others; the same unless set apart.
    #[serde(rename = "build_directory")]
    pub intermediate: Option<PathBuf>,
}

/// A member.
#[derive(Debug, Clone, Deserialize)]
pub struct Package {
    /// Cargo's id: the same in build messages.
    pub id: String,
    /// Name.
    pub name: String,
    /// Its Cargo.toml.
    pub manifest_path: PathBuf,
    /// Where it was downloaded from; none for a directory.
    pub source: Option<String>,
    /// Libraries, binaries, tests, …
    pub targets: Vec<BuildTarget>,
}

/// A library, binary, test, …
#[derive(Debug, Clone, Deserialize)]
pub struct BuildTarget {
    /// Name.
    pub name: String,
    /// `bin`, `lib`, `test`, …
    pub kind: Vec<String>,
}

impl Workspace {
    /// Reads cargo's answer.
    pub fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }

    /// Directories whose content builds make.
    pub fn made(&self) -> Vec<PathBuf> {
        let mut made = vec![self.target.clone()];
        made.extend(
            self.intermediate
                .clone()
                .filter(|other| *other != self.target),
        );
        made
    }

    /// The member with this manifest.
    pub fn package_at(&self, manifest: &Path) -> Option<&Package> {
        self.packages
            .iter()
            .find(|package| package.manifest_path == manifest)
    }

    /// Does a build without `-p` at the root select this package, and does no other selected package
    /// have a binary of this name? Then `--bin NAME` alone means this one.
    pub fn selects_by_default(&self, package: &Package, binary: &str) -> bool {
        self.default_members.contains(&package.id)
            && self
                .packages
                .iter()
                .filter(|other| self.default_members.contains(&other.id))
                .all(|other| other.id == package.id || other.binaries().all(|name| name != binary))
    }
}

impl Package {
    /// Its directory.
    pub fn directory(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(Path::new("/"))
    }

    /// Names of its binaries.
    pub fn binaries(&self) -> impl Iterator<Item = &str> {
        self.targets
            .iter()
            .filter(|target| target.is("bin"))
            .map(|target| target.name.as_str())
    }

    /// The binary that is the function: the only one, or else the one called `bootstrap` or like the
    /// package.
    pub fn binary_of(&self, function: &str) -> Result<&str, PackageError> {
        let mut binaries: Vec<&str> = self.binaries().collect();
        match binaries.as_slice() {
            [] => Err(PackageError::NoBinary {
                function: function.to_owned(),
                package: self.name.clone(),
                path: self.directory().to_owned(),
                has: self.other_targets(),
            }),
            [only] => Ok(only),
            _ => {
                for wanted in [BOOTSTRAP, &self.name] {
                    if let Some(found) = binaries.iter().find(|name| **name == wanted) {
                        return Ok(found);
                    }
                }
                binaries.sort_unstable();
                Err(PackageError::SeveralBinaries {
                    function: function.to_owned(),
                    package: self.name.clone(),
                    binaries: binaries.into_iter().map(str::to_owned).collect(),
                })
            }
        }
    }

    fn other_targets(&self) -> String {
        let libraries = ["lib", "rlib", "cdylib", "dylib", "staticlib", "proc-macro"];
        let has = |kinds: &[&str]| {
            self.targets
                .iter()
                .any(|target| kinds.iter().any(|kind| target.is(kind)))
        };
        if has(&libraries) {
            "a library".to_owned()
        } else if has(&["example"]) {
            "examples".to_owned()
        } else {
            "tests and benches".to_owned()
        }
    }
}

impl BuildTarget {
    fn is(&self, kind: &str) -> bool {
        self.kind.iter().any(|found| found == kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A workspace with a default member of one binary, one of a library, one of several binaries,
    /// and a package that only `-p` selects.
    const FIXTURE: &str = r#"{
        "packages": [
            { "id": "path+file:///w#app@0.1.0", "name": "app", "version": "0.1.0", "manifest_path": "/w/Cargo.toml",
              "targets": [ { "kind": ["lib"], "crate_types": ["lib"], "name": "app", "src_path": "/w/src/lib.rs" },
                           { "kind": ["bin"], "crate_types": ["bin"], "name": "app", "src_path": "/w/src/main.rs" } ] },
            { "id": "path+file:///w/types#0.1.0", "name": "types", "manifest_path": "/w/types/Cargo.toml",
              "targets": [ { "kind": ["lib"], "name": "types" }, { "kind": ["test"], "name": "all" } ] },
            { "id": "path+file:///w/many#0.1.0", "name": "many", "manifest_path": "/w/many/Cargo.toml",
              "targets": [ { "kind": ["bin"], "name": "two" }, { "kind": ["bin"], "name": "one" } ] },
            { "id": "path+file:///w/extra#0.1.0", "name": "extra", "manifest_path": "/w/extra/Cargo.toml",
              "targets": [ { "kind": ["bin"], "name": "tool" }, { "kind": ["bin"], "name": "bootstrap" },
                           { "kind": ["bin"], "name": "extra" } ] }
        ],
        "workspace_members": ["path+file:///w#app@0.1.0"],
        "workspace_default_members": ["path+file:///w#app@0.1.0", "path+file:///w/many#0.1.0"],
        "resolve": null, "target_directory": "/w/target", "version": 1, "workspace_root": "/w", "metadata": null
    }"#;

    fn workspace() -> Workspace {
        Workspace::parse(FIXTURE.as_bytes()).expect("cargo's format")
    }

    fn binary(manifest: &str) -> Result<String, PackageError> {
        let workspace = workspace();
        let package = workspace.package_at(Path::new(manifest)).expect("a member");
        package.binary_of("f").map(str::to_owned)
    }

    #[test]
    fn the_function_is_the_only_binary_or_the_one_that_is_named_so() {
        assert_eq!(binary("/w/Cargo.toml").ok().as_deref(), Some("app"));
        assert_eq!(
            binary("/w/extra/Cargo.toml").ok().as_deref(),
            Some("bootstrap")
        );
    }

    #[test]
    fn several_binaries_are_listed() {
        let error = binary("/w/many/Cargo.toml").expect_err("ambiguous");
        assert_eq!(
            error.to_string(),
            "function `f`: the package `many` has several binaries: one, two"
        );
    }

    #[test]
    fn a_library_is_not_a_function() {
        let error = binary("/w/types/Cargo.toml").expect_err("no binary");
        assert_eq!(
            error.to_string(),
            "function `f`: the package `types` has no binary, only a library"
        );
    }

    #[test]
    fn only_default_members_with_a_binary_of_their_own_are_selected_by_default() {
        let mut workspace = workspace();
        let selected = |workspace: &Workspace, manifest: &str, binary: &str| {
            let package = workspace.package_at(Path::new(manifest)).expect("a member");
            workspace.selects_by_default(package, binary)
        };
        assert_eq!(workspace.target, Path::new("/w/target"));
        assert!(selected(&workspace, "/w/Cargo.toml", "app"));
        assert!(!selected(&workspace, "/w/extra/Cargo.toml", "bootstrap"));
        // Two default members with a `bootstrap` each: the name alone would build both over each other.
        workspace
            .default_members
            .push("path+file:///w/extra#0.1.0".to_owned());
        assert!(selected(&workspace, "/w/extra/Cargo.toml", "bootstrap"));
        workspace.packages[2].targets[0].name = "bootstrap".to_owned();
        assert!(!selected(&workspace, "/w/extra/Cargo.toml", "bootstrap"));
    }

    #[test]
    fn an_older_cargo_without_default_members_still_parses() {
        let json = r#"{"packages":[],"workspace_root":"/w","target_directory":"/w/target"}"#;
        assert_eq!(
            Workspace::parse(json.as_bytes())
                .map(|w| w.default_members.len())
                .ok(),
            Some(0)
        );
    }
}
