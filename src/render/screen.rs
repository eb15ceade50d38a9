//! A screen of its own on a terminal, for what is drawn anew as a whole: what was there before comes back when
//! it goes.

use std::io::{IsTerminal, Write};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::coloured;

/// The alternate screen, without a cursor.
const ENTER: &str = "\u{1b}[?1049h\u{1b}[?25l";
const LEAVE: &str = "\u{1b}[?25h\u{1b}[?1049l";
/// To the first line; the rest of the line, and of the screen.
const HOME: &str = "\u{1b}[H";
const REST_OF_LINE: &str = "\u{1b}[K";
const REST_OF_SCREEN: &str = "\u{1b}[J";

/// Columns and lines.
pub type Size = (usize, usize);

/// As long as it exists, stdout shows what is drawn on it.
pub struct Screen {
    resizes: Option<Signal>,
}

impl Screen {
    /// None where stdout is no terminal, or one that cannot move its cursor.
    pub(super) fn open() -> Option<Self> {
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        if is_dumb || !std::io::stdout().is_terminal() || !write(ENTER) {
            return None;
        }
        Some(Self {
            resizes: signal(SignalKind::window_change()).ok(),
        })
    }

    /// How much fits. The last column stays free: what is written there may wrap.
    pub fn size(&self) -> Size {
        let (lines, columns) = console::Term::stdout().size();
        (usize::from(columns).saturating_sub(1), usize::from(lines))
    }

    /// Draws the lines that fit. False once the terminal is gone.
    pub fn draw(&mut self, frame: impl FnOnce(Size) -> Vec<String>) -> bool {
        let size = self.size();
        let lines = frame(size);
        let lines = lines.iter().take(size.1);
        let lines: Vec<_> = lines
            .map(|line| coloured(line, |colours| colours.stdout))
            .collect();
        let text = lines.join(&format!("{REST_OF_LINE}\n"));
        write(&format!("{HOME}{text}{REST_OF_LINE}{REST_OF_SCREEN}"))
    }

    /// Returns when the terminal has another size.
    pub async fn resized(&mut self) {
        match &mut self.resizes {
            Some(resizes) => {
                resizes.recv().await;
            }
            None => std::future::pending().await,
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        write(LEAVE);
    }
}

fn write(text: &str) -> bool {
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .is_ok()
}
