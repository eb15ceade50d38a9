//! docs/aws-behaviours-covered.md is what the code says: which code handles each row of
//! docs/aws-behaviours.md and which tests would fail if it were handled wrongly, or why there is none.
//!
//! Code cites rows in comments: `// aws-behaviours L3, D8`. A test covers the rows of a line that holds
//! nothing else, `/// aws-behaviours Q10, E8`, in the comments directly above its attributes. Tests are
//! functions with `#[test]` or `#[tokio::test]`, the parts of tests/endpoints, and what pytest collects
//! (`# aws-behaviours Q10` above `def test_…` and its decorators).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const NOTES: &str = "docs/aws-behaviours.md";
const DOCUMENT: &str = "docs/aws-behaviours-covered.md";
const PARTS: &str = "tests/endpoints/main.rs";
const MARK: &str = "aws-behaviours ";
/// Characters of a row's words in the table.
const SHORT: usize = 110;

const HEAD: &str = "# AWS behaviours: what handles and what tests them

Every row of [aws-behaviours.md](aws-behaviours.md): the code that cites it (`crates/emulator` is the embedded
target, which imitates AWS), and the tests that would fail if it were handled wrongly, or why there is none. Written
from the code (`UPDATE_DOCS=1 cargo test --test behaviours_doc` writes it anew); reasons are in
`tests/behaviours_doc.rs`.
";

/// Rows without a test, and why there is none.
const UNTESTED: &[(&[&str], &str)] = &[
    (
        &["S5"],
        "pipectl does not use it: names carry account and Region",
    ),
    (
        &["S11"],
        "only real AWS shows it; nothing waits for an entry to disappear",
    ),
    (&["L4", "L5"], "pipectl publishes no versions"),
    (&["E6"], "a stack has no provisioned mode"),
    (
        &["F9"],
        "pipectl does not use it: its change sets are CloudFormation's usual ones",
    ),
    (&["L15"], "pipectl puts no function into a VPC"),
    (&["L18"], "pipectl does not offer it"),
    (
        &["L20"],
        "only real AWS stops loops; pipectl leaves its default",
    ),
    (
        &["Q6"],
        "only real AWS takes that long; nothing waits for a queue to be gone",
    ),
    (
        &["Q12"],
        "only real AWS's counts lag: emulators count exactly",
    ),
    (
        &["Q17"],
        "of other SDKs: that of Rust calls its endpoint, whatever host a URL names (§11)",
    ),
    (&["Q19"], "of AWS's tool, which pipectl does not run"),
    (&["E7"], "only real AWS scales pollers"),
    (&["D11"], "pipectl leaves encryption as it is"),
    (&["D12", "D17"], "pipectl does not use backups"),
    (&["D16"], "pipectl does not use it"),
    (
        &["D19"],
        "the worker tells no throttle from another fault of the table (E9)",
    ),
];

/// What the sources say of the rows.
#[derive(Default)]
struct Found {
    /// Row → files that cite it.
    code: BTreeMap<String, BTreeSet<String>>,
    /// Row → file → tests.
    tests: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
    /// Row → files that name it anywhere.
    named: BTreeMap<String, BTreeSet<String>>,
    /// Lines that look as if they told what a test covers, and do not.
    wrong: Vec<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file))
        .unwrap_or_else(|error| panic!("cannot read {file}: {error}"))
}

/// Source files in a directory, Rust's and Python's.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a readable directory") {
        let path = entry.expect("a readable entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            // What cargo builds is marked so; `src/target` is a module.
            if !name.starts_with('.') && !path.join("CACHEDIR.TAG").exists() {
                files.extend(sources(&path));
            }
        } else if name.ends_with(".rs") || name.ends_with(".py") {
            files.push(path);
        }
    }
    files
}

/// A capital letter and a number.
fn is_row(word: &str) -> bool {
    let mut letters = word.chars();
    letters
        .next()
        .is_some_and(|first| first.is_ascii_uppercase())
        && !letters.as_str().is_empty()
        && letters.all(|digit| digit.is_ascii_digit())
}

/// The rows that a text begins with, and what comes after them.
fn rows_at(text: &str) -> (Vec<&str>, &str) {
    let (mut rows, mut rest) = (Vec::new(), text);
    loop {
        let next = if rows.is_empty() {
            rest
        } else if let Some(next) = rest.strip_prefix(", ") {
            next
        } else {
            break;
        };
        let end = next.find(|c: char| !c.is_ascii_alphanumeric());
        let (word, after) = next.split_at(end.unwrap_or(next.len()));
        if !is_row(word) {
            break;
        }
        rows.push(word);
        rest = after;
    }
    (rows, rest)
}

/// All rows that a line cites.
fn cited(line: &str) -> Vec<&str> {
    line.split(MARK)
        .skip(1)
        .flat_map(|citation| rows_at(citation).0)
        .collect()
}

/// The rows of a comment that holds nothing else.
fn rows_alone<'l>(line: &'l str, comment: &str) -> Option<Vec<&'l str>> {
    let text = line.trim_start().strip_prefix(comment)?;
    let text = text.trim_start_matches('/').trim().strip_prefix(MARK)?;
    let (rows, rest) = rows_at(text);
    (!rows.is_empty() && rest.is_empty()).then_some(rows)
}

/// The name of the function that a line defines.
fn function<'l>(line: &'l str, keyword: &str) -> Option<&'l str> {
    let mut words = line.trim_start();
    for before in ["pub(super) ", "pub(crate) ", "pub ", "async "] {
        words = words.strip_prefix(before).unwrap_or(words);
    }
    let name = words.strip_prefix(keyword)?;
    name.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .next()
}

/// Functions of the suite on real endpoints: file → function.
fn parts() -> BTreeSet<(String, String)> {
    let text = read(PARTS);
    let (_, list) = text.split_once("const PARTS: &[Part] = &[").expect("parts");
    let (list, _) = list.split_once("];").expect("their end");
    let path = |line: &str| {
        let (_, path) = line.trim().strip_suffix("),")?.rsplit_once(", ")?;
        let (module, function) = path.split_once("::")?;
        Some((format!("tests/endpoints/{module}.rs"), function.to_owned()))
    };
    list.lines().filter_map(path).collect()
}

/// Is a file of tests, or of what only tests use?
fn is_of_tests(file: &str) -> bool {
    file.starts_with("tests/")
        || file.starts_with("crates/testkit/")
        || file.contains("/tests/")
        || file.ends_with("tests.rs")
}

/// What is tested within a file begins here.
fn begins_tests(line: &str, next: Option<&&str>) -> bool {
    line == "#[cfg(test)]"
        && next.is_some_and(|next| next.starts_with("mod ") && next.ends_with('{'))
}

impl Found {
    fn in_sources() -> Self {
        let (mut found, parts) = (Self::default(), parts());
        for directory in ["src", "crates", "functions", "tests"] {
            for path in sources(&root().join(directory)) {
                let file = path.strip_prefix(root()).expect("below the root");
                let file = file.to_string_lossy().replace('\\', "/");
                // Its comments are about citations.
                if file == "tests/behaviours_doc.rs" {
                    continue;
                }
                let text = read(&file);
                if path.extension().is_some_and(|extension| extension == "py") {
                    found.python(&file, &text);
                } else {
                    found.rust(&file, &text, &parts);
                }
            }
        }
        found
    }

    fn covers(&mut self, file: &str, test: &str, rows: &BTreeSet<String>) {
        for row in rows {
            let files = self.tests.entry(row.clone()).or_default();
            let tests = files.entry(file.to_owned()).or_default();
            tests.insert(test.to_owned());
        }
    }

    fn rust(&mut self, file: &str, text: &str, parts: &BTreeSet<(String, String)>) {
        let mut of_tests = is_of_tests(file);
        // Rows in the comments above this line, and whether it has the attribute of a test.
        let (mut above, mut is_test) = (BTreeSet::<String>::new(), false);
        // The row of a documentation comment that no test has taken yet.
        let mut open: Option<usize> = None;
        // Brackets of an attribute that is not over.
        let mut depth = 0_usize;
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            of_tests |= begins_tests(line, lines.get(at + 1));
            for row in cited(line) {
                let files = self.named.entry(row.to_owned()).or_default();
                files.insert(file.to_owned());
                if !of_tests {
                    let files = self.code.entry(row.to_owned()).or_default();
                    files.insert(file.to_owned());
                }
            }
            let words = line.trim_start();
            if depth > 0 || words.starts_with("#[") {
                is_test |= words.starts_with("#[test]") || words.starts_with("#[tokio::test");
                depth += words.matches('[').count();
                depth = depth.saturating_sub(words.matches(']').count());
                continue;
            }
            if words.starts_with("//") {
                let is_documentation = of_tests && words.starts_with("///");
                if let Some(rows) = rows_alone(line, "//") {
                    above.extend(rows.into_iter().map(str::to_owned));
                    if is_documentation {
                        open = Some(at + 1);
                    }
                } else if is_documentation && words[3..].trim_start().starts_with(MARK) {
                    self.wrong
                        .push(format!("{file}:{}: nothing but rows may be in it", at + 1));
                }
                continue;
            }
            if let Some(name) = function(line, "fn ")
                && (is_test || parts.contains(&(file.to_owned(), name.to_owned())))
            {
                self.covers(file, name, &above);
                open = None;
            }
            if let Some(line) = open.take() {
                self.wrong
                    .push(format!("{file}:{line}: it is not directly above a test"));
            }
            above.clear();
            is_test = false;
        }
    }

    fn python(&mut self, file: &str, text: &str) {
        let mut above = BTreeSet::<String>::new();
        let mut open: Option<usize> = None;
        let mut in_decorator = false;
        for (number, line) in (1..).zip(text.lines()) {
            for row in cited(line) {
                let files = self.named.entry(row.to_owned()).or_default();
                files.insert(file.to_owned());
            }
            if let Some(rows) = rows_alone(line, "#").filter(|_| line.starts_with('#')) {
                above.extend(rows.into_iter().map(str::to_owned));
                open = Some(number);
                continue;
            }
            let goes_on = line.starts_with([' ', ')', ']', '}']);
            in_decorator = line.starts_with('@') || (in_decorator && goes_on);
            if in_decorator || line.starts_with('#') {
                continue;
            }
            if let Some(name) = function(line, "def ").filter(|name| name.starts_with("test_")) {
                self.covers(file, name, &above);
                open = None;
            }
            if let Some(line) = open.take() {
                self.wrong
                    .push(format!("{file}:{line}: it is not directly above a test"));
            }
            above.clear();
        }
    }
}

/// Rows of the notes with what they are about, in their order.
fn rows(notes: &str) -> Vec<(&str, String)> {
    let row = |line| {
        let line: &str = line;
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let row = cells.next().filter(|row| is_row(row))?;
        Some((
            row,
            shortened(&format!("{}: {}", cells.next()?, cells.next()?)),
        ))
    };
    notes.lines().filter_map(row).collect()
}

/// Cut between words, and so that no mark of Markdown stays open.
fn shortened(text: &str) -> String {
    if text.chars().count() <= SHORT {
        return text.to_owned();
    }
    let end = text
        .char_indices()
        .nth(SHORT)
        .map_or(text.len(), |(at, _)| at);
    let mut cut = &text[..end];
    cut = cut.rsplit_once(' ').map_or(cut, |(cut, _)| cut);
    for mark in ["`", "**"] {
        if cut.matches(mark).count() % 2 == 1 {
            cut = cut.rsplit_once(mark).map_or(cut, |(cut, _)| cut);
        }
    }
    let cut = cut.trim_end_matches([' ', ',', ';', ':', '.', '(', '"', '–', '→', '+']);
    format!("{cut} …")
}

fn reason(row: &str) -> Option<&'static str> {
    let found = UNTESTED.iter().find(|(rows, _)| rows.contains(&row));
    found.map(|(_, reason)| *reason)
}

fn listed(names: &BTreeSet<String>) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn coverage(notes: &str, found: &Found) -> String {
    let mut document = HEAD.to_owned();
    let mut section = "";
    for (row, what) in rows(notes) {
        if section != &row[..1] {
            section = &row[..1];
            document.push_str(
                "\n| row | what | handled in | tests | why none |\n|---|---|---|---|---|\n",
            );
        }
        let code = found.code.get(row).map(listed).unwrap_or_default();
        let tests = found.tests.get(row).map(|files| {
            let files = files.iter();
            let files: Vec<String> = files
                .map(|(file, tests)| format!("{file}: {}", listed(tests)))
                .collect();
            files.join("<br>")
        });
        let reason = match (&tests, reason(row)) {
            (_, Some(reason)) => reason,
            (Some(_), None) => "",
            (None, None) => "**nothing yet**",
        };
        let tests = tests.unwrap_or_default();
        writeln!(document, "| {row} | {what} | {code} | {tests} | {reason} |").expect("a text");
    }
    document
}

#[test]
fn the_document_is_what_the_code_says() {
    let document = coverage(&read(NOTES), &Found::in_sources());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(root().join(DOCUMENT), &document).expect("written");
    }
    let there = std::fs::read_to_string(root().join(DOCUMENT)).unwrap_or_default();
    assert!(
        there == document,
        "{DOCUMENT} is out of date: UPDATE_DOCS=1 cargo test --test behaviours_doc"
    );
}

#[test]
fn every_row_has_tests_or_a_reason_and_never_both() {
    let (notes, found) = (read(NOTES), Found::in_sources());
    let rows = rows(&notes);
    let mut wrong = Vec::new();
    for (row, _) in &rows {
        match (found.tests.contains_key(*row), reason(row)) {
            (false, None) => wrong.push(format!(
                "{row} has no test: write `/// aws-behaviours {row}` above one that would fail if it were \
                 handled wrongly, or a reason into UNTESTED of tests/behaviours_doc.rs"
            )),
            (true, Some(_)) => wrong.push(format!("{row} has tests, and a reason to have none")),
            _ => {}
        }
    }
    let mut given = BTreeSet::new();
    for row in UNTESTED.iter().flat_map(|(rows, _)| *rows) {
        if !rows.iter().any(|(id, _)| id == row) {
            wrong.push(format!("{row} has a reason and is no row"));
        }
        if !given.insert(row) {
            wrong.push(format!("{row} has two reasons"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_row_that_is_cited_is_there() {
    let (notes, found) = (read(NOTES), Found::in_sources());
    let rows = rows(&notes);
    let ids: BTreeSet<&str> = rows.iter().map(|(row, _)| *row).collect();
    assert_eq!(ids.len(), rows.len(), "a row is there twice");
    let unknown = found
        .named
        .iter()
        .filter(|(row, _)| !ids.contains(row.as_str()));
    let mut wrong: Vec<String> = unknown
        .map(|(row, files)| format!("{files:?} cite {row}, which {NOTES} does not have"))
        .collect();
    wrong.extend(found.wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let (cited, covered) = (found.code.len(), found.tests.len());
    assert!(
        cited > 50 && covered > 50,
        "{cited} rows are cited and {covered} have tests: the search is broken"
    );
}

#[test]
fn rows_are_read_and_cut_as_they_are_written() {
    assert_eq!(cited("x // aws-behaviours L3, D8"), ["L3", "D8"]);
    assert_eq!(cited("(aws-behaviours E9)."), ["E9"]);
    assert_eq!(cited("// aws-behaviours S2: again, S4"), ["S2"]);
    assert!(cited("// aws-behaviours §11").is_empty());
    let alone = |line| rows_alone(line, "//");
    assert_eq!(
        alone("    /// aws-behaviours Q10, E8"),
        Some(vec!["Q10", "E8"])
    );
    assert_eq!(alone("/// It does. aws-behaviours Q10"), None);
    assert_eq!(alone("// aws-behaviours D15: it does."), None);
    let words = "word ".repeat(30);
    assert!(shortened(&words).ends_with("word …"));
    let code = format!("{}`cut in two`", "x".repeat(SHORT - 5));
    assert_eq!(shortened(&code), format!("{} …", "x".repeat(SHORT - 5)));
}
