//! Copies of a stack under names of their own: named, remembered until they are seen to be gone, made, and taken
//! down. What measures or tries out does so with a copy, so that the stack that is up stays as it is; and with a
//! name that nothing else has, because AWS keeps the names of deleted queues for a minute, and so that nothing is
//! deleted but what the copy made. // aws-behaviours Q1

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::apply::Cancel;
use crate::converge::{self, NoPlan};
use crate::event::Silent;
use crate::package::{self, Artifact};
use crate::plan::{Consent, Losses, Plan, Purpose};
use crate::resource::{Context, Place};
use crate::stack::model::Stack;
use crate::target::Target;

/// Longest name of a stack. // stack::names
const LONGEST_NAME: usize = 30;

/// The stack under a name that nothing else has; `mark` is in it.
pub fn fresh(stack: &Stack, mark: &str) -> Stack {
    let unique = uuid::Uuid::new_v4().simple().to_string();
    let end = format!("-{mark}-{}", &unique[..6]);
    let kept: String = stack.name.chars().take(LONGEST_NAME - end.len()).collect();
    named(stack, &format!("{}{end}", kept.trim_end_matches('-')))
}

/// The stack under another name. Nothing of a copy is to stay when it is taken down.
fn named(stack: &Stack, name: &str) -> Stack {
    let mut copy = Stack {
        name: name.to_owned(),
        ..stack.clone()
    };
    copy.buckets.iter_mut().for_each(|one| one.retain = false);
    copy.queues.iter_mut().for_each(|one| one.retain = false);
    copy.tables.iter_mut().for_each(|one| one.retain = false);
    copy
}

/// Are the names of the copy's resources, which are longer than the stack's, names at the target?
///
/// # Errors
/// The first one that is too long, for people.
pub fn fits(copy: &Stack, target: &Target) -> Result<(), String> {
    let place = context(copy, target, None).place;
    let buckets = copy.buckets.iter();
    let buckets = buckets.map(|one| place.bucket(copy, &one.name).name);
    let functions = copy.functions.iter();
    let functions = functions.map(|one| place.function(copy, &one.name).name);
    let queues = copy.queues.iter();
    let queues = queues.map(|one| place.queue(copy, &one.name).name);
    let too_long = buckets.filter(|name| name.len() > 63);
    let too_long = too_long.chain(functions.filter(|name| name.len() > 64));
    let too_long = too_long.chain(queues.filter(|name| name.len() > 80));
    match too_long.into_iter().next() {
        Some(name) => Err(format!(
            "`{name}` is too long a name: the copies' are longer"
        )),
        None => Ok(()),
    }
}

/// What calls for a copy need.
pub fn context(
    copy: &Stack,
    target: &Target,
    artifacts: Option<BTreeMap<String, Artifact>>,
) -> Context {
    let target = target.clone();
    Context::new(Place { target, artifacts }, &copy.name)
}

/// Brings a copy up. The plan must be as `expected`.
///
/// # Errors
/// For people: no plan, another one, a step that failed, an interruption.
pub async fn up(
    copy: &Stack,
    cx: &Context,
    expected: &dyn Fn(&Plan) -> bool,
    cancel: &Cancel,
) -> Result<(), String> {
    let what = (Purpose::Up, Consent::default());
    converged(copy, cx, what, expected, cancel).await
}

/// Takes a copy down, with its data.
///
/// # Errors
/// For people: no plan, a step that failed, an interruption.
pub async fn take_down(copy: &Stack, target: &Target, cancel: &Cancel) -> Result<(), String> {
    let consent = Consent {
        losses: Losses::Any,
        ..Consent::default()
    };
    let cx = context(copy, target, None);
    converged(copy, &cx, (Purpose::Down, consent), &|_| true, cancel).await
}

/// Proposes and carries out.
async fn converged(
    copy: &Stack,
    cx: &Context,
    (purpose, consent): (Purpose, Consent),
    expected: &dyn Fn(&Plan) -> bool,
    cancel: &Cancel,
) -> Result<(), String> {
    let proposal = converge::propose(copy, cx, purpose, consent).await;
    let proposal = proposal.map_err(|error| error.to_string())?;
    if let Some(refusal) = proposal.plan.refusals.first() {
        return Err(format!(
            "{} ({}): {}",
            refusal.id, refusal.name, refusal.why
        ));
    }
    if !expected(&proposal.plan) {
        let steps = proposal.plan.changes();
        let steps: Vec<String> = steps
            .map(|step| format!("{} {}", step.action.verb(), step.id))
            .collect();
        return Err(format!(
            "another plan than is meant here: {}",
            steps.join(", ")
        ));
    }
    if proposal.plan.is_empty() {
        return Ok(());
    }
    let outcome = proposal.carry_out(cx, &Silent, cancel).await;
    if let Some(failed) = outcome.failed.first() {
        return Err(format!("{} ({}): {}", failed.id, failed.name, failed.error));
    }
    if outcome.is_whole() {
        Ok(())
    } else {
        Err("interrupted".to_owned())
    }
}

impl std::fmt::Display for NoPlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unread(errors) => {
                let words = errors
                    .iter()
                    .map(|one| format!("{}: {}", one.what, one.error));
                f.write_str(&words.collect::<Vec<_>>().join("; "))
            }
            Self::Inconsistent(_) => f.write_str("the plan is inconsistent"),
        }
    }
}

/// Somebody else holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held;

/// Holds something of a project for one process at a time, until it is dropped. None where the file system knows no
/// locks.
///
/// # Errors
/// Another one holds it.
pub fn hold(root: &Path, what: &str) -> Result<Option<File>, Held> {
    lock(&root.join(".pipectl").join(format!("{what}.lock")))
}

fn lock(path: &Path) -> Result<Option<File>, Held> {
    let open = || {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
    };
    let Ok(file) = open() else { return Ok(None) };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(Held),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

/// The names of copies that were begun and not seen to be gone: a line each in a file of the project.
pub struct Record(PathBuf);

impl Record {
    /// Of copies that are made for `what` on a target, in an account and a region. One target may be at several
    /// endpoints; the one that is ours is where it is.
    pub fn of(what: &str, stack: &Stack, target: &Target) -> Self {
        let place = if target.capabilities().self_served {
            String::new()
        } else {
            let endpoint = target.endpoint().unwrap_or_default();
            let place = format!("{endpoint} {} {}", target.account, target.region());
            format!("-{}", &hex::encode(Sha256::digest(place))[..8])
        };
        let name = format!("{what}-{}-{}{place}.txt", stack.name, target.name());
        Self(stack.root.join(".pipectl").join(name))
    }

    /// Holds it: two at once would take each other's copies for ones that were left.
    ///
    /// # Errors
    /// Another one holds it.
    pub fn hold(&self) -> Result<Option<File>, Held> {
        lock(&self.0.with_extension("lock"))
    }

    fn names(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.0).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Takes down what an earlier run left that was killed.
    ///
    /// # Errors
    /// For people: one that is still there.
    pub async fn take_down(
        &self,
        stack: &Stack,
        target: &Target,
        cancel: &Cancel,
    ) -> Result<(), String> {
        for name in self.names() {
            take_down(&named(stack, &name), target, cancel)
                .await
                .map_err(|cause| format!("{name}, which an earlier run left: {cause}"))?;
            self.forget(&name);
        }
        Ok(())
    }

    /// Before anything of it is made: what nobody remembers, nobody takes down.
    ///
    /// # Errors
    /// For people: the file cannot be written.
    pub fn remember(&self, name: &str) -> Result<(), String> {
        let mut names = self.names();
        names.push(name.to_owned());
        package::replace(&self.0, format!("{}\n", names.join("\n")).as_bytes())
            .map_err(|error| format!("{}: {error}", self.0.display()))
    }

    /// A name that stays costs one look at the beginning of the next run.
    pub fn forget(&self, name: &str) {
        let mut names = self.names();
        names.retain(|one| one != name);
        let _ = if names.is_empty() {
            std::fs::remove_file(&self.0)
        } else {
            package::replace(&self.0, format!("{}\n", names.join("\n")).as_bytes())
        };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::target::{Connection, Product, ProductName, row};

    fn at(endpoint: &str, account: &str) -> Target {
        let row = Arc::new(row("localstack").expect("built in").clone());
        let connection = Connection::local(&row, Some(endpoint.to_owned()));
        let product = Product::named(ProductName::LocalStack);
        Target::new(row, connection, account.to_owned(), product)
    }

    #[test]
    fn whose_copies_are_recorded_together_hold_one_another_off_and_nobody_else() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("stacks/log-pipeline.yaml");
        let mut stack = crate::stack::load(&file, "localstack").expect("the example");
        let root = tempfile::tempdir().expect("a directory");
        stack.root = root.path().to_owned();
        let (first, second) = ("http://127.0.0.1:4566", "http://127.0.0.1:4567");
        let record = |endpoint, account| Record::of("parity", &stack, &at(endpoint, account));
        let _held = record(first, "000000000000").hold().expect("free");
        assert_eq!(record(first, "000000000000").hold().err(), Some(Held));
        record(second, "000000000000")
            .hold()
            .expect("another endpoint");
        record(first, "111111111111")
            .hold()
            .expect("another account");
        record(first, "000000000000")
            .remember("a-p-1")
            .expect("written");
        assert_eq!(record(first, "000000000000").names(), ["a-p-1"]);
        assert!(record(second, "000000000000").names().is_empty());
        record(first, "000000000000").forget("a-p-1");
        assert!(record(first, "000000000000").names().is_empty());
    }
}
