//! Takes out of a text what differs between two runs and keeps its layout: a placeholder is as wide as
//! what it replaces, or else the padding beside it makes up for the difference.

use std::ops::Range;

use regex_lite::{Captures, Regex};

use crate::dates::{near, now_seconds, timestamp};

/// Which padding gives or takes the difference in width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Align {
    /// Spaces after it: text in a column.
    Left,
    /// Spaces before it: numbers in a column.
    Right,
}

/// One kind of thing that differs.
struct Rule {
    /// The first group is what is replaced; without a group the whole match is.
    pattern: Regex,
    align: Align,
    /// None keeps what was found.
    replace: fn(&str, &Captures<'_>) -> Option<String>,
}

/// The rules, with names for the directories of one test.
pub struct Redactor {
    /// Text and its name, longest first.
    literals: Vec<(String, String)>,
    rules: Vec<Rule>,
}

impl Default for Redactor {
    fn default() -> Self {
        Self {
            literals: Vec::new(),
            rules: rules(),
        }
    }
}

impl Redactor {
    /// Replaces `text` wherever it is by `name`, before any rule: paths of a test become `$PROJECT`.
    #[must_use]
    pub fn with_literal(mut self, text: impl Into<String>, name: impl Into<String>) -> Self {
        self.literals.push((text.into(), name.into()));
        self.literals
            .sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        self
    }

    /// The text with every rule applied.
    pub fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (literal, name) in &self.literals {
            text = text.replace(literal, name);
        }
        text.split_inclusive('\n')
            .map(|line| self.line(line))
            .collect()
    }

    fn line(&self, line: &str) -> String {
        let mut line = line.to_owned();
        for rule in &self.rules {
            let mut from = 0;
            while let Some((range, replacement)) = rule.find(&line, from) {
                from = splice(&mut line, range, &replacement, rule.align);
            }
        }
        line
    }
}

impl Rule {
    /// The next thing to replace at or after `from`.
    fn find(&self, line: &str, from: usize) -> Option<(Range<usize>, String)> {
        let mut from = from;
        loop {
            let captures = self.pattern.captures_at(line, from)?;
            let found = captures.get(1).or_else(|| captures.get(0))?;
            match (self.replace)(found.as_str(), &captures) {
                Some(replacement) => return Some((found.range(), replacement)),
                None => from = found.end(),
            }
        }
    }
}

/// Puts the replacement in and lets the padding beside it even out the width, as long as a space
/// remains. Gives the place after it.
fn splice(line: &mut String, range: Range<usize>, replacement: &str, align: Align) -> usize {
    let width = line[range.clone()].chars().count() as isize - replacement.chars().count() as isize;
    let before = line[..range.start].len() - line[..range.start].trim_end_matches(' ').len();
    let after = line[range.end..].len() - line[range.end..].trim_start_matches(' ').len();
    let evened = |spaces: usize| (spaces as isize + width).max(1) as usize;
    // One space is the gap between two words, not padding.
    let (spaces_before, spaces_after) = match align {
        Align::Right if before > 1 => (evened(before), after),
        Align::Left if after > 1 => (before, evened(after)),
        _ => (before, after),
    };
    let start = range.start - before;
    let text = format!(
        "{}{replacement}{}",
        " ".repeat(spaces_before),
        " ".repeat(spaces_after)
    );
    line.replace_range(start..range.end + after, &text);
    start + spaces_before + replacement.len()
}

fn rules() -> Vec<Rule> {
    let rule = |pattern: &str, align, replace| Rule {
        pattern: Regex::new(pattern).expect("the patterns are constants, and a test uses each"),
        align,
        replace,
    };
    vec![
        // Ports.
        rule(
            r"(?:127\.0\.0\.1|localhost|\[::1\]):(\d{2,5})\b",
            Align::Left,
            |found, _| Some(hashes(found)),
        ),
        rule(r"\bport:? (\d{4,5})\b", Align::Left, |found, _| {
            Some(hashes(found))
        }),
        // Processes.
        rule(r#"\bpid"?[ :=]+(\d+)\b"#, Align::Left, |_, _| {
            Some("[pid]".to_owned())
        }),
        rule(r"\bkill (\d+)\b", Align::Left, |_, _| {
            Some("[pid]".to_owned())
        }),
        // Ids and hashes.
        rule(
            r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b",
            Align::Left,
            |found, _| Some(named("uuid", found)),
        ),
        rule(
            r#""version_?[iI]d":\s*"([^"]+)""#,
            Align::Left,
            |found, _| Some(named("version", found)),
        ),
        rule(r"-([0-9a-f]{12})\.zip\b", Align::Left, |found, _| {
            Some(named("sha256", found))
        }),
        rule(r"\b([0-9a-f]{6,63})…", Align::Left, |found, _| {
            Some(named("hex", found))
        }),
        rule(r"\b[0-9a-f]{12,128}\b", Align::Left, |found, _| {
            // A long number is a number; a long word of a to f alone is no hash.
            let digits = found.bytes().filter(u8::is_ascii_digit).count();
            (digits > 0 && (digits < found.len() || found.len() >= 32)).then(|| named("hex", found))
        }),
        rule(
            r"(?:^|[^A-Za-z0-9+/])([A-Za-z0-9+/]{43}=)",
            Align::Left,
            |found, _| Some(named("sha256", found)),
        ),
        // Times near now; those of the samples stay.
        rule(
            r"\b(\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})?)",
            Align::Left,
            |found, _| near(&found[..10], '-').then(|| timestamp(found)),
        ),
        rule(
            r"\b(\d{4}-\d{2}-\d{2}(?:#[0-9a-f])?)\b",
            Align::Left,
            |found, _| {
                near(&found[..10], '-').then(|| {
                    if found.len() > 10 {
                        "YYYY-MM-DD#x".to_owned()
                    } else {
                        "YYYY-MM-DD".to_owned()
                    }
                })
            },
        ),
        rule(r"\b(\d{4}/\d{2}/\d{2})\b", Align::Left, |found, _| {
            near(found, '/').then(|| "YYYY/MM/DD".to_owned())
        }),
        rule(r"\b(\d{10}|\d{13})\b", Align::Right, |found, _| {
            let seconds = found[..10].parse::<i64>().unwrap_or_default();
            (now_seconds().abs_diff(seconds) < 60 * 86_400).then(|| hashes(found))
        }),
        // Durations as measured: those of a stack file are whole seconds, and stay.
        rule(
            r#""[a-z0-9_]*_ms":\s*(-?\d+(?:\.\d+)?)"#,
            Align::Left,
            |_, _| Some("[ms]".to_owned()),
        ),
        rule(
            r"\b\d+ (?:s|min \d{2} s|h \d{2} min|d \d{2} h) ago\b",
            Align::Left,
            |_, _| Some("[age]".to_owned()),
        ),
        rule(r"\b\d+ min \d{2} s\b", Align::Right, |_, _| {
            Some("[time]".to_owned())
        }),
        rule(
            r"\b\d+(?:\.\d+)? ?(?:ns|µs|us|ms)\b",
            Align::Right,
            |_, _| Some("[time]".to_owned()),
        ),
        rule(r"\b\d+\.\d+ ?s\b", Align::Right, |_, _| {
            Some("[time]".to_owned())
        }),
        // Sizes of artifacts; the samples are smaller.
        rule(
            r#""(?:zip|unzipped|program)_bytes":\s*(\d+)"#,
            Align::Left,
            |_, _| Some("[bytes]".to_owned()),
        ),
        rule(
            r"\b\d+(?:\.\d+) ?(?:MB|MiB|GB|GiB)\b",
            Align::Right,
            |_, _| Some("[size]".to_owned()),
        ),
    ]
}

/// As many `#` as digits.
fn hashes(digits: &str) -> String {
    "#".repeat(digits.chars().count())
}

/// `<name---->`, as wide as what it stands for; without the name where that is too narrow.
fn named(name: &str, found: &str) -> String {
    let width = found.chars().count();
    if width >= name.len() + 2 {
        format!("<{name}{}>", "-".repeat(width - name.len() - 2))
    } else {
        "x".repeat(width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dates::tests::today;

    fn redact(text: &str) -> String {
        Redactor::default()
            .with_literal("/tmp/x1", "$TMP")
            .with_literal("/tmp/x1/project", "$PROJECT")
            .redact(text)
    }

    #[test]
    fn ports_processes_and_paths() {
        assert_eq!(
            redact("http://127.0.0.1:40123/x"),
            "http://127.0.0.1:#####/x"
        );
        assert_eq!(redact("port 40123 is taken"), "port ##### is taken");
        assert_eq!(redact("pid 7, pid=12345"), "pid [pid], pid=[pid]");
        assert_eq!(redact(r#"{"pid": 12345}"#), r#"{"pid": [pid]}"#);
        assert_eq!(redact("end it with `kill 12`"), "end it with `kill [pid]`");
        assert_eq!(redact("/tmp/x1/project/a /tmp/x1/b"), "$PROJECT/a $TMP/b");
    }

    #[test]
    fn ids_and_hashes_keep_their_width() {
        let hash = "0f".repeat(32);
        let redacted = redact(&format!("job {hash} done"));
        assert_eq!(redacted, format!("job <hex{}> done", "-".repeat(59)));
        assert_eq!(redact("id 3c4f8a21…  done"), "id <hex--->…  done");
        assert_eq!(
            redact("log-pipeline-trigger-0123456789ab.zip"),
            "log-pipeline-trigger-<sha256---->.zip"
        );
        assert_eq!(
            redact("6b0d7f2e-58c4-4d2c-9a0b-3f1f5a6b7c8d"),
            format!("<uuid{}>", "-".repeat(30))
        );
        assert_eq!(
            redact(&format!("code {}=", "aB+".repeat(15)[..43].to_owned())),
            format!("code <sha256{}>", "-".repeat(36))
        );
        assert_eq!(
            redact(r#""version_id": "abc.1234567""#),
            r#""version_id": "<version-->""#
        );
        assert_eq!(
            redact("123456789012 accounts, added, decade"),
            "123456789012 accounts, added, decade"
        );
    }

    #[test]
    fn times_of_this_run_go_and_those_of_the_samples_stay() {
        let today = today();
        assert_eq!(
            redact(&format!("at {today}T10:11:12.5Z")),
            "at YYYY-MM-DDThh:mm:ss.fffZ"
        );
        assert_eq!(
            redact(&format!("at {today} 10:11 now")),
            "at YYYY-MM-DD hh:mm now"
        );
        assert_eq!(
            redact(&format!("day {today}#a, {today}")),
            "day YYYY-MM-DD#x, YYYY-MM-DD"
        );
        assert_eq!(
            redact(&format!("{}/[$LATEST]", today.replace('-', "/"))),
            "YYYY/MM/DD/[$LATEST]"
        );
        assert_eq!(
            redact(&format!("expires {}", now_seconds() + 7 * 86_400)),
            "expires ##########"
        );
        let old = "from 2024-01-15T10:00:00Z to 2024-01-16, 1700000000, 2024/01/15";
        assert_eq!(redact(old), old);
    }

    #[test]
    fn measured_durations_go_and_configured_ones_stay() {
        assert_eq!(
            redact("done in 12.3 ms, 1.50 s, 2 min 05 s and 7µs"),
            "done in [time], [time], [time] and [time]"
        );
        assert_eq!(
            redact("12 s ago   done, 1 h 02 min ago"),
            "[age]      done, [age]"
        );
        assert_eq!(
            redact(r#""elapsed_ms": 12.25, "x": 3"#),
            r#""elapsed_ms": [ms], "x": 3"#
        );
        let configured = "visibility_timeout 180s, within 60 s, 30 days";
        assert_eq!(redact(configured), configured);
    }

    #[test]
    fn columns_stay_aligned() {
        let rows = redact("trigger    9.11 ms  4.21 MB  ok\nworker   123.45 ms   12.3 MB  ok\n");
        assert_eq!(
            rows,
            "trigger     [time]   [size]  ok\nworker      [time]    [size]  ok\n"
        );
        assert_eq!(
            redact("pid 7      running\npid 12345  running\n"),
            "pid [pid]  running\npid [pid]  running\n"
        );
    }

    #[test]
    fn sizes_of_artifacts_go_and_those_of_samples_stay() {
        assert_eq!(
            redact(r#"{"zip_bytes":4213001,"bytes":230991}"#),
            r#"{"zip_bytes":[bytes],"bytes":230991}"#
        );
        assert_eq!(
            redact("4.21 MB; 231.0 kB; 256MB"),
            "[size]; 231.0 kB; 256MB"
        );
    }
}
