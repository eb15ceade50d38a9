//! The command line: one verb, one file. A verb's `Args` are its help; its `run` is thin.

mod bench;
mod change;
mod compare;
mod cost;
mod dlq;
mod doctor;
mod down;
mod emulator;
mod env;
mod interrupt;
mod logs;
mod package;
mod parity;
mod plan;
mod results;
mod schema;
mod send;
mod session;
mod status;
mod up;

use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand};

use crate::apply::Cancel;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::{Format, Renderer};

/// Take an event-driven pipeline from a YAML file to running, measured and trusted
#[derive(Debug, Parser)]
#[command(
    name = "pipectl",
    version,
    propagate_version = true,
    disable_help_subcommand = true
)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, clap::Args)]
pub struct Global {
    /// Stack file; by default `stack:` in pipectl.yaml, else the only file in stacks/
    #[arg(long, global = true, value_name = "FILE")]
    stack: Option<PathBuf>,
    /// Where the stack lives: embedded (the default), localstack, aws, or a target of pipectl.yaml
    #[arg(long, global = true, value_name = "NAME")]
    target: Option<String>,
    /// Endpoint of the target, for targets that pipectl does not serve itself
    #[arg(long, global = true, value_name = "URL")]
    endpoint: Option<String>,
    /// AWS profile, for targets with AWS's own credentials
    #[arg(long, global = true, value_name = "NAME")]
    profile: Option<String>,
    /// Agree to the account and region that are named, without being asked
    #[arg(long, short, global = true)]
    yes: bool,
    /// Form of the answer
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT"
    )]
    output: Format,
    /// Use no colours (also: NO_COLOR)
    #[arg(long, global = true)]
    no_color: bool,
    /// Show more of what is going on
    #[arg(long, short, global = true)]
    verbose: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(up::UpArgs),
    Plan(plan::PlanArgs),
    Package(package::PackageArgs),
    Down(down::DownArgs),
    Status(status::StatusArgs),
    Send(send::SendArgs),
    Results(results::ResultsArgs),
    Bench(Box<bench::BenchArgs>),
    Parity(parity::ParityArgs),
    Compare(compare::CompareArgs),
    Cost(cost::CostArgs),
    Doctor(doctor::DoctorArgs),
    Dlq(dlq::DlqArgs),
    Logs(logs::LogsArgs),
    Emulator(emulator::EmulatorArgs),
    Env(env::EnvArgs),
    Schema(schema::SchemaArgs),
}

impl Command {
    fn name(&self) -> &'static str {
        match self {
            Self::Up(_) => "up",
            Self::Plan(_) => "plan",
            Self::Package(_) => "package",
            Self::Down(_) => "down",
            Self::Status(_) => "status",
            Self::Send(_) => "send",
            Self::Results(_) => "results",
            Self::Bench(_) => "bench",
            Self::Parity(_) => "parity",
            Self::Compare(_) => "compare",
            Self::Cost(_) => "cost",
            Self::Doctor(_) => "doctor",
            Self::Dlq(args) => args.name(),
            Self::Logs(_) => "logs",
            Self::Emulator(_) => "emulator",
            Self::Env(_) => "env",
            Self::Schema(_) => "schema",
        }
    }
}

/// Parses the command line of this process and runs it.
pub fn run() -> std::process::ExitCode {
    let matches = Cli::command()
        .after_help(crate::render::exit_codes())
        .try_get_matches();
    let cli = match matches
        .and_then(|matches| <Cli as clap::FromArgMatches>::from_arg_matches(&matches))
    {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to stdout and are no failure; a broken pipe is nobody's fault.
            let _ = error.print();
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            };
            return exit.code().into();
        }
    };
    crate::render::set_up(cli.global.no_color);
    let renderer = Renderer::new(cli.command.name(), cli.global.output, cli.global.verbose);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            renderer.failure::<()>(
                &Failure {
                    exit: Exit::Failed,
                    report: miette::miette!(
                        code = "runtime::start",
                        help = "check the limits on threads and open files (`ulimit -a`)",
                        "cannot start the runtime: {error}"
                    ),
                },
                None,
            );
            return Exit::Failed.code().into();
        }
    };
    let exit = runtime.block_on(async {
        // The emulator in front has its own way to stop.
        if matches!(cli.command, Command::Emulator(_)) {
            return dispatch(cli, &renderer, &Cancel::default()).await;
        }
        let cancel = Cancel::default();
        let command = Box::pin(dispatch(cli, &renderer, &cancel));
        interrupt::watched(command, &renderer, &cancel).await
    });
    // What still runs in the background (an idle connection) must not hold the process.
    runtime.shutdown_background();
    exit.code().into()
}

async fn dispatch(cli: Cli, renderer: &Renderer, cancel: &Cancel) -> Exit {
    let global = &cli.global;
    let result = match cli.command {
        Command::Up(args) => up::run(global, args, renderer, cancel).await,
        Command::Plan(args) => match plan::run(global, args, renderer).await {
            Ok(exit) => return exit,
            Err(stop) => Err(stop),
        },
        Command::Package(args) => package::run(global, args, renderer).await,
        Command::Down(args) => down::run(global, args, renderer, cancel).await,
        Command::Status(args) => status::run(global, args, renderer, cancel).await,
        Command::Send(args) => send::run(global, args, renderer).await,
        Command::Results(args) => results::run(global, args, renderer).await,
        Command::Bench(args) => bench::run(global, *args, renderer, cancel).await,
        Command::Parity(args) => Box::pin(parity::run(global, args, renderer, cancel)).await,
        Command::Compare(args) => compare::run(global, &args, renderer),
        Command::Cost(args) => cost::run(global, &args, renderer),
        Command::Doctor(args) => doctor::run(global, args, renderer).await,
        Command::Dlq(args) => dlq::run(global, args, renderer, cancel).await,
        Command::Logs(args) => logs::run(global, args, renderer, cancel).await,
        Command::Emulator(args) => emulator::run(global, args, renderer).await,
        Command::Env(args) => env::run(global, args, renderer).await,
        Command::Schema(args) => schema::run(args),
    };
    match result {
        Ok(()) => Exit::Done,
        Err(stop) => {
            renderer.failure(&stop.failure, stop.data.as_ref());
            stop.failure.exit
        }
    }
}

/// A command that did not do what was asked, with the data it has all the same.
pub(crate) struct Stop {
    failure: Failure,
    data: Option<serde_json::Value>,
}

impl Stop {
    /// With the data that goes out beside the failure.
    fn with_data(failure: impl Into<Failure>, data: &impl serde::Serialize) -> Self {
        Self {
            failure: failure.into(),
            data: serde_json::to_value(data).ok(),
        }
    }
}

impl<F: Into<Failure>> From<F> for Stop {
    fn from(failure: F) -> Self {
        Self {
            failure: failure.into(),
            data: None,
        }
    }
}

/// What `run` of a verb returns.
pub(crate) type Ended = Result<(), Stop>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
