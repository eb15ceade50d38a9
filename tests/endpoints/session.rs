//! What a person sees of dead letters on an endpoint: a session that the suite holds and compares with the
//! one in `docs/sessions/`. It fails where the text differs; `UPDATE_DOCS=1` writes it anew.

use std::path::PathBuf;

use pipectl_testkit::{Transcript, repository, until};

use super::Stage;
use super::project::{PATIENCE, Project};

/// The recorded text, and what it is recorded of.
struct Session<'s> {
    project: Project<'s>,
    text: String,
    /// Ids of messages that were seen: lists show their beginnings.
    messages: Vec<String>,
}

pub fn as_recorded(stage: &Stage<'_>) {
    let project = Project::with_zips(stage, "log-pipeline");
    let worker = |zip: &[u8]| project.env.write("dist/worker.zip", zip);
    worker(&stage.artifacts.faulty_worker);
    // Short, so that the story fits into a few seconds.
    project.edit(&[
        ("visibility_timeout: 180s", "visibility_timeout: 3s"),
        (" timeout: 30s", " timeout: 3s"),
        ("max_receives: 5", "max_receives: 2"),
    ]);
    let good = stage.artifacts.worker.clone();
    let mut session = Session {
        project,
        text: String::new(),
        messages: Vec::new(),
    };
    session.say(&format!(
        "# Dead letters on {}\n\nHeld, and compared with this text, by `cargo test --test endpoints`; times, ids and the port \
         are taken out. The stack is\n`stacks/log-pipeline.yaml` with timeouts of 3 s, two receives, and zips of its functions \
         that were made before.",
        stage.row.name
    ));
    session.say("The worker has a bug: one line that is no log record fails the whole file.");
    let up = ["up", "--target", "localstack", "--endpoint", stage.url];
    session.run(&up, 0);
    session.say(
        "A good file goes through. One with ten lines that are no records does not: the worker fails, the queue shows the\n\
         job to it again, and after the second time gives it up.",
    );
    session.run(&["send", "samples/app-100.ndjson"], 0);
    let malformed = "samples/app-malformed.ndjson";
    session.run(&["send", malformed, "--timeout", "2s"], 1);
    session.await_letter();
    session.say("What waits, and why:");
    session.run(&["dlq", "ls"], 0);
    session.say("The reason is a line of the worker's own log. The bug is mended, and `dist/worker.zip` is built anew:");
    session.project.env.write("dist/worker.zip", good);
    session.run(&up, 0);
    session.say("Now the letter goes back to the queue that it came from.");
    session.run(&["dlq", "redrive", "--all"], 0);
    session.project.results(2);
    session.run(&["results"], 0);
    session.run(&["dlq", "ls"], 0);
    session.compare();
    session.project.down();
}

impl Session<'_> {
    /// A paragraph.
    fn say(&mut self, paragraph: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(paragraph);
        self.text.push('\n');
    }

    /// A command as it was typed, and what it wrote.
    fn run(&mut self, arguments: &[&str], code: i32) {
        let transcript = self.project.env.pipectl(arguments).expect_code(code);
        let shown = self.shown(&transcript);
        self.text.push_str(&format!("\n```console\n{shown}```\n"));
    }

    /// The transcript as a terminal shows it: what is talk comes before what is data.
    fn shown(&self, transcript: &Transcript) -> String {
        let told = transcript.to_string();
        let part = |name: &str| {
            let (_, rest) = told.split_once(&format!("--- {name}\n"))?;
            rest.split("\n--- ").next().map(str::to_owned)
        };
        let mut text = self.project.env.redact(&transcript.command);
        text = format!("$ {}\n", text.trim());
        for stream in ["stderr", "stdout"] {
            if let Some(lines) = part(stream) {
                text.push_str(&settled(&lines));
            }
        }
        for id in &self.messages {
            text = text.replace(&id[..8], "<letter>");
        }
        text
    }

    /// Waits for the letter, and looks no more than once.
    fn await_letter(&mut self) {
        let probe = self.project.probe();
        let queue = self.project.physical("jobs-dlq");
        until("the queue gives the job up", PATIENCE, || {
            let depth = probe.depth(&queue);
            if depth.visible == 1 {
                Ok(())
            } else {
                Err(format!("{depth:?}"))
            }
        });
        let letter = self.project.letter("jobs-dlq", &serde_json::Value::Null);
        let id = letter["message_id"].as_str().expect("an id");
        self.messages.push(id.to_owned());
    }

    fn compare(&self) {
        let name = self.project.stage.row.name.to_lowercase();
        let file: PathBuf = repository().join(format!("docs/sessions/{name}-dead-letters.md"));
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&file, &self.text).expect("written");
            return;
        }
        let recorded = std::fs::read_to_string(&file).unwrap_or_default();
        let differs = self
            .text
            .lines()
            .zip(recorded.lines())
            .find(|(now, then)| now != then);
        assert!(
            recorded == self.text,
            "{} differs, at first {differs:?}; UPDATE_DOCS=1 writes it anew. Now:\n{}",
            file.display(),
            self.text
        );
    }
}

/// The lines with what was done at the same time in the order of names.
fn settled(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let signs = ["+ ", "- ", "~ ", "= ", "± "];
    let parallel = |line: &str| {
        signs.iter().any(|sign| line.starts_with(sign)) && line.ends_with("[time]")
            || line.starts_with("packaged ")
            || line.starts_with("not made ")
    };
    for group in lines.chunk_by_mut(|a, b| parallel(a) == parallel(b)) {
        if group.iter().all(|line| parallel(line)) {
            group.sort_unstable();
        }
    }
    lines.push("");
    lines.join("\n")
}
