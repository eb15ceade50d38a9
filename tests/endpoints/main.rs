//! The lifecycle suite on real endpoints that speak LocalStack's protocol. Each endpoint is started by the
//! suite and stopped after it; all are tried at the same time, each part with a stack of its own.
//!
//! Not a libtest harness: an endpoint that cannot be had here is said to be skipped, with the reason;
//! with `PIPECTL_REQUIRE_ENDPOINTS=1` it fails instead. Words on the command line choose endpoints and
//! parts by name. With `PIPECTL_MEASURE=1` it prints figures and tests nothing.
#![allow(clippy::print_stdout)]

mod account;
mod artifacts;
mod bench;
mod code_change;
mod drift;
mod failed_uploads;
mod inventory;
mod lab;
mod lifecycle;
mod matrix;
mod measure;
mod parity;
mod policies;
mod project;
mod redrive;
mod roles;
mod session;
mod templates;
mod tuning;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use pipectl_testkit::endpoints::{Endpoint, Skip};

use artifacts::Artifacts;

/// An endpoint, and what the suite expects of it where they differ.
struct Row {
    name: &'static str,
    launch: fn() -> Result<Endpoint, Skip>,
    /// Are its mappings given a batching window?
    tuned: bool,
    /// How `dlq redrive --all` moves what a queue gave up.
    redrives_by: &'static str,
    /// Does it take a second `DeleteMessage` of the same message, as AWS does?
    deletes_twice: bool,
    /// Is every kind of write cut off for good in turn? Else one kind of each service: hundreds of threads are
    /// at work in an endpoint that was given so many stacks, and answers take longer and longer.
    cuts_every_write: bool,
    /// Does its CloudFormation make dashboards? // aws-behaviours §11
    makes_dashboards: bool,
    /// Does an update of a template change what is in it? // aws-behaviours §11
    updates_templates: bool,
    /// A resource of a template that it fails to make.
    breaks_templates: &'static str,
    /// Is every call held to what its caller is allowed? Such an endpoint tries [`POLICIES`] and nothing else, and
    /// the others everything else.
    enforces_iam: bool,
    /// How long after an update of a function an asynchronous invocation is better not made: it could be
    /// taken by what served the function before, and come again after minutes. // aws-behaviours §11
    after_update: Duration,
    /// Scenarios of `pipectl parity` in which it is unlike the embedded target. None where the catalogue is not
    /// played: LocalStack takes six minutes for it (docs/runs has what came of it).
    unlike_embedded: Option<&'static [&'static str]>,
}

const ROWS: &[Row] = &[
    Row {
        name: "MiniStack",
        launch: Endpoint::ministack,
        tuned: false,
        redrives_by: "one_by_one",
        deletes_twice: false,
        cuts_every_write: true,
        makes_dashboards: true,
        updates_templates: true,
        breaks_templates: "{ Type: AWS::CloudWatch::Alarm, DependsOn: Topic, Properties: { EvaluationPeriods: 1 } }",
        enforces_iam: false,
        after_update: Duration::ZERO,
        unlike_embedded: Some(parity::MINISTACK),
    },
    Row {
        name: "LocalStack",
        launch: Endpoint::localstack,
        tuned: true,
        redrives_by: "move_task",
        deletes_twice: true,
        cuts_every_write: false,
        makes_dashboards: false,
        updates_templates: false,
        breaks_templates: "{ Type: AWS::SNS::Subscription, Properties: { Protocol: pigeon, TopicArn: !Ref Topic } }",
        enforces_iam: false,
        after_update: Duration::from_millis(2_500),
        unlike_embedded: None,
    },
    Row {
        name: "MiniStack-IAM",
        launch: Endpoint::ministack_with_iam,
        tuned: false,
        redrives_by: "one_by_one",
        deletes_twice: false,
        cuts_every_write: true,
        makes_dashboards: true,
        updates_templates: true,
        breaks_templates: "",
        enforces_iam: true,
        after_update: Duration::ZERO,
        unlike_embedded: None,
    },
];

/// What a part of the suite works with.
struct Stage<'s> {
    row: &'static Row,
    url: &'s str,
    /// File of the certificate to trust, of an endpoint that speaks TLS.
    certificate: Option<&'s Path>,
    artifacts: &'s Artifacts,
}

/// A part by its name.
type Part = (&'static str, fn(&Stage<'_>));

const PARTS: &[Part] = &[
    ("lifecycle", lifecycle::whole),
    ("code_change", code_change::next_file_meets_new_code),
    ("drift", drift::told_and_repaired),
    ("failed_uploads", failed_uploads::recorded_and_redriven),
    ("tuning", tuning::on_and_off),
    ("session", session::as_recorded),
    ("templates", templates::deployed_and_changed),
    ("broken_template", templates::failed_and_made_anew),
    (TEMPLATE_STORES, templates::what_it_made_is_its_own),
    ("bench", bench::measured),
    (PARITY, parity::as_known),
    ("redrive", redrive::interrupted_at_any_call),
    ("matrix", matrix::faults),
    (POLICIES, policies::enough_and_not_more),
    ("roles", roles::whole),
    ("lab", lab::without_roles),
    ("lab_unreadable", lab::unreadable),
];

/// The part that is about the roles of functions.
const POLICIES: &str = "policies";
/// The part that plays the scenarios of `pipectl parity`.
const PARITY: &str = "parity";
/// The part that changes what is in a template.
const TEMPLATE_STORES: &str = "template_stores";

impl Row {
    /// Is the part tried here?
    fn tries(&self, part: &str) -> bool {
        match part {
            POLICIES => self.enforces_iam,
            TEMPLATE_STORES => !self.enforces_iam && self.updates_templates,
            PARITY => self.unlike_embedded.is_some(),
            _ => !self.enforces_iam,
        }
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let measuring = std::env::var_os("PIPECTL_MEASURE").is_some();
    let chosen = |names: &[&str], name: &str| {
        let mut of_these = words
            .iter()
            .filter(|word| names.contains(&word.as_str()))
            .peekable();
        of_these.peek().is_none() || of_these.any(|word| word == name)
    };
    let endpoints: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
    let parts: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
    if let Some(word) = words
        .iter()
        .find(|word| !endpoints.contains(&word.as_str()) && !parts.contains(&word.as_str()))
    {
        println!("no endpoint or part is called {word}: {endpoints:?} {parts:?}");
        return ExitCode::FAILURE;
    }

    let mut started = Vec::new();
    let mut skipped = 0;
    let has_work = |row: &Row| {
        let mut tried = parts.iter().filter(|part| row.tries(part));
        tried.any(|part| chosen(&parts, part)) && !(measuring && row.enforces_iam)
    };
    for row in ROWS
        .iter()
        .filter(|row| chosen(&endpoints, row.name) && has_work(row))
    {
        match (row.launch)() {
            Ok(endpoint) => started.push((row, endpoint)),
            Err(skip) => {
                println!("skipped: {}: {skip}", row.name);
                skipped += 1;
            }
        }
    }
    if started.is_empty() {
        println!("nothing to try, {skipped} skipped");
        return ExitCode::SUCCESS;
    }
    let binary = if measuring {
        measure::binary()
    } else {
        project::BINARY.into()
    };
    let artifacts = Artifacts::build(&binary);
    let stages = started.iter().map(|(row, endpoint)| {
        println!(
            "{} at {} started in {:.2} s",
            row.name,
            endpoint.url(),
            endpoint.start_took().as_secs_f64()
        );
        let stage = Stage {
            row,
            url: endpoint.url(),
            certificate: endpoint.certificate(),
            artifacts: &artifacts,
        };
        (stage, endpoint.log())
    });
    let stages: Vec<_> = stages.collect();
    if measuring {
        // One after the other, so that neither is in the other's figures.
        for (stage, _) in &stages {
            measure::print(stage);
        }
        return ExitCode::SUCCESS;
    }
    let failed: usize = std::thread::scope(|scope| {
        let running: Vec<_> = stages
            .iter()
            .map(|(stage, log)| {
                let chosen = |name: &str| chosen(&parts, name);
                std::thread::Builder::new()
                    .name(stage.row.name.to_owned())
                    .spawn_scoped(scope, move || all_parts(stage, log, chosen))
                    .expect("a thread")
            })
            .collect();
        let failed = running.into_iter().map(|one| one.join().expect("counted"));
        failed.sum()
    });
    println!(
        "{} endpoints tried, {failed} parts failed, {skipped} endpoints skipped",
        stages.len()
    );
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs the parts on one endpoint, and gives how many failed.
fn all_parts(stage: &Stage<'_>, log: &Path, chosen: impl Fn(&str) -> bool) -> usize {
    let endpoint = stage.row.name;
    let mut failed = 0;
    for (name, part) in PARTS
        .iter()
        .filter(|(name, _)| chosen(name) && stage.row.tries(name))
    {
        let begun = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| part(stage)));
        let seconds = begun.elapsed().as_secs_f64();
        if outcome.is_ok() {
            println!("{endpoint}: ok: {name} in {seconds:.1} s");
        } else {
            println!("{endpoint}: FAILED: {name} after {seconds:.1} s");
            failed += 1;
        }
    }
    if failed > 0 {
        println!("{endpoint}: the end of its log, {}:", log.display());
        let text = std::fs::read_to_string(log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        for line in &lines[lines.len().saturating_sub(40)..] {
            println!("  | {line}");
        }
    }
    failed
}
