//! Picks the lines that tell of a failure.

use std::collections::BTreeSet;

use super::{LineKind, LogEvent};

/// Looks at lines in the order of time.
#[derive(Debug, Default)]
pub struct Failures {
    /// Streams in the middle of a panic.
    panics: BTreeSet<(String, String)>,
}

impl Failures {
    /// Does this line tell of a failure, by itself or as part of a panic? What a program says after
    /// `panicked at` (its message, its backtrace) are lines like any other text.
    pub fn tells(&mut self, event: &LogEvent) -> bool {
        let line = &event.line;
        let stream = || (event.function.clone(), event.stream.clone());
        if line.begins_panic() {
            self.panics.insert(stream());
            return true;
        }
        if !self.panics.is_empty() {
            if line.kind != LineKind::Text {
                self.panics.remove(&stream());
            } else if self.panics.contains(&stream()) {
                return true;
            }
        }
        line.tells_failure()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_to_its_end_in_its_stream_alone() {
        let mut failures = Failures::default();
        let told: Vec<bool> = [
            ("a", "a line"),
            ("a", "thread 'main' panicked at src/lib.rs:1:2:"),
            ("b", "a line of another stream"),
            ("a", "index out of bounds"),
            ("a", "note: run with `RUST_BACKTRACE=1`"),
            (
                "a",
                "RequestId: r Error: Runtime exited with error: exit status 101",
            ),
            ("a", "END RequestId: r"),
            ("a", "a line"),
            ("b", r#"{"level":"ERROR","message":"m"}"#),
        ]
        .into_iter()
        .map(|(stream, raw)| failures.tells(&LogEvent::new(0, "f", stream, raw)))
        .collect();
        assert_eq!(
            told,
            [false, true, false, true, true, true, false, false, true]
        );
    }
}
