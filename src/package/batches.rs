//! Which functions one cargo call builds, and what it selects.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::metadata::{Package, Workspace};
use super::variant::Variant;

/// One function with its place in a workspace.
#[derive(Debug, Clone)]
pub struct Located {
    /// Name in the stack.
    pub function: String,
    /// What it is built for.
    pub variant: Variant,
    /// Root directory of its workspace.
    pub root: PathBuf,
    /// Its package.
    pub package: Package,
    /// The binary that is the function.
    pub binary: String,
    /// Does a build without `-p` at the root select it?
    pub by_default: bool,
}

/// Functions that one cargo call builds: same workspace, variant and selection, distinct binary names.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Root directory of their workspace.
    pub root: PathBuf,
    /// What they are built for.
    pub variant: Variant,
    /// Are they selected without being named?
    pub by_default: bool,
    /// The functions.
    pub functions: Vec<Located>,
    /// Packages that are named, so that the features of dependencies do not depend on which of the
    /// stack's functions are built: all of them, as far as their binaries have other names.
    pub named: Vec<String>,
}

/// Groups the functions of a stack into as few cargo calls as possible, and keeps of these what is
/// `ordered`. Two binaries of one name would be written to the same file, so they are built one after the
/// other, each zipped before the next build.
pub fn batches(all: &[Located], ordered: impl Fn(&Located) -> bool) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    for function in all {
        let by_default = function.by_default && function.variant == Variant::Host;
        let fits = |batch: &&mut Batch| {
            batch.root == function.root
                && batch.variant == function.variant
                && batch.by_default == by_default
                && batch.functions.iter().all(|other| {
                    other.binary != function.binary || other.package.id == function.package.id
                })
        };
        match batches.iter_mut().find(fits) {
            Some(batch) => batch.functions.push(function.clone()),
            None => batches.push(Batch {
                root: function.root.clone(),
                variant: function.variant,
                by_default,
                functions: vec![function.clone()],
                named: Vec::new(),
            }),
        }
    }
    for batch in &mut batches {
        if !batch.by_default {
            batch.named = named(batch, all);
        }
        batch.functions.retain(&ordered);
    }
    batches.retain(|batch| !batch.functions.is_empty());
    batches
}

/// Names of the packages to select for a batch.
fn named(batch: &Batch, all: &[Located]) -> Vec<String> {
    let own = |candidate: &Located| {
        batch
            .functions
            .iter()
            .any(|function| function.package.id == candidate.package.id)
    };
    let clashes = |candidate: &Located| {
        batch.functions.iter().any(|function| {
            candidate
                .package
                .binaries()
                .any(|name| name == function.binary)
        })
    };
    let selected = all.iter().filter(|candidate| {
        candidate.root == batch.root && (own(candidate) || !clashes(candidate))
    });
    let names: BTreeSet<String> = selected
        .map(|candidate| candidate.package.name.clone())
        .collect();
    names.into_iter().collect()
}

/// Arguments of cargo that select what is built.
pub fn selection(batch: &Batch, workspace: &Workspace) -> Vec<String> {
    let mut arguments = Vec::new();
    // A user's lock file is theirs to change: packaging never rewrites it.
    if workspace.root.join("Cargo.lock").exists() {
        arguments.push("--locked".to_owned());
    }
    // Naming packages resolves features for these alone, which differs from the selection that built
    // pipectl: every shared dependency would be compiled again. For Lambda nothing is shared, and what
    // pipectl alone needs of a dependency must not get into a function.
    for package in &batch.named {
        arguments.extend(["-p".to_owned(), package.clone()]);
    }
    let binaries: BTreeSet<&String> = batch
        .functions
        .iter()
        .map(|located| &located.binary)
        .collect();
    for binary in binaries {
        arguments.extend(["--bin".to_owned(), binary.clone()]);
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::metadata::BuildTarget;
    use crate::stack::model::Architecture;

    fn located(function: &str, variant: Variant, binary: &str, by_default: bool) -> Located {
        Located {
            function: function.to_owned(),
            variant,
            root: PathBuf::from("/w"),
            package: Package {
                id: format!("path+file:///w/{function}#0.1.0"),
                name: function.to_owned(),
                manifest_path: PathBuf::from(format!("/w/{function}/Cargo.toml")),
                source: None,
                targets: vec![BuildTarget {
                    name: binary.to_owned(),
                    kind: vec!["bin".to_owned()],
                }],
            },
            binary: binary.to_owned(),
            by_default,
        }
    }

    fn shown(all: &[Located], ordered: &[&str]) -> Vec<String> {
        batches(all, |located| ordered.contains(&located.function.as_str()))
            .iter()
            .map(|batch| {
                let functions: Vec<&str> = batch
                    .functions
                    .iter()
                    .map(|f| f.function.as_str())
                    .collect();
                format!(
                    "{}: {} of {}",
                    batch.variant,
                    functions.join("+"),
                    batch.named.join("+")
                )
            })
            .collect()
    }

    const ARM: Variant = Variant::Lambda(Architecture::Arm64);

    #[test]
    fn what_is_named_does_not_depend_on_what_is_ordered() {
        let all = [
            located("f", ARM, "f", true),
            located("h", ARM, "bootstrap", true),
            located("g", ARM, "bootstrap", true),
        ];
        assert_eq!(
            shown(&all, &["f", "g", "h"]),
            ["lambda-arm64: f+h of f+h", "lambda-arm64: g of f+g"]
        );
        assert_eq!(shown(&all, &["f"]), ["lambda-arm64: f of f+h"]);
        assert_eq!(shown(&all, &["g"]), ["lambda-arm64: g of f+g"]);
    }

    #[test]
    fn variants_are_built_apart_with_the_features_of_all() {
        let all = [
            located("a", Variant::Host, "a", true),
            located("b", ARM, "b", true),
            located("c", Variant::Host, "c", false),
        ];
        assert_eq!(
            shown(&all, &["a", "b", "c"]),
            [
                "host: a of ",
                "lambda-arm64: b of a+b+c",
                "host: c of a+b+c"
            ]
        );
    }
}
