//! Runs cargo and reads what it says while it works.

use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;

use super::PackageEvent;
use super::messages::Messages;

/// Runs a command whose output is cargo's. The outer error is that it did not start.
pub async fn run(
    command: &mut Command,
    messages: &mut Messages,
    said: &mut String,
    events: &dyn Fn(PackageEvent),
) -> std::io::Result<std::io::Result<ExitStatus>> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let reading = async {
        tokio::try_join!(
            lines(stdout, |line| messages.take(&line)),
            lines(stderr, |line| {
                if is_progress(&line) {
                    events(PackageEvent::Progress { line });
                } else if !line.trim().is_empty() {
                    said.push_str(&line);
                    said.push('\n');
                    events(PackageEvent::Cargo { line });
                }
            })
        )
    };
    let read = reading.await;
    let status = child.wait().await;
    Ok(read.and(status))
}

/// Is this cargo's bar, which is drawn again and again?
fn is_progress(line: &str) -> bool {
    let line = line.trim_start();
    ["Building [", "Fetch [", "Fetch ", "Downloading ["]
        .iter()
        .any(|begin| line.starts_with(begin))
}

/// Calls `each` with every line; a bar ends with a carriage return. Bytes that are not UTF-8 become
/// replacement characters.
async fn lines<R: AsyncRead + Unpin>(
    stream: Option<R>,
    mut each: impl FnMut(String),
) -> std::io::Result<()> {
    let Some(stream) = stream else {
        return Ok(());
    };
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        let bytes = reader.fill_buf().await?;
        if bytes.is_empty() {
            break;
        }
        let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let taken = end.map_or(bytes.len(), |at| at + 1);
        line.extend_from_slice(&bytes[..end.unwrap_or(taken)]);
        reader.consume(taken);
        if end.is_some() {
            each(String::from_utf8_lossy(&line).into_owned());
            line.clear();
        }
    }
    if !line.is_empty() {
        each(String::from_utf8_lossy(&line).into_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_end_with_either_return_and_the_bar_is_told_apart() {
        let text = b"   Compiling a v0.1.0\n    Building [=>  ] 1/2: a\r\nend \xff".as_slice();
        let mut found = Vec::new();
        lines(Some(text), |line| found.push(line))
            .await
            .expect("read");
        assert_eq!(
            found,
            [
                "   Compiling a v0.1.0",
                "    Building [=>  ] 1/2: a",
                "",
                "end \u{fffd}"
            ]
        );
        let bars: Vec<bool> = found.iter().map(|line| is_progress(line)).collect();
        assert_eq!(bars, [false, true, false, false]);
    }
}
