//! Takes the fields of one map by name, type and range.

use std::cell::RefCell;
use std::collections::BTreeSet;

use miette::SourceSpan;

use crate::stack::checker::Checker;
use crate::stack::error::{Code, StackError};
use crate::stack::fields::{Section, Shape};
use crate::stack::names::BadName;
use crate::stack::source::{Entry, Node, Spanned};
use crate::stack::suggest::{did_you_mean, quoted};
use crate::stack::units::{BadQuantity, Unit};

/// A map that is being read.
pub(super) struct Reader<'r, 'a> {
    pub(super) cx: &'r Checker<'a>,
    section: &'static Section,
    path: Vec<String>,
    /// Where the map is, for what is missing in it.
    at: SourceSpan,
    entries: &'a [Entry],
    taken: RefCell<BTreeSet<&'static str>>,
}

impl<'r, 'a> Reader<'r, 'a> {
    /// The whole file.
    pub(super) fn top(cx: &'r Checker<'a>, section: &'static Section) -> Self {
        Self::new(cx, section, &[], cx.tree.mark(), cx.tree.value.entries())
    }

    /// The map of an entry; a key with nothing after it is an empty map.
    pub(super) fn open(
        cx: &'r Checker<'a>,
        entry: &'a Entry,
        path: &[&str],
        section: &'static Section,
    ) -> Option<Self> {
        Self::open_value(cx, &entry.value, entry.key.span, path, section)
    }

    /// The map that is an item of a list.
    pub(super) fn open_item(
        cx: &'r Checker<'a>,
        item: &'a Spanned<Node>,
        path: &[&str],
        section: &'static Section,
    ) -> Option<Self> {
        Self::open_value(cx, item, item.mark(), path, section)
    }

    fn open_value(
        cx: &'r Checker<'a>,
        value: &'a Spanned<Node>,
        at: SourceSpan,
        path: &[&str],
        section: &'static Section,
    ) -> Option<Self> {
        let entries = match &value.value {
            Node::Map(entries) => entries.as_slice(),
            Node::Null => &[],
            other => {
                let help = format!("its fields are {}", quoted(section.names()));
                cx.push(wrong_type(
                    value.mark(),
                    section.what,
                    "a map",
                    other,
                    &help,
                ));
                cx.unsound(path);
                return None;
            }
        };
        Some(Self::new(cx, section, path, at, entries))
    }

    fn new(
        cx: &'r Checker<'a>,
        section: &'static Section,
        path: &[&str],
        at: SourceSpan,
        entries: &'a [Entry],
    ) -> Self {
        let reader = Self {
            cx,
            section,
            path: path.iter().map(|part| (*part).to_owned()).collect(),
            at,
            entries,
            taken: RefCell::default(),
        };
        reader.refuse_unknown();
        reader
    }

    fn refuse_unknown(&self) {
        for entry in self.entries {
            let name = entry.key.value.as_str();
            if self.section.field(name).is_some() {
                continue;
            }
            let is_top = self.path.is_empty();
            let (code, noun) = if is_top {
                (Code::UnknownSection, "section")
            } else {
                (Code::UnknownField, "field")
            };
            let help = did_you_mean(name, self.section.names(), || {
                format!(
                    "the {noun}s of {} are {}",
                    self.section.what,
                    quoted(self.section.names())
                )
            });
            self.cx.push(
                StackError::new(
                    code,
                    format!("{} has no {noun} `{name}`", self.section.what),
                    help,
                )
                .at(entry.key.span, format!("unknown {noun}")),
            );
        }
    }

    /// The path of a field.
    pub(super) fn path<'p>(&'p self, field: &'p str) -> Vec<&'p str> {
        let mut path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        path.push(field);
        path
    }

    fn unsound(&self, field: &str) {
        self.cx.unsound(&self.path(field));
    }

    /// The entry of a field, if it is written.
    pub(super) fn get(&self, name: &str) -> Option<&'a Entry> {
        let field = self.section.field(name);
        debug_assert!(
            field.is_some(),
            "{name} is not in the table of {}",
            self.section.definition
        );
        self.taken
            .borrow_mut()
            .extend(field.map(|field| field.name));
        self.entries.iter().find(|entry| entry.key.value == name)
    }

    /// As [`Reader::get`], and an error when it is missing and required.
    pub(super) fn want(&self, name: &str) -> Option<&'a Entry> {
        let entry = self.get(name);
        if entry.is_none() && self.section.field(name).is_some_and(|field| field.required) {
            self.missing(name, &format!("add `{name}: …`"));
        }
        entry
    }

    /// Refuses the map because a field is missing.
    pub(super) fn missing(&self, name: &str, help: &str) {
        self.unsound(name);
        self.cx.push(
            StackError::new(
                Code::MissingField,
                format!("{} has no `{name}`", self.section.what),
                help,
            )
            .at(self.at, format!("`{name}` is missing here")),
        );
    }

    /// Refuses the type of a field.
    pub(super) fn wrong_type(&self, entry: &Entry, expected: &str, help: &str) {
        self.unsound(&entry.key.value);
        let subject = format!("`{}`", entry.key.value);
        self.cx.push(wrong_type(
            entry.mark(),
            &subject,
            expected,
            &entry.value.value,
            help,
        ));
    }

    /// A field that is true or false.
    pub(super) fn flag(&self, name: &str) -> bool {
        match self.get(name).map(|entry| (entry, &entry.value.value)) {
            None => false,
            Some((_, Node::Bool(value))) => *value,
            Some((entry, _)) => {
                self.wrong_type(entry, "true or false", "write `true` or `false`");
                false
            }
        }
    }

    /// A field that is text without references.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        let entry = self.want(name)?;
        match &entry.value.value {
            Node::Text(text) if text.is_empty() => {
                self.unsound(name);
                self.cx.push(
                    StackError::new(
                        Code::UnknownValue,
                        format!("`{name}` is empty"),
                        "write a value or remove it",
                    )
                    .at(entry.value.span, "empty"),
                );
                None
            }
            Node::Text(text) => Some(text),
            Node::Null | Node::List(_) | Node::Map(_) => {
                self.wrong_type(entry, "text", &format!("write `{name}: …`"));
                None
            }
            Node::Bool(_) | Node::Int(_) | Node::Float(_) => {
                let written = self.cx.slice(entry.value.span);
                self.wrong_type(entry, "text", &format!("put it in quotes: `\"{written}\"`"));
                None
            }
        }
    }

    /// A field that names what exists outside of the stack, as it is written.
    pub(super) fn named_outside(
        &self,
        name: &str,
        judge: impl Fn(&str) -> Result<(), BadName>,
    ) -> Option<String> {
        let text = self.text(name)?;
        let at = self.cx.place(&self.path(name));
        self.cx.push_name(Code::BadName, at, judge(text));
        Some(text.to_owned())
    }

    /// A field that is one of a few words, as its index; the first is the default.
    pub(super) fn word(&self, name: &str) -> usize {
        let Some(Shape::Word(words)) = self.section.field(name).map(|field| field.shape) else {
            debug_assert!(
                false,
                "{name} is not a word in the table of {}",
                self.section.definition
            );
            return 0;
        };
        let (Some(entry), Some(text)) = (self.get(name), self.text(name)) else {
            return 0;
        };
        words
            .iter()
            .position(|word| *word == text)
            .unwrap_or_else(|| {
                self.unsound(name);
                let help = did_you_mean(text, words.iter().copied(), || {
                    format!("use one of {}", quoted(words.iter().copied()))
                });
                let message = format!("`{name}` cannot be `{text}`");
                self.cx.push(
                    StackError::new(Code::UnknownValue, message, help)
                        .at(entry.value.span, "unknown value"),
                );
                0
            })
    }

    /// A field that is a quantity in its range; its default when it is absent or refused.
    pub(super) fn number(&self, name: &str) -> Option<u32> {
        let Some(Shape::Number {
            unit,
            min,
            max,
            default,
        }) = self.section.field(name).map(|field| field.shape)
        else {
            debug_assert!(
                false,
                "{name} is not a number in the table of {}",
                self.section.definition
            );
            return None;
        };
        let Some(entry) = self.get(name) else {
            return default;
        };
        let refuse = |bad: BadQuantity| {
            self.unsound(name);
            let message = format!("`{name}`: {}", bad.message);
            self.cx
                .push(StackError::new(bad.code, message, bad.help).at(entry.mark(), "this value"));
            default
        };
        let written = self.cx.slice(entry.value.span);
        let value = match (&entry.value.value, unit) {
            (Node::Int(value), Unit::Count) => u64::try_from(*value).ok(),
            (Node::Int(_) | Node::Float(_), Unit::Seconds | Unit::Days | Unit::Megabytes) => {
                return refuse(unit.without_unit(written));
            }
            (Node::Text(text), Unit::Seconds | Unit::Days | Unit::Megabytes) => {
                match unit.parse(text) {
                    Ok(value) => Some(value),
                    Err(bad) => return refuse(bad),
                }
            }
            _ => {
                self.wrong_type(entry, unit.what(), &format!("write {}", unit.example()));
                return default;
            }
        };
        match value
            .and_then(|value| u32::try_from(value).ok())
            .filter(|value| (min..=max).contains(value))
        {
            Some(value) => Some(value),
            None => refuse(BadQuantity {
                code: Code::OutOfRange,
                message: format!("`{written}` is out of range"),
                help: format!("use {} to {}", unit.show(min), unit.show(max)),
            }),
        }
    }

    /// The entries of a field that is a map; none when it is absent, empty or refused.
    pub(super) fn map(&self, name: &str) -> &'a [Entry] {
        match self.get(name).map(|entry| (entry, &entry.value.value)) {
            None | Some((_, Node::Null)) => &[],
            Some((_, Node::Map(entries))) => entries,
            Some((entry, _)) => {
                self.wrong_type(entry, "a map", &format!("write `{name}: {{ NAME: … }}`"));
                &[]
            }
        }
    }

    /// The items of a field that is a list; none when it is absent, empty or refused.
    pub(super) fn list(&self, name: &str) -> &'a [Spanned<Node>] {
        match self.get(name).map(|entry| (entry, &entry.value.value)) {
            None | Some((_, Node::Null)) => &[],
            Some((_, Node::List(items))) => items,
            Some((entry, _)) => {
                self.wrong_type(entry, "a list", &format!("write `{name}: [ … ]`"));
                &[]
            }
        }
    }

    /// Everything was asked for. The table and the readers cannot drift apart.
    pub(super) fn finish(self) {
        debug_assert!(
            self.section
                .names()
                .all(|name| self.taken.borrow().contains(name)),
            "{}: only {:?} were read",
            self.section.definition,
            self.taken.borrow()
        );
    }
}

/// A refused type.
pub(super) fn wrong_type(
    at: SourceSpan,
    subject: &str,
    expected: &str,
    found: &Node,
    help: &str,
) -> StackError {
    StackError::new(
        Code::WrongType,
        format!("{subject} must be {expected}, not {}", found.what()),
        help,
    )
    .at(
        at,
        format!("{} is expected here", expected.trim_start_matches("a ")),
    )
}
