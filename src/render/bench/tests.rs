use std::collections::BTreeMap;

use insta::assert_snapshot;

use super::*;
use crate::bench::facts::{Machine, MappingFacts, RunFacts};
use crate::bench::row::{Fate, Phase, Row};
use crate::bench::{Poll, Settings};
use crate::target::{Product, ProductName};

/// Thirty files of two sizes, one of them lost and one far slower than the others; two cold ones.
fn rows() -> Vec<Row> {
    let row = |n: u64| {
        let lines = if n <= 15 { 100 } else { 1_000 };
        let mut row = Row::new(n, Phase::Measured, lines, lines * 230, format!("k{n}"));
        let time = 20.0 + (n * 7 % 13) as f64 / 4.0 + lines as f64 / 100.0;
        row.fate = Fate::Done;
        row.begun_ms = n as f64 * 1_000.0;
        row.upload_ms = Some(time / 8.0);
        row.put_to_trigger_ms = Some(2.0);
        row.trigger_ms = Some(1.0);
        row.send_to_worker_ms = Some(3.0);
        row.processing_ms = Some(lines as f64 / 200.0);
        row.row_to_seen_ms = Some(1.25);
        row.end_to_end_ms = Some(if n == 20 { 15_000.0 } else { time });
        row.poll_gap_ms = Some(0.5);
        row.worker_billed_ms = Some(5.0);
        row.worker_memory_mb = Some(13.0);
        row.trigger_cold = Some(n <= 2);
        row.receive_count = Some(1 + u32::from(n == 3));
        if n == 30 {
            row.fate = Fate::Lost;
            row.end_to_end_ms = None;
        }
        row
    };
    (1..=30).map(row).collect()
}

fn summary(method: Method, rows: &[Row]) -> Summary {
    let mapping = MappingFacts {
        batch: Some(10),
        window_s: Some(20),
        tuned: true,
        max_concurrency: Some(50),
    };
    Summary {
        version: 1,
        run: RunFacts {
            id: "20261126T100000Z".to_owned(),
            began_at: "2026-11-26T10:00:00.000Z".to_owned(),
            ended_at: "2026-11-26T10:01:00.000Z".to_owned(),
            pipectl: "0.1.0".to_owned(),
            stack: "log-pipeline".to_owned(),
            target: "localstack".to_owned(),
            endpoint: Some("http://localhost:4566".to_owned()),
            product: Product {
                name: ProductName::LocalStack,
                version: Some("4.14.0".to_owned()),
            },
            region: "us-east-1".to_owned(),
            same_clock: true,
            settings: Settings {
                poll: Poll::of(&method),
                method,
                sizes: vec![100, 1_000],
                seed: 1,
                timeout_ms: 60_000,
            },
            functions: BTreeMap::new(),
            mappings: BTreeMap::from([("jobs-worker".to_owned(), mapping)]),
            machine: Machine::this(),
        },
        complete: true,
        ended_early: None,
        rows: rows.len(),
        figures: Figures::of(rows, &method, 1),
        steps: Vec::new(),
        saturation_per_s: None,
        backlog: Vec::new(),
    }
}

const STUDY: Method = Method::Sequential {
    iterations: 15,
    warmup: 0,
    pause_ms: 1_000,
};

#[test]
fn a_run_by_size_and_by_hop() {
    let files = Files {
        results: "results/results_localstack_20261126T100000Z.csv".into(),
        summary: "results/summary_localstack_20261126T100000Z.json".into(),
        latest: Some((
            "results/results_localstack_latest.csv".into(),
            "results/summary_localstack_latest.json".into(),
        )),
    };
    let against = Against {
        began_at: "2026-11-25T10:00:00.000Z".to_owned(),
        p50_ms: 31.5,
        p_value: Some(0.012_3),
    };
    let summary = summary(STUDY, &rows());
    assert_snapshot!(run(&summary, Some(&against), Some(&files)));
}

#[test]
fn a_ramp_and_one_that_ended_early() {
    let step = |rate: f64, sustained| Step {
        rate,
        files: 80,
        done: 80,
        achieved_per_s: rate * 0.99,
        p50_ms: Some(8.125),
        p95_ms: Some(if sustained { 14.0 } else { 2_480.0 }),
        sustained,
    };
    let method = Method::Ramp {
        from: 4.0,
        step_ms: 8_000,
    };
    let mut ramp = summary(method, &rows()[..20]);
    ramp.steps = vec![step(4.0, true), step(8.0, false)];
    ramp.saturation_per_s = Some(4.0);
    ramp.complete = false;
    ramp.ended_early = Some("interrupted".to_owned());
    assert_snapshot!(run(&ramp, None, None));
}

#[test]
fn cold_starts_apart_from_warm_ones() {
    let mut rows = rows()[..20].to_vec();
    for (at, row) in rows.iter_mut().enumerate() {
        let is_cold = at % 2 == 0;
        row.phase = if is_cold { Phase::Cold } else { Phase::Warm };
        row.trigger_cold = Some(is_cold);
        row.worker_cold = Some(is_cold && at > 0);
        row.end_to_end_ms = row
            .end_to_end_ms
            .map(|ms| if is_cold { ms + 180.0 } else { ms });
        row.worker_init_ms = is_cold.then_some(81.5);
    }
    assert_snapshot!(run(&summary(Method::Cold { times: 10 }, &rows), None, None));
}
