//! The files of a report.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::error::ParityError;
use super::markdown;
use super::matrix::{Matrix, Verdict};
use crate::package::replace;

/// Where a report is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Files {
    /// For programs.
    pub json: PathBuf,
    /// For people.
    pub markdown: PathBuf,
    /// The same under the name of the latest; none of a run that did not come to its end, which replaces none that
    /// did.
    pub latest: Option<(PathBuf, PathBuf)>,
}

/// Can files be written to the directory? It is made where it is not there.
pub fn try_out(directory: &Path) -> Result<(), ParityError> {
    let tried = std::fs::create_dir_all(directory)
        .and_then(|()| tempfile::tempfile_in(directory).map(drop));
    tried.map_err(|error| not_written(directory, &error))
}

/// Writes a report. Each file is complete or not there.
pub fn write(directory: &Path, matrix: &Matrix) -> Result<Files, ParityError> {
    let [a, b] = &matrix.sides;
    // Chosen scenarios are no whole: they do not take its name.
    let chosen = matrix.with(Verdict::Skipped).next().is_some();
    let chosen = if chosen { "_chosen" } else { "" };
    let names = |when: &str| {
        let name = format!("parity_{}_{}{chosen}_{when}", a.label, b.label);
        (
            directory.join(format!("{name}.json")),
            directory.join(format!("{name}.md")),
        )
    };
    let json = serde_json::to_string_pretty(matrix);
    let json = json.map_err(|error| not_written(directory, &error.into()))? + "\n";
    let markdown = markdown::report(matrix);
    let put = |(of_json, of_markdown): &(PathBuf, PathBuf)| {
        for (path, text) in [(of_json, &json), (of_markdown, &markdown)] {
            replace(path, text.as_bytes()).map_err(|error| not_written(path, &error))?;
        }
        Ok::<_, ParityError>(())
    };
    let end = if matrix.complete { "" } else { "_partial" };
    let dated = names(&format!("{}{end}", matrix.id));
    put(&dated)?;
    let latest = matrix.complete.then(|| names("latest"));
    if let Some(latest) = &latest {
        put(latest)?;
    }
    Ok(Files {
        json: dated.0,
        markdown: dated.1,
        latest,
    })
}

fn not_written(path: &Path, error: &std::io::Error) -> ParityError {
    ParityError::NotWritten {
        path: path.to_owned(),
        cause: error.to_string(),
    }
}
