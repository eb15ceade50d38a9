//! `--assert 'p50<2s,p95<3s,errors=0'`: what must hold of a run's figures.

use super::figures::hop_names;
use super::row::Fate;
use super::stats::Distribution;
use super::summary::Figures;

/// What is compared.
#[derive(Debug, Clone, PartialEq)]
enum Figure {
    /// A statistic of the times from end to end, or of a part; of files of one size where that is said.
    Time {
        part: String,
        statistic: String,
        lines: Option<u64>,
    },
    /// A count or a rate.
    Number(String),
}

/// How.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Than {
    Less,
    LessOrEqual,
    Equal,
    MoreOrEqual,
    More,
}

/// One thing that must hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// As written.
    pub text: String,
    figure: Figure,
    than: Than,
    value: f64,
}

/// What is wrong with a text, and where: bytes from its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadTerm {
    /// In words.
    pub message: String,
    /// Where the term begins.
    pub at: usize,
    /// How long it is.
    pub length: usize,
}

/// A term that does not hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Broken {
    /// As written.
    pub term: String,
    /// What it is; none where nothing tells.
    pub found: Option<f64>,
    /// Is it milliseconds?
    pub is_time: bool,
}

const STATISTICS: &[&str] = &["min", "p50", "p90", "p95", "p99", "max", "mean"];
/// The whole time.
const WHOLE: &str = "end_to_end";
const NUMBERS: &[&str] = &[
    "files",
    "done",
    "errors",
    "lost",
    "dropped",
    "redelivered",
    "rate",
];
const COMPARISONS: &[(&str, Than)] = &[
    ("<=", Than::LessOrEqual),
    (">=", Than::MoreOrEqual),
    ("<", Than::Less),
    (">", Than::More),
    ("=", Than::Equal),
];

/// Reads terms that commas part.
pub fn read(text: &str) -> Result<Vec<Term>, BadTerm> {
    let mut at = 0;
    let mut terms = Vec::new();
    for part in text.split(',') {
        let lead = part.len() - part.trim_start().len();
        let written = part.trim();
        terms.push(term(written).map_err(|message| BadTerm {
            message,
            at: at + lead,
            length: written.len().max(1),
        })?);
        at += part.len() + 1;
    }
    Ok(terms)
}

fn term(text: &str) -> Result<Term, String> {
    let found = COMPARISONS.iter().find_map(|(sign, than)| {
        let (left, right) = text.split_once(sign)?;
        Some((left.trim(), *than, right.trim()))
    });
    let Some((left, than, right)) = found else {
        return Err(format!(
            "`{text}` compares nothing: write `p95<3s` or `errors=0`"
        ));
    };
    let figure = figure(left)?;
    let value = value(right, matches!(figure, Figure::Time { .. }))?;
    Ok(Term {
        text: text.to_owned(),
        figure,
        than,
        value,
    })
}

/// What there are times of.
fn parts() -> impl Iterator<Item = &'static str> {
    std::iter::once(WHOLE).chain(hop_names())
}

fn figure(text: &str) -> Result<Figure, String> {
    if NUMBERS.contains(&text) {
        return Ok(Figure::Number(text.to_owned()));
    }
    let (name, lines) = match text.split_once('@') {
        Some((name, lines)) => {
            let lines = lines.parse();
            let lines =
                lines.map_err(|_| format!("`{text}`: behind `@` stand the lines of a file"))?;
            (name, Some(lines))
        }
        None => (text, None),
    };
    let (part, statistic) = name.split_once('.').unwrap_or((WHOLE, name));
    let of_size = [WHOLE, "upload", "processing"];
    if lines.is_some() && !of_size.contains(&part) {
        return Err(format!("by size there are {} only", of_size.join(", ")));
    }
    if parts().any(|known| known == part) && STATISTICS.contains(&statistic) {
        return Ok(Figure::Time {
            part: part.to_owned(),
            statistic: statistic.to_owned(),
            lines,
        });
    }
    Err(format!(
        "there is no figure `{text}`: there are {}, those times of a part ({}) as `upload.p95`, and {}",
        STATISTICS.join(", "),
        parts().collect::<Vec<_>>().join(", "),
        NUMBERS.join(", ")
    ))
}

fn value(text: &str, is_time: bool) -> Result<f64, String> {
    let units: &[(&str, f64)] = if is_time {
        &[("ms", 1.0), ("us", 0.001), ("s", 1_000.0)]
    } else {
        &[("", 1.0)]
    };
    units
        .iter()
        .find_map(|(unit, factor)| {
            let number: f64 = text.strip_suffix(unit)?.trim().parse().ok()?;
            (number.is_finite() && number >= 0.0).then_some(number * factor)
        })
        .ok_or_else(|| {
            if is_time {
                format!("`{text}` is no time: write a number and us, ms or s")
            } else {
                format!("`{text}` is no number")
            }
        })
}

impl Term {
    /// Does it hold of these figures? What nothing tells does not hold.
    pub fn check(&self, figures: &Figures) -> Result<(), Broken> {
        let found = self.figure.of(figures);
        let holds = found.is_some_and(|found| match self.than {
            Than::Less => found < self.value,
            Than::LessOrEqual => found <= self.value,
            Than::Equal => (found - self.value).abs() < 1e-9,
            Than::MoreOrEqual => found >= self.value,
            Than::More => found > self.value,
        });
        if holds {
            return Ok(());
        }
        Err(Broken {
            term: self.text.clone(),
            found,
            is_time: matches!(self.figure, Figure::Time { .. }),
        })
    }
}

impl Figure {
    fn of(&self, figures: &Figures) -> Option<f64> {
        match self {
            Self::Time {
                part,
                statistic,
                lines,
            } => {
                let times = match lines {
                    Some(lines) => {
                        let size = figures.sizes.iter().find(|size| size.lines == *lines)?;
                        match part.as_str() {
                            "upload" => size.upload_ms.as_ref(),
                            "processing" => size.processing_ms.as_ref(),
                            _ => size.end_to_end_ms.as_ref(),
                        }
                    }
                    None if part == WHOLE => figures.end_to_end_ms.as_ref(),
                    None => figures
                        .hops
                        .iter()
                        .find(|hop| hop.name == *part)
                        .map(|hop| &hop.ms),
                };
                statistic_of(times?, statistic)
            }
            Self::Number(name) => match name.as_str() {
                "files" => Some(figures.files as f64),
                "done" => Some(figures.done() as f64),
                "errors" => Some((figures.files - figures.done()) as f64),
                "lost" => Some(figures.count(Fate::Lost) as f64),
                "dropped" => Some(figures.count(Fate::Dropped) as f64),
                "redelivered" => Some(figures.redelivered as f64),
                "rate" => figures.files_per_s,
                _ => None,
            },
        }
    }
}

fn statistic_of(times: &Distribution, statistic: &str) -> Option<f64> {
    Some(match statistic {
        "min" => times.min,
        "p50" => times.p50,
        "p90" => times.p90,
        "p95" => times.p95,
        "p99" => times.p99,
        "max" => times.max,
        "mean" => times.mean,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::row::{Phase, Row};
    use crate::bench::settings::Method;

    fn figures() -> Figures {
        let row = |n: u64| {
            let mut row = Row::new(n, Phase::Measured, 100, 1, String::new());
            row.fate = if n == 10 { Fate::Lost } else { Fate::Done };
            row.end_to_end_ms = (n != 10).then_some(n as f64 * 100.0);
            row.upload_ms = Some(3.0);
            row
        };
        let rows: Vec<Row> = (1..=10).map(row).collect();
        Figures::of(&rows, &Method::Cold { times: 1 }, 1)
    }

    fn holds(text: &str) -> bool {
        let figures = figures();
        read(text)
            .expect(text)
            .iter()
            .all(|term| term.check(&figures).is_ok())
    }

    #[test]
    fn terms_hold_or_name_what_was_found() {
        assert!(holds(
            "p50<2s, p95 <= 900ms,errors=1,lost=1,dropped=0,rate>1,upload.p99<4000us"
        ));
        assert!(holds("p50@100<2s"));
        for broken in [
            "p50<500ms",
            "errors=0",
            "done>=10",
            "p50@200<2s",
            "trigger.p50<1s",
        ] {
            assert!(!holds(broken), "{broken}");
        }
        let term = &read("p95 < 0.8s").expect("a term")[0];
        let broken = term.check(&figures()).expect_err("too long");
        assert_eq!((broken.found, broken.is_time), (Some(900.0), true));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, at, length) in [
            ("p50<2s,p96<3s", 7, 6),
            ("p50<2s, p95<3", 8, 5),
            ("", 0, 1),
            ("errors=none", 0, 11),
            ("p50", 0, 3),
            ("trigger.p50@100<1s", 0, 18),
            ("p50<-1s", 0, 7),
        ] {
            let bad = read(text).expect_err(text);
            assert_eq!(
                (bad.at, bad.length),
                (at, length),
                "{text}: {}",
                bad.message
            );
        }
    }
}
