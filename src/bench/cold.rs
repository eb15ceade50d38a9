//! Cold starts: environments are made new by a variable that no function reads, one file is sent into them, and
//! one right after. In the end the functions have the variables that they had.

use std::collections::HashMap;

use aws_sdk_lambda::types::Environment;

use super::row::Phase;
use super::run::{Early, Outcome, Run, stage};
use super::workload::Workload;
use crate::resource::error::failed;
use crate::resource::{CallError, Context, wait_updated};

/// A variable that changes makes Lambda run new environments, as new code does.
const VARIABLE: &str = "PIPECTL_COLD";

/// A function and the variables that it had.
struct Function {
    name: String,
    variables: HashMap<String, String>,
}

/// `times` cold files, each with a warm one after it.
pub(super) async fn run(run: &Run<'_>, files: &mut Workload, times: u32, outcome: &mut Outcome) {
    let functions = match found(run).await {
        Ok(functions) => functions,
        Err(error) => {
            outcome.early = Some(Early::NotRenewed(error));
            return;
        }
    };
    for time in 1..=times {
        if outcome.early.is_some() || run.cancel.is_asked() {
            break;
        }
        let mark = format!("{}-{time}", run.id);
        if let Err(error) = renew(run.cx, &functions, Some(&mark)).await {
            outcome.early = Some(Early::NotRenewed(error));
            break;
        }
        let (cold, warm) = (files.next(0), files.next(0));
        run.alone(cold, Phase::Cold, outcome).await;
        run.alone(warm, Phase::Warm, outcome).await;
        run.tell(outcome, Some(u64::from(times) * 2));
    }
    for (phase, what) in [(Phase::Cold, "cold"), (Phase::Warm, "warm")] {
        let rows = outcome.rows.iter().filter(|row| row.phase == phase);
        let rows: Vec<_> = rows.cloned().collect();
        run.sink.emit(stage(what.to_owned(), &rows));
    }
    // Also after an interruption: nobody wants to find the variable there. Where it stays all the same, it is a
    // drift that the next `up` mends.
    if let Err(error) = renew(run.cx, &functions, None).await {
        outcome.early.get_or_insert(Early::NotRenewed(error));
    }
}

/// The stack's functions with their variables, without one that a run left that was killed.
async fn found(run: &Run<'_>) -> Result<Vec<Function>, CallError> {
    let mut functions = Vec::new();
    for function in &run.stack.functions {
        let name = run.cx.place.function(run.stack, &function.name).name;
        let call = run.cx.clients.lambda.get_function_configuration();
        let answer = call.function_name(&name).send().await;
        let answer = answer.map_err(failed("GetFunctionConfiguration"))?;
        let environment = answer.environment.and_then(|all| all.variables);
        let mut variables = environment.unwrap_or_default();
        variables.remove(VARIABLE);
        functions.push(Function { name, variables });
    }
    Ok(functions)
}

/// Gives every function its variables, with a mark among them or without, and waits until that is so.
async fn renew(cx: &Context, functions: &[Function], mark: Option<&str>) -> Result<(), CallError> {
    for function in functions {
        let mut variables = function.variables.clone();
        variables.extend(mark.map(|mark| (VARIABLE.to_owned(), mark.to_owned())));
        let environment = Environment::builder().set_variables(Some(variables));
        let call = cx.clients.lambda.update_function_configuration();
        let call = call.function_name(&function.name);
        let answer = call.environment(environment.build()).send().await;
        answer.map_err(failed("UpdateFunctionConfiguration"))?;
    }
    for function in functions {
        wait_updated(cx, &function.name).await?;
    }
    Ok(())
}
