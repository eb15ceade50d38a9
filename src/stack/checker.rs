//! What reading and checking share: the merged tree, where things are in it, and the errors so far.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;

use miette::SourceSpan;

use super::error::{Code, StackError};
use super::model::Kind;
use super::names::BadName;
use super::source::{Entry, Node, Spanned};
use super::template::{self, TemplateFile};

/// The state of one pass over a tree.
pub(super) struct Checker<'a> {
    /// The text, for places inside of scalars.
    pub(super) text: &'a str,
    /// The tree, overrides already merged.
    pub(super) tree: &'a Spanned<Node>,
    /// Directory that paths are relative to.
    pub(super) root: &'a Path,
    errors: RefCell<Vec<StackError>>,
    unsound: RefCell<BTreeSet<String>>,
    /// Template files by name of the template; none for those that are not there or were refused.
    templates: RefCell<BTreeMap<String, Option<Rc<TemplateFile>>>>,
}

impl<'a> Checker<'a> {
    pub(super) fn new(text: &'a str, tree: &'a Spanned<Node>, root: &'a Path) -> Self {
        Self {
            text,
            tree,
            root,
            errors: RefCell::default(),
            unsound: RefCell::default(),
            templates: RefCell::default(),
        }
    }

    pub(super) fn push(&self, error: StackError) {
        self.errors.borrow_mut().push(error);
    }

    /// An illegal name, underlined.
    pub(super) fn push_name(&self, code: Code, span: SourceSpan, result: Result<(), BadName>) {
        if let Err(bad) = result {
            self.push(StackError::new(code, bad.message, bad.help).at(span, "this name"));
        }
    }

    pub(super) fn into_errors(self) -> Vec<StackError> {
        self.errors.into_inner()
    }

    /// Remembers that the value at `path` was refused, so that what is compared with it later does
    /// not echo the same fault.
    pub(super) fn unsound(&self, path: &[&str]) {
        self.unsound.borrow_mut().insert(path.join("\n"));
    }

    /// Was everything at these paths read without an error?
    pub(super) fn sound(&self, paths: &[&[&str]]) -> bool {
        let unsound = self.unsound.borrow();
        paths.iter().all(|path| !unsound.contains(&path.join("\n")))
    }

    /// The entries of a section.
    pub(super) fn section(&self, kind: Kind) -> &'a [Entry] {
        match self.tree.value.get(kind.section()) {
            Some(entry) => entry.value.value.entries(),
            None => &[],
        }
    }

    /// Names in a section, whether or not their values are in order.
    pub(super) fn names(&self, kind: Kind) -> impl Iterator<Item = &'a str> {
        self.section(kind)
            .iter()
            .map(|entry| entry.key.value.as_str())
    }

    /// The file of a template, read when it is first asked for; what is wrong with it is told then.
    pub(super) fn template(&self, name: &str) -> Option<Rc<TemplateFile>> {
        if let Some(known) = self.templates.borrow().get(name) {
            return known.clone();
        }
        let path = [Kind::Template.section(), name, "file"];
        let read = match self.node(&path) {
            Some(Node::Text(file)) if self.root.join(file).is_file() => {
                Some(template::read(self.root, file, self.place(&path)))
            }
            _ => None,
        };
        let found = match read {
            Some(Ok(file)) => Some(Rc::new(file)),
            Some(Err(errors)) => {
                self.errors.borrow_mut().extend(errors);
                None
            }
            None => None,
        };
        self.templates
            .borrow_mut()
            .insert(name.to_owned(), found.clone());
        found
    }

    /// What to underline for a path: its value, else the nearest key above it that is written.
    pub(super) fn place(&self, path: &[&str]) -> SourceSpan {
        let mut node = self.tree;
        let mut span = node.mark();
        for part in path {
            if let Some(entry) = node.value.get(part) {
                node = &entry.value;
                span = entry.mark();
            } else if let (Node::List(items), Ok(index)) = (&node.value, part.parse::<usize>()) {
                let Some(item) = items.get(index) else { break };
                node = item;
                span = item.mark();
            } else {
                break;
            }
        }
        span
    }

    /// The node at a path, unless a default stands for it.
    pub(super) fn node(&self, path: &[&str]) -> Option<&'a Node> {
        path.iter()
            .try_fold(&self.tree.value, |node, part| match node {
                Node::List(items) => Some(&items.get(part.parse::<usize>().ok()?)?.value),
                _ => Some(&node.get(part)?.value.value),
            })
    }

    /// Is there something in the file at this path, rather than a default?
    pub(super) fn written(&self, path: &[&str]) -> bool {
        self.node(path).is_some()
    }

    /// The text of a span.
    pub(super) fn slice(&self, span: SourceSpan) -> &'a str {
        self.text
            .get(span.offset()..span.offset() + span.len())
            .unwrap_or_default()
    }
}
