//! CloudFormation templates that a stack includes, as far as they can be looked at offline: what
//! CloudFormation would say of their form is said here, with the place in the template.

use std::path::{Path, PathBuf};

use miette::SourceSpan;

use super::error::{Code, StackError};
use super::names::bad;
use super::source::{Entry, Node, Spanned, parse_template};
use super::suggest::{did_you_mean, quoted};

/// Bytes that CloudFormation takes along with a call.
pub(super) const MAX_BYTES: u64 = 51_200;
/// Resources that a template may have.
const MAX_RESOURCES: usize = 500;

/// Sections that a template may have without a macro that knows more.
const SECTIONS: &[&str] = &[
    "AWSTemplateFormatVersion",
    "Description",
    "Metadata",
    "Parameters",
    "Rules",
    "Mappings",
    "Conditions",
    "Transform",
    "Hooks",
    "Resources",
    "Outputs",
];

/// Resources of IAM that CloudFormation wants consent to, and the property that gives each a name of its
/// own. The name of a `Policy` is only its name inside of a role.
const IAM: &[(&str, Option<&str>)] = &[
    ("AWS::IAM::AccessKey", None),
    ("AWS::IAM::Group", Some("GroupName")),
    ("AWS::IAM::InstanceProfile", Some("InstanceProfileName")),
    ("AWS::IAM::ManagedPolicy", Some("ManagedPolicyName")),
    ("AWS::IAM::Policy", None),
    ("AWS::IAM::Role", Some("RoleName")),
    ("AWS::IAM::User", Some("UserName")),
    ("AWS::IAM::UserToGroupAddition", None),
];

/// A template, read.
#[derive(Debug)]
pub(super) struct TemplateFile {
    /// As it is in the file.
    pub(super) body: String,
    /// Logical id and type.
    pub(super) resources: Vec<(String, String)>,
    pub(super) outputs: Vec<String>,
    pub(super) parameters: Vec<Parameter>,
    /// What needs consent, first of each kind.
    pub(super) iam: Option<Found>,
    pub(super) named_iam: Option<Found>,
    pub(super) macros: Option<Found>,
}

/// A parameter that a template declares.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) has_default: bool,
}

/// Something in a template that is told of in the stack file.
#[derive(Debug)]
pub(super) struct Found {
    /// With article: `the role `Admin``.
    pub(super) what: String,
    /// Line in the template.
    pub(super) line: usize,
}

/// A template file, and where the stack names it.
struct File<'a> {
    /// As written.
    written: &'a str,
    path: PathBuf,
    at: SourceSpan,
    text: &'a str,
}

impl File<'_> {
    /// An error in the template, at its place if that is known.
    fn bad(
        &self,
        message: impl Into<String>,
        help: impl Into<String>,
        place: Option<(SourceSpan, &str)>,
    ) -> StackError {
        let error = StackError::new(Code::BadTemplate, message, help);
        match place.filter(|(span, _)| !span.is_empty() || span.offset() > 0) {
            Some((span, label)) => error
                .in_file(self.at, &self.path, self.text)
                .at(span, label),
            None => error.at(self.at, "this template"),
        }
    }

    fn line(&self, span: SourceSpan) -> usize {
        let before = self.text.get(..span.offset()).unwrap_or_default();
        before.matches('\n').count() + 1
    }
}

/// Reads a template that is there; `at` is where the stack names it.
pub(super) fn read(
    root: &Path,
    written: &str,
    at: SourceSpan,
) -> Result<TemplateFile, Vec<StackError>> {
    let path = root.join(written);
    let unreadable = |error: std::io::Error| {
        vec![
            StackError::new(
                Code::BadTemplate,
                format!("`{written}` cannot be read: {error}"),
                "check its permissions, and that it is UTF-8 text",
            )
            .at(at, "this template"),
        ]
    };
    let bytes = std::fs::metadata(&path).map_err(unreadable)?.len();
    if bytes > MAX_BYTES {
        return Err(vec![
            StackError::new(
                Code::TemplateTooLarge,
                format!(
                    "`{written}` has {bytes} bytes; CloudFormation takes {MAX_BYTES} along with a call"
                ),
                "split it into two templates of the stack, of which one gives its outputs to the other",
            )
            .at(at, "too large"),
        ]);
    }
    let text = std::fs::read_to_string(&path).map_err(unreadable)?;
    let file = File {
        written,
        path,
        at,
        text: &text,
    };
    let tree = parse_template(&text).map_err(|(sentence, place)| {
        vec![file.bad(
            format!("`{written}` is neither YAML nor JSON that can be read: {sentence}"),
            "correct the line",
            place.map(|span| (span, "here")),
        )]
    })?;
    let facts = Facts {
        file: &file,
        tree: &tree,
        errors: Vec::new(),
    };
    facts.collect()
}

/// What a tree tells, and what is wrong with it.
struct Facts<'a> {
    file: &'a File<'a>,
    tree: &'a Spanned<Node>,
    errors: Vec<StackError>,
}

impl<'a> Facts<'a> {
    fn collect(mut self) -> Result<TemplateFile, Vec<StackError>> {
        let written = self.file.written;
        if !matches!(self.tree.value, Node::Map(_)) {
            let message = format!(
                "a template must be a map of sections, not {}",
                self.tree.value.what()
            );
            let help = "begin with `Resources:`";
            let place = Some((self.tree.mark(), "map is expected here"));
            return Err(vec![self.file.bad(message, help, place)]);
        }
        let macros = self.macros();
        // A macro may take sections and resources of any form.
        let is_final = macros.is_none();
        if is_final {
            self.refuse_unknown_sections();
        }
        let resources = self.section("Resources").unwrap_or_default();
        if resources.is_empty() && !self.has_errors() {
            let key = self.tree.value.get("Resources").map(|entry| entry.key.span);
            self.errors.push(self.file.bad(
                format!("the template `{written}` has no resources"),
                "add what it is to make under `Resources`",
                key.map(|span| (span, "nothing here")),
            ));
        }
        let mut found = TemplateFile {
            body: self.file.text.to_owned(),
            resources: Vec::new(),
            outputs: Vec::new(),
            parameters: Vec::new(),
            iam: None,
            named_iam: None,
            macros,
        };
        for entry in resources {
            self.resource(entry, is_final, &mut found);
        }
        if found.resources.len() > MAX_RESOURCES {
            self.errors.push(
                StackError::new(
                    Code::TemplateTooLarge,
                    format!(
                        "`{written}` has {} resources; CloudFormation takes {MAX_RESOURCES}",
                        found.resources.len()
                    ),
                    "split it into two templates of the stack",
                )
                .at(self.file.at, "too many resources"),
            );
        }
        for entry in self.section("Outputs").unwrap_or_default() {
            if entry.key.value.starts_with("Fn::") {
                continue;
            }
            self.name("output", entry, is_final);
            found.outputs.push(entry.key.value.clone());
        }
        for entry in self.section("Parameters").unwrap_or_default() {
            self.name("parameter", entry, is_final);
            found.parameters.push(Parameter {
                name: entry.key.value.clone(),
                has_default: entry.value.value.get("Default").is_some(),
            });
        }
        if self.has_errors() {
            Err(self.errors)
        } else {
            Ok(found)
        }
    }

    fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// The entries of a section; none when it is absent or refused.
    fn section(&mut self, name: &str) -> Option<&'a [Entry]> {
        let entry = self.tree.value.get(name)?;
        match &entry.value.value {
            Node::Map(entries) => Some(entries),
            Node::Null => None,
            other => {
                self.errors.push(self.file.bad(
                    format!("`{name}` of a template must be a map, not {}", other.what()),
                    format!("write `{name}:` and below it one entry each, by name"),
                    Some((entry.mark(), "map is expected here")),
                ));
                None
            }
        }
    }

    fn refuse_unknown_sections(&mut self) {
        for entry in self.tree.value.entries() {
            let name = entry.key.value.as_str();
            if SECTIONS.contains(&name) {
                continue;
            }
            let help = did_you_mean(name, SECTIONS.iter().copied(), || {
                format!("the sections are {}", quoted(SECTIONS.iter().copied()))
            });
            self.errors.push(self.file.bad(
                format!("a template has no section `{name}`"),
                help,
                Some((entry.key.span, "unknown section")),
            ));
        }
    }

    /// CloudFormation takes letters and digits.
    fn name(&mut self, what: &str, entry: &Entry, is_final: bool) {
        let name = &entry.key.value;
        if !is_final || (!name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric())) {
            return;
        }
        let bad = bad(
            format!("`{name}` cannot be the name of a template's {what}"),
            "use only letters and digits",
        );
        let place = Some((entry.key.span, "this name"));
        self.errors
            .push(self.file.bad(bad.message, bad.help, place));
    }

    fn resource(&mut self, entry: &Entry, is_final: bool, found: &mut TemplateFile) {
        let id = entry.key.value.as_str();
        self.name("resource", entry, is_final);
        let Some(Node::Text(kind)) = entry.value.value.get("Type").map(|t| &t.value.value) else {
            if is_final {
                self.errors.push(self.file.bad(
                    format!("the resource `{id}` of the template has no `Type`"),
                    "add one, as in `Type: AWS::CloudWatch::Alarm`",
                    Some((entry.key.span, "`Type` is missing here")),
                ));
            }
            return;
        };
        found.resources.push((id.to_owned(), kind.clone()));
        let Some((_, naming)) = IAM.iter().find(|(known, _)| known == kind) else {
            return;
        };
        let properties = entry.value.value.get("Properties");
        let is_named = naming.is_some_and(|name| {
            let value = properties.and_then(|entry| entry.value.value.get(name));
            value.is_some_and(|entry| !is_no_value(&entry.value.value))
        });
        let slot = if is_named {
            &mut found.named_iam
        } else {
            &mut found.iam
        };
        slot.get_or_insert_with(|| Found {
            what: if is_named {
                format!("`{id}` is of type `{kind}` and has a name of its own")
            } else {
                format!("`{id}` is of type `{kind}`")
            },
            line: self.file.line(entry.key.span),
        });
    }

    /// What rewrites the template: `Transform`, or `Fn::Transform` somewhere.
    fn macros(&self) -> Option<Found> {
        let place = match self.tree.value.get("Transform") {
            Some(entry) => entry.key.span,
            None => transform(self.tree)?,
        };
        Some(Found {
            what: "macros rewrite it".to_owned(),
            line: self.file.line(place),
        })
    }
}

/// `!Ref AWS::NoValue`: as if nothing were written.
fn is_no_value(node: &Node) -> bool {
    let reference = node.get("Ref").map(|entry| &entry.value.value);
    reference == Some(&Node::Text("AWS::NoValue".to_owned()))
}

/// Where the first `Fn::Transform` is.
fn transform(node: &Spanned<Node>) -> Option<SourceSpan> {
    match &node.value {
        Node::Map(entries) => entries.iter().find_map(|entry| {
            if entry.key.value == "Fn::Transform" {
                // As a tag it has no key: then the node has the place.
                let is_written = !entry.key.span.is_empty();
                return Some(if is_written {
                    entry.key.span
                } else {
                    node.span
                });
            }
            transform(&entry.value)
        }),
        Node::List(items) => items.iter().find_map(transform),
        _ => None,
    }
}
