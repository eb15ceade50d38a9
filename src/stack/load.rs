//! From a path to a stack: finding the file, reading it, applying the target's overrides.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::checker::Checker;
use super::error::{Code, StackError, StackErrors};
use super::model::Stack;
use super::overrides;
use super::project::{self, FILE as PROJECT_FILE, Project};
use super::source::{self, Entry, Node, Spanned};
use super::suggest::{did_you_mean, quoted};
use super::{read, resolve};

/// Directory that stack files are kept in.
const STACKS: &str = "stacks";

/// Reads the stack file at `path`, with the overrides of `target` applied: the file's own, and then those
/// of the project's settings.
///
/// # Errors
/// All errors of the file at once, those in its overrides for other targets included; those of
/// `pipectl.yaml`, of whose overrides only this target's are looked at.
pub fn load(path: &Path, target: &str) -> Result<Stack, StackErrors> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    let root = root_of(path)?;
    let project = project::project(&root)?;
    let tree = source::parse_stack(&text)
        .map_err(|error| StackErrors::in_text(path, &text, vec![error]))?;
    let texts = Texts::new(&text, &project);
    let mut errors = unknown_targets(&tree, &project);
    let (stack, found) = resolve_all(&texts, &tree, path, &root, target);
    errors.extend(found);
    if errors.is_empty() {
        Ok(stack)
    } else {
        let errors = errors.into_iter().map(|error| {
            let elsewhere = (root.join(PROJECT_FILE), project.text.as_str());
            error.split_at(texts.second(), &elsewhere.0, elsewhere.1)
        });
        Err(StackErrors::in_text(path, &text, errors.collect()))
    }
}

/// The directory of the project that a stack file belongs to: what paths in it are relative to.
///
/// # Errors
/// When the directory is not there or cannot be read.
pub fn root_of(path: &Path) -> Result<PathBuf, StackErrors> {
    project_root(path).map_err(|error| unreadable(path, &error))
}

/// Overrides for targets that there are not.
fn unknown_targets(tree: &Spanned<Node>, project: &Project) -> Vec<StackError> {
    let entries = tree.value.get("targets");
    let entries = entries.map_or(&[][..], |entry| entry.value.value.entries());
    let known = || project.target_names();
    entries
        .iter()
        .filter(|entry| !known().any(|known| known == entry.key.value))
        .map(|entry| {
            let name = entry.key.value.as_str();
            let help = did_you_mean(name, known(), || {
                format!(
                    "the targets are {}; more can be written under `targets` in {PROJECT_FILE}",
                    quoted(known())
                )
            });
            let message = format!("there is no target called `{name}`");
            StackError::new(Code::UnknownOverride, message, help)
                .at(entry.key.span, "no such target")
        })
        .collect()
}

/// The text of a stack file and that of the project's settings, one after the other, so that a place is in
/// one of them.
pub(super) struct Texts<'a> {
    joined: Cow<'a, str>,
    first: usize,
    overrides: Vec<Entry>,
}

impl<'a> Texts<'a> {
    pub(super) fn new(stack: &'a str, project: &Project) -> Self {
        if project.overrides.is_empty() {
            return Self {
                joined: Cow::Borrowed(stack),
                first: stack.len(),
                overrides: Vec::new(),
            };
        }
        let joined = format!("{stack}\n{}", project.text);
        let by = stack.len() + 1;
        Self {
            joined: Cow::Owned(joined),
            first: stack.len(),
            overrides: project.overrides.iter().map(|e| e.moved(by)).collect(),
        }
    }

    /// Where the second begins.
    fn second(&self) -> usize {
        self.first + 1
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
    texts: &Texts<'_>,
    tree: &Spanned<Node>,
    file: &Path,
    root: &Path,
    target: &str,
) -> (Stack, Vec<StackError>) {
    let mut errors = Vec::new();
    source::duplicates(&tree.value, &mut errors);
    let one = |tree: &Spanned<Node>| {
        let cx = Checker::new(&texts.joined, tree, root);
        let parsed = read::stack(&cx, file);
        resolve::check(&cx, &parsed);
        (parsed.stack, cx.into_errors())
    };
    // What the project's settings say goes on top of what the stack says itself.
    let of_project = texts.overrides.iter().find(|over| over.key.value == target);
    let of_project = of_project.map(|over| overrides::applicable(&tree.value, over, &mut errors));
    let on_top = |tree: Spanned<Node>| match &of_project {
        Some(over) => overrides::apply(&tree, over),
        None => tree,
    };
    let mut chosen = None;
    for over in tree
        .value
        .get("targets")
        .map_or(&[][..], |entry| entry.value.value.entries())
    {
        let applicable = overrides::applicable(&tree.value, over, &mut errors);
        let applied = overrides::apply(tree, &applicable);
        if over.key.value == target && chosen.is_none() {
            let (stack, found) = one(&on_top(applied));
            chosen = Some(stack);
            errors.extend(found);
        } else {
            let (_, found) = one(&applied);
            // What is wrong without this target's overrides is not told in its name.
            errors.extend(overrides::caused_by(&applicable, found));
        }
    }
    let stack = chosen.unwrap_or_else(|| {
        let (stack, found) = one(&on_top(tree.clone()));
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
