//! Cargo's configuration: which files it is in, and what packaging has to know of it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::inputs::cargo_home;

/// Files that cargo reads for a directory, also those that are not there (The Cargo Book, "Hierarchical
/// structure"), with the files that these include.
pub fn files(root: &Path, environment: &[(OsString, OsString)]) -> Vec<PathBuf> {
    let mut directories: Vec<PathBuf> = root.ancestors().map(|path| path.join(".cargo")).collect();
    directories.extend(cargo_home(environment));
    let mut files: Vec<PathBuf> = directories
        .iter()
        .flat_map(|directory| [directory.join("config.toml"), directory.join("config")])
        .collect();
    let mut at = 0;
    while at < files.len() {
        for included in includes(&files[at]) {
            if !files.contains(&included) {
                files.push(included);
            }
        }
        at += 1;
    }
    files
}

/// The first file, if any, that includes others.
pub fn including(root: &Path, environment: &[(OsString, OsString)]) -> Option<PathBuf> {
    let mut files = files(root, environment).into_iter();
    files.find(|file| !includes(file).is_empty())
}

/// Does the workspace's manifest have a profile of this name?
pub fn has_profile(name: &str, root: &Path) -> bool {
    profile(&root.join("Cargo.toml"), name).is_some()
}

/// Settings of a profile that configuration files or the environment make.
pub fn profile_settings(
    name: &str,
    root: &Path,
    environment: &[(OsString, OsString)],
) -> BTreeSet<String> {
    let prefix = format!("CARGO_PROFILE_{}_", name.to_uppercase());
    let by_variable = environment.iter().filter_map(|(key, _)| {
        let setting = key.to_str()?.strip_prefix(&prefix)?;
        Some(setting.to_lowercase().replace('_', "-"))
    });
    let by_file = files(root, environment)
        .into_iter()
        .filter_map(|file| profile(&file, name))
        .flat_map(|profile| profile.into_iter().map(|(key, _)| key));
    by_variable.chain(by_file).collect()
}

fn profile(file: &Path, name: &str) -> Option<toml::Table> {
    let mut profiles = read(file)?.remove("profile")?;
    match profiles.as_table_mut()?.remove(name)? {
        toml::Value::Table(profile) => Some(profile),
        _ => None,
    }
}

/// What is in a file. One that is not there or no TOML has nothing in it: cargo tells of the latter.
fn read(file: &Path) -> Option<toml::Table> {
    std::fs::read_to_string(file).ok()?.parse().ok()
}

/// `include = "a.toml"`, `["a.toml"]` or `[{ path = "a.toml" }]`, relative to the file.
fn includes(file: &Path) -> Vec<PathBuf> {
    let Some(include) = read(file).and_then(|mut table| table.remove("include")) else {
        return Vec::new();
    };
    let one = |value: &toml::Value| {
        let path = value.as_str().or_else(|| value.get("path")?.as_str())?;
        Some(file.parent()?.join(path))
    };
    match &include {
        toml::Value::Array(several) => several.iter().filter_map(one).collect(),
        single => one(single).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_above_at_home_and_included_ones_are_all_named() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let root = directory.path().join("w");
        std::fs::create_dir_all(root.join(".cargo")).expect("a directory");
        let environment = vec![(
            OsString::from("CARGO_HOME"),
            directory.path().join("h").into(),
        )];
        assert_eq!(including(&root, &environment), None);
        let config = root.join(".cargo/config.toml");
        std::fs::write(&config, "include = [\"a.toml\", { path = \"b.toml\" }]\n")
            .expect("written");
        std::fs::write(root.join(".cargo/b.toml"), "include = \"c.toml\"\n").expect("written");
        let files = files(&root, &environment);
        for wanted in [
            root.join(".cargo/config"),
            directory.path().join(".cargo/config.toml"),
            directory.path().join("h/config.toml"),
            root.join(".cargo/a.toml"),
            root.join(".cargo/b.toml"),
            root.join(".cargo/c.toml"),
        ] {
            assert!(files.contains(&wanted), "{} of {files:?}", wanted.display());
        }
        assert_eq!(including(&root, &environment), Some(config));
    }

    #[test]
    fn a_profile_is_found_in_manifest_configuration_and_environment() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let root = directory.path();
        let variable = [("CARGO_PROFILE_LAMBDA_OPT_LEVEL".into(), "3".into())];
        assert_eq!(
            profile_settings("lambda", root, &variable),
            BTreeSet::from(["opt-level".to_owned()])
        );
        let profile = "[profile.lambda]\ninherits = \"release\"\nlto = \"thin\"\n";
        std::fs::create_dir(root.join(".cargo")).expect("a directory");
        std::fs::write(root.join(".cargo/config.toml"), profile).expect("written");
        let settings = profile_settings("lambda", root, &variable);
        assert_eq!(
            settings.into_iter().collect::<Vec<_>>(),
            ["inherits", "lto", "opt-level"]
        );
        std::fs::write(root.join("Cargo.toml"), "[profile.release]\nlto = true\n")
            .expect("written");
        assert!(!has_profile("lambda", root));
        std::fs::write(root.join("Cargo.toml"), profile).expect("written");
        assert!(has_profile("lambda", root));
    }
}
