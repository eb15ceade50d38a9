//! Artifacts in words: what they are, why they were made or not, and what is in them.

use std::path::Path;

use super::style::{bytes, dim, good, hint, plural};
use crate::package::{CrateSize, Packaged, Why};

/// Crates that are named; what is left is summed up.
const MOST_CRATES: usize = 12;

/// Artifacts, one block each; paths are shown as seen from `root` where they are in there.
pub fn packaged(artifacts: &[Packaged], root: &Path) -> String {
    let blocks: Vec<String> = artifacts.iter().map(|one| block(one, root)).collect();
    blocks.join("\n")
}

fn block(packaged: &Packaged, root: &Path) -> String {
    let artifact = &packaged.artifact;
    let mut facts = vec![
        artifact.architecture.label().to_owned(),
        artifact.glibc.map_or_else(
            || "needs no glibc".to_owned(),
            |glibc| format!("glibc {glibc}"),
        ),
        format!("{} zipped", bytes(artifact.zip_bytes)),
        format!("{} unpacked", bytes(artifact.unzipped_bytes)),
    ];
    if packaged.built {
        facts.push(good("new").to_string());
    }
    let zip = artifact.zip.strip_prefix(root).unwrap_or(&artifact.zip);
    let mut lines = vec![
        format!("{}  {}", artifact.function, facts.join(", ")),
        format!("  zip     {}", hint(zip.display())),
        format!("  sha256  {}", artifact.sha256),
    ];
    if let Some(crates) = &packaged.crates {
        lines.push(format!(
            "  why     {}",
            because(&packaged.why, packaged.built)
        ));
        if !artifact.libraries.is_empty() {
            lines.push(format!("  needs   {}", artifact.libraries.join(", ")));
        }
        if artifact.given {
            lines.push(dim("  made elsewhere: what is in it is not known").to_string());
        } else {
            lines.extend(sizes(crates, artifact.program_bytes));
        }
    }
    lines.join("\n")
}

/// Why an artifact was made, or was not, in one sentence.
pub fn because(why: &Why, built: bool) -> String {
    let cause = match why {
        Why::Unchanged { files } => {
            return format!("not built: none of {} differs", plural(*files, "file"));
        }
        Why::First => "there was none yet".to_owned(),
        Why::Asked => "the profile or the functions of the stack differ".to_owned(),
        Why::File { path } => format!("{} differs", path.display()),
        Why::Variable { name } => format!("the variable {name} differs"),
        Why::Toolchain => "the compiler differs".to_owned(),
        Why::Unsettled => "it was not sure last time what it is made from".to_owned(),
    };
    if built {
        format!("built: {cause}")
    } else {
        format!("built, and the same came out: {cause}")
    }
}

/// The largest crates with their share of the program.
fn sizes(crates: &[CrateSize], program_bytes: u64) -> Vec<String> {
    if crates.is_empty() {
        let note = "  crates  not known: the program was built without symbols (`strip = true`), or is gone";
        return vec![dim(note).to_string()];
    }
    let row = |size: u64, name: &str| {
        let share = 100.0 * size as f64 / program_bytes.max(1) as f64;
        format!("  {:>10}  {share:>4.1} %  {name}", bytes(size))
    };
    let mut lines: Vec<String> = crates
        .iter()
        .take(MOST_CRATES)
        .map(|one| row(one.bytes, &one.name))
        .collect();
    let rest = &crates[crates.len().min(MOST_CRATES)..];
    if !rest.is_empty() {
        let sum = rest.iter().map(|one| one.bytes).sum();
        lines.push(row(sum, &plural(rest.len(), "other crate")));
    }
    let named: u64 = crates.iter().map(|one| one.bytes).sum();
    let other = program_bytes.saturating_sub(named);
    lines.push(row(
        other,
        "tables for unwinding, relocations, texts without a name",
    ));
    lines
}
