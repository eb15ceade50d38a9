//! References: `queues.jobs` where a resource is named, `${queues.jobs.url}` inside of texts.

use miette::SourceSpan;

use super::reader::wrong_type;
use crate::stack::checker::Checker;
use crate::stack::error::{Code, StackError};
use crate::stack::model::{Attribute, Kind, LogicalId, Part, Reference, Text};
use crate::stack::source::{Entry, Node};
use crate::stack::suggest::{did_you_mean, quoted};

/// Kinds that other parts of a stack can name.
pub(super) const NAMEABLE: &[Kind] = &[Kind::Bucket, Kind::Queue, Kind::Table, Kind::Function];

/// Kinds that texts can ask something of.
const ANSWERING: &[Kind] = &[
    Kind::Bucket,
    Kind::Queue,
    Kind::Table,
    Kind::Function,
    Kind::Template,
];

/// What a reference may ask of a kind, besides the outputs of templates.
fn attributes(kind: Kind) -> &'static [(&'static str, Attribute)] {
    match kind {
        Kind::Template => &[],
        Kind::Queue => &[
            ("name", Attribute::Name),
            ("arn", Attribute::Arn),
            ("url", Attribute::Url),
        ],
        _ => &[("name", Attribute::Name), ("arn", Attribute::Arn)],
    }
}

/// Kinds as they are listed in help: `buckets.NAME`.
fn patterns(kinds: &[Kind]) -> String {
    let patterns: Vec<String> = kinds
        .iter()
        .map(|kind| format!("{}.NAME", kind.section()))
        .collect();
    quoted(patterns.iter().map(String::as_str))
}

/// A resource that is named as `queues.jobs`; `subject` is the field for messages.
pub(super) fn resource(
    cx: &Checker<'_>,
    text: &str,
    at: SourceSpan,
    subject: &str,
    allowed: &[Kind],
) -> Option<LogicalId> {
    let Some((section, name)) = text.split_once('.').filter(|(section, name)| {
        !section.is_empty() && !name.is_empty() && !name.contains('.') && !section.contains('$')
    }) else {
        // A bare name that is unique among the allowed kinds is easy to complete.
        let meant = allowed
            .iter()
            .find(|kind| cx.names(**kind).any(|name| name == text));
        let help = match meant {
            Some(kind) => format!("write `{}.{text}`", kind.section()),
            None => format!("write {}", patterns(allowed)),
        };
        cx.push(
            StackError::new(
                Code::MalformedReference,
                format!("`{subject}` does not name a resource"),
                help,
            )
            .at(at, "not a reference"),
        );
        return None;
    };
    let id = known(cx, section, name, at, NAMEABLE)?;
    if allowed.contains(&id.kind) {
        return Some(id);
    }
    cx.push(
        StackError::new(
            Code::WrongKind,
            format!("`{subject}` cannot be a {}", id.kind.label()),
            format!("write {}", patterns(allowed)),
        )
        .at(at, format!("this is a {}", id.kind.label())),
    );
    None
}

/// A resource of one of these kinds that exists, or an error.
fn known(
    cx: &Checker<'_>,
    section: &str,
    name: &str,
    at: SourceSpan,
    kinds: &[Kind],
) -> Option<LogicalId> {
    let Some(kind) = kinds.iter().copied().find(|kind| kind.section() == section) else {
        let sections = kinds.iter().map(|kind| kind.section());
        let help = did_you_mean(section, sections, || format!("write {}", patterns(kinds)));
        cx.push(
            StackError::new(
                Code::UnknownReference,
                format!("nothing can be named in `{section}`"),
                help,
            )
            .at(at, "leads nowhere"),
        );
        return None;
    };
    if cx.names(kind).any(|known| known == name) {
        return Some(LogicalId::new(kind, name));
    }
    // The same name in another section is the likelier slip than another name.
    let elsewhere = kinds
        .iter()
        .find(|other| cx.names(**other).any(|known| known == name));
    let help = match elsewhere {
        Some(other) => format!("did you mean `{}.{name}`?", other.section()),
        None => did_you_mean(name, cx.names(kind), || {
            let names = quoted(cx.names(kind));
            if names.is_empty() {
                format!("add `{name}` to `{section}`, or correct the reference")
            } else {
                format!("add `{name}` to `{section}`, or use one of {names}")
            }
        }),
    };
    cx.push(
        StackError::new(
            Code::UnknownReference,
            format!("there is no {} `{name}`", kind.label()),
            help,
        )
        .at(at, "leads nowhere"),
    );
    None
}

/// The value of an entry as text with references.
pub(super) fn text(cx: &Checker<'_>, entry: &Entry) -> Text {
    let at = entry.value.span;
    match &entry.value.value {
        Node::Text(text) => parse(cx, text, at),
        other => {
            let help = match other {
                Node::Bool(_) | Node::Int(_) | Node::Float(_) => {
                    format!("put it in quotes: `\"{}\"`", cx.slice(at))
                }
                _ => "write text; references look like `${queues.NAME.url}`".to_owned(),
            };
            let subject = format!("`{}`", entry.key.value);
            cx.push(wrong_type(entry.mark(), &subject, "text", other, &help));
            Text::default()
        }
    }
}

/// Splits text into literals and references. `$${` stands for `${`.
fn parse(cx: &Checker<'_>, text: &str, at: SourceSpan) -> Text {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    let mut places = Places {
        raw: cx.slice(at),
        at,
        cursor: 0,
    };
    while let Some(start) = rest.find("${") {
        if rest[..start].ends_with('$') {
            literal.push_str(&rest[..start - 1]);
            literal.push_str("${");
            rest = &rest[start + 2..];
            places.next("$${");
            continue;
        }
        literal.push_str(&rest[..start]);
        let Some(end) = rest[start..].find('}').map(|end| start + end) else {
            cx.push(malformed("`${` without `}`").at(places.next(&rest[start..]), "never closed"));
            return Text { parts };
        };
        let place = places.next(&rest[start..=end]);
        if let Some(reference) = reference(cx, &rest[start + 2..end], place) {
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(Part::Reference(reference));
        }
        rest = &rest[end + 1..];
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    Text { parts }
}

fn malformed(message: &str) -> StackError {
    StackError::new(
        Code::MalformedReference,
        message,
        "write `${queues.NAME.url}`, `${tables.NAME.name}` or the like; `$${` stands for a literal `${`",
    )
}

/// What is between `${` and `}`.
fn reference(cx: &Checker<'_>, inner: &str, at: SourceSpan) -> Option<Reference> {
    let parts: Vec<&str> = inner.split('.').collect();
    let (section, name, attribute) = match parts[..] {
        [section, name, attribute] => (section, name, attribute),
        [section, name, OUTPUTS, output] if section == Kind::Template.section() => {
            let id = known(cx, section, name, at, ANSWERING)?;
            return of_template(cx, id, output, at);
        }
        _ => {
            let message = format!("`${{{inner}}}` is not a reference");
            cx.push(malformed(&message).at(at, "not a reference"));
            return None;
        }
    };
    let id = known(cx, section, name, at, ANSWERING)?;
    let available = attributes(id.kind);
    if let Some((_, attribute)) = available.iter().find(|(word, _)| *word == attribute) {
        let attribute = attribute.clone();
        return Some(Reference { id, attribute });
    }
    let words = || available.iter().map(|(word, _)| *word);
    let help = if id.kind == Kind::Template {
        format!("write `${{{id}.{OUTPUTS}.NAME}}`: templates have outputs only")
    } else {
        did_you_mean(attribute, words(), || {
            format!("use one of {}", quoted(words()))
        })
    };
    cx.push(
        StackError::new(
            Code::AttributeNotAvailable,
            format!("a {} has no `{attribute}`", id.kind.label()),
            help,
        )
        .at(at, "this attribute"),
    );
    None
}

/// What stands before the name of an output.
const OUTPUTS: &str = "outputs";

/// An output of a template.
fn of_template(cx: &Checker<'_>, id: LogicalId, output: &str, at: SourceSpan) -> Option<Reference> {
    let file = cx.template(&id.name);
    let outputs = || file.iter().flat_map(|file| &file.outputs);
    // A template that was refused has had its error, and macros may make any output.
    let is_there = file.as_ref().is_none_or(|file| file.macros.is_some())
        || outputs().any(|known| known == output);
    if is_there {
        return Some(Reference {
            id,
            attribute: Attribute::Output(output.to_owned()),
        });
    }
    let names = || outputs().map(String::as_str);
    let help = did_you_mean(output, names(), || {
        let all = quoted(names());
        if all.is_empty() {
            format!("add `{output}` to `Outputs` of the template; it has none")
        } else {
            format!("add `{output}` to `Outputs` of the template, or use one of {all}")
        }
    });
    cx.push(
        StackError::new(
            Code::UnknownReference,
            format!("the template `{}` has no output `{output}`", id.name),
            help,
        )
        .at(at, "leads nowhere"),
    );
    None
}

/// Finds parts of a scalar in its text as written, which may have escapes and quotes.
struct Places<'a> {
    raw: &'a str,
    at: SourceSpan,
    cursor: usize,
}

impl Places<'_> {
    fn next(&mut self, part: &str) -> SourceSpan {
        match self.raw[self.cursor..].find(part) {
            Some(found) => {
                let start = self.cursor + found;
                self.cursor = start + part.len();
                (self.at.offset() + start, part.len()).into()
            }
            // Written with escapes: the whole scalar is the best place.
            None => self.at,
        }
    }
}
