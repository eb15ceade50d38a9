//! The project: its stack on every target, where it is up, and the space on its disk.

use std::path::Path;
use std::sync::Arc;

use super::Finding;
use miette::Diagnostic as _;

use crate::stack::{self, StackError};
use crate::target::{self, TargetRow, clients, embedded, record};

/// Less than this is too little for a build, bytes.
const TIGHT: u64 = 2_000_000_000;
/// Less than this is too little for anything, bytes.
const FULL: u64 = 200_000_000;

pub(super) async fn look(root: &Path, file: Option<&Path>) -> Vec<Finding> {
    let mut findings = vec![disk(root)];
    let file = match file {
        Some(file) => file.to_owned(),
        None => match stack::discover(root) {
            Ok(file) => file,
            Err(errors) => {
                let first = errors.errors().first();
                findings.push(Finding::optional(
                    "stack",
                    first.map_or_else(|| errors.to_string(), ToString::to_string),
                    first.map_or("", |error| error.next_step()),
                ));
                return findings;
            }
        },
    };
    let rows = stack::root_of(&file).and_then(|root| {
        let own = stack::project(&root)?.targets;
        Ok(target::rows(&own, &root))
    });
    let rows = match rows {
        Ok(rows) => rows,
        Err(errors) => {
            let fix = errors.errors().first().map(StackError::next_step);
            let fix = fix.unwrap_or("correct it").to_owned();
            findings.push(Finding::bad("pipectl.yaml", errors.to_string(), fix));
            return findings;
        }
    };
    for row in rows {
        let what = format!("stack on {}", row.name);
        match stack::load(&file, &row.name) {
            Ok(stack) => {
                findings.push(Finding::good(
                    what,
                    format!("{} in {}", stack.name, file.display()),
                ));
                if row.capabilities.self_served {
                    findings.push(served(&stack.root).await);
                }
                findings.extend(recorded(&stack.root, &stack.name, &row).await);
            }
            Err(errors) => {
                let mut fix = format!("`pipectl --target {} plan` shows each", row.name);
                if let Some(first) = errors.errors().first() {
                    fix = format!("{}; {fix}", first.next_step());
                }
                findings.push(Finding::bad(what, errors.to_string(), fix));
            }
        }
    }
    findings
}

fn disk(root: &Path) -> Finding {
    let Ok(space) = rustix::fs::statvfs(root) else {
        return Finding::bad(
            "disk",
            "it cannot be asked",
            "check that the directory is there",
        );
    };
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    let found = format!("{:.1} GB free", free as f64 / 1e9);
    let fix = "free some space; `cargo clean` and `pipectl down --force` do";
    match free {
        free if free < FULL => Finding::bad("disk", found, fix),
        free if free < TIGHT => Finding::optional("disk", found, fix),
        _ => Finding::good("disk", found),
    }
}

/// Is the embedded target running for the project?
async fn served(root: &Path) -> Finding {
    match embedded::find(root).await {
        Some(record) => Finding::good(
            "embedded target",
            format!("at {} (pid {})", record.endpoint, record.pid),
        ),
        None if embedded::has_state(root).await => Finding::optional(
            "embedded target",
            "not running; its data is there",
            "`pipectl up` starts it again",
        ),
        None => Finding::good("embedded target", "not running; `pipectl up` starts it"),
    }
}

/// A stack that was brought up at an endpoint should find it there.
async fn recorded(root: &Path, stack: &str, row: &Arc<TargetRow>) -> Option<Finding> {
    let target = &row.name;
    let seen = record::targets(root, stack).remove(&**target)?;
    let endpoint = seen.endpoint.clone()?;
    // Where somebody wrote the endpoint down, commands go there.
    let written = row
        .default_endpoint
        .as_deref()
        .filter(|_| row.endpoint_is_own);
    let endpoint = written.map_or(endpoint, str::to_owned);
    let what = format!("{target}, as recorded");
    let reached = match clients::reach(row, Some(endpoint.clone())).await {
        Ok(reached) => reached,
        Err(error) => {
            let help = error.help().map(|help| help.to_string());
            let fix = help.unwrap_or_else(|| "start it again".to_owned());
            return Some(Finding::bad(what, error.to_string(), fix));
        }
    };
    let product = &reached.product;
    let found = format!("{endpoint}: {product}");
    if let Some(ahead) = reached.clock_ahead {
        return Some(Finding::bad(
            what,
            format!("{found}; {}", apart(ahead)),
            "set the clock of this machine, or the endpoint's",
        ));
    }
    Some(match seen.product.filter(|was| was != product) {
        None => Finding::good(what, found),
        Some(was) => Finding::optional(
            what,
            format!("{found}; the stack was brought up on {was}"),
            format!("`pipectl up --target {target}` makes there what is missing"),
        ),
    })
}

/// How two clocks differ, in words.
fn apart(ahead: time::Duration) -> String {
    let seconds = ahead.whole_seconds();
    let word = if seconds > 0 { "ahead of" } else { "behind" };
    format!("its clock is {} s {word} this machine's", seconds.abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operate::doctor::Verdict;

    #[tokio::test]
    async fn a_stack_with_errors_is_told_for_each_target() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let none = look(root.path(), None).await;
        let stack = none.iter().find(|finding| finding.what == "stack");
        assert_eq!(stack.map(|stack| stack.verdict), Some(Verdict::Optional));

        std::fs::create_dir(root.path().join("stacks")).expect("a directory");
        let file = root.path().join("stacks/demo.yaml");
        std::fs::write(&file, "stack: demo\nqueues: { q: { delay: 5 } }\n").expect("written");
        let findings = look(root.path(), None).await;
        let bad: Vec<&Finding> = findings
            .iter()
            .filter(|finding| finding.verdict == Verdict::Bad && finding.what.starts_with("stack"))
            .collect();
        assert_eq!(bad.len(), target::ROWS.len(), "{findings:?}");
        assert!(
            bad[0]
                .fix
                .as_deref()
                .is_some_and(|fix| fix.contains("plan"))
        );
    }

    #[tokio::test]
    async fn an_endpoint_that_is_gone_is_told() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let endpoint = Some("http://127.0.0.1:9".to_owned());
        record::remember(
            root.path(),
            "demo",
            "localstack",
            record::Seen {
                endpoint,
                ..record::Seen::default()
            },
        )
        .expect("remembered");
        let row = Arc::new(target::row("localstack").expect("built in").clone());
        let gone = recorded(root.path(), "demo", &row).await;
        assert_eq!(gone.map(|gone| gone.verdict), Some(Verdict::Bad));
        assert_eq!(recorded(root.path(), "other", &row).await, None);
    }
}
