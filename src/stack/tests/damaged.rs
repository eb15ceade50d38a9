//! Files that went through bad hands.

use super::{project, resolve};
use crate::stack::StackError;

/// Whatever is wrong with a file, reading it ends, and every place is inside of it.
#[test]
fn damaged_files_are_told_of_and_never_break_the_reader() {
    let file = project().join("stacks/log-pipeline.yaml");
    let whole = std::fs::read_to_string(file).expect("the example");
    let lines: Vec<&str> = whole.lines().collect();
    let without_a_line = (0..lines.len()).map(|gone| {
        let left: Vec<&str> = lines
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != gone)
            .map(|(_, line)| *line)
            .collect();
        left.join("\n")
    });
    let cut_short = (0..whole.len())
        .step_by(13)
        .filter_map(|end| whole.get(..end).map(str::to_owned));
    let garbled = ["~", "[]", "{}", "1", "'${'", "a.b", "queues.jobs", "é"]
        .into_iter()
        .flat_map(|value| {
            lines
                .iter()
                .enumerate()
                .filter_map(|(at, line)| Some((at, line.split_once(": ")?.0)))
                .map(|(at, key)| {
                    let changed = format!("{key}: {value}");
                    let mut lines = lines.clone();
                    lines[at] = &changed;
                    lines.join("\n")
                })
                .collect::<Vec<_>>()
        });
    let mut refused = 0;
    for text in without_a_line.chain(cut_short).chain(garbled) {
        if let Err(errors) = resolve(&text, "aws") {
            refused += 1;
            assert!(!errors.errors().is_empty(), "{text}");
            for place in errors.errors().iter().flat_map(StackError::places) {
                assert!(
                    text.get(place.offset()..place.offset() + place.len())
                        .is_some(),
                    "{text}"
                );
            }
        }
    }
    assert!(refused > 100, "only {refused} files were damaged enough");
}
