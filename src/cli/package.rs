//! `pipectl package`

use std::sync::Mutex;

use clap::ValueEnum;
use serde::Serialize;

use super::{Ended, Global, session};
use crate::event::Sink as _;
use crate::failure::CommandError;
use crate::package::{self, Artifact, Options, PackageEvent, Packaged, RunsOn};
use crate::render::{Renderer, human};
use crate::stack::model::{Architecture, Stack};

/// Build the functions and make their zips, as `up` does, without a call to the target
#[derive(Debug, clap::Args)]
pub struct PackageArgs {
    /// Only these functions; all by default
    #[arg(value_name = "FUNCTION")]
    functions: Vec<String>,
    /// For AWS Lambda (Amazon Linux 2023), whatever the target runs them on
    #[arg(long)]
    lambda: bool,
    /// For this instruction set, whatever the stack says
    #[arg(long, value_enum, value_name = "SET")]
    architecture: Option<Set>,
    /// Say why each was made or not, and which crates are in it
    #[arg(long)]
    explain: bool,
}

/// Instruction sets by their names in stack files.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Set {
    Host,
    Arm64,
    #[value(name = "x86_64")]
    X86_64,
}

impl From<Set> for Architecture {
    fn from(set: Set) -> Self {
        match set {
            Set::Host => Self::Host,
            Set::Arm64 => Self::Arm64,
            Set::X86_64 => Self::X86_64,
        }
    }
}

#[derive(Debug, Serialize)]
struct PackageData {
    stack: String,
    target: String,
    artifacts: Vec<Packaged>,
}

pub(super) async fn run(global: &Global, args: PackageArgs, renderer: &Renderer) -> Ended {
    let row = session::named_row(global)?;
    let stack = session::load(global, &row.name)?;
    refuse_unknown(&stack, &args.functions)?;
    let mut options = Options {
        architecture: args.architecture.map(Architecture::from),
        only: (!args.functions.is_empty()).then_some(args.functions),
        ..session::packaging(&row, renderer)
    };
    if args.lambda {
        options.runs_on = RunsOn::Lambda;
    }
    let finished = Mutex::new(Vec::new());
    let tell = |event: PackageEvent| {
        if let PackageEvent::Finished {
            artifact,
            built,
            why,
            ..
        } = &event
        {
            finished.lock().expect("no holder panics").push(Packaged {
                artifact: Artifact::clone(artifact),
                built: *built,
                why: why.clone(),
                crates: None,
            });
        }
        renderer.emit(event.into());
    };
    package::package(&stack, options, &tell).await?;
    let mut artifacts = finished.into_inner().expect("no holder panics");
    let position = |name: &str| stack.functions.iter().position(|f| f.name == name);
    artifacts.sort_by_key(|packaged| position(&packaged.artifact.function));
    if args.explain {
        for packaged in &mut artifacts {
            packaged.crates = Some(packaged.artifact.crates());
        }
    }
    let data = PackageData {
        stack: stack.name.clone(),
        target: row.name.to_string(),
        artifacts,
    };
    renderer.data(&data, || human::packaged(&data.artifacts, &stack.root));
    Ok(())
}

fn refuse_unknown(stack: &Stack, functions: &[String]) -> Result<(), CommandError> {
    let known = || stack.functions.iter().map(|function| &function.name);
    match functions.iter().find(|name| !known().any(|k| k == *name)) {
        None => Ok(()),
        Some(name) => Err(CommandError::NoSuchFunction {
            name: name.clone(),
            stack: stack.name.clone(),
            known: known().cloned().collect::<Vec<_>>().join(", "),
        }),
    }
}
