//! From a path to a stack: finding the file, reading it, applying the target's overrides.

use std::path::{Path, PathBuf};

use super::checker::Checker;
use super::error::{Code, StackError, StackErrors};
use super::model::Stack;
use super::overrides;
use super::project::{self, FILE as PROJECT_FILE};
use super::source::{self, Node, Spanned};
use super::suggest::quoted;
use super::{read, resolve};

/// Directory that stack files are kept in.
const STACKS: &str = "stacks";

/// Reads the stack file at `path`, with the overrides of `target` applied.
///
/// # Errors
/// All errors of the file at once, those in the overrides of other targets included.
pub fn load(path: &Path, target: &str) -> Result<Stack, StackErrors> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    let root = project_root(path).map_err(|error| unreadable(path, &error))?;
    let tree = source::parse_stack(&text)
        .map_err(|error| StackErrors::in_text(path, &text, vec![error]))?;
    let (stack, errors) = resolve_all(&text, &tree, path, &root, target);
    if errors.is_empty() {
        Ok(stack)
    } else {
        Err(StackErrors::in_text(path, &text, errors))
    }
}

pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> StackErrors {
    StackErrors::without_text(StackError::new(
        Code::Unreadable,
        format!("cannot read {}: {error}", path.display()),
        "check the path and its permissions, or name another file with `--stack FILE`",
    ))
}

/// The directory that paths in the file are relative to.
fn project_root(path: &Path) -> std::io::Result<PathBuf> {
    let absolute = std::path::absolute(path)?;
    let directory = absolute.parent().unwrap_or(Path::new("/"));
    let root = if directory.file_name().is_some_and(|name| name == STACKS) {
        directory.parent().unwrap_or(directory)
    } else {
        directory
    };
    root.canonicalize()
}

/// Everything between the tree and the stack. The stack is only of use when there are no errors.
pub(super) fn resolve_all(
    text: &str,
    tree: &Spanned<Node>,
    file: &Path,
    root: &Path,
    target: &str,
) -> (Stack, Vec<StackError>) {
    let mut errors = Vec::new();
    source::duplicates(&tree.value, &mut errors);
    let one = |tree: &Spanned<Node>| {
        let cx = Checker::new(text, tree, root);
        let parsed = read::stack(&cx, file);
        resolve::check(&cx, &parsed);
        (parsed.stack, cx.into_errors())
    };
    let mut chosen = None;
    for over in tree
        .value
        .get("targets")
        .map_or(&[][..], |entry| entry.value.value.entries())
    {
        let applicable = overrides::applicable(&tree.value, over, &mut errors);
        let (stack, found) = one(&overrides::apply(tree, &applicable));
        if over.key.value == target && chosen.is_none() {
            chosen = Some(stack);
            errors.extend(found);
        } else {
            // What is wrong without this target's overrides is not told in its name.
            errors.extend(overrides::caused_by(&applicable, found));
        }
    }
    let stack = chosen.unwrap_or_else(|| {
        let (stack, found) = one(tree);
        errors.extend(found);
        stack
    });
    (stack, errors)
}

/// The stack file to use when none is named: `stack:` in `pipectl.yaml`, else the only file in
/// `stacks/`.
///
/// # Errors
/// When there is none, or more than one to choose from.
pub fn discover(directory: &Path) -> Result<PathBuf, StackErrors> {
    if let Some(named) = project::project(directory)?.stack {
        return Ok(directory.join(named));
    }
    let stacks = directory.join(STACKS);
    let mut files = match std::fs::read_dir(&stacks) {
        Ok(entries) => entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<std::io::Result<Vec<PathBuf>>>()
            .map_err(|error| unreadable(&stacks, &error))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(unreadable(&stacks, &error)),
    };
    files.retain(|file| {
        file.extension().is_some_and(|e| e == "yaml" || e == "yml") && file.is_file()
    });
    files.sort();
    match &mut files[..] {
        [only] => Ok(std::mem::take(only)),
        [] => Err(StackErrors::without_text(StackError::new(
            Code::NoStack,
            format!("there is no stack file in {}", stacks.display()),
            format!(
                "write one to {STACKS}/NAME.yaml, name one with `--stack FILE`, or put `stack: FILE` into {PROJECT_FILE}"
            ),
        ))),
        several => {
            let names: Vec<String> = several
                .iter()
                .map(|file| {
                    file.strip_prefix(directory)
                        .unwrap_or(file)
                        .display()
                        .to_string()
                })
                .collect();
            let list = quoted(names.iter().map(String::as_str));
            Err(StackErrors::without_text(StackError::new(
                Code::SeveralStacks,
                format!("there are several stack files: {list}"),
                format!(
                    "choose one with `--stack {}`, or put `stack: {}` into {PROJECT_FILE}",
                    names[0], names[0]
                ),
            )))
        }
    }
}
