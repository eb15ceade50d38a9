//! One emulator for a whole test, and in it many stacks with names of their own, each behind a proxy of
//! its own if it wants one.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pipectl::apply::{Cancel, Outcome};
use pipectl::converge::{self, Proposal};
use pipectl::event::{Event, Sink};
use pipectl::observe;
use pipectl::package::Artifact;
use pipectl::plan::{Consent, Losses, Purpose};
use pipectl::resource::{Context, KINDS, Observed, Place, Survey};
use pipectl::stack::model::{Architecture, Stack};
use pipectl::target::{
    Capabilities, Connection, Deadlines, EMBEDDED, Product, ProductName, Target, TargetRow, row,
};
use pipectl_emulator::{Behaviour, Config, Emulator};

/// An emulator with a directory for stack files and artifacts.
pub struct World {
    emulator: Emulator,
    directory: tempfile::TempDir,
    row: Arc<TargetRow>,
}

/// Hears nothing.
pub struct Deaf;

impl Sink for Deaf {
    fn emit(&self, _event: Event) {}
}

/// Remembers what it hears.
#[derive(Default)]
pub struct Heard(pub Mutex<Vec<Event>>);

impl Sink for Heard {
    fn emit(&self, event: Event) {
        self.0.lock().expect("no holder panics").push(event);
    }
}

impl World {
    /// A running emulator with nothing in it.
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// The same, taken for a target with other capabilities.
    pub async fn with(change: impl FnOnce(&mut Capabilities)) -> Self {
        Self::start(Behaviour::INSTANT, change).await
    }

    /// The same with all of AWS's states and waits, twenty times as fast. Expiry may be changed at once.
    pub async fn with_states() -> Self {
        let aws = Behaviour::AWS;
        let behaviour = Behaviour {
            async_retry_ms: [0, 0],
            function_pending_ms: aws.function_pending_ms / 20,
            function_update_ms: aws.function_update_ms / 20,
            mapping_change_ms: aws.mapping_change_ms / 20,
            queue_name_ms: aws.queue_name_ms / 60,
            table_creating_ms: aws.table_creating_ms / 20,
            table_deleting_ms: aws.table_deleting_ms / 20,
            ttl_cool_down_ms: 0,
            ..aws
        };
        Self::start(behaviour, |_| {}).await
    }

    async fn start(behaviour: Behaviour, change: impl FnOnce(&mut Capabilities)) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let config = Config {
            behaviour,
            ..Config::new(directory.path().join("data"))
        };
        let emulator = Emulator::start(config).await.expect("an emulator");
        for (name, script) in [
            ("one", "#!/bin/sh\nexit 0\n"),
            ("two", "#!/bin/sh\nexit 1\n"),
        ] {
            std::fs::write(zip_path(directory.path(), name), zipped(script)).expect("a zip");
        }
        for function in ["trigger", "worker"] {
            let crate_dir = directory.path().join("functions").join(function);
            std::fs::create_dir_all(&crate_dir).expect("a directory");
            let manifest = format!("[package]\nname = \"{function}\"\n");
            std::fs::write(crate_dir.join("Cargo.toml"), manifest).expect("a manifest");
        }
        // Nobody waits for long here: what passes, passes at once.
        let deadlines = Deadlines {
            busy: Duration::from_secs(5),
            propagation: Duration::from_secs(2),
            throttled: Duration::from_secs(5),
            queue_name: Duration::from_secs(5),
            ..Deadlines::LOCAL
        };
        let embedded = row(EMBEDDED).expect("the row").clone();
        let mut row = TargetRow {
            deadlines,
            ..embedded
        };
        change(&mut row.capabilities);
        Self {
            emulator,
            directory,
            row: Arc::new(row),
        }
    }

    /// Where the emulator answers.
    pub fn endpoint(&self) -> &str {
        self.emulator.endpoint()
    }

    /// The artifact called `name`.
    pub fn zip(&self, name: &str) -> PathBuf {
        zip_path(self.directory.path(), name)
    }

    /// How many resources there are, of all stacks.
    pub fn resources(&self) -> u64 {
        self.emulator.resources()
    }

    /// Reads a stack from its text.
    pub fn stack(&self, text: &str) -> Stack {
        let name = text
            .lines()
            .find_map(|line| line.strip_prefix("stack: "))
            .expect("a stack has a name");
        let root = self.directory.path();
        let file = root.join("stacks").join(format!("{name}.yaml"));
        std::fs::create_dir_all(root.join("stacks")).expect("a directory");
        std::fs::write(&file, text).expect("the stack");
        match pipectl::stack::load(&file, EMBEDDED) {
            Ok(stack) => stack,
            Err(errors) => panic!("{:?}\n{text}", miette::Report::new(errors)),
        }
    }

    /// What calls need, through `endpoint`; every function has the artifact called `code`.
    pub fn context(&self, stack: &Stack, endpoint: &str, code: &str) -> Context {
        let zip = zip_path(self.directory.path(), code);
        let artifacts: BTreeMap<String, Artifact> = stack
            .functions
            .iter()
            .map(|function| {
                let artifact =
                    Artifact::made_elsewhere(&function.name, zip.clone(), Architecture::X86_64)
                        .expect("the zip");
                (function.name.clone(), artifact)
            })
            .collect();
        let target = Target::new(
            Arc::clone(&self.row),
            Connection::local(&self.row, Some(endpoint.to_owned())),
            pipectl_emulator::config::ACCOUNT.to_owned(),
            Product::named(ProductName::Embedded),
        );
        let place = Place {
            target,
            artifacts: Some(artifacts),
        };
        Context::new(place, &stack.name)
    }
}

fn zip_path(root: &Path, name: &str) -> PathBuf {
    root.join(format!("{name}.zip"))
}

fn zipped(script: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
    zip.start_file("bootstrap", options).expect("started");
    zip.write_all(script.as_bytes()).expect("written");
    zip.finish().expect("finished").into_inner()
}

/// One run of `up`. `Err` when nothing could be planned.
pub async fn up(stack: &Stack, cx: &Context) -> Result<Outcome, String> {
    run(stack, cx, Purpose::Up, Consent::default()).await
}

/// One run of `down --force`.
pub async fn down(stack: &Stack, cx: &Context) -> Result<Outcome, String> {
    let consent = Consent {
        adopt: false,
        losses: Losses::Any,
    };
    run(stack, cx, Purpose::Down, consent).await
}

/// One run, as the commands do it.
pub async fn run(
    stack: &Stack,
    cx: &Context,
    purpose: Purpose,
    consent: Consent,
) -> Result<Outcome, String> {
    let proposal = propose(stack, cx, purpose, consent).await?;
    if let Some(refusal) = proposal.plan.refusals.first() {
        return Err(format!("{}: {}", refusal.id, refusal.why));
    }
    Ok(proposal.carry_out(cx, &Deaf, &Cancel::default()).await)
}

/// What would be done.
pub async fn propose(
    stack: &Stack,
    cx: &Context,
    purpose: Purpose,
    consent: Consent,
) -> Result<Proposal, String> {
    converge::propose(stack, cx, purpose, consent)
        .await
        .map_err(|error| format!("{error:?}"))
}

/// Was it done to the end? The message tells what was not.
pub fn whole(outcome: Result<Outcome, String>) -> Result<(), String> {
    let outcome = outcome?;
    if outcome.is_whole() {
        return Ok(());
    }
    let failed: Vec<String> = outcome.failed.iter().map(ToString::to_string).collect();
    Err(format!(
        "{}; skipped {:?}",
        failed.join("; "),
        outcome.skipped
    ))
}

/// Everything that the target tells of a stack, in words that do not depend on its name, its endpoint or
/// on ids that the target chose. Fails when it is not as wanted.
pub async fn end_state(stack: &Stack, cx: &Context) -> Result<String, String> {
    let proposal = propose(stack, cx, Purpose::Up, Consent::default()).await?;
    if !proposal.plan.is_empty() || !proposal.plan.refusals.is_empty() {
        let changes: Vec<_> = proposal
            .plan
            .changes()
            .map(|step| (&step.id, &step.why, &step.changes))
            .collect();
        return Err(format!(
            "not converged: {changes:?}, refused {:?}",
            proposal.plan.refusals
        ));
    }
    Ok(told(&proposal.survey, stack, cx))
}

fn told(survey: &Survey, stack: &Stack, cx: &Context) -> String {
    let mut text = String::new();
    for (id, observed) in &survey.observed {
        match observed {
            Observed::Absent => text.push_str(&format!("{id} absent\n")),
            Observed::Unowned(_) => text.push_str(&format!("{id} foreign\n")),
            Observed::Owned(live) => {
                let attrs = serde_json::to_string(&live.attrs).expect("JSON");
                // Of the record of what was applied only that it is right counts: the plan was empty.
                let keys: Vec<_> = live.tags.iter().flat_map(BTreeMap::keys).collect();
                // States pass by themselves and are nobody's wish.
                text.push_str(&format!("{id} {attrs} {keys:?}\n"));
            }
        }
    }
    text.replace(&cx.place.target.place(), "ENDPOINT")
        .replace(&format!("{}-", stack.name), "STACK-")
}

/// The same, whether it is as wanted or not.
pub async fn told_of(stack: &Stack, cx: &Context) -> String {
    let (wanted, _) = pipectl::resource::wanted(stack, &cx.place);
    let survey = observe::survey(cx, &wanted).await.expect("a survey");
    assert_eq!(survey.leftovers, []);
    told(&survey, stack, cx)
}

/// Everything at the target under the names of a stack, ours or not.
pub async fn under_names(cx: &Context) -> Vec<String> {
    let mut names = Vec::new();
    for kind in KINDS.iter().filter(|kind| kind.within().is_none()) {
        let listed = kind.list(cx, None).await.expect("a list");
        names.extend(
            listed
                .into_iter()
                .map(|listed| listed.wanted.id.to_string()),
        );
    }
    names
}

/// What is owned by the stack and not wanted by it.
pub async fn leftovers(stack: &Stack, cx: &Context) -> Vec<String> {
    let (wanted, _) = pipectl::resource::wanted(stack, &cx.place);
    let survey = observe::survey(cx, &wanted).await.expect("a survey");
    survey
        .leftovers
        .iter()
        .map(|leftover| leftover.id.to_string())
        .collect()
}
