//! The only folder that prints. stdout is data, stderr is talk; with `--output json` stdout is one
//! envelope, or one object a line where data comes without an end, and stderr a stream of event lines.
pub mod bench;
mod board;
pub mod compare;
pub mod cost;
mod dead_letters;
pub mod human;
mod json;
mod lines;
mod logs;
mod package;
pub mod parity;
mod plan;
mod progress;
mod screen;
mod status;
pub mod style;
mod table;
mod watch;

use std::borrow::Cow;
use std::io::{IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use serde::Serialize;

use crate::event::{Event, Line, Sink};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::wait;

pub use board::Board;
pub use lines::{Detail, line};
pub use plan::Language;
pub use progress::Progress;
pub use screen::Screen;

/// In which form a command answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Human,
    /// One JSON envelope on stdout, one JSON object per event on stderr.
    Json,
}

/// How one command talks.
pub struct Renderer {
    command: &'static str,
    format: Format,
    begun: Instant,
    progress: Progress,
    /// Data comes piece by piece without an end, so there is no envelope around it.
    endless: AtomicBool,
}

impl Renderer {
    /// For the command `command`; `verbose` shows every event.
    pub fn new(command: &'static str, format: Format, verbose: bool) -> Self {
        let live = format == Format::Human && std::io::stderr().is_terminal();
        let begun = Instant::now();
        Self {
            command,
            format,
            begun,
            progress: Progress::new(live, verbose, begun),
            endless: AtomicBool::new(false),
        }
    }

    /// From now on data comes piece by piece without an end: as JSON each piece is one line, and so is the
    /// envelope of a failure.
    pub fn go_on_without_end(&self) {
        self.endless.store(true, Ordering::Relaxed);
    }

    /// Does data go out piece by piece? If not, it is one envelope.
    pub fn takes_pieces(&self) -> bool {
        self.format == Format::Human || self.endless.load(Ordering::Relaxed)
    }

    /// Prints one piece of data: for people what `human` makes of it, if anything. False once nobody reads.
    pub fn piece<T: Serialize>(&self, data: &T, human: impl FnOnce() -> Option<String>) -> bool {
        self.progress.finish();
        match self.format {
            Format::Human => human().is_none_or(|text| to_stdout(&text)),
            Format::Json => to_stdout(&json::piece(data)),
        }
    }

    /// Returns once nobody reads stdout any more: a pipe whose reader went away is told by a write only, and
    /// what waits for something to tell may not write for a long time.
    pub async fn unread(&self) {
        const BETWEEN: Duration = Duration::from_secs(1);
        while is_read() {
            wait::pause(BETWEEN).await;
        }
    }

    /// Columns for something live besides the time at the end of its line; none without a terminal.
    pub fn live_width(&self) -> Option<u16> {
        const TIME: u16 = 10;
        self.progress
            .is_live()
            .then(|| progress::width().saturating_sub(TIME))
    }

    /// A screen for what is drawn again and again; none for programs, and where stdout is no terminal.
    pub fn screen(&self) -> Option<Screen> {
        self.progress.finish();
        match self.format {
            Format::Human => Screen::open(),
            Format::Json => None,
        }
    }

    /// Prints the command's data: `human` is used for people.
    pub fn data<T: Serialize>(&self, data: &T, human: impl FnOnce() -> String) {
        self.progress.finish();
        match self.format {
            Format::Human => to_stdout(&human()),
            Format::Json => to_stdout(&format!(
                "{:#}",
                json::envelope(self.command, Some(data), None)
            )),
        };
    }

    /// Prints data for people only: where a failure follows, whose envelope carries the data.
    pub fn human(&self, human: impl FnOnce() -> String) {
        self.progress.finish();
        if self.format == Format::Human {
            to_stdout(&human());
        }
    }

    /// Prints one line of talk.
    pub fn say(&self, line: &str) {
        if self.format == Format::Human {
            self.progress.line(line);
        }
    }

    /// Prints a failure; data that was there before it goes along.
    pub fn failure<T: Serialize>(&self, failure: &Failure, data: Option<&T>) {
        self.progress.finish();
        match self.format {
            Format::Human => to_stderr(&format!("{:?}", failure.report)),
            Format::Json => {
                let envelope = json::envelope(self.command, data, Some(failure));
                let one_line = self.endless.load(Ordering::Relaxed);
                to_stdout(&if one_line {
                    format!("{envelope}")
                } else {
                    format!("{envelope:#}")
                });
            }
        }
    }

    /// Is a person there to be asked?
    pub fn can_ask(&self) -> bool {
        self.format == Format::Human
            && std::io::stdin().is_terminal()
            && std::io::stderr().is_terminal()
    }

    /// Asks for a line of text. An interruption is seen while the answer is waited for.
    pub async fn ask(&self, question: &str) -> std::io::Result<String> {
        self.progress.finish();
        console::Term::stderr().write_str(question)?;
        let answer = tokio::task::spawn_blocking(|| console::Term::stderr().read_line());
        answer.await.map_err(std::io::Error::other)?
    }
}

impl Sink for Renderer {
    fn emit(&self, event: Event) {
        match self.format {
            Format::Human => self.progress.event(&event),
            Format::Json => {
                let at_ms = (self.begun.elapsed().as_secs_f64() * 1_000_000.0).round() / 1_000.0;
                to_stderr(&json::line(&Line { at_ms, event }));
            }
        }
    }
}

/// Writes text for the shell (`eval`) or a file: no envelope, no style.
pub fn raw(text: &str) {
    to_stdout(text);
}

/// Nobody may read the talk any more: what is being done goes on.
fn to_stderr(text: &str) {
    let text = coloured(text, |colours| colours.stderr);
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Which streams show colours. One may be a terminal and the other a file.
struct Colours {
    stdout: bool,
    stderr: bool,
}

static COLOURS: OnceLock<Colours> = OnceLock::new();

/// The text as a stream takes it: without colours where it has none.
fn coloured(text: &str, stream: impl Fn(&Colours) -> bool) -> Cow<'_, str> {
    match COLOURS.get() {
        Some(colours) if !stream(colours) => console::strip_ansi_codes(text),
        _ => Cow::Borrowed(text),
    }
}

/// Is somebody there to read stdout? A file and a terminal always are.
fn is_read() -> bool {
    let stdout = std::io::stdout();
    let mut looked = [PollFd::new(&stdout, PollFlags::empty())];
    // What cannot be asked is written to as ever.
    rustix::event::poll(&mut looked, Some(&Timespec::default())).is_err()
        || !looked[0].revents().contains(PollFlags::ERR)
}

/// False when the reader closed the pipe early (`head`), which is not a failure.
fn to_stdout(text: &str) -> bool {
    let mut stdout = std::io::stdout().lock();
    let text = coloured(text.trim_end_matches('\n'), |colours| colours.stdout);
    text.is_empty()
        || writeln!(stdout, "{text}")
            .and_then(|()| stdout.flush())
            .is_ok()
}

/// Sets how diagnostics and colours look, once per process.
pub fn set_up(no_color: bool) {
    let wanted = !no_color && std::env::var_os("NO_COLOR").is_none();
    let colours = Colours {
        stdout: wanted && console::colors_enabled(),
        stderr: wanted && console::colors_enabled_stderr(),
    };
    // Styles know one switch: it is on when any stream shows colours, and the other one is stripped.
    console::set_colors_enabled(colours.stdout || colours.stderr);
    console::set_colors_enabled_stderr(colours.stderr);
    let color = colours.stderr;
    // The first call in one process counts.
    let _ = COLOURS.set(colours);
    // The hook is set once; a second call in one process (tests) keeps the first.
    let _ = miette::set_hook(Box::new(move |_| {
        Box::new(
            miette::MietteHandlerOpts::new()
                .color(color)
                .unicode(true)
                .terminal_links(false)
                .width(
                    usize::from(
                        console::Term::stderr()
                            .size_checked()
                            .map_or(100, |size| size.1),
                    )
                    .clamp(60, 120),
                )
                .build(),
        )
    }));
}

/// Text of the exit code table, for `--help`.
pub fn exit_codes() -> String {
    crate::exit::ALL.iter().fold(
        "Exit codes:".to_owned(),
        |text, (exit, meaning): &(Exit, &str)| format!("{text}\n  {:>3}  {meaning}", exit.code()),
    )
}
