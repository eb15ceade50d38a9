//! Files that a stack names: crates of functions, templates, what tests upload.

use std::path::Path;

use crate::stack::checker::Checker;
use crate::stack::error::{Code, StackError};
use crate::stack::model::{Source, Stack};
use crate::stack::suggest::did_you_mean;

pub(super) fn check(cx: &Checker<'_>, stack: &Stack) {
    for function in &stack.functions {
        let crate_dir = match &function.source {
            Source::Crate(directory) => directory,
            Source::Artifact(file) => {
                check_artifact(cx, &function.name, file);
                continue;
            }
        };
        let written = crate_dir.display().to_string();
        let directory = cx.root.join(crate_dir);
        // A refused path is empty.
        if written.is_empty() || directory.join("Cargo.toml").is_file() {
            continue;
        }
        let message = if directory.is_dir() {
            format!("`{written}` has no Cargo.toml")
        } else {
            format!("there is no directory `{written}`")
        };
        let help = did_you_mean_path(cx.root, crate_dir, |path| path.join("Cargo.toml").is_file())
            .unwrap_or_else(|| {
                format!(
                    "make it with `cargo new {written}`, or correct the path; it is relative to {}",
                    cx.root.display()
                )
            });
        cx.push(StackError::new(Code::CrateNotFound, message, help).at(
            cx.place(&["functions", &function.name, "crate"]),
            "no crate here",
        ));
    }
    for template in &stack.templates {
        let path = ["templates", &template.name, "file"];
        check_file(cx, &template.file, &path, Code::TemplateNotFound);
    }
    for test in &stack.tests {
        let path = ["tests", &test.name, "upload"];
        check_file(cx, &test.upload, &path, Code::TestFileNotFound);
    }
}

fn check_file(cx: &Checker<'_>, file: &Path, path: &[&str], code: Code) {
    let written = file.display().to_string();
    if written.is_empty() || cx.root.join(file).is_file() {
        return;
    }
    let help = did_you_mean_path(cx.root, file, Path::is_file).unwrap_or_else(|| {
        format!(
            "paths are relative to {}; correct the path",
            cx.root.display()
        )
    });
    cx.push(
        StackError::new(code, format!("there is no file `{written}`"), help)
            .at(cx.place(path), "no file here"),
    );
}

fn check_artifact(cx: &Checker<'_>, function: &str, file: &Path) {
    if cx.root.join(file).is_file() {
        return;
    }
    let written = file.display();
    let help = did_you_mean_path(cx.root, file, Path::is_file).unwrap_or_else(|| {
        format!(
            "make the zip, or correct the path; it is relative to {}",
            cx.root.display()
        )
    });
    cx.push(
        StackError::new(
            Code::ArtifactNotFound,
            format!("there is no file `{written}`"),
            help,
        )
        .at(
            cx.place(&["functions", function, "artifact"]),
            "no file here",
        ),
    );
}

/// A neighbour with a name that is close, as help.
fn did_you_mean_path(root: &Path, path: &Path, fits: impl Fn(&Path) -> bool) -> Option<String> {
    let parent = path.parent()?;
    let name = path.file_name()?.to_string_lossy();
    // Not being able to look is no error of the stack's: then there is no suggestion.
    let entries = std::fs::read_dir(root.join(parent)).ok()?;
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| fits(&entry.path()))
        .map(|entry| parent.join(entry.file_name()).display().to_string())
        .collect();
    names.sort();
    let full = parent.join(name.as_ref()).display().to_string();
    let help = did_you_mean(&full, names.iter().map(String::as_str), String::new);
    (!help.is_empty()).then_some(help)
}
