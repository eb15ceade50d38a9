//! CloudFormation templates as trees.

use std::marker::PhantomData;

use miette::SourceSpan;
use serde::de::{Deserialize, Deserializer};
use serde_saphyr::options::NonFiniteFloatPolicy;
use serde_saphyr::{DuplicateKeyPolicy, Tagged};

use super::{Entry, Node, NodeVisitor, Spanned, place, sentence};

/// Deepest nesting that is read: policies and definitions of workflows go deeper than stacks.
const MAX_DEPTH: usize = 100;
/// What a thread needs for that in a build without optimisation, and as much again.
const STACK_BYTES: usize = 16 << 20;

/// Parses a CloudFormation template: short tags (`!Ref a`) become what they stand for (`Ref: a`). A
/// refusal is a message with a place. What is nested deeply takes a stack of its own.
pub(in crate::stack) fn parse_template(
    text: &str,
) -> Result<Spanned<Node>, (String, Option<SourceSpan>)> {
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, || parse(text))
            .map_err(|error| error.to_string())
            .and_then(|thread| thread.join().map_err(|_| "its reader panicked".to_owned()))
            .unwrap_or_else(|message| Err((message, None)))
    })
}

fn parse(text: &str) -> Result<Spanned<Node>, (String, Option<SourceSpan>)> {
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        // Whether a number makes sense is for what it is given to.
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        budget: serde_saphyr::budget! { max_depth: MAX_DEPTH },
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options::<serde_saphyr::Spanned<Long>>(text, options)
        .map(Spanned::from)
        .map_err(|error| {
            let plain = error.without_snippet();
            let at = plain.location().map(|location| place(text, &location));
            (sentence(plain), at)
        })
}

/// A node of a template.
struct Long(Node);

impl From<Long> for Node {
    fn from(long: Long) -> Self {
        long.0
    }
}

impl<'de> Deserialize<'de> for Long {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Tagged(Untagged(value), tag) = Tagged::<Untagged>::deserialize(deserializer)?;
        let Some(short) = tag.as_deref().and_then(|tag| tag.strip_prefix('!')) else {
            return Ok(Self(value));
        };
        let function = match short {
            "Ref" | "Condition" => short.to_owned(),
            _ => format!("Fn::{short}"),
        };
        // The node around it has the place of both.
        let nowhere = SourceSpan::from((0, 0));
        Ok(Self(Node::Map(vec![Entry {
            key: Spanned {
                value: function,
                span: nowhere,
            },
            value: Spanned {
                value,
                span: nowhere,
            },
        }])))
    }
}

/// What stands behind a tag.
struct Untagged(Node);

impl<'de> Deserialize<'de> for Untagged {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_any(NodeVisitor::<Long>(PhantomData))
            .map(Self)
    }
}
