//! What several verbs begin with: finding the stack, choosing and reaching the target.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Global, Stop, change};
use crate::event::{Event, Sink};
use crate::failure::CommandError;
use crate::package::{self, Artifact, RunsOn};
use crate::render::Renderer;
use crate::resource::{Context, Place};
use crate::stack;
use crate::stack::model::{Kind, LogicalId, Stack};
use crate::target::{
    self, Connection, Credentials, EMBEDDED, Product, ProductName, Target, TargetError, TargetRow,
    clients, embedded, record,
};

/// The stack file to use.
fn stack_file(global: &Global) -> Result<PathBuf, Stop> {
    match &global.stack {
        Some(file) => Ok(file.clone()),
        None => Ok(stack::discover(&current_dir()?)?),
    }
}

/// The stack in the file to use, as it is for a target.
pub(super) fn load(global: &Global, target: &str) -> Result<Stack, Stop> {
    Ok(stack::load(&stack_file(global)?, target)?)
}

/// The targets of the project: the built-in ones and its own.
fn rows(global: &Global) -> Result<Vec<Arc<TargetRow>>, Stop> {
    let root = stack::root_of(&stack_file(global)?)?;
    let mut rows = target::rows(&stack::project(&root)?.targets, &root);
    if let Some(named) = &global.profile {
        for row in &mut rows {
            if let Credentials::Chain { profile } = &mut Arc::make_mut(row).credentials {
                *profile = Some(named.clone().into());
            }
        }
    }
    Ok(rows)
}

fn current_dir() -> Result<PathBuf, Stop> {
    std::env::current_dir().map_err(|error| {
        CommandError::Project {
            root: ".".to_owned(),
            cause: error.to_string(),
        }
        .into()
    })
}

/// The row of a name.
pub(super) fn find_row(global: &Global, name: &str) -> Result<Arc<TargetRow>, Stop> {
    let rows = rows(global)?;
    if let Some(row) = rows.iter().find(|row| row.name == name) {
        if global.profile.is_some() && !row.signs_for_aws() {
            let target = row.name.to_string();
            return Err(TargetError::NoProfile { target }.into());
        }
        return Ok(Arc::clone(row));
    }
    let known: Vec<&str> = rows.iter().map(|row| &*row.name).collect();
    Err(TargetError::Unknown {
        name: name.to_owned(),
        known: known.join(", "),
    }
    .into())
}

/// The row that `--target` names; without it the embedded one.
pub(super) fn named_row(global: &Global) -> Result<Arc<TargetRow>, Stop> {
    find_row(global, global.target.as_deref().unwrap_or(EMBEDDED))
}

/// The row to act on when a stack should be up already: the named one, else the only recorded one.
pub(super) fn recorded_row(global: &Global) -> Result<(Stack, Arc<TargetRow>), Stop> {
    let mut row = named_row(global)?;
    let mut stack = load(global, &row.name)?;
    if global.target.is_none() {
        let recorded = record::targets(&stack.root, &stack.name);
        match recorded.keys().collect::<Vec<_>>()[..] {
            [] => {}
            [only] if **only == row.name => {}
            [only] => {
                row = find_row(global, only)?;
                stack = load(global, &row.name)?;
            }
            [..] => {
                return Err(TargetError::Ambiguous {
                    recorded: recorded.into_keys().collect::<Vec<_>>().join(", "),
                }
                .into());
            }
        }
    }
    Ok((stack, row))
}

/// Endpoint of a target that pipectl does not serve itself; none where the SDK knows it.
fn given_endpoint(global: &Global, stack: &Stack, row: &TargetRow) -> Option<String> {
    let row_endpoint = || row.default_endpoint.as_deref().map(str::to_owned);
    if global.endpoint.is_some() {
        return global.endpoint.clone();
    }
    // What somebody wrote down for this target is meant, wherever the stack was before.
    if row.endpoint_is_own {
        return row_endpoint();
    }
    let set = std::env::var("AWS_ENDPOINT_URL").ok();
    // With AWS's own credentials a try at another endpoint does not become the rule.
    let seen = || recorded(stack, row).filter(|_| !row.signs_for_aws());
    set.filter(|url| !url.is_empty())
        .or_else(|| seen()?.endpoint)
        .or_else(row_endpoint)
}

/// Where the stack was brought up on a target, as far as is recorded.
pub(super) fn recorded(stack: &Stack, row: &TargetRow) -> Option<record::Seen> {
    record::targets(&stack.root, &stack.name).remove(&*row.name)
}

/// Somebody has to agree to an account before anything in it is changed for the first time: by the row, an
/// option, or an answer. Where keys are written down they are an emulator's.
pub(super) async fn agree(
    global: &Global,
    stack: &Stack,
    target: &Target,
    renderer: &Renderer,
) -> Result<(), Stop> {
    let (account, region) = (&target.account, target.region());
    let before = recorded(stack, &target.row).filter(|_| target.row.signs_for_aws());
    let was_there = before.is_some_and(|seen| {
        seen.account.as_ref() == Some(account) && seen.region.as_deref() == Some(region)
    });
    if was_there {
        renderer.emit(account_used(target));
        return Ok(());
    }
    agree_anew(global, stack, target, renderer).await
}

fn account_used(target: &Target) -> Event {
    Event::AccountUsed {
        account: target.account.clone(),
        region: target.region().to_owned(),
    }
}

/// As [`agree`], also where somebody agreed before: to what is no part of the stack.
pub(super) async fn agree_anew(
    global: &Global,
    stack: &Stack,
    target: &Target,
    renderer: &Renderer,
) -> Result<(), Stop> {
    if !target.row.signs_for_aws() {
        return Ok(());
    }
    renderer.emit(account_used(target));
    if target.row.expect_account.is_some() || global.yes {
        return Ok(());
    }
    let (account, region) = (&target.account, target.region());
    if renderer.can_ask() {
        let question = format!("Change account {account} in {region}? Type `yes` to agree: ");
        if change::answer(stack, &question, renderer).await? == "yes" {
            return Ok(());
        }
    }
    Err(TargetError::NotAgreed {
        account: account.clone(),
        region: region.to_owned(),
    }
    .into())
}

/// Says what is done otherwise in an account of a Learner Lab.
pub(super) fn tell_lab(stack: &Stack, target: &Target, sink: &dyn Sink) -> Result<(), TargetError> {
    if !target.capabilities().learner_lab {
        return Ok(());
    }
    let takes = stack.functions.iter().find(|one| one.role.is_none());
    if let (Some(function), None, true) = (takes, &target.shared_role, target.capabilities().roles)
    {
        return Err(TargetError::NoLabRole {
            role: target::LAB_ROLE.to_owned(),
            function: function.name.clone(),
        });
    }
    sink.emit(Event::LearnerLabUsed {
        role: target.shared_role.clone().filter(|_| takes.is_some()),
        max_concurrency: target::LAB_CONCURRENCY,
    });
    Ok(())
}

/// Functions cannot be given what templates put out where none is deployed.
pub(super) fn refuse_outputs(stack: &Stack, target: &Target) -> Result<(), TargetError> {
    if target.capabilities().templates {
        return Ok(());
    }
    for function in &stack.functions {
        for (variable, text) in &function.environment {
            if let Some(reference) = text.references().find(|one| one.id.kind == Kind::Template) {
                return Err(TargetError::NoTemplates {
                    target: target.name().to_owned(),
                    function: function.name.clone(),
                    variable: variable.clone(),
                    reference: reference.to_string(),
                });
            }
        }
    }
    Ok(())
}

/// Why a stack is not there, when a part of it is missing, or all of it.
pub(super) fn not_up(
    stack: &Stack,
    target: &Target,
    missing: &LogicalId,
    all: bool,
) -> CommandError {
    let gone = if all { gone(stack, target) } else { None };
    gone.unwrap_or_else(|| CommandError::NotUp {
        stack: stack.name.clone(),
        target: target.name().to_owned(),
        missing: missing.to_string(),
        flag: target_flag(&target.row),
    })
}

/// Why nothing of a stack is there any more, where it is recorded that it was brought up.
pub(super) fn gone(stack: &Stack, target: &Target) -> Option<CommandError> {
    let seen = recorded(stack, &target.row)?;
    let was_there = seen.endpoint.is_some() && seen.is_at(target);
    was_there.then(|| CommandError::Gone {
        stack: stack.name.clone(),
        place: target.place(),
        product: target.product.to_string(),
        flag: target_flag(&target.row),
    })
}

/// ` --target NAME` where a command would mean another target without it.
pub(super) fn target_flag(row: &TargetRow) -> String {
    if row.capabilities.self_served {
        String::new()
    } else {
        format!(" --target {}", row.name)
    }
}

/// Reaches the target; starts it where it is ours and `start` is set.
pub(super) async fn reach(
    global: &Global,
    stack: &Stack,
    row: &Arc<TargetRow>,
    start: bool,
    sink: &dyn Sink,
) -> Result<Target, Stop> {
    if !row.capabilities.self_served {
        let endpoint = given_endpoint(global, stack, row);
        let target = clients::reach(row, endpoint).await?;
        if let Some(expected) = &row.expect_account
            && *expected != target.account
        {
            return Err(TargetError::OtherAccount {
                target: row.name.to_string(),
                expected: expected.clone(),
                found: target.account,
            }
            .into());
        }
        if let Some(ahead) = target.clock_ahead {
            sink.emit(Event::ClocksDiffered {
                place: target.place(),
                ahead_s: ahead.whole_seconds(),
            });
        }
        return Ok(target);
    }
    let record = if start {
        let (record, started) = embedded::ensure(&stack.root).await?;
        if started {
            sink.emit(Event::EmbeddedStarted {
                endpoint: record.endpoint.clone(),
                pid: record.pid,
            });
        }
        record
    } else {
        embedded::find(&stack.root)
            .await
            .ok_or_else(|| TargetError::NotRunning {
                root: stack.root.display().to_string(),
            })?
    };
    Ok(served(row, Some(record.endpoint)))
}

/// The target that pipectl serves itself at `endpoint`; none while it is not served.
pub(super) fn served(row: &Arc<TargetRow>, endpoint: Option<String>) -> Target {
    let product = Product::named(ProductName::Embedded);
    let account = pipectl_emulator::config::ACCOUNT.to_owned();
    let connection = Connection::local(row, endpoint);
    Target::new(Arc::clone(row), connection, account, product)
}

/// How functions are packaged for a target.
pub(super) fn packaging(row: &TargetRow, renderer: &Renderer) -> package::Options {
    package::Options {
        progress: renderer.live_width(),
        ..package::Options::new(RunsOn::of(&row.capabilities))
    }
}

/// Artifacts that were made for this host while nobody knew what answers at the target: those that cannot
/// run there are made anew.
pub(super) async fn fitting(
    stack: &Stack,
    target: &Target,
    artifacts: BTreeMap<String, Artifact>,
    renderer: &Renderer,
) -> Result<BTreeMap<String, Artifact>, Stop> {
    let fit = artifacts.values().all(Artifact::runs_on_amazon_linux);
    if fit || !target.capabilities().runs_functions_on_amazon_linux {
        return Ok(artifacts);
    }
    let tell = |event: package::PackageEvent| renderer.emit(event.into());
    let options = package::Options {
        runs_on: RunsOn::Lambda,
        ..packaging(&target.row, renderer)
    };
    Ok(package::package(stack, options, &tell).await?)
}

/// What the engine's calls need.
pub(super) fn context(
    stack: &Stack,
    target: Target,
    artifacts: Option<BTreeMap<String, Artifact>>,
) -> Context {
    Context::new(Place { target, artifacts }, &stack.name)
}
