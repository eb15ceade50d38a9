//! `pipectl results`

use std::time::Duration;

use model::JobResult;
use serde::Serialize;

use super::{Ended, Global, session};
use crate::failure::CommandError;
use crate::operate::pipeline::{NotAPipeline, Pipeline};
use crate::operate::results;
use crate::render::{Renderer, human};

/// List results, newest first
#[derive(Debug, clap::Args)]
pub struct ResultsArgs {
    /// How far to look back, e.g. 15m, 6h or 7d
    #[arg(long, default_value = "24h", value_parser = parse_duration)]
    since: Duration,
}

#[derive(Debug, Serialize)]
struct ResultsData {
    results: Vec<JobResult>,
}

pub(super) async fn run(global: &Global, args: ResultsArgs, renderer: &Renderer) -> Ended {
    let (stack, row) = session::recorded_row(global)?;
    let target = session::reach(global, &stack, &row, false, renderer).await?;
    let cx = session::context(&stack, target, None);
    let pipeline = Pipeline::of(&stack, &cx.place)?;
    let index = pipeline.day_index.as_deref().ok_or_else(|| NotAPipeline {
        stack: stack.name.clone(),
        what: "index on the day of its results table",
        help: "add one: indexes: { by_day: { partition_key: day, sort_key: processed_at } }",
    })?;
    let now = cx.place.target.now();
    let results = results::since(&cx.clients, &pipeline, index, now - args.since, now)
        .await
        .map_err(|error| CommandError::Call {
            what: format!("reading {}", pipeline.table.name),
            error,
            help: "look at the stack with `pipectl status`; `pipectl up` brings it up",
        })?;
    let data = ResultsData { results };
    renderer.data(&data, || human::results(&data.results));
    Ok(())
}

/// `200ms`, `90s`, `15m`, `6h`, `7d`.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let help =
        || format!("`{text}` is not a duration: write a number and ms, s, m, h or d, e.g. 90s");
    if let Some(number) = text.strip_suffix("ms") {
        let ms: u32 = number.parse().map_err(|_| help())?;
        return Ok(Duration::from_millis(ms.into()));
    }
    let (number, unit) =
        text.split_at(text.len() - text.chars().next_back().map_or(0, char::len_utf8));
    let number: u64 = number.parse().map_err(|_| help())?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(help()),
    };
    let seconds = number
        .checked_mul(seconds)
        .filter(|seconds| *seconds <= 366 * 86_400);
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| format!("`{text}` is longer than a year"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        assert_eq!(parse_duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("200ms"), Ok(Duration::from_millis(200)));
        assert_eq!(parse_duration("7d"), Ok(Duration::from_secs(604_800)));
        for bad in [
            "",
            "s",
            "90",
            "1.5h",
            "-1s",
            "9w",
            "400d",
            "é",
            "99999999999999999999d",
        ] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
