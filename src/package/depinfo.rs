//! Reads what the compiler and build scripts leave of what they read: dep-info files and the output of
//! build scripts (The Cargo Book, "Dep-Info files" and "Change detection").

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Source files of a program and of the directories it depends on; none when cargo left no list.
pub fn files(executable: &Path) -> Option<Vec<PathBuf>> {
    let text = std::fs::read_to_string(executable.with_extension("d")).ok()?;
    let mut files = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (_, list) = line.split_once(": ")?;
        files.extend(split(list).into_iter().map(PathBuf::from));
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

/// Variables that crates read while they are compiled (`env!`, `option_env!`). Lists of earlier builds
/// may be among those that are read: too many variables do no harm.
pub fn variables(executable: &Path, crates: &BTreeSet<String>) -> BTreeSet<String> {
    let directory = executable.with_file_name("deps");
    let Ok(entries) = std::fs::read_dir(directory) else {
        return BTreeSet::new();
    };
    let mut names = BTreeSet::new();
    for entry in entries.flatten() {
        let name = entry.file_name();
        let of_crate = name
            .to_str()
            .and_then(|name| name.strip_suffix(".d"))
            .and_then(|name| name.rsplit_once('-'))
            .is_some_and(|(name, _)| crates.contains(name));
        if !of_crate {
            continue;
        }
        let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
        let found = text
            .lines()
            .filter_map(|line| line.strip_prefix("# env-dep:"))
            .filter_map(|rest| rest.split('=').next());
        names.extend(found.map(str::to_owned));
    }
    names
}

/// What a build script said of when it has to run again.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// Variables it reads.
    pub variables: BTreeSet<String>,
    /// Did it say anything? If not, every file of its package matters.
    pub says_what: bool,
}

/// Reads the output of a build script.
pub fn script(output: &Path) -> Script {
    let bytes = std::fs::read(output).unwrap_or_default();
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
    said
}

/// All files of a package, without hidden ones and what builds make.
pub fn walk(directory: &Path, paths: &mut BTreeSet<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if kind.is_file() {
            paths.insert(entry.path());
        } else if kind.is_dir() && name != "target" {
            walk(&entry.path(), paths);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_lists_are_read_with_spaces_in_names() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let executable = directory.path().join("f");
        assert_eq!(files(&executable), None, "no list");
        std::fs::write(
            directory.path().join("f.d"),
            "/t/f: /w/a.rs /w/with\\ space/b.rs\n",
        )
        .expect("written");
        let wanted = ["/w/a.rs", "/w/with space/b.rs"].map(PathBuf::from);
        assert_eq!(files(&executable), Some(wanted.to_vec()));
    }

    #[test]
    fn variables_of_our_own_crates_only_are_taken() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let deps = directory.path().join("deps");
        std::fs::create_dir(&deps).expect("a directory");
        for (name, text) in [
            (
                "my_crate-0a1b.d",
                "x: y\n\n# env-dep:STAGE=a=b\n# env-dep:UNSET\n",
            ),
            ("other-0a1b.d", "# env-dep:OTHER\n"),
            ("my_crate-0a1b.rmeta", "# env-dep:NOT\n"),
        ] {
            std::fs::write(deps.join(name), text).expect("written");
        }
        let crates = BTreeSet::from(["my_crate".to_owned()]);
        let found = variables(&directory.path().join("f"), &crates);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["STAGE", "UNSET"]);
    }

    #[test]
    fn build_scripts_say_what_they_read_or_nothing() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let output = directory.path().join("output");
        std::fs::write(
            &output,
            "cargo:rerun-if-env-changed=CC\ncargo::rerun-if-env-changed=AR\ncargo:rustc-link-lib=z\n",
        )
        .expect("written");
        let said = script(&output);
        assert!(said.says_what);
        assert_eq!(said.variables.into_iter().collect::<Vec<_>>(), ["AR", "CC"]);
        std::fs::write(&output, "cargo:rustc-cfg=x\n").expect("written");
        assert_eq!(script(&output), Script::default());
    }

    #[test]
    fn a_walk_leaves_out_what_is_hidden_or_made() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for name in ["src/a.rs", "data/b.txt", "target/c", ".git/d", ".hidden"] {
            let path = directory.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
            std::fs::write(path, "").expect("written");
        }
        let mut paths = BTreeSet::new();
        walk(directory.path(), &mut paths);
        let names: Vec<String> = paths
            .iter()
            .filter_map(|path| path.strip_prefix(directory.path()).ok())
            .map(|path| path.display().to_string())
            .collect();
        assert_eq!(names, ["data/b.txt", "src/a.rs"]);
    }
}
