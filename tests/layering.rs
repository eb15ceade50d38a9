//! The house rules that a compiler does not know: which stage may import which, and that emulator
//! services never import one another.

use std::path::{Path, PathBuf};

/// Modules of the CLI: each may use itself and those before it.
const ORDER: &[&str] = &[
    "wait", "exit", "number", "stack", "target", "package", "resource", "graph", "observe", "plan",
    "event", "apply", "converge", "copies", "operate", "bench", "cost", "parity", "compare",
    "failure", "render", "cli", "lib", "main",
];

/// Services of the emulator.
const SERVICES: &[&str] = &["s3", "sqs", "lambda", "dynamodb", "sts", "logs"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a readable source directory") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// First part of a path below `base`, without `.rs`.
fn module(base: &Path, file: &Path) -> String {
    let relative = file.strip_prefix(base).expect("a file below the base");
    let first = relative
        .iter()
        .next()
        .expect("a first part")
        .to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// Everything named `crate::X` in code, with what follows it.
fn crate_paths(text: &str) -> Vec<(String, String)> {
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| {
        line.match_indices("crate::")
            .map(move |(at, _)| &line[at + 7..])
    })
    .flat_map(|rest| {
        // `crate::{a::B, c}` names several.
        let group = rest
            .strip_prefix('{')
            .map(|inner| inner.split('}').next().unwrap_or(inner));
        group.map_or_else(
            || vec![rest],
            |group| group.split(',').map(str::trim).collect(),
        )
    })
    .map(|path| {
        let name: String = path
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        let after = path[name.len()..].trim_start_matches("::").to_owned();
        (name, after)
    })
    .filter(|(name, _)| !name.is_empty())
    .collect()
}

#[test]
fn a_stage_imports_only_earlier_ones() {
    let src = root().join("src");
    let mut wrong = Vec::new();
    for file in rust_files(&src) {
        let own = module(&src, &file);
        let position = ORDER.iter().position(|name| *name == own);
        let position = position.unwrap_or_else(|| panic!("{own} has no place in ORDER"));
        let text = std::fs::read_to_string(&file).expect("readable source");
        for (used, after) in crate_paths(&text) {
            let Some(used_position) = ORDER.iter().position(|name| *name == used) else {
                continue;
            };
            if used_position > position {
                wrong.push(format!("{}: {own} uses {used}", file.display()));
            }
            if own == "plan" && used == "resource" && !after.starts_with("attrs") {
                wrong.push(format!(
                    "{}: plan may use resource::attrs only",
                    file.display()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn planning_is_pure() {
    for file in rust_files(&root().join("src/plan")) {
        let text = std::fs::read_to_string(&file).expect("readable source");
        for word in ["async fn", ".await", "aws_sdk", "tokio::"] {
            assert!(!text.contains(word), "{} contains {word}", file.display());
        }
    }
}

#[test]
fn emulator_services_never_import_one_another() {
    let src = root().join("crates/emulator/src");
    let mut wrong = Vec::new();
    for service in SERVICES {
        for file in rust_files(&src.join(service)) {
            let text = std::fs::read_to_string(&file).expect("readable source");
            for (used, _) in crate_paths(&text) {
                if SERVICES.contains(&used.as_str()) && used != *service {
                    wrong.push(format!("{}: {service} uses {used}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_question_by_target_name() {
    for file in rust_files(&root().join("src")) {
        let text = std::fs::read_to_string(&file).expect("readable source");
        for question in [".is_aws(", ".is_localstack(", ".is_embedded("] {
            assert!(
                !text.contains(question),
                "{} asks {question}",
                file.display()
            );
        }
    }
}
