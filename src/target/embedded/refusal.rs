//! Why an emulator did not start, said with the command that helps.

use std::path::Path;

use super::EmbeddedError;

/// What an emulator's refusal to start begins with.
const REFUSED: &str = "the emulator cannot start: ";

impl EmbeddedError {
    /// Why the emulator over the directory `data` did not start.
    pub fn refused(error: pipectl_emulator::StartError, data: &Path) -> Self {
        if error.damage().is_empty() {
            return error.into();
        }
        Self::Damaged {
            told: error.to_string(),
            command: salvage_command(data),
        }
    }

    /// The same of an emulator in the background, from what it wrote to its `log`.
    pub(super) fn of_background(written: &str, data: &Path, log: &Path) -> Self {
        let refusal = refusal(written);
        if let Some((code, message)) = &refusal
            && code == "embedded::damaged"
        {
            return Self::Damaged {
                told: message.trim_start_matches(REFUSED).to_owned(),
                command: salvage_command(data),
            };
        }
        Self::Start {
            cause: refusal.map_or_else(|| on_one_line(written), |(_, message)| message),
            log: log.display().to_string(),
        }
    }
}

/// The command line that puts saved rows in place; its directory is as short as it can be from here.
fn salvage_command(data: &Path) -> String {
    let here = std::env::current_dir().ok();
    let data = here
        .and_then(|here| data.strip_prefix(here).ok())
        .unwrap_or(data)
        .display()
        .to_string();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    let data = if data.bytes().all(plain) {
        data
    } else {
        format!("'{}'", data.replace('\'', "'\\''"))
    };
    format!("pipectl emulator --data {data} --use-salvaged")
}

/// Code and message of the failure in what a background emulator wrote: one JSON envelope, among the
/// lines of its log.
fn refusal(written: &str) -> Option<(String, String)> {
    let starts = written
        .match_indices('{')
        .map(|(at, _)| at)
        .filter(|at| *at == 0 || written.as_bytes()[at - 1] == b'\n');
    starts
        .filter_map(|at| {
            serde_json::Deserializer::from_str(&written[at..])
                .into_iter::<serde_json::Value>()
                .next()?
                .ok()
        })
        .find_map(|envelope| {
            let text = |name: &str| envelope["error"][name].as_str().map(str::to_owned);
            Some((text("code")?, text("message")?))
        })
}

fn on_one_line(text: &str) -> String {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_in_the_background_is_told_with_the_command_that_helps() {
        let told = |code: &str, message: &str| {
            let envelope = serde_json::json!({
                "version": 1, "data": null, "error": {"code": code, "message": message},
            });
            let written = format!("2026-01-01 WARN {{x}} a line\n{envelope:#}\n");
            EmbeddedError::of_background(&written, Path::new("/p q/.pipectl/e"), Path::new("l"))
        };
        let damaged = told(
            "embedded::damaged",
            "the emulator cannot start: the store s is damaged",
        );
        assert_eq!(
            damaged.to_string(),
            "the emulator cannot start: the store s is damaged"
        );
        let help = miette::Diagnostic::help(&damaged)
            .expect("a help")
            .to_string();
        assert!(
            help.contains("`pipectl emulator --data '/p q/.pipectl/e' --use-salvaged`"),
            "{help}"
        );
        let other = told("embedded::refused", "the emulator cannot start: no room");
        assert!(other.to_string().ends_with("no room"), "{other}");
        let text = "one\n\n  two\n";
        let panicked = EmbeddedError::of_background(text, Path::new("d"), Path::new("l"));
        assert!(panicked.to_string().ends_with("one; two"), "{panicked}");
    }
}
