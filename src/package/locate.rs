//! Where the functions of a stack are: their crates, packages, binaries and workspaces.

use std::path::{Path, PathBuf};

use super::batches::Located;
use super::build::Cargo;
use super::error::PackageError;
use super::metadata::Workspace;
use super::variant::Variant;
use crate::stack::model::{Function, Source, Stack};

/// The workspaces that were met so far.
#[derive(Debug, Default)]
pub struct Workspaces(Vec<Workspace>);

impl Workspaces {
    /// Finds the package, binary and workspace of a function whose crate is there.
    pub async fn locate(
        &mut self,
        cargo: &Cargo,
        function: &Function,
        manifest: &Path,
        variant: Variant,
    ) -> Result<Located, PackageError> {
        let name = &function.name;
        let known = self
            .0
            .iter()
            .position(|workspace| workspace.package_at(manifest).is_some());
        let index = if let Some(index) = known {
            index
        } else {
            self.0.push(cargo.workspace(name, manifest).await?);
            self.0.len() - 1
        };
        let workspace = &self.0[index];
        let package = workspace
            .package_at(manifest)
            .ok_or_else(|| not_a_crate(function, manifest))?;
        let binary = package.binary_of(name)?;
        Ok(Located {
            function: name.clone(),
            variant,
            root: workspace.root.clone(),
            binary: binary.to_owned(),
            by_default: workspace.selects_by_default(package, binary),
            package: package.clone(),
        })
    }

    /// The one at this directory.
    pub fn at(&self, root: &Path) -> Option<Workspace> {
        self.0
            .iter()
            .find(|workspace| workspace.root == root)
            .cloned()
    }
}

/// Manifests of all function crates of a stack; what is wrong with one is told where it is wanted.
pub fn together(stack: &Stack) -> Vec<PathBuf> {
    let crates = stack.functions.iter().filter_map(|function| {
        let Source::Crate(directory) = &function.source else {
            return None;
        };
        manifest(stack, function, directory).ok()
    });
    let mut manifests: Vec<PathBuf> = crates.collect();
    manifests.sort();
    manifests.dedup();
    manifests
}

/// The function's Cargo.toml, symbolic links resolved: cargo looks for the workspace in the parents
/// of the path as given, which for a linked directory are the wrong ones.
pub fn manifest(
    stack: &Stack,
    function: &Function,
    crate_dir: &Path,
) -> Result<PathBuf, PackageError> {
    let wanted = stack.root.join(crate_dir);
    let directory = wanted
        .canonicalize()
        .map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => PackageError::CrateMissing {
                function: function.name.clone(),
                path: crate_dir.to_owned(),
            },
            _ => PackageError::Files {
                function: function.name.clone(),
                what: "read",
                path: wanted,
                source,
            },
        })?;
    let manifest = directory.join("Cargo.toml");
    if manifest.is_file() {
        Ok(manifest)
    } else {
        Err(not_a_crate(function, &manifest))
    }
}

fn not_a_crate(function: &Function, manifest: &Path) -> PackageError {
    PackageError::NotACrate {
        function: function.name.clone(),
        path: manifest.parent().unwrap_or(manifest).to_owned(),
    }
}
