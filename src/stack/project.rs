//! `pipectl.yaml`: the project's own settings, of which there are few.
//!
//! ```yaml
//! stack: stacks/log-pipeline.yaml            # the stack file to use when none is named
//! embedded: { behaviour: aws, durability: power }
//! ```

use std::path::{Path, PathBuf};

use pipectl_emulator::{Behaviour, Durability};

use super::error::{Code, StackError, StackErrors};
use super::load::unreadable;
use super::source::{self, Entry, Node};
use super::suggest::{did_you_mean, quoted};

/// The file, in the project's directory.
pub(super) const FILE: &str = "pipectl.yaml";
const FIELDS: [&str; 2] = ["stack", "embedded"];
const EMBEDDED_FIELDS: [&str; 2] = ["behaviour", "durability"];

/// The project's own settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Project {
    /// Stack file to use when none is named, as written.
    pub stack: Option<PathBuf>,
    /// How the embedded target is served.
    pub embedded: EmbeddedSettings,
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
        Ok(text) => read(&text).map_err(|errors| StackErrors::in_text(&path, &text, errors)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Project::default()),
        Err(error) => Err(unreadable(&path, &error)),
    }
}

fn read(text: &str) -> Result<Project, Vec<StackError>> {
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
