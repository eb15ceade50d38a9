//! The log pipeline on the target `aws`, with a simulated AWS behind it, and one run of it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use pipectl::apply::{Cancel, Outcome};
use pipectl::converge;
use pipectl::event::{Event, Sink};
use pipectl::package::Artifact;
use pipectl::plan::{Consent, Losses, Purpose};
use pipectl::resource::{self, Context, Identities, Place};
use pipectl::stack::model::{Kind, Stack};
use pipectl::target::{Connection, Product, ProductName, Target, TargetRow, row};
use pipectl_testkit::repository;
use pipectl_testkit::simulated::{Cloud, Delays, Taken};
use tokio::time::Instant;

/// The target's row.
const AWS: &str = "aws";

/// Code that is about as large as that of a function for Lambda, zipped.
pub const LARGE: &str = "large";

/// A simulated AWS, a stack and its code.
pub struct World {
    pub delays: Delays,
    pub cloud: Arc<Cloud>,
    pub stack: Stack,
    /// How many roles were there from the beginning, because the stack wants none made.
    pub given_roles: u32,
    row: Arc<TargetRow>,
    directory: tempfile::TempDir,
}

/// One run, and what it took.
pub struct Run {
    pub delays: Delays,
    /// From its first call to its end.
    pub took: Duration,
    /// The part of that before the plan was made.
    pub reading: Duration,
    /// How many steps were to do something.
    pub changes: usize,
    pub outcome: Outcome,
    pub calls: Vec<Taken>,
}

struct Deaf;

impl Sink for Deaf {
    fn emit(&self, _event: Event) {}
}

impl World {
    /// With nothing deployed, and AWS's delays. Time begins now.
    pub async fn new() -> Self {
        Self::with(Delays::AWS).await
    }

    /// The same with other delays.
    pub async fn with(delays: Delays) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = repository().join("stacks").join("log-pipeline.yaml");
        let stack = match pipectl::stack::load(&file, AWS) {
            Ok(stack) => stack,
            Err(errors) => panic!("{:?}", miette::Report::new(errors)),
        };
        let mut world = Self {
            delays,
            cloud: Cloud::start(delays).await,
            stack,
            given_roles: 0,
            row: Arc::new(row(AWS).expect("the row").clone()),
            directory,
        };
        world.give_roles();
        world
    }

    /// The same with everything deployed, and settled.
    pub async fn deployed() -> Self {
        let world = Self::new().await;
        let _ = world.up("one").await;
        world.settle().await;
        world
    }

    /// Lets pass what passes: a mapping is Creating for a while, for which `up` does not wait.
    pub async fn settle(&self) {
        pipectl::wait::pause(self.delays.mapping).await;
    }

    /// A stack that wants no roles made names some that are there: made at this moment, as if by it.
    fn give_roles(&mut self) {
        let (wanted, _) = resource::wanted(&self.stack, &self.place("one"));
        if wanted.iter().any(|wanted| wanted.id.kind == Kind::Role) {
            return;
        }
        for wanted in &wanted {
            if let Some(role) = wanted.resolve(&Identities::new()).text("role") {
                self.cloud.iam().make(role);
                self.given_roles += 1;
            }
        }
    }

    /// How late a look at what has happened already may come: the longest pause between two.
    pub fn late(&self) -> Duration {
        self.row.deadlines.poll.1
    }

    fn place(&self, code: &str) -> Place {
        let zip = self.directory.path().join(format!("{code}.zip"));
        if !zip.exists() {
            std::fs::write(&zip, zipped(&script(code))).expect("a zip");
        }
        let artifacts: BTreeMap<String, Artifact> = self
            .stack
            .functions
            .iter()
            .map(|function| {
                let name = &function.name;
                let artifact = Artifact::made_elsewhere(name, zip.clone(), function.architecture);
                (name.clone(), artifact.expect("the zip"))
            })
            .collect();
        let endpoint = Some(self.cloud.endpoint().to_owned());
        let target = Target::new(
            Arc::clone(&self.row),
            Connection::through(&self.row, endpoint, self.cloud.client()),
            self.cloud.account().to_owned(),
            Product::named(ProductName::Aws),
        );
        Place {
            target,
            artifacts: Some(artifacts),
        }
    }

    /// `up`, with this code in all functions.
    pub async fn up(&self, code: &str) -> Run {
        self.run(Purpose::Up, code, Consent::default()).await
    }

    /// `down --force`.
    pub async fn down(&self) -> Run {
        let consent = Consent {
            adopt: false,
            losses: Losses::Any,
        };
        self.run(Purpose::Down, "one", consent).await
    }

    async fn run(&self, purpose: Purpose, code: &str, consent: Consent) -> Run {
        let cx = Context::new(self.place(code), &self.stack.name);
        let _ = self.cloud.take_calls();
        let begun = Instant::now();
        let proposal = converge::propose(&self.stack, &cx, purpose, consent).await;
        let proposal = proposal.unwrap_or_else(|error| panic!("{error:?}"));
        let reading = begun.elapsed();
        assert_eq!(
            proposal.plan.refusals.len(),
            0,
            "{:?}",
            proposal.plan.refusals
        );
        let outcome = Box::pin(proposal.carry_out(&cx, &Deaf, &Cancel::default())).await;
        let failed: Vec<String> = outcome.failed.iter().map(ToString::to_string).collect();
        assert!(outcome.is_whole(), "{failed:?}");
        Run {
            took: begun.elapsed(),
            reading,
            delays: self.delays,
            changes: proposal.plan.changes().count(),
            outcome,
            calls: self.cloud.take_calls(),
        }
    }
}

/// A program of its own for each name.
fn script(code: &str) -> String {
    let more = if code == LARGE {
        noise(3_000_000)
    } else {
        String::new()
    };
    format!("#!/bin/sh\n# {code}\nexit 0\n{more}")
}

/// Text that is the same in every run.
fn noise(length: usize) -> String {
    let letters = (0..length).map(|n| char::from(b'a' + (n * n % 23) as u8));
    letters.collect()
}

/// As it is: what is in it does not get smaller.
fn zipped(script: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .unix_permissions(0o755);
    zip.start_file("bootstrap", options).expect("started");
    zip.write_all(script.as_bytes()).expect("written");
    zip.finish().expect("finished").into_inner()
}
