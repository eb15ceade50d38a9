//! Filter patterns for unstructured text: terms, phrases, exclusions and alternatives.

use crate::error::AwsError;

/// What an event's message must have.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pattern {
    /// All of these.
    all: Vec<String>,
    /// None of these.
    none: Vec<String>,
    /// One of these, unless empty.
    any: Vec<String>,
}

impl Pattern {
    /// Reads a pattern: `term "a phrase" -excluded`, or `?one ?other`. Terms are case-sensitive.
    /// Beside other terms, AWS ignores those with a question mark.
    ///
    /// # Errors
    /// `InvalidParameterException` for JSON (`{…}`), column (`[…]`) and regular expression
    /// (`%…%`) patterns, which are not served, and for patterns that AWS refuses.
    pub(super) fn parse(text: &str) -> Result<Self, AwsError> {
        let mut pattern = Self::default();
        let mut rest = text.trim_start();
        if let Some(kind) = match rest.as_bytes().first() {
            Some(b'{') => Some("JSON"),
            Some(b'[') => Some("space-delimited"),
            Some(b'%') => Some("regular expression"),
            _ => None,
        } {
            return Err(refused(format!(
                "{kind} filter patterns are not implemented by the embedded target; use terms: \
                 error \"a phrase\" -excluded, or ?one ?other"
            )));
        }
        while let Some(first) = rest.chars().next() {
            let list = match first {
                '-' => &mut pattern.none,
                '?' => &mut pattern.any,
                _ => &mut pattern.all,
            };
            if matches!(first, '-' | '?') {
                rest = &rest[1..];
            }
            let (term, behind) = term(rest)?;
            list.push(term);
            rest = behind.trim_start();
        }
        if !(pattern.all.is_empty() && pattern.none.is_empty()) {
            pattern.any.clear();
        }
        Ok(pattern)
    }

    /// Does a message fit?
    pub(super) fn matches(&self, message: &str) -> bool {
        let has = |term: &String| message.contains(term.as_str());
        self.all.iter().all(has)
            && !self.none.iter().any(has)
            && (self.any.is_empty() || self.any.iter().any(has))
    }
}

/// The first term of `text`, and what is behind it.
fn term(text: &str) -> Result<(String, &str), AwsError> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        let (term, behind) = text.split_at(end);
        let plain = |character: char| character.is_alphanumeric() || character == '_';
        if term.is_empty() || !term.chars().all(plain) {
            return Err(refused(format!(
                "Invalid character(s) in term '{term}': put it in double quotes"
            )));
        }
        return Ok((term.to_owned(), behind));
    };
    let mut term = String::new();
    let mut characters = quoted.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Ok((term, &quoted[index + 1..])),
            '\\' => term.extend(characters.next().map(|(_, escaped)| escaped)),
            other => term.push(other),
        }
    }
    Err(refused("Invalid filter pattern: a quote is not closed"))
}

fn refused(message: impl Into<String>) -> AwsError {
    AwsError::bad_request("InvalidParameterException", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_match_by_terms() {
        for (pattern, message, matches) in [
            ("", "anything", true),
            ("ERROR", "an ERROR", true),
            ("ERROR", "an error", false),
            ("ERROR timeout", "timeout: ERROR", true),
            ("ERROR timeout", "ERROR", false),
            ("\"two words\"", "has two words", true),
            ("\"two words\"", "two, words", false),
            (r#""say \"hi\"""#, "they say \"hi\"", true),
            ("ERROR -DEBUG", "ERROR DEBUG", false),
            ("-DEBUG", "INFO", true),
            ("-\"a-b\"", "x a-b", false),
            ("?ERROR ?WARN", "WARN", true),
            ("?ERROR ?WARN", "INFO", false),
            ("?ERROR INFO", "INFO", true),
            ("größe_1", "die größe_1", true),
        ] {
            let parsed = Pattern::parse(pattern).expect(pattern);
            assert_eq!(parsed.matches(message), matches, "{pattern} on {message}");
        }
    }

    #[test]
    fn what_is_not_served_or_wrong_is_refused() {
        for pattern in [
            "{ $.level = \"ERROR\" }",
            "[ip, user]",
            "%a|b%",
            "a-b",
            "\"open",
            "- x",
            "?",
        ] {
            let error = Pattern::parse(pattern).expect_err(pattern);
            assert_eq!(error.code, "InvalidParameterException", "{pattern}");
        }
    }
}
