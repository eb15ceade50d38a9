//! Talk while something is going on: on a terminal a board of what is at work, drawn again and again
//! below the lines that stay; elsewhere the lines alone.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::board::Board;
use super::lines::{Detail, line};
use crate::event::Event;

/// Pause between two drawings.
const TICK: Duration = Duration::from_millis(100);

/// Columns that are drawn on. The terminal writes `^C` behind what is drawn, which would begin a new line
/// in the last columns, and the line above would stay.
pub fn width() -> u16 {
    const ECHO: u16 = 3;
    let columns = console::Term::stderr()
        .size_checked()
        .map_or(100, |size| size.1);
    columns.saturating_sub(ECHO)
}

/// Shows events as they come.
pub struct Progress {
    detail: Detail,
    begun: Instant,
    board: Arc<Mutex<Board>>,
    bar: Mutex<Option<Bar>>,
}

/// What is drawn below the lines.
enum Bar {
    Board(ProgressBar),
    Upload(ProgressBar),
}

impl Bar {
    fn inner(&self) -> &ProgressBar {
        match self {
            Self::Board(bar) | Self::Upload(bar) => bar,
        }
    }
}

impl Progress {
    /// `live`: on a terminal. `verbose`: also what is otherwise left out. `begun`: when the command did.
    pub fn new(live: bool, verbose: bool, begun: Instant) -> Self {
        Self {
            detail: Detail { verbose, live },
            begun,
            board: Arc::default(),
            bar: Mutex::default(),
        }
    }

    /// Is there a terminal to draw on?
    pub fn is_live(&self) -> bool {
        self.detail.live
    }

    /// Takes away what is drawn.
    pub fn finish(&self) {
        let bar = self.bar.lock().expect("no holder panics").take();
        if let Some(bar) = bar {
            bar.inner().finish_and_clear();
        }
    }

    /// Prints a line above what is drawn.
    pub fn line(&self, line: &str) {
        match &*self.bar.lock().expect("no holder panics") {
            Some(bar) => bar.inner().suspend(|| super::to_stderr(line)),
            None => super::to_stderr(line),
        }
    }

    /// Shows one event.
    pub fn event(&self, event: &Event) {
        let at = self.begun.elapsed();
        let is_over = {
            let mut board = self.board.lock().expect("no holder panics");
            board.event(event, at);
            board.frame(at, usize::from(u16::MAX)).is_empty()
        };
        match event {
            Event::UploadStarted { file, bytes } => self.upload(file, *bytes),
            Event::UploadProgressed { bytes, .. } => {
                if let Some(bar) = &*self.bar.lock().expect("no holder panics") {
                    bar.inner().set_position(*bytes);
                }
            }
            _ if is_over => self.finish(),
            _ => self.draw(),
        }
        if let Some(text) = line(event, self.detail) {
            self.line(&text);
        }
    }

    /// Sees to it that the board is drawn.
    fn draw(&self) {
        let mut bar = self.bar.lock().expect("no holder panics");
        if !self.detail.live || matches!(&*bar, Some(Bar::Board(_))) {
            return;
        }
        if let Some(old) = bar.take() {
            old.inner().finish_and_clear();
        }
        let (board, begun) = (Arc::clone(&self.board), self.begun);
        let frame = move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
            let width = usize::from(width());
            let lines = board
                .lock()
                .map(|board| board.frame(begun.elapsed(), width))
                .unwrap_or_default();
            // Writing to what is drawn next cannot fail.
            let _ = out.write_str(&lines.join("\n"));
        };
        let new = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{board}") {
            new.set_style(style.with_key("board", frame));
        }
        // Nothing is drawn for what ends within the first tick.
        new.enable_steady_tick(TICK);
        *bar = Some(Bar::Board(new));
    }

    fn upload(&self, file: &str, bytes: u64) {
        if !self.detail.live {
            return;
        }
        let new = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr());
        let template = "{wide_msg} {bar:24.cyan/dim} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            new.set_style(style);
        }
        new.set_message(file.to_owned());
        let old = self
            .bar
            .lock()
            .expect("no holder panics")
            .replace(Bar::Upload(new));
        if let Some(old) = old {
            old.inner().finish_and_clear();
        }
    }
}
