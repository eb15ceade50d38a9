//! Verdicts at the beginning; limitations and method at the end.

use super::super::document::{Block, Section};
use super::super::report::{Report, Run};
use super::super::words::{Words, fact, words};
use crate::bench::{Method, Settings};
use crate::target::ProductName;

/// Which target is for what.
pub fn verdicts(report: &Report) -> Section {
    let mut section = Section::new("verdicts", "When to use which");
    for verdict in &report.verdicts {
        section.blocks.push(Block::Verdict {
            question: verdict.question,
            answer: verdict.answer.clone(),
            because: verdict.because.clone(),
        });
    }
    section
}

/// What a reader should know.
pub fn limitations(report: &Report) -> Section {
    let mut section = Section::new("limitations", "What these figures do not say");
    section.list(report.limitations.clone());
    section
}

/// How to do it again.
pub fn method(report: &Report) -> Section {
    let mut section = Section::new("method", "Method, and how to repeat it");
    section.text(
        "Every file is followed from the first byte sent until a look at the results table finds its result. Nothing is \
         tried again behind the figures, and no outlier is left out. Percentiles are by nearest rank. Intervals are of \
         samples that a seeded generator drew again, so that the same rows give the same figures in every program. Every \
         number of this page says, in its source, of which rows it is made.",
    );
    let commands = report.runs.iter().flat_map(commands).collect();
    section.blocks.push(Block::Commands(commands));
    let files = report.runs.iter().map(|run| {
        let files = run.files.iter().map(|file| fact(file).into());
        let mut words = words![fact(&run.label), ": "];
        words.0.extend(Words::listed(files).0);
        words
    });
    let parity = report
        .parity
        .iter()
        .map(|one| words!["parity: ", fact(&one.file)]);
    section.text("Made of these files:");
    section.list(files.chain(parity).collect());
    section
}

/// What makes such a run.
fn commands(run: &Run) -> Vec<String> {
    let facts = &run.facts;
    let on = if facts.target == "embedded" {
        String::new()
    } else {
        format!(" --target {}", shell(&facts.target))
    };
    let tuned = facts.is_tuned();
    let untuned = !tuned && facts.product.name == ProductName::LocalStack;
    let untuned = if untuned { " --no-tuning" } else { "" };
    let mut commands = vec![
        format!("# {}: {}", run.label, run.facts.product).replace(char::is_control, " "),
        format!("pipectl up{on}{untuned}"),
        format!("pipectl bench{on}{}", options(&run.facts.settings)),
    ];
    for settings in &run.beside {
        commands.push(format!("pipectl bench{on}{}", options(settings)));
    }
    if let Some(rounds) = run.cycle.values().next() {
        commands.push(format!("pipectl bench{on} --cycle {}", rounds.n));
    }
    commands
}

/// A word that a shell takes as it is.
fn shell(word: &str) -> String {
    if word
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    {
        return word.to_owned();
    }
    format!(
        "'{}'",
        word.replace('\'', "'\\''").replace(char::is_control, " ")
    )
}

fn options(settings: &Settings) -> String {
    let sizes: Vec<String> = settings.sizes.iter().map(u64::to_string).collect();
    let sizes = format!(" --sizes {} --seed {}", sizes.join(","), settings.seed);
    match settings.method {
        Method::Sequential {
            iterations,
            warmup,
            pause_ms,
        } => {
            format!(" --iterations {iterations} --warmup {warmup} --pause {pause_ms}ms{sizes}")
        }
        Method::Rate {
            files_per_s,
            duration_ms,
        } => {
            format!(" --rate {files_per_s} --duration {duration_ms}ms{sizes}")
        }
        Method::Concurrency { files, duration_ms } => {
            format!(" --concurrency {files} --duration {duration_ms}ms{sizes}")
        }
        Method::Ramp { from, step_ms } => format!(" --ramp {from} --duration {step_ms}ms{sizes}"),
        Method::Cold { times } => format!(" --cold {times}{sizes}"),
    }
}
