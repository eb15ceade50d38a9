//! `pipectl parity`

mod targets;

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use time::OffsetDateTime;

use targets::{Named, Place, reach, rows, told_apart, whose, written};

use super::bench::run_id;
use super::results::parse_duration;
use super::{Ended, Global, Stop, down, session};
use crate::apply::Cancel;
use crate::copies;
use crate::event::{Event, Sink};
use crate::package;
use crate::parity::adjust::adjusted;
use crate::parity::catalogue::{self, Scenario};
use crate::parity::front::Fronts;
use crate::parity::matrix::SideFacts;
use crate::parity::run::{Run, Side, record};
use crate::parity::store::{self, Files};
use crate::parity::{Matrix, ParityError, estimate};
use crate::render::{Renderer, parity as words};
use crate::stack::suggest;

/// Play one catalogue of scenarios on two targets, and tell what differs
///
/// Each gets a copy of the stack, under a name of its own, which goes again; the stack that is up stays as it is.
/// What differs is told with what AWS does, where that is known. Report and data are written to the directory of
/// --out.
#[derive(Debug, clap::Args)]
pub struct ParityArgs {
    /// First target: its name, or NAME=URL for one of its endpoints
    #[arg(value_name = "TARGET_A")]
    a: String,
    /// Second target
    #[arg(value_name = "TARGET_B")]
    b: String,
    /// Only these scenarios, or groups of them, e.g. file-gzip,queues
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    only: Vec<String>,
    /// All but these scenarios, or groups of them
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    skip: Vec<String>,
    /// Fail unless so many percent are equal
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent)]
    at_least: Option<f64>,
    /// Longest time for one scenario, e.g. 90s; by default as long as a target of its kind may need
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    deadline: Option<Duration>,
    /// Where the report goes
    #[arg(long, default_value = "results", value_name = "DIR")]
    out: PathBuf,
}

fn parse_percent(text: &str) -> Result<f64, String> {
    let percent = text.trim_end_matches('%').parse::<f64>().ok();
    percent
        .filter(|percent| (0.0..=100.0).contains(percent))
        .ok_or_else(|| format!("`{text}` is no percentage: write 0 to 100"))
}

#[derive(Debug, Serialize)]
struct ParityData {
    #[serde(flatten)]
    matrix: Matrix,
    files: Files,
}

pub(super) async fn run(
    global: &Global,
    args: ParityArgs,
    renderer: &Renderer,
    cancel: &Cancel,
) -> Ended {
    let named = [written(&args.a), written(&args.b)];
    if let Some(target) = &global.target {
        let target = target.clone();
        return Err(ParityError::TargetOption { target }.into());
    }
    // What cannot be is told before anything is reached.
    let rows = rows(global, &named)?;
    let stack = session::load(global, &rows[0].name)?;
    let scenarios = catalogue::of(&stack);
    for name in args.only.iter().chain(&args.skip) {
        known(name, &scenarios)?;
    }
    let compared = compare(global, &args, &named, scenarios, renderer, cancel).await;
    // It may have been started for this.
    let mut stopped = Ok(());
    for row in rows.iter().filter(|row| row.capabilities.self_served) {
        let cx = session::context(&stack, session::served(row, None), None);
        stopped = down::stop_if_empty(&stack, &cx, renderer).await.map(drop);
    }
    let (data, error) = compared?;
    let show = || words::matrix(&data.matrix, &data.files);
    match error {
        Some(error) => {
            renderer.human(show);
            Err(Stop::with_data(error, &data))
        }
        None => match stopped {
            Ok(()) => {
                renderer.data(&data, show);
                Ok(())
            }
            Err(stop) => {
                renderer.human(show);
                Err(Stop::with_data(stop.failure, &data))
            }
        },
    }
}

async fn compare(
    global: &Global,
    args: &ParityArgs,
    named: &[Named<'_>; 2],
    scenarios: Vec<Scenario>,
    renderer: &Renderer,
    cancel: &Cancel,
) -> Result<(ParityData, Option<ParityError>), Stop> {
    let taken = whose(global, named)?;
    let mut places = Vec::new();
    for (index, (name, endpoint)) in named.iter().enumerate() {
        let given = global.endpoint.as_deref().filter(|_| taken == Some(index));
        places.push(reach(global, name, endpoint.or(given), renderer).await?);
    }
    let [Some(b), Some(a)] = [places.pop(), places.pop()] else {
        unreachable!("two were reached");
    };
    let [a, b] = told_apart([a, b])?;
    let wanted = |one: &Scenario| is_wanted(one, &args.only, &args.skip);
    let parts = [a.parts.clone(), b.parts.clone()];
    let (scenarios, others) = catalogue::fitting(scenarios, &parts);
    let count = scenarios.iter().filter(|one| wanted(one)).count();
    if count == 0 {
        let mut missing: Vec<&str> = others.iter().map(|(_, missing)| *missing).collect();
        missing.dedup();
        let stack = a.stack.name.clone();
        let missing = missing.join(", ");
        return Err(ParityError::NothingToPlay { stack, missing }.into());
    }
    for place in [&a, &b] {
        let copy = copies::fresh(&adjusted(&place.stack, &place.parts), "p");
        let fits = copies::fits(&copy, &place.target);
        fits.map_err(|cause| ParityError::NoCopy { cause })?;
    }
    store::try_out(&args.out)?;
    let mut held = Vec::new();
    for place in [&a, &b] {
        held.push(ready(global, place, count, renderer).await?);
    }
    let [of_a, of_b] = [fronts(&a, renderer).await?, fronts(&b, renderer).await?];

    // From here an interruption ends with both copies gone.
    let _drain = cancel.drain();
    for place in [&a, &b] {
        let record = record(&place.stack, &place.target);
        let cleaned = record.take_down(&place.stack, &place.target, cancel);
        cleaned.await.map_err(|cause| ParityError::NotCleanedUp {
            target: place.label.clone(),
            cause,
        })?;
    }
    let begun = OffsetDateTime::now_utc();
    let abandon = Cancel::default();
    let side_a = side_of(&a, of_a, args, &abandon);
    let side_b = side_of(&b, of_b, args, &abandon);
    let (run_a, run_b) = futures::join!(
        Box::pin(side_a.play(&scenarios, &wanted, renderer, cancel)),
        Box::pin(side_b.play(&scenarios, &wanted, renderer, cancel))
    );
    drop(held);
    let id = run_id(begun);
    let sides = [
        SideFacts::of(&a.label, &a.target, &run_a),
        SideFacts::of(&b.label, &b.target, &run_b),
    ];
    let matrix = Matrix::of(
        (&id, &a.stack.name),
        sides,
        &scenarios,
        (&run_a, &run_b),
        &others,
        &wanted,
    );
    let files = store::write(&args.out, &matrix);
    let files = files.map_err(|error| Stop::with_data(error, &matrix))?;
    let data = ParityData { matrix, files };
    let error = verdict(&data, args, [&run_a, &run_b], count, cancel);
    Ok((data, error))
}

/// A side that is to be played.
fn side_of<'a>(
    place: &'a Place,
    fronts: Fronts,
    args: &ParityArgs,
    abandon: &'a Cancel,
) -> Side<'a> {
    Side {
        label: place.label.clone(),
        stack: &place.stack,
        target: &place.target,
        fronts,
        deadline: args.deadline,
        abandon,
    }
}

/// Is there a scenario or a group of that name?
fn known(name: &str, scenarios: &[Scenario]) -> Result<(), ParityError> {
    let groups = scenarios.iter().map(|one| group(one));
    let names: Vec<&str> = scenarios
        .iter()
        .map(|one| &*one.name)
        .chain(groups)
        .collect();
    if names.contains(&name) {
        return Ok(());
    }
    let help = suggest::did_you_mean(name, names.iter().copied(), || {
        let mut names = names.clone();
        names.sort_unstable();
        names.dedup();
        format!("there are {}", names.join(", "))
    });
    Err(ParityError::NoScenario {
        name: name.to_owned(),
        help,
    })
}

fn group(scenario: &Scenario) -> &'static str {
    match scenario.group {
        catalogue::Group::Own => "tests",
        group => group.label(),
    }
}

fn is_wanted(one: &Scenario, only: &[String], skip: &[String]) -> bool {
    let named = |names: &[String]| {
        names
            .iter()
            .any(|name| *name == *one.name || name == group(one))
    };
    (only.is_empty() || named(only)) && !named(skip)
}

/// Everything that has to hold of a target before a copy is made there.
async fn ready(
    global: &Global,
    place: &Place,
    count: usize,
    renderer: &Renderer,
) -> Result<Option<std::fs::File>, Stop> {
    let Place { stack, target, .. } = place;
    if target.row.signs_for_aws() {
        let (usd, of) = estimate::of(&adjusted(stack, &place.parts), count)?;
        renderer.emit(Event::CostEstimated {
            target: place.label.clone(),
            usd,
            of,
        });
    }
    session::agree_anew(global, stack, target, renderer).await?;
    session::refuse_outputs(stack, target)?;
    session::tell_lab(stack, target, renderer)?;
    let held = record(stack, target)
        .hold()
        .map_err(|copies::Held| ParityError::Busy {
            stack: stack.name.clone(),
            target: place.label.clone(),
        });
    Ok(held?)
}

/// The functions as they run there, with the front before each.
async fn fronts(place: &Place, renderer: &Renderer) -> Result<Fronts, Stop> {
    let Place { stack, target, .. } = place;
    let tell = |event: package::PackageEvent| renderer.emit(event.into());
    let options = session::packaging(&target.row, renderer);
    let artifacts = package::package(stack, options.clone(), &tell).await?;
    let artifacts = session::fitting(stack, target, artifacts, renderer).await?;
    let on_amazon_linux = target.capabilities().runs_functions_on_amazon_linux;
    let fronts = Fronts::build(&stack.root, artifacts, &options, on_amazon_linux, &tell);
    Ok(fronts.await?)
}

/// Why the command does not end well, if it does not.
fn verdict(
    data: &ParityData,
    args: &ParityArgs,
    runs: [&Run; 2],
    count: usize,
    cancel: &Cancel,
) -> Option<ParityError> {
    let matrix = &data.matrix;
    let file = data.files.markdown.display().to_string();
    if cancel.is_asked() {
        let played = runs.map(|run| run.outcomes.len());
        let left = runs
            .iter()
            .filter(|run| run.left)
            .map(|run| run.copy.as_str());
        let left: Vec<&str> = left.collect();
        return Some(ParityError::Interrupted {
            played: played[0].min(played[1]),
            of: count,
            left: if left.is_empty() {
                "both copies are gone".to_owned()
            } else {
                format!("still there: {}", left.join(", "))
            },
        });
    }
    let failed = matrix.sides.iter().find_map(|side| {
        let cause = side.trouble.clone()?;
        Some(ParityError::SideFailed {
            target: side.label.clone(),
            cause,
            file: file.clone(),
        })
    });
    if failed.is_some() {
        return failed;
    }
    let unmet = matrix
        .rows
        .iter()
        .filter(|row| row.group == catalogue::Group::Own);
    let unmet = unmet.filter(|row| row.unlike_aws.iter().any(|unlike| !unlike.is_empty()));
    let unmet: Vec<&str> = unmet.map(|row| row.name.as_str()).collect();
    if !unmet.is_empty() {
        let names = unmet.join(", ");
        return Some(ParityError::TestsFailed { names, file });
    }
    let least = args.at_least.filter(|least| matrix.percent < *least)?;
    let differing: Vec<&str> = matrix.unequal().map(|row| row.name.as_str()).collect();
    Some(ParityError::TooLittle {
        percent: matrix.percent,
        least,
        differing: differing.join(", "),
        file,
    })
}
