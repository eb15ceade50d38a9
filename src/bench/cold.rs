//! Cold starts: environments are made new by a variable that no function reads, one file is sent into them, and
//! one right after. In the end the functions have the variables that they had.

use std::time::Duration;

use aws_sdk_lambda::types::Environment;

use super::row::Phase;
use super::run::{Early, Outcome, Run, stage};
use super::workload::Workload;
use crate::event::Event;
use crate::resource::error::failed;
use crate::resource::{CallError, Context, wait_updated};

/// A variable that changes makes Lambda run new environments, as new code does.
const VARIABLE: &str = "PIPECTL_COLD";

/// An endpoint that we do not serve has this long until it runs new environments only: LocalStack delivers an event
/// that comes within two seconds of an update a minute and a half later. // aws-behaviours §11
const SETTLE: Duration = Duration::from_secs(3);

/// `times` cold files, each with a warm one after it.
pub(super) async fn run(run: &Run<'_>, files: &mut Workload, times: u32, outcome: &mut Outcome) {
    let settles = !run.cx.place.target.capabilities().self_served;
    for time in 1..=times {
        if outcome.early.is_some() || run.cancel.is_asked() {
            break;
        }
        let mark = format!("{}-{time}", run.id);
        if let Err(error) = renew(run, Some(&mark)).await {
            outcome.early = Some(Early::NotRenewed(error));
            break;
        }
        if settles && run.pause(SETTLE, outcome).await {
            break;
        }
        let which = time as usize - 1;
        let (cold, warm) = (files.next(which), files.next(which));
        run.alone(cold, Phase::Cold, outcome).await;
        run.alone(warm, Phase::Warm, outcome).await;
        run.tell(outcome, Some(u64::from(times) * 2));
    }
    for (phase, what) in [(Phase::Cold, "cold"), (Phase::Warm, "warm")] {
        let rows = outcome.rows.iter().filter(|row| row.phase == phase);
        let rows: Vec<_> = rows.cloned().collect();
        run.sink.emit(stage(what.to_owned(), &rows));
    }
    // Also after an interruption: nobody wants to find the variable there.
    if let Err(error) = renew(run, None).await {
        run.sink.emit(Event::BenchLeft {
            what: format!(
                "the variable {VARIABLE} of the functions: {error}; the next `pipectl up` takes it away"
            ),
        });
        outcome.early.get_or_insert(Early::NotRenewed(error));
    }
    // Whatever is sent next meets the same.
    if settles {
        run.pause(SETTLE, outcome).await;
    }
}

/// Gives every function the mark besides the variables that it has, or takes it away, and waits until that is so.
async fn renew(run: &Run<'_>, mark: Option<&str>) -> Result<(), CallError> {
    let mut names = Vec::new();
    for function in &run.stack.functions {
        let name = run.cx.place.function(run.stack, &function.name).name;
        mark_one(run.cx, &name, mark).await?;
        names.push(name);
    }
    for name in names {
        wait_updated(run.cx, &name).await?;
    }
    Ok(())
}

async fn mark_one(cx: &Context, name: &str, mark: Option<&str>) -> Result<(), CallError> {
    let call = cx.clients.lambda.get_function_configuration();
    let answer = call.function_name(name).send().await;
    let answer = answer.map_err(failed("GetFunctionConfiguration"))?;
    // Variables that may not be read would all be lost.
    let environment = answer.environment.as_ref();
    if let Some(error) = environment.and_then(|environment| environment.error.as_ref()) {
        let message = error.message.as_deref().unwrap_or("they may not be read");
        let message = format!("the variables of {name}: {message}");
        return Err(CallError::local("GetFunctionConfiguration", message));
    }
    let variables = environment.and_then(|environment| environment.variables.clone());
    let mut variables = variables.unwrap_or_default();
    let before = variables.remove(VARIABLE);
    if before.is_none() && mark.is_none() {
        return Ok(());
    }
    variables.extend(mark.map(|mark| (VARIABLE.to_owned(), mark.to_owned())));
    let environment = Environment::builder().set_variables(Some(variables));
    let call = cx.clients.lambda.update_function_configuration();
    let call = call.function_name(name).set_revision_id(answer.revision_id);
    let answer = call.environment(environment.build()).send().await;
    answer.map_err(failed("UpdateFunctionConfiguration"))?;
    Ok(())
}
