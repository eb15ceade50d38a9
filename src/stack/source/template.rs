//! CloudFormation templates as trees.

use std::marker::PhantomData;

use miette::SourceSpan;
use serde::de::{Deserialize, Deserializer};
use serde_saphyr::options::NonFiniteFloatPolicy;
use serde_saphyr::{DuplicateKeyPolicy, Tagged};

use super::{Entry, Node, NodeVisitor, Spanned, place, sentence};

/// Parses a CloudFormation template: short tags (`!Ref a`) become what they stand for (`Ref: a`). A
/// refusal is a message with a place.
pub(in crate::stack) fn parse_template(
    text: &str,
) -> Result<Spanned<Node>, (String, Option<SourceSpan>)> {
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        // Whether a number makes sense is for what it is given to.
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
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
