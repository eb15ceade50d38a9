//! Sentences whose numbers know what they are: each says by which figure of which run it can be made again. The page keeps
//! that beside the number, and tests/report/check.py makes every one of them again.

use std::borrow::Cow;
use std::fmt;

use serde::{Serialize, Serializer};

/// A part of a sentence.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// Words, without a number.
    Text(Cow<'static, str>),
    /// A number that was calculated.
    Number {
        /// As it is shown.
        text: String,
        /// As it is, not rounded for showing.
        value: f64,
        /// What it is: `run/embedded/e2e/p50`. docs/compare.md lists them.
        of: String,
    },
    /// Something as it was found: a version, a setting, a name.
    Fact(String),
}

/// A sentence, or what stands in a cell.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Words(pub Vec<Piece>);

/// A number.
pub fn number(text: String, value: f64, of: impl Into<String>) -> Piece {
    Piece::Number {
        text,
        value,
        of: of.into(),
    }
}

/// Something as it was found.
pub fn fact(text: impl ToString) -> Piece {
    let text = text.to_string();
    // Neither a line of Markdown nor a terminal is to obey what was found in a file.
    Piece::Fact(text.replace(|c: char| c.is_control(), " "))
}

impl From<&'static str> for Piece {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<Piece> for Words {
    fn from(piece: Piece) -> Self {
        Self(vec![piece])
    }
}

impl From<&'static str> for Words {
    fn from(text: &'static str) -> Self {
        Self(vec![text.into()])
    }
}

impl Words {
    /// With one more.
    pub fn push(&mut self, piece: impl Into<Piece>) {
        self.0.push(piece.into());
    }

    /// Nothing in it?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Several, with commas, and `and` before the last.
    pub fn listed(all: impl IntoIterator<Item = Words>) -> Self {
        let all: Vec<Words> = all.into_iter().collect();
        let last = all.len().saturating_sub(1);
        let mut words = Self::default();
        for (at, one) in all.into_iter().enumerate() {
            if at > 0 {
                words.push(if at == last { " and " } else { ", " });
            }
            words.0.extend(one.0);
        }
        words
    }
}

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text(text) => text,
            Self::Number { text, .. } | Self::Fact(text) => text,
        })
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| piece.fmt(f))
    }
}

/// As text.
impl Serialize for Words {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// `words!["it takes ", number, " here"]`
macro_rules! words {
    ($($piece:expr),* $(,)?) => {
        $crate::compare::words::Words(vec![$($piece.into()),*])
    };
}
pub(crate) use words;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_have_commas_and_an_and() {
        let all = |texts: &[&'static str]| Words::listed(texts.iter().map(|one| (*one).into()));
        let shown = [&["a"][..], &["a", "b"], &["a", "b", "c"]].map(|one| all(one).to_string());
        assert_eq!(shown, ["a", "a and b", "a, b and c"]);
        let sentence = words![
            "p is ",
            number("6.1 ms".to_owned(), 6.12, "x"),
            fact(", 1.5")
        ];
        assert_eq!(sentence.to_string(), "p is 6.1 ms, 1.5");
    }
}
