//! `pipectl emulator`

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use pipectl_emulator::clock::{Clock, SystemClock};
use pipectl_emulator::{Behaviour, Config, Durability, Emulator, StartError};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use super::{Ended, Global, session};
use crate::failure::CommandError;
use crate::render::{Renderer, human};
use crate::stack::{self, EmbeddedSettings};
use crate::target::embedded::{EmbeddedError, Layout, Record};

/// Serve the embedded target in front until Ctrl-C
#[derive(Debug, clap::Args)]
pub struct EmulatorArgs {
    /// Port to listen on; by default the system picks one
    #[arg(long)]
    port: Option<u16>,
    /// Where the data is; by default .pipectl/embedded of the project
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How long things take: `instant` (default) waits for nothing, `aws` as long as AWS;
    /// also `embedded: { behaviour: … }` in pipectl.yaml
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(Behaviour::ALL.map(|one| one.name)))]
    behaviour: Option<String>,
    /// What an answer promises: that data survives the death of the process (`process`, default), or a
    /// power cut, too (`power`); also `embedded: { durability: … }` in pipectl.yaml
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(Durability::ALL.map(Durability::name)))]
    durability: Option<String>,
    /// Put what was saved of damaged stores in their place (the damaged files are kept), then serve
    #[arg(long)]
    use_salvaged: bool,
    /// Port to use if it is free
    #[arg(long, hide = true, conflicts_with = "port")]
    prefer_port: Option<u16>,
    /// Leave the terminal
    #[arg(long, hide = true)]
    background: bool,
}

#[derive(Debug, Serialize)]
struct EmulatorData {
    endpoint: String,
    pid: u32,
    data: PathBuf,
    /// What `--use-salvaged` did.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    replaced: Vec<ReplacedData>,
}

#[derive(Debug, Serialize)]
struct ReplacedData {
    store: PathBuf,
    /// Where the damaged file is now.
    kept: Option<PathBuf>,
    /// Where the files are that belong to rows which are lost.
    strays: Option<PathBuf>,
}

pub(super) async fn run(global: &Global, args: EmulatorArgs, renderer: &Renderer) -> Ended {
    // Whoever names the data directory works in the project's, as the background process does.
    let root = match args.data {
        Some(_) => PathBuf::from("."),
        None => session::load(global, crate::target::EMBEDDED)?.root,
    };
    let data = args.data.clone().unwrap_or_else(|| Layout::of(&root).data);
    let settings = stack::project(&root)?.embedded;
    log_to_stderr();
    if args.background {
        leave_terminal()?;
    }
    // A write over the user's limit of file sizes is then an error of that write, and not the end of
    // the process.
    let _handled = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))
        .map_err(of_signals(&data))?;
    let refused = |error| EmbeddedError::refused(error, &data);
    let replaced = if args.use_salvaged {
        use_salvaged(&data, renderer).map_err(refused)?
    } else {
        Vec::new()
    };
    let emulator = start(&args, &settings, &data).await.map_err(refused)?;
    let layout = Layout {
        record: data.join("emulator.json"),
        log: data.join("emulator.log"),
        data: data.clone(),
    };
    let pid = std::process::id();
    layout.write_record(&Record {
        pid,
        endpoint: emulator.endpoint().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_ms: SystemClock.now_ms(),
    })?;
    let told = EmulatorData {
        endpoint: emulator.endpoint().to_owned(),
        pid,
        data,
        replaced,
    };
    renderer.data(&told, || human::serving(&told.endpoint));
    let ended = serve(&emulator, args.background).await;
    emulator.stop().await;
    layout.remove_record(pid)?;
    ended.map_err(|error| of_signals(&layout.data)(error).into())
}

fn of_signals(data: &std::path::Path) -> impl Fn(std::io::Error) -> CommandError {
    move |error| CommandError::Project {
        root: data.display().to_string(),
        cause: format!("signals: {error}"),
    }
}

/// Puts saved rows in the place of damaged stores, and says so.
fn use_salvaged(
    data: &std::path::Path,
    renderer: &Renderer,
) -> Result<Vec<ReplacedData>, StartError> {
    let replaced = Emulator::use_salvaged(&Config::new(data))?;
    if replaced.is_empty() {
        renderer.say("nothing was saved of a damaged store; the stores stay as they are");
    }
    let mut told = Vec::new();
    for one in replaced {
        let store = one.store.display();
        renderer.say(&format!("{store} is now what was saved of it"));
        if let Some(kept) = &one.kept {
            renderer.say(&format!("  the damaged file is kept as {}", kept.display()));
        }
        if let Some((count, folder)) = &one.strays {
            let folder = folder.display();
            renderer.say(&format!(
                "  {count} of its files that no saved row names are in {folder}"
            ));
        }
        told.push(ReplacedData {
            store: one.store,
            kept: one.kept,
            strays: one.strays.map(|(_, folder)| folder),
        });
    }
    Ok(told)
}

/// With a preferred port that somebody else has by now, any other does.
async fn start(
    args: &EmulatorArgs,
    settings: &EmbeddedSettings,
    data: &std::path::Path,
) -> Result<Emulator, StartError> {
    let behaviour = args.behaviour.as_deref().and_then(Behaviour::named);
    let behaviour = behaviour.or(settings.behaviour.as_ref());
    let durability = args.durability.as_deref().and_then(Durability::named);
    let config = |port| Config {
        port,
        behaviour: behaviour.cloned().unwrap_or(Behaviour::INSTANT),
        durability: durability.or(settings.durability).unwrap_or_default(),
        ..Config::new(data)
    };
    if let Some(port) = args.prefer_port {
        match Emulator::start(config(port)).await {
            Err(StartError::PortTaken { .. }) => {}
            other => return other,
        }
    }
    Emulator::start(config(args.port.unwrap_or(0))).await
}

/// Until it is told to stop: by request, SIGINT or SIGTERM.
async fn serve(emulator: &Emulator, background: bool) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    // A handler of its own keeps the closing of the terminal from ending a background process.
    let mut hang_up = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            () = emulator.wait() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            _ = hang_up.recv() => if !background { return Ok(()) },
        }
    }
}

/// A session of its own: signals of the terminal do not reach it.
fn leave_terminal() -> Result<(), CommandError> {
    rustix::process::setsid()
        .map(|_| ())
        .map_err(|error| CommandError::Project {
            root: ".".to_owned(),
            cause: format!("cannot leave the terminal: {error}"),
        })
}

fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("PIPECTL_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    // A subscriber that is set already (tests) stays.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .try_init();
}
