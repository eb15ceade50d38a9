//! Processes that an emulator left behind that was killed: nobody would ever end them.

use std::path::Path;

use rustix::process::{Pid, Signal, kill_process_group};

/// Ends the process groups that run functions of the code below `code`. Only for the start, while this
/// process holds the data directory: no living emulator has such processes then.
///
/// They are known by the variable `LAMBDA_TASK_ROOT` that every environment gets, which children
/// inherit. Where there is no `/proc`, nothing is found.
pub(in crate::lambda) fn end_leftovers(code: &Path) {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return;
    };
    let mark = format!("LAMBDA_TASK_ROOT={}/", code.display()).into_bytes();
    let mut groups = std::collections::BTreeSet::new();
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_process = name
            .to_str()
            .is_some_and(|name| name.parse::<i32>().is_ok());
        if !is_process {
            continue;
        }
        // Processes of others cannot be read, and are not ours.
        let Ok(variables) = std::fs::read(entry.path().join("environ")) else {
            continue;
        };
        let is_ours = variables
            .split(|byte| *byte == 0)
            .any(|variable| variable.starts_with(&mark));
        if is_ours && let Some(group) = group_of(&entry.path()) {
            groups.insert(group);
        }
    }
    for group in groups {
        tracing::warn!(
            group,
            "a function's process was left by an emulator that was killed"
        );
        if let Some(group) = Pid::from_raw(group) {
            // One that ended a moment ago needs no signal.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// The process group in a process's `stat`: the third field behind the name, which may hold anything.
fn group_of(process: &Path) -> Option<i32> {
    let stat = std::fs::read_to_string(process.join("stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(2)?.parse().ok()
}
