//! Processes that run functions of the embedded target, as the system shows them. Where there is no
//! `/proc`, none are found.

use std::collections::BTreeSet;
use std::path::Path;

use crate::process;

/// A process that runs a function, or a child of one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FunctionProcess {
    /// Process id.
    pub pid: u32,
    /// Its process group, named by the process that the emulator started.
    pub group: u32,
    /// Parent of the group's first process; none when that one is gone.
    pub parent: Option<u32>,
}

/// All processes whose code lies below the data directory `data`.
///
/// They are known by the variable that every function gets, which their children inherit, or by
/// where they work.
pub fn of(data: &Path) -> BTreeSet<FunctionProcess> {
    let code = data.join("lambda");
    let mark = format!("LAMBDA_TASK_ROOT={}/", code.display()).into_bytes();
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return BTreeSet::new();
    };
    entries
        .flatten()
        .filter_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            // Processes of others cannot be read, and are none of these.
            let variables = std::fs::read(entry.path().join("environ")).unwrap_or_default();
            let marked = variables
                .split(|byte| *byte == 0)
                .any(|variable| variable.starts_with(&mark));
            let works_there = std::fs::read_link(entry.path().join("cwd"))
                .is_ok_and(|directory| directory.starts_with(&code));
            if !marked && !works_there {
                return None;
            }
            let stat = Stat::read(pid)?;
            Some(FunctionProcess {
                pid,
                group: stat.group,
                parent: Stat::read(stat.group).map(|first| first.parent),
            })
        })
        .collect()
}

/// Those that no living emulator answers for: the first process of their group is gone, or is not a
/// child of `emulator`.
pub fn orphans(data: &Path, emulator: Option<u32>) -> BTreeSet<FunctionProcess> {
    let mut found = of(data);
    found.retain(|function| function.parent.is_none() || function.parent != emulator);
    found
}

/// Ends all processes of functions below `data`: nothing else would, after the emulator was killed.
pub fn end(data: &Path) {
    let groups: BTreeSet<u32> = of(data).iter().map(|function| function.group).collect();
    for group in groups {
        process::signal_group(group, "KILL");
    }
}

/// What the system says of a living process.
struct Stat {
    parent: u32,
    group: u32,
}

impl Stat {
    /// None when it is gone, or only waits to be reaped.
    fn read(pid: u32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may hold anything.
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        if fields.next()? == "Z" {
            return None;
        }
        Some(Self {
            parent: fields.next()?.parse().ok()?,
            group: fields.next()?.parse().ok()?,
        })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_function_is_found_with_its_children_and_ended() {
        let data = tempfile::tempdir().expect("a temporary directory");
        let root = data.path().canonicalize().expect("its path");
        let code = root.join("lambda/code/abc");
        std::fs::create_dir_all(&code).expect("directories");
        let (out, err) = (root.join("out"), root.join("err"));
        let mut command = Command::new("sh");
        command
            .args(["-c", "sleep 100 & echo begun; wait"])
            .env("LAMBDA_TASK_ROOT", &code);
        let mut child = process::start(&mut command, &out, &err).expect("a shell");
        let found = crate::until("a shell and its child", Duration::from_secs(10), || {
            let found = of(&root);
            if found.len() == 2 {
                Ok(found)
            } else {
                Err(format!("{found:?}"))
            }
        });
        let (own, group) = (std::process::id(), child.id());
        assert!(
            found
                .iter()
                .all(|function| function.group == group && function.parent == Some(own)),
            "{found:?}"
        );
        assert_eq!(orphans(&root, Some(own)), BTreeSet::new());
        assert_eq!(orphans(&root, None), found);
        assert_eq!(of(&root.join("elsewhere")), BTreeSet::new());
        end(&root);
        child.wait().expect("reaped");
        crate::until("none is left", Duration::from_secs(10), || {
            let found = of(&root);
            if found.is_empty() {
                Ok(())
            } else {
                Err(format!("{found:?}"))
            }
        });
    }
}
