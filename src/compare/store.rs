//! The files of a report.

use std::path::{Path, PathBuf};

use super::document::{Block, Document};
use super::report::Report;
use super::{CompareError, Files, html, markdown};
use crate::package::replace;

/// Can files be written to the directory? It is made where it is not there.
///
/// # Errors
/// They cannot.
pub fn try_out(directory: &Path) -> Result<(), CompareError> {
    let tried = std::fs::create_dir_all(directory)
        .and_then(|()| tempfile::tempfile_in(directory).map(drop));
    tried.map_err(|error| not_written(directory, &error))
}

/// Writes a report: `report.html`, `report.md`, `report.json` and a file for each chart. Each is complete or not there.
///
/// # Errors
/// One cannot be written.
pub fn write(
    directory: &Path,
    report: &Report,
    document: &Document,
) -> Result<Files, CompareError> {
    let put = |name: &str, text: &str| -> Result<PathBuf, CompareError> {
        let path = directory.join(name);
        replace(&path, text.as_bytes()).map_err(|error| not_written(&path, &error))?;
        Ok(path)
    };
    let json = serde_json::to_string_pretty(report);
    let json = json.map_err(|error| not_written(directory, &error.into()))?;
    let blocks = document.sections.iter().flat_map(|section| &section.blocks);
    let charts = blocks.filter_map(|block| match block {
        Block::Chart(chart) => Some(put(&format!("{}.svg", chart.id), &chart.file())),
        _ => None,
    });
    Ok(Files {
        charts: charts.collect::<Result<_, _>>()?,
        markdown: put("report.md", &markdown::report(document))?,
        json: put("report.json", &(json + "\n"))?,
        html: put("report.html", &html::page(document))?,
    })
}

fn not_written(path: &Path, error: &std::io::Error) -> CompareError {
    CompareError::NotWritten {
        path: path.to_owned(),
        cause: error.to_string(),
    }
}
