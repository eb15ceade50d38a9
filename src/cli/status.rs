//! `pipectl status`

use std::sync::Arc;

use serde::Serialize;

use super::{Ended, Global, Stop, session};
use crate::failure::CommandError;
use crate::operate::pipeline::Pipeline;
use crate::operate::status::{self, StackStatus};
use crate::render::{Renderer, human};
use crate::resource;
use crate::stack::model::Stack;
use crate::target::{TargetError, TargetRow, embedded, record};

/// Show every resource of the stack with its live state, queue depths and the last results
///
/// Ends with 0 when all of it is there and well, and with 1 when not.
#[derive(Debug, clap::Args)]
pub struct StatusArgs {}

#[derive(Debug, Serialize)]
struct StatusData {
    stack: String,
    targets: Vec<StackStatus>,
}

pub(super) async fn run(global: &Global, _args: StatusArgs, renderer: &Renderer) -> Ended {
    let row = session::named_row(global)?;
    let stack = session::load(global, &row.name)?;
    let mut rows = vec![row];
    if global.target.is_none() {
        // Every target that the stack was brought up on.
        let recorded = record::targets(&stack.root, &stack.name);
        if !recorded.is_empty() {
            rows = session::rows(global)?;
            rows.retain(|row| recorded.contains_key(&*row.name));
        }
    }
    let mut data = StatusData {
        stack: stack.name.clone(),
        targets: Vec::new(),
    };
    for row in rows {
        let stack = session::load(global, &row.name)?;
        if row.capabilities.self_served && embedded::find(&stack.root).await.is_none() {
            if global.target.is_some() || record::targets(&stack.root, &stack.name).len() <= 1 {
                return Err(TargetError::NotRunning {
                    root: stack.root.display().to_string(),
                }
                .into());
            }
            continue;
        }
        data.targets
            .push(one(global, &stack, &row, renderer).await?);
    }
    let shown = || human::status(&data.stack, &data.targets);
    let unwell: Vec<String> = data
        .targets
        .iter()
        .flat_map(|target| &target.resources)
        .filter(|resource| !resource.healthy)
        .map(|resource| format!("{} ({})", resource.id, resource.state))
        .collect();
    if unwell.is_empty() {
        renderer.data(&data, shown);
        return Ok(());
    }
    renderer.human(shown);
    Err(Stop::with_data(CommandError::Unhealthy { unwell }, &data))
}

async fn one(
    global: &Global,
    stack: &Stack,
    row: &Arc<TargetRow>,
    renderer: &Renderer,
) -> Result<StackStatus, Stop> {
    let target = session::reach(global, stack, row, false, renderer).await?;
    let cx = session::context(stack, target, None);
    let (wanted, _) = resource::wanted(stack, &cx.place);
    let observed = crate::observe::observe(&cx, &wanted)
        .await
        .map_err(|errors| CommandError::Observe { errors })?;
    let resources = status::resources(&wanted, &observed);
    let last_results = match Pipeline::of(stack, &cx.place) {
        Ok(pipeline)
            if resources
                .iter()
                .any(|r| r.id == pipeline.table_id && r.healthy) =>
        {
            status::last_results(&cx, &pipeline)
                .await
                .map_err(|error| CommandError::Call {
                    what: format!("reading {}", pipeline.table.name),
                    error,
                    help: "the resources can be seen with `pipectl status --output json`",
                })?
        }
        // A stack without a results table has no results to show.
        _ => Vec::new(),
    };
    Ok(StackStatus {
        target: row.name.to_string(),
        endpoint: cx.place.target.place(),
        resources,
        last_results,
    })
}
