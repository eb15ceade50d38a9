//! `pipectl.yaml`: the project's own settings, of which there are few.
//!
//! ```yaml
//! stack: stacks/log-pipeline.yaml            # the stack file to use when none is named
//! embedded: { behaviour: aws, durability: power }
//! targets:                                   # more targets; see docs/targets.md
//!   team: { endpoint: "http://10.0.0.7:4566", overrides: { functions: { worker: { memory: 512MB } } } }
//! ```

use std::path::{Path, PathBuf};

use miette::SourceSpan;
use pipectl_emulator::{Behaviour, Durability};

use super::checker::Checker;
use super::error::{Code, StackError, StackErrors};
use super::load::unreadable;
use super::read::target::{self, BUILT_IN, OwnTarget};
use super::source::{self, Entry, Node, Spanned};
use super::suggest::{did_you_mean, quoted};

/// The file, in the project's directory.
pub(super) const FILE: &str = "pipectl.yaml";
const FIELDS: [&str; 3] = ["stack", "embedded", "targets"];
const EMBEDDED_FIELDS: [&str; 2] = ["behaviour", "durability"];

/// The project's own settings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Project {
    /// Stack file to use when none is named, as written.
    pub stack: Option<PathBuf>,
    /// How the embedded target is served.
    pub embedded: EmbeddedSettings,
    /// Targets of its own, and what it changes of the built-in ones.
    pub targets: Vec<OwnTarget>,
    /// What its targets override in stacks, each under its target's name.
    pub(super) overrides: Vec<Entry>,
    /// The file's text: where the overrides are.
    pub(super) text: String,
}

impl Project {
    /// Every name that `--target` may have.
    pub fn target_names(&self) -> impl Iterator<Item = &str> {
        let own = self.targets.iter().map(|target| target.name.as_str());
        BUILT_IN
            .into_iter()
            .chain(own.filter(|name| !BUILT_IN.contains(name)))
    }
}

/// How the embedded target is served.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EmbeddedSettings {
    /// How long things take.
    pub behaviour: Option<Behaviour>,
    /// What an answer promises of the data behind it.
    pub durability: Option<Durability>,
}

/// Reads `pipectl.yaml` of a directory; without one everything is as usual.
///
/// # Errors
/// When it cannot be read or says something that is no setting; all errors at once.
pub fn project(directory: &Path) -> Result<Project, StackErrors> {
    let path = directory.join(FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let shown = masked(&text);
            match read(&text, &shown, directory) {
                Ok(project) => Ok(Project {
                    text: shown,
                    ..project
                }),
                Err(errors) => Err(StackErrors::in_text(&path, &shown, errors)),
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Project::default()),
        Err(error) => Err(unreadable(&path, &error)),
    }
}

/// The text as errors may show it: of the same length, without secrets.
fn masked(text: &str) -> String {
    let Ok(tree) = source::parse_stack(text) else {
        return masked_by_line(text);
    };
    let mut secrets = Vec::new();
    find_secrets(&tree, false, &mut secrets);
    let mut shown = text.to_owned();
    for span in secrets {
        shown = hidden(&shown, span.offset()..span.offset() + span.len());
    }
    shown
}

/// Places of everything that may be a secret: below `credentials`, but for what names somebody, and below
/// whatever is called one, however it is spelled.
fn find_secrets(node: &Spanned<Node>, inside: bool, secrets: &mut Vec<SourceSpan>) {
    match &node.value {
        Node::Map(entries) => {
            for entry in entries {
                let key = entry.key.value.as_str();
                let names = ["access_key_id", "profile"].contains(&key);
                let secret = key == "credentials" || key.contains("secret") || inside;
                find_secrets(&entry.value, secret && !names, secrets);
            }
        }
        Node::List(items) => {
            for item in items {
                find_secrets(item, inside, secrets);
            }
        }
        Node::Text(text) if text == "default" => {}
        _ if inside => secrets.push(node.span),
        _ => {}
    }
}

/// What is no YAML tells of secrets only by the words before them.
fn masked_by_line(text: &str) -> String {
    let mut shown = String::new();
    let mut goes_on = false;
    for line in text.split_inclusive('\n') {
        let begins = ["secret", "credentials"]
            .iter()
            .filter_map(|word| line.find(word))
            .min();
        let from = if goes_on { Some(0) } else { begins };
        goes_on = begins.is_some();
        match from {
            Some(from) => shown.push_str(&hidden(line, from..line.len())),
            None => shown.push_str(line),
        }
    }
    shown
}

/// A text with stars instead of some of its bytes; lines stay lines.
fn hidden(text: &str, bytes: std::ops::Range<usize>) -> String {
    let stars = |text: &str| {
        text.bytes()
            .map(|byte| if byte == b'\n' { '\n' } else { '*' })
            .collect::<String>()
    };
    let parts = (
        text.get(..bytes.start),
        text.get(bytes.clone()),
        text.get(bytes.end..),
    );
    match parts {
        (Some(before), Some(secret), Some(after)) => format!("{before}{}{after}", stars(secret)),
        _ => stars(text),
    }
}

/// Reads a text; errors quote what may be `shown` of it.
fn read(text: &str, shown: &str, directory: &Path) -> Result<Project, Vec<StackError>> {
    let tree = source::parse_stack(text).map_err(|error| vec![error])?;
    let mut errors = Vec::new();
    source::duplicates(&tree.value, &mut errors);
    unknown_fields(tree.value.entries(), &FIELDS, &mut errors);
    let mut project = Project::default();
    if let Some(entry) = tree.value.get("stack") {
        match &entry.value.value {
            Node::Text(file) if !file.is_empty() => project.stack = Some(file.into()),
            _ => errors.push(
                StackError::new(
                    Code::WrongType,
                    "`stack` must be the path of a stack file",
                    "write `stack: stacks/NAME.yaml`",
                )
                .at(entry.mark(), "path is expected here"),
            ),
        }
    }
    if let Some(entry) = tree.value.get("embedded") {
        if !matches!(entry.value.value, Node::Map(_) | Node::Null) {
            errors.push(
                StackError::new(
                    Code::WrongType,
                    format!("`embedded` must be a map, not {}", entry.value.value.what()),
                    "write `embedded: { behaviour: aws }`",
                )
                .at(entry.mark(), "a map is expected here"),
            );
        }
        let settings = &entry.value.value;
        unknown_fields(settings.entries(), &EMBEDDED_FIELDS, &mut errors);
        let behaviours = Behaviour::ALL.map(|behaviour| behaviour.name);
        project.embedded.behaviour = settings
            .get("behaviour")
            .and_then(|entry| word(entry, &behaviours, &mut errors))
            .and_then(Behaviour::named)
            .cloned();
        let durabilities = Durability::ALL.map(Durability::name);
        project.embedded.durability = settings
            .get("durability")
            .and_then(|entry| word(entry, &durabilities, &mut errors))
            .and_then(Durability::named);
    }
    if let Some(entry) = tree.value.get("targets") {
        let checker = Checker::new(shown, &tree, directory);
        if !matches!(entry.value.value, Node::Map(_) | Node::Null) {
            errors.push(
                StackError::new(
                    Code::WrongType,
                    format!("`targets` must be a map, not {}", entry.value.value.what()),
                    "write `targets: { NAME: { endpoint: http://HOST:PORT } }`",
                )
                .at(entry.mark(), "a map is expected here"),
            );
        }
        for entry in entry.value.value.entries() {
            let Some((target, overrides)) = target::read(&checker, entry) else {
                continue;
            };
            project.overrides.extend(overrides.map(|over| Entry {
                key: entry.key.clone(),
                value: over.value.clone(),
            }));
            project.targets.push(target);
        }
        errors.extend(checker.into_errors());
    }
    if errors.is_empty() {
        Ok(project)
    } else {
        Err(errors)
    }
}

fn unknown_fields(entries: &[Entry], known: &[&'static str], errors: &mut Vec<StackError>) {
    for entry in entries {
        let name = entry.key.value.as_str();
        if !known.contains(&name) {
            let help = did_you_mean(name, known.iter().copied(), || {
                format!("there are {}", quoted(known.iter().copied()))
            });
            errors.push(
                StackError::new(
                    Code::UnknownField,
                    format!("there is no setting `{name}`"),
                    help,
                )
                .at(entry.key.span, "not known"),
            );
        }
    }
}

/// One of a few words.
fn word<'a>(
    entry: &'a Entry,
    known: &[&'static str],
    errors: &mut Vec<StackError>,
) -> Option<&'a str> {
    if let Node::Text(text) = &entry.value.value
        && known.contains(&text.as_str())
    {
        return Some(text);
    }
    let name = &entry.key.value;
    errors.push(
        StackError::new(
            Code::UnknownValue,
            format!("`{name}` is one of {}", quoted(known.iter().copied())),
            format!("write `{name}: {}`", known[0]),
        )
        .at(entry.mark(), "not one of them"),
    );
    None
}
