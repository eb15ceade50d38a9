//! Writes a sample log to standard output: `generate LINES` or `generate LINES malformed`.
//!
//! The same arguments give the same bytes on every machine; `samples/` is made by it and
//! `tests/samples.rs` compares.

use std::io::Write;
use std::process::ExitCode;

use model::sample::{SEED, sample};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let asked = match arguments.as_slice() {
        [count] => count.parse().ok().map(|count| (count, false)),
        [count, word] if word == "malformed" => count.parse().ok().map(|count| (count, true)),
        _ => None,
    };
    let written = match asked {
        Some((count, malformed)) => std::io::stdout()
            .lock()
            .write_all(sample(SEED, count, malformed).as_bytes()),
        None => Err(std::io::Error::other("usage: generate LINES [malformed]")),
    };
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to tell when standard error is closed as well.
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}
