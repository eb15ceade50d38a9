//! `pipectl bench --cycle N`

use serde::Serialize;
use time::OffsetDateTime;

use super::super::{Ended, Global, Stop, down, session};
use super::{BenchArgs, run_id};
use crate::apply::Cancel;
use crate::bench::cycle::{Cycle, CycleSummary, Round, figures};
use crate::bench::facts::Machine;
use crate::bench::store::{self, Files};
use crate::bench::summary::VERSION;
use crate::bench::{self, BenchError};
use crate::package::{self, Artifact, RunsOn};
use crate::render::{Renderer, bench as words};

#[derive(Debug, Serialize)]
struct CycleData {
    #[serde(flatten)]
    summary: CycleSummary,
    rounds: Vec<Round>,
    files: Files,
}

pub(super) async fn run(
    global: &Global,
    times: u32,
    args: &BenchArgs,
    renderer: &Renderer,
    cancel: &Cancel,
) -> Ended {
    let row = session::named_row(global)?;
    let stack = session::load(global, &row.name)?;
    let target = session::reach(global, &stack, &row, true, renderer).await?;
    session::agree(global, &stack, &target, renderer).await?;
    session::refuse_outputs(&stack, &target)?;
    session::tell_lab(&stack, &target, renderer)?;
    store::try_out(&args.out)?;
    let _held = bench::hold(&stack.root, &stack.name, target.name())?;
    let _drain = cancel.drain();
    let quiet = |_: package::PackageEvent| {};
    // What has to be built is built before the clock runs.
    let mut options = session::packaging(&row, renderer);
    let tell = |event: package::PackageEvent| crate::event::Sink::emit(renderer, event.into());
    let built = package::package(&stack, options.clone(), &tell).await?;
    let fits = built.values().all(Artifact::runs_on_amazon_linux);
    if !fits && target.capabilities().runs_functions_on_amazon_linux {
        options.runs_on = RunsOn::Lambda;
        package::package(&stack, options.clone(), &tell).await?;
    }
    let packaged = || package::package(&stack, options.clone(), &quiet);
    let begun = OffsetDateTime::now_utc();
    let cycle = Cycle {
        stack: &stack,
        target: &target,
        package: packaged,
        sink: renderer,
        cancel,
    };
    let cycled = Box::pin(cycle.run(times)).await;
    let summary = CycleSummary {
        version: VERSION,
        id: run_id(begun),
        ended_at: model::timestamp(OffsetDateTime::now_utc()),
        pipectl: env!("CARGO_PKG_VERSION").to_owned(),
        stack: stack.name.clone(),
        target: target.name().to_owned(),
        endpoint: target.endpoint().map(str::to_owned),
        product: target.product.clone(),
        region: target.region().to_owned(),
        machine: Machine::this(),
        times,
        complete: cycled.early.is_none(),
        ended_early: cycled.early.clone(),
        changed_zip_bytes: cycled.changed_zip_bytes,
        figures: figures(&cycled.rounds, args.seed),
    };
    let cx = session::context(&stack, target, None);
    down::stop_if_empty(&stack, &cx, renderer).await?;
    let files = store::write_cycle(&args.out, &cycled.rounds, &summary)?;
    let data = CycleData {
        summary,
        rounds: cycled.rounds,
        files,
    };
    let text = || words::cycle(&data.summary, &data.files);
    let Some(cause) = cycled.early else {
        renderer.data(&data, text);
        return Ok(());
    };
    renderer.human(text);
    let failure = BenchError::CycleEnded {
        rows: data.rounds.len(),
        times,
        cause,
        interrupted: cycled.interrupted,
        file: data.files.results.display().to_string(),
    };
    Err(Stop::with_data(failure, &data))
}
