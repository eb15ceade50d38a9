//! Flags of builds for Lambda: a profile for small programs, and compiler flags that keep the directories
//! of this machine out of them, so that every checkout gives the same bytes.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use cargo_config2::{Config, ResolveOptions};

use super::configuration;
use super::error::{CargoOutput, PackageError};
use super::inputs::cargo_home;
use super::metadata::Workspace;

/// Name of the cargo profile. A workspace that has one of this name decides itself what is in it.
pub const PROFILE: &str = "lambda";

/// What is in the profile where nobody says otherwise (docs/adr/0009). Symbols stay: they tell what is in
/// the program, and an artifact is made without them.
const SETTINGS: &[(&str, &str)] = &[
    ("inherits", "\"release\""),
    ("opt-level", "\"s\""),
    ("lto", "\"fat\""),
    ("codegen-units", "1"),
    ("strip", "\"none\""),
];

/// Arguments of cargo that choose the profile.
pub fn profile(root: &Path, environment: &[(OsString, OsString)]) -> Vec<String> {
    let mut arguments = vec!["--profile".to_owned(), PROFILE.to_owned()];
    if configuration::has_profile(PROFILE, root) {
        return arguments;
    }
    let made = configuration::profile_settings(PROFILE, root, environment);
    for (key, value) in SETTINGS.iter().filter(|(key, _)| !made.contains(*key)) {
        arguments.push("--config".to_owned());
        arguments.push(format!("profile.{PROFILE}.{key}={value}"));
    }
    arguments
}

/// The compiler's flags, as `CARGO_ENCODED_RUSTFLAGS` wants them: those of the user, from wherever cargo
/// would take them, and ours. `local` are the directories of all packages that are no downloads.
pub fn rustflags(
    workspace: &Workspace,
    local: &[PathBuf],
    environment: Vec<(OsString, OsString)>,
    triple: &str,
    functions: &[String],
) -> Result<String, PackageError> {
    let refused = |text: &str| PackageError::Configuration {
        functions: functions.to_vec(),
        output: CargoOutput::new(text),
    };
    // The library that reads them does not follow it, and flags of the user's must not get lost.
    if let Some(file) = configuration::including(&workspace.root, &environment) {
        return Err(refused(&format!(
            "{} includes other files, which builds for Lambda do not follow: write their settings into it",
            file.display()
        )));
    }
    let home = cargo_home(&environment);
    let options = ResolveOptions::default().env(environment);
    let mut flags = Config::load_with_options(&workspace.root, options)
        .and_then(|config| config.rustflags(triple))
        .map_err(|error| refused(&error.to_string()))?
        .unwrap_or_default();
    flags.flags.extend(remapped(workspace, local, home));
    flags.encode().map_err(|error| refused(&error.to_string()))
}

/// Directories that differ between two checkouts and two machines, and what the program says instead.
/// Of several that fit a path, rustc takes the last.
fn remapped(workspace: &Workspace, local: &[PathBuf], cargo_home: Option<PathBuf>) -> Vec<String> {
    let mut places: Vec<(PathBuf, String)> = Vec::new();
    for directory in local {
        if let (false, Some(name)) = (
            directory.starts_with(&workspace.root),
            directory.file_name(),
        ) {
            places.push((directory.clone(), format!("/{}", name.to_string_lossy())));
        }
    }
    places.push((workspace.root.clone(), "/workspace".to_owned()));
    for made in workspace.made() {
        places.push((made, "/target".to_owned()));
    }
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
    fn what_is_said_elsewhere_of_the_profile_is_left_as_it_is() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let arguments = profile(directory.path(), &[]).join(" ");
        assert!(arguments.starts_with("--profile lambda --config profile.lambda.inherits="));
        assert!(arguments.contains("profile.lambda.opt-level"));
        let variable = [("CARGO_PROFILE_LAMBDA_OPT_LEVEL".into(), "3".into())];
        let arguments = profile(directory.path(), &variable).join(" ");
        assert!(!arguments.contains("opt-level") && arguments.contains("inherits"));
        let manifest = "[profile.lambda]\ninherits = \"release\"\n";
        std::fs::write(directory.path().join("Cargo.toml"), manifest).expect("written");
        assert_eq!(profile(directory.path(), &[]), ["--profile", "lambda"]);
    }

    struct Place {
        directory: tempfile::TempDir,
    }

    impl Place {
        fn with_config(text: &str) -> Self {
            let directory = tempfile::tempdir().expect("a temporary directory");
            std::fs::create_dir(directory.path().join(".cargo")).expect("a directory");
            std::fs::write(directory.path().join(".cargo/config.toml"), text).expect("written");
            Self { directory }
        }

        fn root(&self) -> PathBuf {
            self.directory.path().canonicalize().expect("a directory")
        }

        fn flags(&self) -> Result<String, PackageError> {
            let root = self.root();
            let json = format!(
                r#"{{"packages":[],"workspace_root":{root:?},"target_directory":{:?}}}"#,
                root.join("target")
            );
            let workspace = Workspace::parse(json.as_bytes()).expect("cargo's format");
            let mut variables: Vec<_> = std::env::vars_os().collect();
            variables.retain(|(name, _)| {
                !["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_HOME"]
                    .iter()
                    .any(|n| name == n)
            });
            variables.push(("CARGO_HOME".into(), "/home/me/.cargo".into()));
            let local = [root.join("f"), PathBuf::from("/elsewhere/shared")];
            let triple = "aarch64-unknown-linux-gnu";
            rustflags(&workspace, &local, variables, triple, &[])
        }
    }

    #[test]
    fn the_users_flags_stay_and_no_directory_of_this_machine_does() {
        let place = Place::with_config("[build]\nrustflags = [\"-Ctarget-cpu=neoverse-n1\"]\n");
        let flags = place.flags().expect("flags");
        let flags: Vec<&str> = flags.split('\x1f').collect();
        let root = place.root();
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

    #[test]
    fn flags_that_might_be_in_an_included_file_are_not_lost_silently() {
        let place = Place::with_config("include = \"flags.toml\"\n");
        let error = place.flags().expect_err("not followed");
        assert!(
            matches!(error, PackageError::Configuration { .. }),
            "{error:?}"
        );
    }
}
