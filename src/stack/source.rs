//! The YAML text as a tree in which every node knows its place, so that later checks can underline
//! what they are about. Reading stops only where the text is no YAML; everything else is collected.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use miette::SourceSpan;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Error as YamlError, Location};

use super::error::{Code, StackError};

mod template;

pub(super) use template::parse_template;

/// A value and where it is written. For what stands behind an alias that is the anchor's text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spanned<T> {
    pub(super) value: T,
    pub(super) span: SourceSpan,
}

/// A YAML node.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    List(Vec<Spanned<Node>>),
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) key: Spanned<String>,
    pub(super) value: Spanned<Node>,
}

impl Entry {
    /// The same, so many bytes later: as it is in a text that another one was put before.
    pub(super) fn moved(&self, by: usize) -> Self {
        Self {
            key: Spanned {
                value: self.key.value.clone(),
                span: moved(self.key.span, by),
            },
            value: self.value.moved(by),
        }
    }

    /// What to underline: a scalar, else the key that a map or list belongs to.
    pub(super) fn mark(&self) -> SourceSpan {
        match self.value.value {
            Node::Map(_) | Node::List(_) | Node::Null => self.key.span,
            _ => self.value.span,
        }
    }
}

impl Node {
    /// The type, as told to people.
    pub(super) fn what(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }

    /// The entries of a map; none of anything else.
    pub(super) fn entries(&self) -> &[Entry] {
        match self {
            Self::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The entry of a map under a key.
    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key.value == key)
    }
}

fn moved(span: SourceSpan, by: usize) -> SourceSpan {
    (span.offset() + by, span.len()).into()
}

impl Spanned<Node> {
    fn moved(&self, by: usize) -> Self {
        let value = match &self.value {
            Node::List(items) => Node::List(items.iter().map(|item| item.moved(by)).collect()),
            Node::Map(entries) => Node::Map(entries.iter().map(|e| e.moved(by)).collect()),
            scalar => scalar.clone(),
        };
        Self {
            value,
            span: moved(self.span, by),
        }
    }

    /// What to underline for a list item: a scalar, else the first key or item.
    pub(super) fn mark(&self) -> SourceSpan {
        match &self.value {
            Node::Map(entries) => entries.first().map_or(self.span, |entry| entry.key.span),
            Node::List(items) => items.first().map_or(self.span, Self::mark),
            _ => self.span,
        }
    }

    /// Calls `see` with the place of every key and scalar below, and of the node itself.
    pub(super) fn spans(&self, see: &mut impl FnMut(SourceSpan)) {
        see(self.span);
        match &self.value {
            Node::Map(entries) => {
                for entry in entries {
                    see(entry.key.span);
                    entry.value.spans(see);
                }
            }
            Node::List(items) => items.iter().for_each(|item| item.spans(see)),
            _ => {}
        }
    }
}

/// Parses a text. Duplicate keys stay in the tree: [`duplicates`] tells of them.
pub(super) fn parse(text: &str) -> Result<Spanned<Node>, StackError> {
    let options = serde_saphyr::options! {
        // So that both places can be shown, and all of them.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        // `yes` and `on` are text, as in YAML 1.2.
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options::<serde_saphyr::Spanned<Node>>(text, options)
        .map(Spanned::from)
        .map_err(|error| syntax(text, &error))
}

/// Parses a stack file: as [`parse`], and the whole must be a map.
pub(super) fn parse_stack(text: &str) -> Result<Spanned<Node>, StackError> {
    let tree = parse(text)?;
    if matches!(tree.value, Node::Map(_) | Node::Null) {
        return Ok(tree);
    }
    let message = format!(
        "a stack file must be a map of sections, not {}",
        tree.value.what()
    );
    Err(
        StackError::new(Code::WrongType, message, "begin with `stack: NAME`")
            .at(tree.mark(), "map is expected here"),
    )
}

impl<T: Into<Node>> From<serde_saphyr::Spanned<T>> for Spanned<Node> {
    fn from(spanned: serde_saphyr::Spanned<T>) -> Self {
        Self {
            span: span_of(&spanned),
            value: spanned.value.into(),
        }
    }
}

fn span_of<T>(spanned: &serde_saphyr::Spanned<T>) -> SourceSpan {
    byte_span(&spanned.defined).unwrap_or_else(|| (0, 0).into())
}

fn byte_span(location: &Location) -> Option<SourceSpan> {
    let span = location.span();
    let offset = usize::try_from(span.byte_offset()?).ok()?;
    let length = usize::try_from(span.byte_len()?).ok()?;
    Some((offset, length).into())
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor::<Self>(PhantomData))
    }
}

/// Builds a node out of what is read as `T`.
struct NodeVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Into<Node>> Visitor<'de> for NodeVisitor<T> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Int(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Int(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Node, E> {
        Ok(Node::Int(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<serde_saphyr::Spanned<T>>()? {
            list.push(item.into());
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) =
            map.next_entry::<serde_saphyr::Spanned<String>, serde_saphyr::Spanned<T>>()?
        {
            entries.push(Entry {
                key: Spanned {
                    span: span_of(&key),
                    value: key.value,
                },
                value: value.into(),
            });
        }
        Ok(Node::Map(entries))
    }
}

/// Keys that stand twice in one map.
pub(super) fn duplicates(node: &Node, errors: &mut Vec<StackError>) {
    match node {
        Node::Map(entries) => {
            let mut first: BTreeMap<&str, SourceSpan> = BTreeMap::new();
            for entry in entries {
                let key = entry.key.value.as_str();
                if let Some(earlier) = first.get(key) {
                    errors.push(
                        StackError::new(
                            Code::DuplicateKey,
                            format!("`{key}` is there twice"),
                            "keep one of the two; if both are meant, give one another name",
                        )
                        .at(entry.key.span, "again here")
                        .at(*earlier, "first here"),
                    );
                } else {
                    first.insert(key, entry.key.span);
                }
                duplicates(&entry.value.value, errors);
            }
        }
        Node::List(items) => items
            .iter()
            .for_each(|item| duplicates(&item.value, errors)),
        _ => {}
    }
}

/// What the YAML library said, with a place in bytes and a next step.
fn syntax(text: &str, error: &YamlError) -> StackError {
    let plain = error.without_snippet();
    let (message, help) = match plain {
        YamlError::MultipleDocuments { .. } => (
            "there is more than one YAML document".to_owned(),
            "write one stack per file and remove the `---` between them",
        ),
        YamlError::RecursiveReferencesRequireWeakTypes { .. } => (
            "an alias stands inside its own anchor".to_owned(),
            "move the anchor to a value that does not contain the alias",
        ),
        YamlError::NullIntoString { .. } | YamlError::Unexpected { .. } => (
            "a key is not text".to_owned(),
            "use a plain word as key, in quotes if YAML would read it as something else",
        ),
        _ if beyond_budget(plain) => (
            "the file is larger than a stack can be".to_owned(),
            "use fewer aliases and less nesting",
        ),
        _ => (
            format!("this is not YAML that can be read: {}", sentence(plain)),
            "correct the line; indent with spaces, and put text with `: `, `#` or a leading `*`, `&`, `!` in quotes",
        ),
    };
    let error = StackError::new(Code::Syntax, message, help);
    match plain.location() {
        Some(location) => error.at(place(text, &location), "here"),
        None => error,
    }
}

/// Did the text go beyond what the library expands, as files do that are made to?
fn beyond_budget(error: &YamlError) -> bool {
    match error {
        YamlError::Budget { .. }
        | YamlError::AliasReplayLimitExceeded { .. }
        | YamlError::AliasReplayStackDepthExceeded { .. }
        | YamlError::AliasExpansionLimitExceeded { .. } => true,
        YamlError::AliasError { error, .. } => beyond_budget(error),
        _ => false,
    }
}

/// The library's message without the line and column that the label shows anyway.
fn sentence(error: &YamlError) -> String {
    let message = error.to_string();
    match message.split_once(" at line ") {
        Some((sentence, _)) => sentence.to_owned(),
        None => message,
    }
}

/// The place in bytes; scanner errors have a line and a column (in characters) only.
fn place(text: &str, location: &Location) -> SourceSpan {
    if let Some(span) = byte_span(location).filter(|span| span.offset() + span.len() <= text.len())
    {
        return span;
    }
    let line = usize::try_from(location.line()).unwrap_or(1).max(1) - 1;
    let column = usize::try_from(location.column()).unwrap_or(1).max(1) - 1;
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = text[start..].lines().next().unwrap_or_default();
    match rest.char_indices().nth(column) {
        Some((at, character)) => (start + at, character.len_utf8()).into(),
        None => (start + rest.len(), 0).into(),
    }
}
