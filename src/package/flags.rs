//! Flags of builds for Lambda: a profile for small programs, and compiler flags that keep the directories
//! of this machine out of them, so that every checkout gives the same bytes.

use std::path::{Path, PathBuf};

use cargo_config2::{Config, ResolveOptions};

use super::build::Cargo;
use super::error::{CargoOutput, PackageError};
use super::inputs::cargo_home;
use super::metadata::Workspace;

/// Name of the cargo profile. A workspace that has one of this name decides itself what is in it.
pub const PROFILE: &str = "lambda";

/// What is in the profile where the workspace has none (docs/adr/0009). Symbols stay: they tell what is
/// in the program, and an artifact is made without them.
const SETTINGS: &[(&str, &str)] = &[
    ("inherits", "\"release\""),
    ("opt-level", "\"s\""),
    ("lto", "\"fat\""),
    ("codegen-units", "1"),
    ("strip", "\"none\""),
];

/// Arguments of cargo that choose the profile.
pub fn profile(root: &Path) -> Vec<String> {
    let mut arguments = vec!["--profile".to_owned(), PROFILE.to_owned()];
    if !has_profile(&std::fs::read_to_string(root.join("Cargo.toml")).unwrap_or_default()) {
        for (key, value) in SETTINGS {
            arguments.push("--config".to_owned());
            arguments.push(format!("profile.{PROFILE}.{key}={value}"));
        }
    }
    arguments
}

fn has_profile(manifest: &str) -> bool {
    // A manifest that is no TOML has had its error from cargo.
    let Ok(manifest) = manifest.parse::<toml::Table>() else {
        return false;
    };
    manifest
        .get("profile")
        .and_then(|profiles| profiles.get(PROFILE))
        .is_some()
}

/// The compiler's flags, as `CARGO_ENCODED_RUSTFLAGS` wants them: those of the user, from wherever cargo
/// would take them, and ours.
pub fn rustflags(
    cargo: &Cargo,
    workspace: &Workspace,
    triple: &str,
    functions: &[String],
) -> Result<String, PackageError> {
    let environment = cargo.scrubbed(Some(&workspace.target));
    let home = cargo_home(&environment);
    let options = ResolveOptions::default().env(environment);
    let refused = |error: cargo_config2::Error| PackageError::Configuration {
        functions: functions.to_vec(),
        output: CargoOutput::new(&error.to_string()),
    };
    let mut flags = Config::load_with_options(&workspace.root, options)
        .and_then(|config| config.rustflags(triple))
        .map_err(refused)?
        .unwrap_or_default();
    flags.flags.extend(remapped(workspace, home));
    flags.encode().map_err(refused)
}

/// Directories that differ between two checkouts and two machines, and what the program says instead.
/// Of several that fit a path, rustc takes the last.
fn remapped(workspace: &Workspace, cargo_home: Option<PathBuf>) -> Vec<String> {
    let mut places: Vec<(PathBuf, String)> = Vec::new();
    for package in &workspace.packages {
        let directory = package.directory();
        if !directory.starts_with(&workspace.root) {
            places.push((directory.to_owned(), format!("/{}", package.name)));
        }
    }
    places.push((workspace.root.clone(), "/workspace".to_owned()));
    places.push((workspace.target.clone(), "/target".to_owned()));
    places.extend(cargo_home.map(|home| (home, "/cargo".to_owned())));
    places
        .into_iter()
        .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_of_the_workspaces_own_is_left_as_it_is() {
        assert!(has_profile("[profile.lambda]\ninherits = \"release\"\n"));
        assert!(!has_profile("[profile.release]\nlto = true\n"));
        assert!(!has_profile("[profile"));

        let directory = tempfile::tempdir().expect("a temporary directory");
        let arguments = profile(directory.path()).join(" ");
        assert!(arguments.starts_with("--profile lambda --config profile.lambda.inherits="));
        let manifest = "[profile.lambda]\ninherits = \"release\"\n";
        std::fs::write(directory.path().join("Cargo.toml"), manifest).expect("written");
        assert_eq!(profile(directory.path()), ["--profile", "lambda"]);
    }

    #[test]
    fn the_users_flags_stay_and_no_directory_of_this_machine_does() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let root = directory.path().canonicalize().expect("a directory");
        std::fs::create_dir(root.join(".cargo")).expect("a directory");
        std::fs::write(
            root.join(".cargo/config.toml"),
            "[build]\nrustflags = [\"-Ctarget-cpu=neoverse-n1\"]\n",
        )
        .expect("written");
        let json = format!(
            r#"{{"packages":[{{"id":"x","name":"shared","manifest_path":"/elsewhere/shared/Cargo.toml","targets":[]}}],
                "workspace_root":{root:?},"target_directory":"{}"}}"#,
            root.join("target").display()
        );
        let workspace = Workspace::parse(json.as_bytes()).expect("cargo's format");
        let mut variables: Vec<_> = std::env::vars_os()
            .filter(|(name, _)| name != "RUSTFLAGS" && name != "CARGO_ENCODED_RUSTFLAGS")
            .collect();
        variables.retain(|(name, _)| name != "CARGO_HOME");
        variables.push(("CARGO_HOME".into(), "/home/me/.cargo".into()));
        let cargo = Cargo::new(variables, super::super::Profile::Dev, None);
        let flags = rustflags(&cargo, &workspace, "aarch64-unknown-linux-gnu", &[]).expect("flags");
        let flags: Vec<&str> = flags.split('\x1f').collect();
        let of_root = format!("--remap-path-prefix={}=/workspace", root.display());
        let of_target = format!("--remap-path-prefix={}/target=/target", root.display());
        assert_eq!(
            flags,
            [
                "-Ctarget-cpu=neoverse-n1",
                "--remap-path-prefix=/elsewhere/shared=/shared",
                &of_root,
                &of_target,
                "--remap-path-prefix=/home/me/.cargo=/cargo",
            ]
        );
    }
}
