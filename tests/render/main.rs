//! The renderers without an engine: recorded events of real runs (`--output json`, the embedded target with
//! AWS's times) are told as on a terminal of 80 and of 120 columns, with and without colours, and as lines
//! in a pipe. To record one anew: `pipectl VERB --output json 2> tests/render/recorded/NAME.jsonl`.

use std::time::Duration;

use insta::assert_snapshot;
use pipectl::event::Line;
use pipectl::render::{Board, Detail, line};

/// Recordings, each with the moments at which the board is looked at, milliseconds.
const RECORDED: &[(&str, &str, &[u64])] = &[
    (
        "first-up",
        include_str!("recorded/first-up.jsonl"),
        &[100, 400, 3_000],
    ),
    (
        "update",
        include_str!("recorded/update.jsonl"),
        &[450, 900, 1_500],
    ),
    (
        "failure",
        include_str!("recorded/failure.jsonl"),
        &[500, 5_000],
    ),
    (
        "interrupted",
        include_str!("recorded/interrupted.jsonl"),
        &[1_500, 1_700],
    ),
    ("down", include_str!("recorded/down.jsonl"), &[80, 2_000]),
    (
        "packaging",
        include_str!("recorded/packaging.jsonl"),
        &[700, 1_200],
    ),
    ("tuned", include_str!("recorded/tuned.jsonl"), &[300]),
    ("logs", include_str!("recorded/logs.jsonl"), &[]),
    (
        "redrive",
        include_str!("recorded/redrive.jsonl"),
        &[500, 1_500],
    ),
];

fn lines(recorded: &str) -> Vec<Line> {
    recorded
        .lines()
        .map(|text| {
            let line: Line = serde_json::from_str(text).unwrap_or_else(|error| {
                panic!("{error}: {text}");
            });
            // What was read is written the same: nothing of an event is lost on the way.
            let again: serde_json::Value = serde_json::to_value(&line).expect("JSON");
            let read: serde_json::Value = serde_json::from_str(text).expect("JSON");
            assert_eq!(again, read);
            line
        })
        .collect()
}

/// What stays on the screen, as in a pipe or with `-v`.
fn told(recorded: &[Line], verbose: bool) -> String {
    let detail = Detail {
        verbose,
        live: false,
    };
    let texts: Vec<String> = recorded
        .iter()
        .filter_map(|recorded| line(&recorded.event, detail))
        .collect();
    texts.join("\n")
}

/// What is drawn below at these moments.
fn boards(recorded: &[Line], moments: &[u64], width: usize) -> String {
    let mut text = String::new();
    for moment in moments {
        let now = Duration::from_millis(*moment);
        let mut board = Board::default();
        for line in recorded.iter().filter(|line| line.at_ms <= *moment as f64) {
            board.event(&line.event, Duration::from_secs_f64(line.at_ms / 1_000.0));
        }
        let frame = board.frame(now, width);
        text.push_str(&format!("after {moment} ms\n{}\n\n", frame.join("\n")));
        for line in &frame {
            assert!(console::measure_text_width(line) < width, "{line}");
        }
    }
    text
}

/// Colours are a switch of the whole process: one test after the other.
#[test]
fn recorded_runs_are_told_the_same_at_every_width() {
    for (name, text, moments) in RECORDED {
        let recorded = lines(text);
        console::set_colors_enabled(false);
        assert_snapshot!(format!("{name}-piped"), told(&recorded, false));
        if moments.is_empty() {
            // Nothing is drawn meanwhile.
            continue;
        }
        assert_snapshot!(format!("{name}-80"), boards(&recorded, moments, 80));
        assert_snapshot!(format!("{name}-120"), boards(&recorded, moments, 120));
        let plain = boards(&recorded, moments, 80);

        console::set_colors_enabled(true);
        let coloured = boards(&recorded, moments, 80);
        assert_ne!(coloured, plain, "{name} has colours");
        assert_eq!(
            console::strip_ansi_codes(&coloured),
            plain,
            "and is the same without them"
        );
        let shown = format!("{}\n\n{coloured}", told(&recorded, true));
        // Escapes as they can be read.
        let shown = shown.replace('\u{1b}', "␛");
        assert_snapshot!(format!("{name}-80-verbose-colour"), shown);
        console::set_colors_enabled(false);
    }
}
