//! Reads what the compiler and build scripts leave of what they read: dep-info files and the output of
//! build scripts (The Cargo Book, "Dep-Info files" and "Change detection").

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What a program was made from, as far as cargo lists it: source files of the program and of the
/// directories it depends on, and what build scripts named. Directories come with everything in them, as
/// cargo looks at them. None when there is no list that can be trusted: a path that is not there stands for
/// "always", and a relative one for a setting that says relative to what.
pub fn files(executable: &Path) -> Option<BTreeSet<PathBuf>> {
    let text = std::fs::read_to_string(executable.with_extension("d")).ok()?;
    let mut files = BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (_, list) = line.split_once(": ")?;
        for path in split(list).into_iter().map(PathBuf::from) {
            if !path.is_absolute() || !path.exists() {
                return None;
            }
            if path.is_dir() {
                walk(&path, None, &mut files);
            } else {
                files.insert(path);
            }
        }
    }
    Some(files)
}

/// Splits at spaces that are not escaped.
fn split(list: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut characters = list.chars().peekable();
    while let Some(c) = characters.next() {
        let last = names.len() - 1;
        match (c, characters.peek()) {
            ('\\', Some(' ')) => {
                names[last].push(' ');
                characters.next();
            }
            (' ', _) => names.push(String::new()),
            (c, _) => names[last].push(c),
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// Variables that crates read while they are compiled (`env!`, `option_env!`), from the lists in these
/// directories. Lists of earlier builds may be among them: too many variables do no harm. None when no
/// crate left a list: then it lies somewhere else.
pub fn variables(
    directories: &BTreeSet<PathBuf>,
    crates: &BTreeSet<String>,
) -> Option<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    let mut lists = 0;
    for entry in directories
        .iter()
        .filter_map(|directory| std::fs::read_dir(directory).ok())
        .flatten()
        .flatten()
    {
        let name = entry.file_name();
        let of_crate = name
            .to_str()
            .and_then(|name| name.strip_suffix(".d"))
            .and_then(|name| name.rsplit_once('-'))
            .is_some_and(|(name, _)| crates.contains(name));
        if !of_crate {
            continue;
        }
        lists += 1;
        let text = std::fs::read_to_string(entry.path()).ok()?;
        let found = text
            .lines()
            .filter_map(|line| line.strip_prefix("# env-dep:"))
            .filter_map(|rest| rest.split('=').next());
        names.extend(found.map(str::to_owned));
    }
    (lists > 0).then_some(names)
}

/// What a build script said of when it has to run again.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// Variables it reads.
    pub variables: BTreeSet<String>,
    /// Did it say anything? If not, every file of its package matters.
    pub says_what: bool,
}

/// Reads the output of a build script; none when it is not there.
pub fn script(output: &Path) -> Option<Script> {
    let bytes = std::fs::read(output).ok()?;
    let mut said = Script::default();
    for line in String::from_utf8_lossy(&bytes).lines() {
        let Some(rest) = line
            .strip_prefix("cargo::")
            .or_else(|| line.strip_prefix("cargo:"))
        else {
            continue;
        };
        said.says_what |= rest.starts_with("rerun-if-");
        if let Some(name) = rest.strip_prefix("rerun-if-env-changed=") {
            said.variables.insert(name.trim().to_owned());
        }
    }
    Some(said)
}

/// Everything in a directory, and itself, for what appears in it; without version control and what builds
/// make.
pub fn walk(directory: &Path, made: Option<&Path>, paths: &mut BTreeSet<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return;
    };
    paths.insert(directory.to_owned());
    for entry in entries.flatten() {
        let path = entry.path();
        if [".git", ".pipectl"]
            .iter()
            .any(|name| entry.file_name() == *name)
            || made == Some(&path)
        {
            continue;
        }
        // A link to a directory may lead back to where one came from.
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        if path.is_dir() && !is_link {
            walk(&path, made, paths);
        } else {
            paths.insert(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(directory: &Path, name: &str, text: &str) -> PathBuf {
        let path = directory.join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        std::fs::write(&path, text).expect("written");
        path
    }

    #[test]
    fn file_lists_are_read_with_spaces_in_names_and_directories_in_full() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let root = directory.path();
        let executable = root.join("f");
        assert_eq!(files(&executable), None, "no list");
        let plain = write(root, "w/a.rs", "");
        let spaced = write(root, "w/with space/b.rs", "");
        let inner = write(root, "proto/deep/c.proto", "");
        let list =
            |paths: &str| write(root, "f.d", &format!("{}: {paths}\n", executable.display()));
        let shown = |path: &Path| path.display().to_string().replace(' ', "\\ ");
        let proto = root.join("proto");
        list(&[&plain, &spaced, &proto].map(|path| shown(path)).join(" "));
        let wanted = BTreeSet::from([plain, spaced, proto.join("deep"), inner, proto]);
        assert_eq!(files(&executable), Some(wanted));
        for always in [
            root.join("NULL").display().to_string(),
            "src/a.rs".to_owned(),
        ] {
            list(&always);
            assert_eq!(files(&executable), None, "{always}");
        }
    }

    #[test]
    fn variables_of_our_own_crates_only_are_taken() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for (name, text) in [
            (
                "deps/my_crate-0a1b.d",
                "x: y\n\n# env-dep:STAGE=a=b\n# env-dep:UNSET\n",
            ),
            ("host/my_crate-0c2d.d", "# env-dep:HOST\n"),
            ("deps/other-0a1b.d", "# env-dep:OTHER\n"),
            ("deps/my_crate-0a1b.rmeta", "# env-dep:NOT\n"),
        ] {
            write(directory.path(), name, text);
        }
        let crates = BTreeSet::from(["my_crate".to_owned()]);
        let directories = ["deps", "host", "absent"].map(|name| directory.path().join(name));
        let found = variables(&BTreeSet::from(directories), &crates).expect("lists");
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            ["HOST", "STAGE", "UNSET"]
        );
        let elsewhere = BTreeSet::from([directory.path().join("absent")]);
        assert_eq!(variables(&elsewhere, &crates), None);
    }

    #[test]
    fn build_scripts_say_what_they_read_or_nothing() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let output = directory.path().join("output");
        assert_eq!(script(&output), None);
        std::fs::write(
            &output,
            "cargo:rerun-if-env-changed=CC\ncargo::rerun-if-env-changed=AR\ncargo:rustc-link-lib=z\n",
        )
        .expect("written");
        let said = script(&output).expect("said");
        assert!(said.says_what);
        assert_eq!(said.variables.into_iter().collect::<Vec<_>>(), ["AR", "CC"]);
        std::fs::write(&output, "cargo:rustc-cfg=x\n").expect("written");
        assert_eq!(script(&output), Some(Script::default()));
    }

    #[test]
    fn a_walk_leaves_out_version_control_and_what_builds_make() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let root = directory.path();
        for name in ["src/target/a.rs", ".env", "target/c", ".git/d"] {
            write(root, name, "");
        }
        std::os::unix::fs::symlink(root, root.join("src/loop")).expect("a link");
        let mut paths = BTreeSet::new();
        walk(root, Some(&root.join("target")), &mut paths);
        let names: Vec<String> = paths
            .iter()
            .filter_map(|path| path.strip_prefix(root).ok())
            .map(|path| path.display().to_string())
            .collect();
        assert_eq!(
            names,
            [
                "",
                ".env",
                "src",
                "src/loop",
                "src/target",
                "src/target/a.rs"
            ]
        );
    }
}
