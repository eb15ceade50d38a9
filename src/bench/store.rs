//! The files of a run: its rows as CSV, its summary as JSON, under the target's name for whoever wants the
//! latest, and with the moment in the name for whoever keeps them.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::cycle::{CycleSummary, Round};
use super::error::BenchError;
use super::facts::RunFacts;
use super::row::{LONGEST_MS, Row};
use super::settings::Method;
use super::summary::{Summary, VERSION};
use crate::package::replace;

/// Where a run's files are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Files {
    /// Its rows.
    pub results: PathBuf,
    /// Its summary.
    pub summary: PathBuf,
    /// The same under the name of the latest run; none of one that did not come to its end, which replaces none
    /// that did.
    pub latest: Option<(PathBuf, PathBuf)>,
}

/// Paths of the latest run of a target.
pub fn latest(directory: &Path, target: &str, method: &Method) -> (PathBuf, PathBuf) {
    named(directory, target, method, "latest")
}

fn named(directory: &Path, target: &str, method: &Method, when: &str) -> (PathBuf, PathBuf) {
    let suffix = method.suffix();
    (
        directory.join(format!("results_{target}{suffix}_{when}.csv")),
        directory.join(format!("summary_{target}{suffix}_{when}.json")),
    )
}

/// Can files be written to the directory? It is made where it is not there.
pub fn try_out(directory: &Path) -> Result<(), BenchError> {
    let tried = std::fs::create_dir_all(directory)
        .and_then(|()| tempfile::tempfile_in(directory).map(drop));
    tried.map_err(|error| not_written(directory, &error))
}

/// Writes the rows of a run that is over, before anything else is done with them.
pub fn keep(directory: &Path, run: &RunFacts, rows: &[Row]) -> Result<PathBuf, BenchError> {
    let when = format!("{}_partial", run.id);
    let (results, _) = named(directory, &run.target, &run.settings.method, &when);
    replace(&results, &csv_of(rows, Row::COLUMNS)?)
        .map_err(|error| not_written(&results, &error))?;
    Ok(results)
}

/// Writes a run. Each file is complete or not there. `kept` is what [`keep`] wrote of it.
pub fn write(
    directory: &Path,
    rows: &[Row],
    summary: &Summary,
    kept: Option<&Path>,
) -> Result<Files, BenchError> {
    let (target, method) = (&summary.run.target, &summary.run.settings.method);
    let written = Written {
        csv: csv_of(rows, Row::COLUMNS)?,
        json: json_of(directory, summary)?,
        complete: summary.complete,
        id: &summary.run.id,
    };
    let files = written.put(directory, |when| named(directory, target, method, when))?;
    if let Some(kept) = kept.filter(|kept| *kept != files.results) {
        // It is there once more, and whole: nobody misses this one.
        let _ = std::fs::remove_file(kept);
    }
    Ok(files)
}

/// Writes the rounds of a cycle, as [`write`] does a run.
pub fn write_cycle(
    directory: &Path,
    rounds: &[Round],
    summary: &CycleSummary,
) -> Result<Files, BenchError> {
    let written = Written {
        csv: csv_of(rounds, Round::COLUMNS)?,
        json: json_of(directory, summary)?,
        complete: summary.complete,
        id: &summary.id,
    };
    let name = |when: &str| {
        (
            directory.join(format!("results_{}_cycle_{when}.csv", summary.target)),
            directory.join(format!("summary_{}_cycle_{when}.json", summary.target)),
        )
    };
    written.put(directory, name)
}

/// The content of both files.
struct Written<'a> {
    csv: Vec<u8>,
    json: Vec<u8>,
    complete: bool,
    id: &'a str,
}

impl Written<'_> {
    /// Under the names that `name` gives: of the moment, and, where the run came to its end, of the latest.
    fn put(
        &self,
        directory: &Path,
        name: impl Fn(&str) -> (PathBuf, PathBuf),
    ) -> Result<Files, BenchError> {
        std::fs::create_dir_all(directory).map_err(|error| not_written(directory, &error))?;
        let put = |(results, summary): &(PathBuf, PathBuf)| {
            for (path, bytes) in [(results, &self.csv), (summary, &self.json)] {
                replace(path, bytes).map_err(|error| not_written(path, &error))?;
            }
            Ok::<_, BenchError>(())
        };
        let (id, end) = (self.id, if self.complete { "" } else { "_partial" });
        let (results, summary) = name(&format!("{id}{end}"));
        let dated = (results, summary);
        put(&dated)?;
        let latest = self.complete.then(|| name("latest"));
        if let Some(latest) = &latest {
            put(latest)?;
        }
        Ok(Files {
            results: dated.0,
            summary: dated.1,
            latest,
        })
    }
}

fn not_written(path: &Path, error: &std::io::Error) -> BenchError {
    BenchError::NotWritten {
        path: path.to_owned(),
        cause: error.to_string(),
    }
}

fn json_of(directory: &Path, summary: &impl Serialize) -> Result<Vec<u8>, BenchError> {
    let json = serde_json::to_vec_pretty(summary);
    let mut json = json.map_err(|error| not_written(directory, &error.into()))?;
    json.push(b'\n');
    Ok(json)
}

/// With the header, also without a row.
fn csv_of<T: Serialize>(rows: &[T], columns: &[&str]) -> Result<Vec<u8>, BenchError> {
    let failed = |cause: csv::Error| not_written(Path::new("results"), &cause.into());
    let mut writer = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(Vec::new());
    writer.write_record(columns).map_err(failed)?;
    for row in rows {
        writer.serialize(row).map_err(failed)?;
    }
    let bytes = writer.into_inner();
    bytes.map_err(|error| not_written(Path::new("results"), &error.into_error()))
}

/// Reads a results file.
pub fn read_rows(path: &Path) -> Result<Vec<Row>, BenchError> {
    Ok(read_known(path, Row::COLUMNS)?.0)
}

/// Reads the rows of a file, whose columns must be these, and tells of columns that nobody knows.
pub fn read_known<T: DeserializeOwned>(
    path: &Path,
    columns: &[&str],
) -> Result<(Vec<T>, Vec<String>), BenchError> {
    let bad = |line: Option<u64>, cause: String| BenchError::BadResults {
        path: path.to_owned(),
        line: line.map_or_else(String::new, |line| format!(" line {line}:")),
        cause,
    };
    let text = std::fs::read_to_string(path).map_err(|error| bad(None, error.to_string()))?;
    if !text.ends_with('\n') {
        let last = text.lines().count() as u64;
        return Err(bad(Some(last), "the file ends within this line".to_owned()));
    }
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let failed =
        |error: csv::Error| bad(error.position().map(csv::Position::line), error.to_string());
    let header = reader.headers().map_err(failed)?;
    let missing = columns
        .iter()
        .find(|column| !header.iter().any(|one| one == **column));
    if let Some(missing) = missing {
        return Err(bad(Some(1), format!("there is no column `{missing}`")));
    }
    let unknown = header.iter().filter(|one| !columns.contains(one));
    let unknown = unknown.map(str::to_owned).collect();
    let rows = reader.deserialize().map(|row| row.map_err(failed));
    Ok((rows.collect::<Result<_, _>>()?, unknown))
}

/// A run that lies on the disk: its summary, its rows, and columns that nobody knows. The figures are those of the rows.
///
/// # Errors
/// A file is missing or damaged, or both are not of one run.
pub fn read_run(results: &Path) -> Result<(Summary, Vec<Row>, Vec<String>), BenchError> {
    let (rows, unknown) = read_known::<Row>(results, Row::COLUMNS)?;
    let mut faults = rows.iter().zip(2..);
    if let Some((line, cause)) = faults.find_map(|(row, line)| Some((line, row.fault()?))) {
        return Err(BenchError::BadResults {
            path: results.to_owned(),
            line: format!(" line {line}:"),
            cause,
        });
    }
    // The method and the seed are in the summary, and how many rows there were.
    let beside = summary_beside(results).ok_or_else(|| BenchError::BadResults {
        path: results.to_owned(),
        line: String::new(),
        cause: "its name is not `results_….csv`, so that its summary cannot be found".to_owned(),
    })?;
    let summary = read_summary(&beside)?;
    if rows.len() != summary.rows {
        return Err(BenchError::OtherResults {
            path: results.to_owned(),
            found: rows.len(),
            told: summary.rows,
        });
    }
    Ok((summary, rows, unknown))
}

/// A cycle that lies on the disk: its summary and its rounds.
///
/// # Errors
/// A file is missing or damaged, or both are not of one cycle.
pub fn read_cycle(results: &Path) -> Result<(CycleSummary, Vec<Round>), BenchError> {
    let (rounds, _) = read_known::<Round>(results, Round::COLUMNS)?;
    let beside = summary_beside(results).unwrap_or_default();
    let summary: CycleSummary = read_json(&beside)?;
    let times = |one: &Round| {
        [
            one.first_up_ms,
            one.no_op_ms,
            one.code_change_ms,
            one.down_ms,
        ]
    };
    let good = |ms: f64| (0.0..=LONGEST_MS).contains(&ms);
    let mut lines = rounds.iter().zip(2..);
    if let Some((_, line)) = lines.find(|(one, _)| !times(one).into_iter().all(good)) {
        return Err(BenchError::BadResults {
            path: results.to_owned(),
            line: format!(" line {line}:"),
            cause: "it has a time that no round can take".to_owned(),
        });
    }
    let told = summary.figures.values().next().map_or(0, |one| one.n);
    if rounds.len() != told {
        return Err(BenchError::OtherResults {
            path: results.to_owned(),
            found: rounds.len(),
            told,
        });
    }
    Ok((summary, rounds))
}

/// Reads a summary file.
pub fn read_summary(path: &Path) -> Result<Summary, BenchError> {
    let summary: Summary = read_json(path)?;
    if summary.version != VERSION {
        return Err(BenchError::BadResults {
            path: path.to_owned(),
            line: String::new(),
            cause: format!("its version is {} and not {VERSION}", summary.version),
        });
    }
    Ok(summary)
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, BenchError> {
    let bad = |cause: String| BenchError::BadResults {
        path: path.to_owned(),
        line: String::new(),
        cause,
    };
    let bytes = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))
}

/// The summary that lies beside a results file.
pub fn summary_beside(results: &Path) -> Option<PathBuf> {
    let name = results.file_name()?.to_str()?;
    let rest = name.strip_prefix("results_")?.strip_suffix(".csv")?;
    Some(results.with_file_name(format!("summary_{rest}.json")))
}

/// The results file that lies beside a summary.
pub fn results_beside(summary: &Path) -> Option<PathBuf> {
    let name = summary.file_name()?.to_str()?;
    let rest = name.strip_prefix("summary_")?.strip_suffix(".json")?;
    Some(summary.with_file_name(format!("results_{rest}.csv")))
}

#[cfg(test)]
mod tests {
    use super::super::row::{Fate, Phase};
    use super::*;

    fn rows() -> Vec<Row> {
        let mut one = Row::new(
            1,
            Phase::Warmup,
            100,
            23_000,
            "logs/bench/a,\"b\".ndjson".to_owned(),
        );
        one.fate = Fate::Done;
        one.end_to_end_ms = Some(6.123);
        one.upload_ms = Some(0.1 + 0.2);
        one.trigger_cold = Some(false);
        let two = Row::new(2, Phase::Measured, 500, 1, "k".to_owned());
        vec![one, two]
    }

    #[test]
    fn rows_read_again_are_the_same() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("results_embedded_latest.csv");
        for rows in [rows(), Vec::new()] {
            std::fs::write(&path, csv_of(&rows, Row::COLUMNS).expect("CSV")).expect("written");
            assert_eq!(read_rows(&path).expect("rows"), rows);
        }
        let beside = summary_beside(&path).expect("a name");
        assert!(beside.ends_with("summary_embedded_latest.json"));
        assert_eq!(results_beside(&beside), Some(path));
    }

    #[test]
    fn what_was_cut_off_or_changed_is_told_with_its_line() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("results.csv");
        let whole = String::from_utf8(csv_of(&rows(), Row::COLUMNS).expect("CSV")).expect("text");
        let line_of = |text: &str| {
            std::fs::write(&path, text).expect("written");
            let error = read_rows(&path).expect_err("it is bad");
            let BenchError::BadResults { line, .. } = error else {
                panic!("{error}");
            };
            line
        };
        assert_eq!(line_of(&whole[..whole.len() - 9]), " line 3:");
        assert_eq!(line_of(&whole.replace(",23000,", ",many,")), " line 2:");
        let fewer = format!("{}\n", whole.trim_end().rsplit_once(',').expect("fields").0);
        assert_eq!(line_of(&fewer), " line 3:");
        let renamed = whole.replacen(",lines,", ",count,", 1);
        assert_eq!(line_of(&renamed), " line 1:");
        // One more is told, and not in the way.
        let more = whole.replacen('\n', ",mood\n", 1);
        let more = more.lines().enumerate().map(|(at, line)| match at {
            0 => format!("{line}\n"),
            _ => format!("{line},good\n"),
        });
        std::fs::write(&path, more.collect::<String>()).expect("written");
        let (found, unknown) = read_known::<Row>(&path, Row::COLUMNS).expect("rows");
        assert_eq!((found, unknown), (rows(), vec!["mood".to_owned()]));
    }
}
