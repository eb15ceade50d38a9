//! docs/planning.md keeps its word: every rule names tests that are there, and no action, remedy, origin,
//! violation or cause that the code knows is left out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const DOCUMENT: &str = "docs/planning.md";

/// Enums whose every variant the document names.
const NAMED: &[(&str, &str)] = &[
    ("src/plan/mod.rs", "Remedy"),
    ("src/plan/check.rs", "Violation"),
    ("src/resource/attrs/applied.rs", "Origin"),
    ("src/resource/cause.rs", "Cause"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file))
        .unwrap_or_else(|error| panic!("cannot read {file}: {error}"))
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

/// Names of all functions, tests among them.
fn functions() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for directory in ["src", "tests", "crates"] {
        for file in rust_files(&root().join(directory)) {
            let text = std::fs::read_to_string(&file).expect("readable source");
            for rest in text.split("fn ").skip(1) {
                let name = word(rest);
                if rest[name.len()..].starts_with('(') {
                    names.insert(name.to_owned());
                }
            }
        }
    }
    names
}

/// The letters, digits and `_` that a text begins with.
fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

/// What stands between pairs of a quotation mark.
fn quoted(text: &str, mark: char) -> impl Iterator<Item = &str> {
    text.split(mark).skip(1).step_by(2)
}

/// Cells of a line of a table; none for any other line.
fn cells(line: &str) -> Option<Vec<&str>> {
    let inside = line.strip_prefix('|')?.strip_suffix('|')?;
    Some(inside.split('|').map(str::trim).collect())
}

/// Last cell of every row of every table, with the number of its line. All tables end in `test`.
fn proofs(document: &str) -> Vec<(usize, &str)> {
    let mut proofs = Vec::new();
    // Columns of the table that the line is in.
    let mut columns = None;
    for (number, line) in (1..).zip(document.lines()) {
        let Some(cells) = cells(line) else {
            columns = None;
            continue;
        };
        let last = cells.last().copied().unwrap_or_default();
        if let Some(columns) = columns {
            assert_eq!(cells.len(), columns, "line {number}: columns of a row");
            if !last.starts_with("---") {
                proofs.push((number, last));
            }
        } else {
            assert_eq!(last, "test", "line {number}: the last column of a table");
        }
        columns = Some(cells.len());
    }
    proofs
}

/// Names of the variants of an enum.
fn variants(source: &str, name: &str) -> Vec<String> {
    let (_, body) = source
        .split_once(&format!("pub enum {name} {{"))
        .unwrap_or_else(|| panic!("there is no enum {name}"));
    let mut variants = Vec::new();
    // How many brackets are open: fields and long attributes are inside some.
    let mut depth = 0;
    for line in body.lines().map(str::trim) {
        if line.starts_with("//") {
            continue;
        }
        if depth == 0 && line.starts_with('}') {
            break;
        }
        let variant = word(line);
        if depth == 0 && !variant.is_empty() {
            variants.push(variant.to_owned());
        }
        depth += line.matches(['{', '(']).count();
        depth -= line.matches(['}', ')']).count();
    }
    variants
}

/// What actions are called in a sentence.
fn verbs(source: &str) -> Vec<&str> {
    let (_, rest) = source.split_once("pub fn verb(").expect("a function verb");
    let (body, _) = rest.split_once("\n    }\n").expect("its end");
    quoted(body, '"').collect()
}

#[test]
fn every_rule_names_tests_that_are_there() {
    let document = read(DOCUMENT);
    let functions = functions();
    let mut named = BTreeSet::new();
    let mut wrong = Vec::new();
    for (number, proof) in proofs(&document) {
        let tests: Vec<&str> = quoted(proof, '`').collect();
        if tests.is_empty() {
            wrong.push(format!("{DOCUMENT}:{number} names no test"));
        }
        for test in tests {
            if !functions.contains(test) {
                wrong.push(format!(
                    "{DOCUMENT}:{number} names {test}, which is not there"
                ));
            }
            named.insert(test);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        named.len() >= 30,
        "only {} tests are named: the search is broken",
        named.len()
    );
}

#[test]
fn nothing_that_the_code_can_decide_is_left_out() {
    let document = read(DOCUMENT);
    let actions = read("src/plan/mod.rs");
    let mut words: Vec<String> = verbs(&actions).into_iter().map(str::to_owned).collect();
    assert_eq!(words.len(), variants(&actions, "Action").len(), "{words:?}");
    for (file, name) in NAMED {
        let found = variants(&read(file), name);
        assert!(found.len() > 2, "variants of {name}: {found:?}");
        words.extend(found);
    }
    words.retain(|word| !document.contains(&format!("`{word}`")));
    assert!(words.is_empty(), "{DOCUMENT} does not name {words:?}");
}
