//! A project whose stack is deployed to one of the endpoints.

use std::path::Path;
use std::time::{Duration, Instant};

use pipectl_testkit::probe::{expect, parsed};
use pipectl_testkit::{Probe, TestEnv, Transcript, until};
use serde_json::{Value, json};

use super::Stage;

/// The program under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_pipectl");
/// How long what comes by itself may take. The machine may have other work.
pub const PATIENCE: Duration = Duration::from_mins(2);
/// Where the stack is in a project.
pub const STACK: &str = "stacks/log-pipeline.yaml";

/// A project, and where its stack lives.
pub struct Project<'s> {
    pub env: TestEnv,
    pub stage: &'s Stage<'s>,
    /// Name of the stack: resources' names begin with it.
    pub name: String,
    /// What the program is told to call: the endpoint, or a proxy before it.
    pub url: String,
    /// Row of the target.
    target: &'static str,
}

impl<'s> Project<'s> {
    /// The log pipeline as it is in the repository, its functions built by pipectl.
    pub fn with_crates(stage: &'s Stage<'s>, name: &str) -> Self {
        Self::of(stage, name, BINARY.as_ref())
    }

    fn of(stage: &'s Stage<'s>, name: &str, binary: &Path) -> Self {
        let project = Self {
            env: TestEnv::new(binary),
            stage,
            name: name.to_owned(),
            url: stage.url.to_owned(),
            target: "localstack",
        };
        project.edit(&[("stack: log-pipeline", &format!("stack: {name}"))]);
        project
    }

    /// The log pipeline with zips of its functions, which are made beforehand.
    pub fn with_zips(stage: &'s Stage<'s>, name: &str) -> Self {
        Self::with_zips_for(stage, name, BINARY.as_ref())
    }

    /// The same, for another build of the program.
    pub fn with_zips_for(stage: &'s Stage<'s>, name: &str, binary: &Path) -> Self {
        let project = Self::of(stage, name, binary);
        project.edit(&[
            ("crate: functions/trigger", "artifact: dist/trigger.zip"),
            ("crate: functions/worker", "artifact: dist/worker.zip"),
        ]);
        project
            .env
            .write("dist/trigger.zip", &stage.artifacts.trigger);
        project
            .env
            .write("dist/worker.zip", &stage.artifacts.worker);
        project
    }

    /// The same as a row of the project's own, on an endpoint with a certificate and roles of functions.
    pub fn with_roles(stage: &'s Stage<'s>, name: &str) -> Self {
        let mut project = Self::with_zips(stage, name);
        project.target = "iam";
        let certificate = stage.certificate.expect("an endpoint that speaks TLS");
        let row = format!(
            "targets:\n  iam:\n    like: localstack\n    endpoint: {}\n    ca_file: {}\n    capabilities: {{ roles: true }}\n",
            stage.url,
            certificate.display()
        );
        project.env.write("pipectl.yaml", row);
        project
    }

    /// Edits the stack file; each text must be there.
    pub fn edit(&self, changes: &[(&str, &str)]) {
        let file = self.env.root().join(STACK);
        let mut text = std::fs::read_to_string(&file).expect("the stack");
        for (from, to) in changes {
            assert!(text.contains(from), "no {from:?} in\n{text}");
            text = text.replace(from, to);
        }
        std::fs::write(&file, text).expect("written");
    }

    /// `pipectl ARGUMENTS --target TARGET --endpoint URL`
    pub fn run(&self, arguments: &[&str]) -> Transcript {
        let mut all = arguments.to_vec();
        all.extend(["--target", self.target, "--endpoint", &self.url]);
        let begun = Instant::now();
        let transcript = self.env.pipectl(&all);
        self.print(begun, &arguments.join(" "));
        transcript
    }

    /// Says what was done since.
    pub fn print(&self, begun: Instant, what: &str) {
        println!(
            "{:<10} {:>7.0} ms  {what}",
            self.stage.row.name,
            begun.elapsed().as_secs_f64() * 1000.0
        );
    }

    /// Runs a command again and again until its data is as it should be; prints it once.
    pub fn await_data<T>(
        &self,
        what: &str,
        arguments: &[&str],
        mut look: impl FnMut(&Value) -> Option<T>,
    ) -> T {
        let mut all = arguments.to_vec();
        let target = ["--target", self.target, "--endpoint", &self.url];
        all.extend(["--output", "json"].into_iter().chain(target));
        let begun = Instant::now();
        let found = until(what, PATIENCE, || {
            let told = self.env.pipectl(&all).json();
            look(&told["data"]).ok_or_else(|| format!("{told:#}"))
        });
        self.print(begun, &format!("{}, until: {what}", arguments.join(" ")));
        found
    }

    /// The JSON of a run that ends with this exit code.
    pub fn json_of(&self, arguments: &[&str], code: i32) -> Value {
        let mut all = arguments.to_vec();
        all.extend(["--output", "json"]);
        self.run(&all).expect_code(code).json()
    }

    /// The JSON of a run that succeeds.
    pub fn json(&self, arguments: &[&str]) -> Value {
        self.json_of(arguments, 0)
    }

    /// Runs `up` and gives what it did.
    pub fn up(&self) -> Vec<(String, String)> {
        actions(&self.json(&["up"]))
    }

    /// Takes everything down, data included.
    pub fn down(&self) {
        let down = self.json(&["down", "--force"]);
        let deleted = down["data"]["deleted"].as_array().map_or(0, Vec::len);
        assert!(deleted >= 12, "{down:#}");
    }

    /// Sends a file that must be done, and gives its result.
    pub fn send(&self, file: &str) -> Value {
        let sent = self.json(&["send", file]);
        let result = &sent["data"]["sent"][0]["result"];
        assert_eq!(result["status"], "done", "{sent:#}");
        result.clone()
    }

    /// The letters that wait in a queue.
    pub fn letters(&self, queue: &str) -> Vec<Value> {
        let listed = self.json(&["dlq", "ls", queue]);
        let letters = listed["data"]["queues"][0]["letters"].as_array();
        letters.cloned().unwrap_or_default()
    }

    /// The one letter of a queue, once it is there and has another id than `before`.
    pub fn letter(&self, queue: &str, before: &Value) -> Value {
        self.await_data("a dead letter", &["dlq", "ls", queue], |data| {
            match data["queues"][0]["letters"].as_array()?.as_slice() {
                [letter] if letter["message_id"] != *before => Some(letter.clone()),
                _ => None,
            }
        })
    }

    /// The results there are, once there are so many.
    pub fn results(&self, count: usize) -> Vec<Value> {
        self.await_data(&format!("{count} results"), &["results"], |data| {
            let results = data["results"].as_array()?;
            (results.len() == count).then(|| results.clone())
        })
    }

    /// Changes the configuration of a function past pipectl, once it takes changes.
    pub fn configure(&self, function: &str, change: impl FnOnce(&mut Value)) {
        let name = self.physical(function);
        let path = format!("/2015-03-31/functions/{name}/configuration");
        let probe = self.probe();
        // LocalStack answers 500 to an update of a function that is Pending. // aws-behaviours §11
        let mut settings = until("the function takes changes", PATIENCE, || {
            let settings = parsed(&expect(probe.lambda("GET", &path, &Value::Null)));
            let ready =
                settings["State"] == "Active" && settings["LastUpdateStatus"] == "Successful";
            if ready {
                Ok(settings)
            } else {
                Err(format!("{settings:#}"))
            }
        });
        change(&mut settings);
        let settings = json!({
            "Timeout": settings["Timeout"], "Environment": settings["Environment"],
        });
        expect(probe.lambda("PUT", &path, &settings));
    }

    /// A way to the endpoint past pipectl.
    pub fn probe(&self) -> Probe {
        Probe::new(self.stage.url)
    }

    /// What a resource is called at the endpoint.
    pub fn physical(&self, name: &str) -> String {
        format!("{}-{name}", self.name)
    }
}

/// What a plan does, by resource: everything but what it leaves as it is.
pub fn actions(told: &Value) -> Vec<(String, String)> {
    let plan = if told["data"]["plan"].is_object() {
        &told["data"]["plan"]
    } else {
        &told["data"]
    };
    let steps = plan["steps"].as_array().expect("steps");
    let text = |step: &Value, field: &str| step[field].as_str().expect("text").to_owned();
    steps
        .iter()
        .map(|step| (text(step, "id"), text(step, "action")))
        .filter(|(_, action)| action != "keep")
        .collect()
}

/// Resources that are updated, in the words of [`actions`].
pub fn updates(ids: &[&str]) -> Vec<(String, String)> {
    let update = |id: &&str| ((*id).to_owned(), "update".to_owned());
    ids.iter().map(update).collect()
}
