//! One run of the program as one text: command, stdout, stderr and exit status.

use std::fmt;

/// What a run of the program wrote and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "snapshot the transcript or assert its exit code"]
pub struct Transcript {
    /// The command as a user types it.
    pub command: String,
    /// stdout as written.
    pub stdout: String,
    /// stderr as written.
    pub stderr: String,
    /// Exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Exit status in words, e.g. `exit status: 64`.
    pub status: String,
    /// The same with everything taken out that differs between runs.
    pub(crate) redacted: (String, String),
}

impl Transcript {
    /// Asserts the exit code; the message of a failure is the whole transcript, unredacted.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert!(
            self.code == Some(code),
            "expected exit code {code}:\n{}",
            self.unredacted()
        );
        self
    }

    /// Asserts exit code 0.
    #[track_caller]
    pub fn expect_success(self) -> Self {
        self.expect_code(0)
    }

    /// stdout as JSON. Panics, with the transcript, when it is none.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        match serde_json::from_str(&self.stdout) {
            Ok(value) => value,
            Err(error) => panic!("stdout is not JSON: {error}\n{}", self.unredacted()),
        }
    }

    /// The transcript with ports, times and paths as they were.
    pub fn unredacted(&self) -> String {
        render(&self.command, &self.stdout, &self.stderr, &self.status)
    }
}

impl fmt::Display for Transcript {
    /// The redacted transcript: what a snapshot holds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&render(
            &self.command,
            &self.redacted.0,
            &self.redacted.1,
            &self.status,
        ))
    }
}

fn render(command: &str, stdout: &str, stderr: &str, status: &str) -> String {
    let mut text = format!("$ {command}\n");
    for (name, stream) in [("stdout", stdout), ("stderr", stderr)] {
        if !stream.is_empty() {
            let end = if stream.ends_with('\n') { "" } else { "⏎\n" };
            text.push_str(&format!("--- {name}\n{stream}{end}"));
        }
    }
    text.push_str(&format!("--- {status}\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transcript() -> Transcript {
        Transcript {
            command: "pipectl plan".to_owned(),
            stdout: "port 40123\n".to_owned(),
            stderr: "no newline".to_owned(),
            code: Some(0),
            status: "exit status: 0".to_owned(),
            redacted: ("port #####\n".to_owned(), "no newline".to_owned()),
        }
    }

    #[test]
    fn it_shows_the_redacted_streams_in_order_and_a_missing_newline() {
        assert_eq!(
            transcript().to_string(),
            "$ pipectl plan\n--- stdout\nport #####\n--- stderr\nno newline⏎\n--- exit status: 0\n"
        );
        assert!(transcript().unredacted().contains("port 40123"));
    }

    #[test]
    fn empty_streams_take_no_line() {
        let mut quiet = transcript();
        quiet.redacted = (String::new(), String::new());
        assert_eq!(quiet.to_string(), "$ pipectl plan\n--- exit status: 0\n");
    }

    #[test]
    #[should_panic(expected = "expected exit code 2")]
    fn another_exit_code_is_a_failure() {
        let _ = transcript().expect_code(2);
    }
}
