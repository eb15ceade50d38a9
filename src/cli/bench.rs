//! `pipectl bench`

mod cycle;
mod reread;

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use time::OffsetDateTime;
use time::macros::format_description;

use super::results::parse_duration;
use super::send::is_up;
use super::{Ended, Global, Stop, session};
use crate::apply::Cancel;
use crate::bench::facts::{self, Machine, RunFacts};
use crate::bench::feed::Feed;
use crate::bench::figures;
use crate::bench::run::{Early, Outcome, Run};
use crate::bench::store::{self, Files};
use crate::bench::summary::{Against, Figures, VERSION, saturation};
use crate::bench::workload::Workload;
use crate::bench::{
    self, BenchError, Method, Poll, Row, Settings, Summary, gate, reports, samples,
};
use crate::event::{Event, Sink};
use crate::failure::CommandError;
use crate::operate::pipeline::Pipeline;
use crate::render::{Renderer, bench as words};
use crate::resource::Context;
use crate::stack::model::Stack;

/// The study's own: a file of each size ten times, two before that are not counted, a pause of a second.
const SIZES: [u64; 3] = [100, 500, 1_000];
/// Lines where sizes are not what is asked about.
const ONE_SIZE: [u64; 1] = [1_000];
/// Most lines of a file: about 2.3 GB.
const MOST_LINES: u64 = 10_000_000;

/// Measure the pipeline: files through it, end to end and hop by hop
///
/// Without options as in the study: 100, 500 and 1,000 lines, ten files each, one after the other. The stack
/// must be up. Results and summary are written to the directory of --out.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("method").args(["rate", "concurrency", "ramp", "cold", "cycle", "from"])))]
pub struct BenchArgs {
    /// Lines of the files, e.g. 100,500,1000
    #[arg(long, value_delimiter = ',', value_name = "LINES", conflicts_with_all = ["cycle", "from"], value_parser = clap::value_parser!(u64).range(1..=MOST_LINES))]
    sizes: Vec<u64>,
    /// Files of each size
    #[arg(long, default_value_t = 10, value_name = "N", conflicts_with = "method", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    iterations: u32,
    /// Files sent before, which do not count
    #[arg(long, default_value_t = 2, value_name = "N", conflicts_with = "method", value_parser = clap::value_parser!(u32).range(0..=1_000))]
    warmup: u32,
    /// Pause after each file, e.g. 0s, 200ms or 1s
    #[arg(long, default_value = "1s", value_parser = parse_duration, conflicts_with = "method")]
    pause: Duration,
    /// Seed of the files' contents and of the intervals
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Send files at this rate, whether or not those before are done (files per second)
    #[arg(long, value_name = "FILES/S", value_parser = parse_rate)]
    rate: Option<f64>,
    /// Keep so many files on their way
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    concurrency: Option<u32>,
    /// Find the highest rate that is sustained, beginning with this one
    #[arg(long, value_name = "FILES/S", num_args = 0..=1, default_missing_value = "4", value_parser = parse_rate)]
    ramp: Option<f64>,
    /// How long a load goes on; of a ramp, each rate
    #[arg(long, value_parser = parse_duration, conflicts_with_all = ["cold", "cycle", "from", "iterations", "warmup", "pause"])]
    duration: Option<Duration>,
    /// Make new environments so often, and measure cold and warm
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    cold: Option<u32>,
    /// Make and take down copies of the stack so often, and measure first up, no-op, code change and down
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    cycle: Option<u32>,
    /// Make the summary of a results file again, and measure nothing
    #[arg(long, value_name = "CSV")]
    from: Option<PathBuf>,
    /// Fail unless this holds, e.g. 'p50<2s,p95<3s,errors=0'
    #[arg(long, value_name = "TERMS", conflicts_with = "cycle")]
    assert: Option<String>,
    /// How long to wait for each result, e.g. 90s or 5m
    #[arg(long, default_value = "60s", value_parser = parse_duration, conflicts_with_all = ["cycle", "from"])]
    timeout: Duration,
    /// Where results and summary go
    #[arg(long, default_value = "results", value_name = "DIR")]
    out: PathBuf,
    /// Leave the files that were sent in the bucket
    #[arg(long, conflicts_with_all = ["cycle", "from"])]
    keep: bool,
}

/// Files per second.
fn parse_rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok();
    rate.filter(|rate| (0.01..=100_000.0).contains(rate))
        .ok_or_else(|| format!("`{text}` is no rate: write files per second, 0.01 to 100000"))
}

#[derive(Debug, Serialize)]
struct BenchData {
    #[serde(flatten)]
    summary: Summary,
    /// The run before of the same kind, where it is comparable.
    #[serde(skip_serializing_if = "Option::is_none")]
    against: Option<Against>,
    files: Files,
}

pub(super) async fn run(
    global: &Global,
    args: BenchArgs,
    renderer: &Renderer,
    cancel: &Cancel,
) -> Ended {
    // What cannot be read is told before anything is sent.
    let terms = match &args.assert {
        Some(text) => gate::read(text).map_err(|bad| BenchError::bad_assert(text, bad))?,
        None => Vec::new(),
    };
    if let Some(results) = &args.from {
        return reread::run(results, &terms, renderer);
    }
    if let Some(times) = args.cycle {
        return cycle::run(global, times, &args, renderer, cancel).await;
    }
    let settings = settings(&args);
    let (stack, row) = session::recorded_row(global)?;
    let target = session::reach(global, &stack, &row, false, renderer).await?;
    session::agree(global, &stack, &target, renderer).await?;
    let cx = session::context(&stack, target, None);
    is_up(&stack, &cx).await?;
    let _held = bench::hold(&stack.root, &stack.name, cx.place.target.name())?;

    // What cannot be written is told before anything is sent, too.
    store::try_out(&args.out)?;

    // From here an interruption ends the run, and keeps what was measured.
    let _drain = cancel.drain();
    let begun = OffsetDateTime::now_utc();
    let id = run_id(begun);
    let pipeline = Pipeline::of(&stack, &cx.place)?;
    let facts = facts(&stack, &cx, &settings, &id, begun).await?;
    let folder = format!("{}bench-{id}/", pipeline.prefix);
    let at_hand = !settings.method.is_one_by_one();
    let mut workload = Workload::new(settings.seed, folder, &settings.sizes, at_hand);
    let bucket = pipeline.bucket.name.clone();
    let run = Run {
        id: &id,
        feed: Feed::new(&cx.place.target, pipeline, settings.clone()),
        settings: &settings,
        stack: &stack,
        cx: &cx,
        sink: renderer,
        cancel,
    };
    let mut outcome = Box::pin(run.go(&mut workload)).await;
    let ended = OffsetDateTime::now_utc();
    outcome.rows.sort_by_key(|row| row.n);
    // What follows may be interrupted once more, or fail.
    let kept = store::keep(&args.out, &facts, &outcome.rows);
    tell_left(
        kept.as_ref().map(drop),
        "a first copy of the rows",
        renderer,
    );
    let kept = kept.ok();
    if !matches!(outcome.early, Some(Early::Gone(_))) {
        let ahead = cx.place.target.clock_ahead.unwrap_or_default();
        let since = (begun + ahead).unix_timestamp() * 1_000 - 1_000;
        let read = reports::add(&cx, &stack, &mut outcome.rows, since).await;
        tell_left(read, "the functions' reports", renderer);
        if !args.keep {
            let cleaned = bench::clean_up(&cx, &bucket, &outcome.objects).await;
            tell_left(cleaned, "the files that were sent", renderer);
        }
    }
    let facts = RunFacts {
        ended_at: model::timestamp(ended),
        ..facts
    };
    let summary = summarised(facts, &mut outcome);
    let against = against(&args.out, &summary, &outcome.rows);
    // What was measured goes out all the same.
    let files = store::write(&args.out, &outcome.rows, &summary, kept.as_deref())
        .map_err(|error| Stop::with_data(error, &summary))?;
    let data = BenchData {
        summary,
        against,
        files,
    };
    conclude(data, &outcome, &terms, renderer)
}

/// `20261126T101530Z-1f0c3a`: names the run, and its files in the bucket. Of two runs that begin in one second, on
/// this machine or another, no file has the key of the other's.
pub(super) fn run_id(at: OffsetDateTime) -> String {
    let form = format_description!("[year][month][day]T[hour][minute][second]Z");
    let unique = uuid::Uuid::new_v4().simple().to_string();
    format!("{}-{}", at.format(form).unwrap_or_default(), &unique[..6])
}

fn settings(args: &BenchArgs) -> Settings {
    let duration = |usual: u64| {
        let chosen = args.duration.map(|duration| duration.as_millis() as u64);
        chosen.unwrap_or(usual).max(1)
    };
    let method = match (args.rate, args.concurrency, args.ramp, args.cold) {
        (Some(files_per_s), ..) => Method::Rate {
            files_per_s,
            duration_ms: duration(60_000),
        },
        (_, Some(files), ..) => Method::Concurrency {
            files,
            duration_ms: duration(60_000),
        },
        (_, _, Some(from), _) => Method::Ramp {
            from,
            step_ms: duration(10_000),
        },
        (.., Some(times)) => Method::Cold { times },
        _ => Method::Sequential {
            iterations: args.iterations,
            warmup: args.warmup,
            pause_ms: args.pause.as_millis() as u64,
        },
    };
    let usual: &[u64] = match method {
        Method::Sequential { .. } => &SIZES,
        _ => &ONE_SIZE,
    };
    let chosen = Some(&args.sizes[..]).filter(|sizes| !sizes.is_empty());
    Settings {
        poll: Poll::of(&method),
        method,
        sizes: chosen.unwrap_or(usual).to_vec(),
        seed: args.seed,
        timeout_ms: args.timeout.as_millis() as u64,
    }
}

async fn facts(
    stack: &Stack,
    cx: &Context,
    settings: &Settings,
    id: &str,
    begun: OffsetDateTime,
) -> Result<RunFacts, Stop> {
    let (functions, mappings) =
        futures::try_join!(facts::functions(cx, stack), facts::mappings(cx, stack)).map_err(
            |error| CommandError::Call {
                what: "reading the functions and mappings".to_owned(),
                error,
                help: "look at the stack with `pipectl status`; nothing was sent",
            },
        )?;
    let target = &cx.place.target;
    Ok(RunFacts {
        id: id.to_owned(),
        began_at: model::timestamp(begun),
        ended_at: String::new(),
        pipectl: env!("CARGO_PKG_VERSION").to_owned(),
        stack: stack.name.clone(),
        target: target.name().to_owned(),
        endpoint: target.endpoint().map(str::to_owned),
        product: target.product.clone(),
        region: target.region().to_owned(),
        same_clock: target.is_on_this_machine(),
        settings: settings.clone(),
        functions,
        mappings,
        machine: Machine::this(),
    })
}

fn tell_left<E: std::fmt::Display>(done: Result<(), E>, what: &str, sink: &dyn Sink) {
    if let Err(error) = done {
        sink.emit(Event::BenchLeft {
            what: format!("{what}: {error}"),
        });
    }
}

fn summarised(facts: RunFacts, outcome: &mut Outcome) -> Summary {
    let (method, seed) = (facts.settings.method, facts.settings.seed);
    let steps = std::mem::take(&mut outcome.steps);
    Summary {
        version: VERSION,
        run: facts,
        complete: outcome.early.is_none(),
        ended_early: outcome.early.as_ref().map(Early::word),
        rows: outcome.rows.len(),
        figures: Figures::of(&outcome.rows, &method, seed),
        saturation_per_s: saturation(&steps),
        steps,
        backlog: std::mem::take(&mut outcome.backlog),
    }
}

/// The latest run before, if it was made in the same way: whether this one differs by more than chance.
fn against(out: &std::path::Path, summary: &Summary, rows: &[Row]) -> Option<Against> {
    if !summary.complete {
        return None;
    }
    let settings = &summary.run.settings;
    let (results, before) = store::latest(out, &summary.run.target, &settings.method);
    let before = store::read_summary(&before).ok()?;
    if before.run.settings != *settings || before.run.stack != summary.run.stack {
        return None;
    }
    let before_rows = store::read_rows(&results).ok()?;
    Some(Against {
        began_at: before.run.began_at,
        p50_ms: before.figures.end_to_end_ms?.p50,
        p_value: samples::rank_test(&figures::times(rows), &figures::times(&before_rows)),
    })
}

/// Prints the figures, and says what does not hold.
fn conclude(
    data: BenchData,
    outcome: &Outcome,
    terms: &[gate::Term],
    renderer: &Renderer,
) -> Ended {
    let file = data.files.results.display().to_string();
    let figures = &data.summary.figures;
    let broken: Vec<_> = terms
        .iter()
        .filter_map(|term| term.check(figures).err())
        .collect();
    let failure = match &outcome.early {
        Some(Early::Interrupted) => Some(BenchError::Interrupted {
            files: figures.files,
            file,
        }),
        Some(early) => Some(BenchError::EndedEarly {
            files: figures.files,
            cause: early.word(),
            file,
        }),
        None if figures.done() == 0 => Some(BenchError::NothingMeasured {
            files: figures.files,
            first: outcome
                .rows
                .iter()
                .find_map(|row| row.error.clone())
                .unwrap_or_default(),
            file,
        }),
        None if !broken.is_empty() => Some(BenchError::Asserted {
            broken,
            file: data.files.summary.display().to_string(),
        }),
        None => None,
    };
    let Some(failure) = failure else {
        renderer.data(&data, || {
            words::run(&data.summary, data.against.as_ref(), Some(&data.files))
        });
        return Ok(());
    };
    renderer.human(|| words::run(&data.summary, data.against.as_ref(), Some(&data.files)));
    Err(Stop::with_data(failure, &data))
}
