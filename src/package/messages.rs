//! What cargo says during a build: JSON messages on stdout, progress and its own errors on stderr.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::{CargoOutput, PackageError};
use super::metadata::Workspace;

/// A package that is a directory and not from a registry.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Local {
    /// Its Cargo.toml.
    pub manifest: PathBuf,
    /// Its crates that were compiled, as in file names.
    pub crates: BTreeSet<String>,
}

/// What cargo's JSON messages told.
#[derive(Debug, Default)]
pub struct Messages {
    /// By package id and binary name.
    pub executables: BTreeMap<(String, String), PathBuf>,
    /// Packages that are directories, by package id.
    pub local: BTreeMap<String, Local>,
    /// Build scripts that have run, now or earlier: package id and the file with their output.
    pub scripts: Vec<(String, PathBuf)>,
    /// Package id of the first compile error.
    pub broken: Option<String>,
    /// Directories with what was compiled of those packages: lists of what was read lie beside it.
    pub lists: BTreeSet<PathBuf>,
    /// Compile errors as rendered by the compiler.
    pub errors: String,
}

/// The fields of cargo's messages that are used; all kinds of message fit.
#[derive(Debug, Deserialize)]
struct Message {
    reason: String,
    package_id: Option<String>,
    target: Option<MessageTarget>,
    executable: Option<PathBuf>,
    manifest_path: Option<PathBuf>,
    filenames: Option<Vec<PathBuf>>,
    out_dir: Option<PathBuf>,
    message: Option<Diagnostic>,
}

#[derive(Debug, Deserialize)]
struct MessageTarget {
    name: String,
    kind: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Diagnostic {
    level: String,
    rendered: Option<String>,
}

impl Messages {
    /// Takes one line of stdout. Lines that are not messages (of a wrapper) mean nothing here.
    pub fn take(&mut self, line: &str) {
        let Ok(message) = serde_json::from_str::<Message>(line) else {
            return;
        };
        let package = message.package_id.unwrap_or_default();
        if let (Some(manifest), Some(target), true) = (
            message.manifest_path,
            &message.target,
            package.starts_with("path+"),
        ) {
            let local = self.local.entry(package.clone()).or_default();
            local.manifest = manifest;
            local.crates.insert(target.name.replace('-', "_"));
            let files = message.filenames.iter().flatten();
            let directories = files.filter_map(|file| file.parent().map(Path::to_owned));
            self.lists.extend(directories);
        }
        if let Some(out_dir) = message.out_dir {
            // `build/NAME-HASH/out` is the script's own directory, and what it said is beside it.
            self.scripts
                .push((package.clone(), out_dir.with_file_name("output")));
        }
        match (
            message.reason.as_str(),
            message.executable,
            message.target,
            message.message,
        ) {
            ("compiler-artifact", Some(path), Some(target), _)
                if target.kind.iter().any(|kind| kind == "bin") =>
            {
                self.executables.insert((package, target.name), path);
            }
            // `error` or `error: internal compiler error`.
            ("compiler-message", _, _, Some(diagnostic))
                if diagnostic.level.starts_with("error") =>
            {
                self.broken.get_or_insert(package);
                self.errors
                    .push_str(&diagnostic.rendered.unwrap_or_default());
            }
            _ => {}
        }
    }
}

/// The error of a build that failed: the compiler's where it named one, else cargo's.
pub fn failed(
    functions: Vec<String>,
    workspace: &Workspace,
    messages: &Messages,
    said: &str,
    command: String,
    status: &str,
) -> PackageError {
    if let Some(id) = &messages.broken {
        let member = workspace.packages.iter().find(|package| package.id == *id);
        return PackageError::Compile {
            functions,
            package: member.map_or_else(|| id.clone(), |package| package.name.clone()),
            path: member.map_or_else(
                || workspace.root.clone(),
                |package| package.directory().to_owned(),
            ),
            command,
            output: CargoOutput::new(&messages.errors),
        };
    }
    // Progress and warnings come first; cargo's error is the end of what it said.
    let begin = said
        .match_indices("error")
        .map(|(at, _)| at)
        .find(|&at| at == 0 || said[..at].ends_with('\n'));
    let text = begin.map_or(said, |at| &said[at..]);
    let text = if text.trim().is_empty() { status } else { text };
    PackageError::Cargo {
        functions,
        command,
        hint: hint(text),
        output: CargoOutput::new(text),
    }
}

/// Next step for what often stops cargo.
fn hint(text: &str) -> &'static str {
    if text.contains("failed to parse lock file") {
        "Cargo.lock there is damaged: restore it from version control, or remove it and run `cargo generate-lockfile`; "
    } else if text.contains("Failed to find zig") {
        "cargo-zigbuild finds no zig: `pip install ziglang`; "
    } else if text.contains("--locked was passed") {
        "run `cargo update --workspace` there, so that Cargo.lock follows Cargo.toml again; "
    } else if text.contains("No space left on device") {
        "the disk is full: free some space; "
    } else if text.contains("linker") && text.contains("not found") {
        "install a C compiler (on Debian and Ubuntu: `apt-get install build-essential`); "
    } else if [
        "failed to download",
        "Could not resolve host",
        "spurious network error",
    ]
    .iter()
    .any(|sign| text.contains(sign))
    {
        "dependencies are downloaded on the first build: check the network; "
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use miette::Diagnostic as _;

    use super::*;

    fn workspace() -> Workspace {
        let json = r#"{"packages":[{"id":"path+file:///w/types#0.1.0","name":"types","manifest_path":"/w/types/Cargo.toml","targets":[]}],
            "workspace_root":"/w","target_directory":"/w/target"}"#;
        Workspace::parse(json.as_bytes()).expect("cargo's format")
    }

    fn fail(messages: &Messages, said: &str) -> PackageError {
        let functions = vec!["trigger".to_owned(), "worker".to_owned()];
        failed(
            functions,
            &workspace(),
            messages,
            said,
            "cargo build".to_owned(),
            "exit status: 101",
        )
    }

    fn cause(error: &PackageError) -> String {
        std::error::Error::source(error)
            .map(ToString::to_string)
            .unwrap_or_default()
    }

    #[test]
    fn executables_and_errors_are_taken_and_the_rest_is_left() {
        let mut messages = Messages::default();
        for line in [
            r#"{"reason":"compiler-artifact","package_id":"path+file:///w#0.1.0","manifest_path":"/w/Cargo.toml","target":{"kind":["lib"],"name":"my-lib"},"executable":null,"fresh":true}"#,
            r#"{"reason":"compiler-artifact","package_id":"p","target":{"kind":["bin"],"name":"w"},"executable":"/w/target/debug/w"}"#,
            r#"{"reason":"compiler-message","package_id":"p","target":{"kind":["bin"],"name":"w"},"message":{"level":"warning","rendered":"warning: unused\n"}}"#,
            r#"{"reason":"build-script-executed","package_id":"q","out_dir":"/w/target/debug/build/q-1/out"}"#,
            "not a message",
        ] {
            messages.take(line);
        }
        let expected = BTreeMap::from([(
            ("p".to_owned(), "w".to_owned()),
            PathBuf::from("/w/target/debug/w"),
        )]);
        assert_eq!(messages.executables, expected);
        let local = Local {
            manifest: PathBuf::from("/w/Cargo.toml"),
            crates: BTreeSet::from(["my_lib".to_owned()]),
        };
        assert_eq!(
            messages.local,
            BTreeMap::from([("path+file:///w#0.1.0".to_owned(), local)])
        );
        assert_eq!(
            messages.scripts,
            [(
                "q".to_owned(),
                PathBuf::from("/w/target/debug/build/q-1/output")
            )]
        );
        assert_eq!((messages.broken, messages.errors), (None, String::new()));
    }

    #[test]
    fn a_compile_error_names_the_crate_that_is_broken_not_the_functions() {
        let mut messages = Messages::default();
        messages.take(
            r#"{"reason":"compiler-message","package_id":"path+file:///w/types#0.1.0","target":{"kind":["lib"],"name":"types"},"message":{"level":"error","rendered":"error[E0425]: no `x`\n --> types/src/lib.rs:1:1\n"}}"#,
        );
        let error = fail(
            &messages,
            "   Compiling types v0.1.0\nerror: could not compile `types`\n",
        );
        assert_eq!(
            error.to_string(),
            "the crate `types` does not compile; not built: functions `trigger`, `worker`"
        );
        assert_eq!(
            cause(&error),
            "error[E0425]: no `x`\n --> types/src/lib.rs:1:1"
        );
        let help = error.help().map(|help| help.to_string());
        assert_eq!(
            help.as_deref(),
            Some("correct /w/types; to repeat the build alone: cargo build")
        );
    }

    #[test]
    fn without_a_compile_error_cargos_own_is_shown_without_the_progress() {
        let said = "    Updating crates.io index\nwarning: error handling is hard\n\
            error: cannot update the lock file /w/Cargo.lock because --locked was passed to prevent this\nhelp: …\n";
        let error = fail(&Messages::default(), said);
        assert!(cause(&error).starts_with("error: cannot update the lock file"));
        let help = error
            .help()
            .map(|help| help.to_string())
            .unwrap_or_default();
        assert!(help.starts_with("run `cargo update --workspace`"), "{help}");
        assert_eq!(
            cause(&fail(&Messages::default(), "")),
            "exit status: 101",
            "killed without a word"
        );
    }
}
