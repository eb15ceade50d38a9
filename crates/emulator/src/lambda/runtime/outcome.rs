//! How an invocation ends, and how that is worded.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Finished, MAX_RESPONSE_BYTES};

/// How an invocation ended.
#[derive(Debug)]
pub(in crate::lambda) enum Outcome {
    /// The function answered.
    Answered(Bytes),
    /// The function reported an error; AWS's error object.
    Error(Bytes),
    /// It ran out of time.
    TimedOut(Duration),
    /// The process ended without an answer.
    Exited(String),
    /// The process reported an error, or ended, before it asked for work.
    InitFailed(Value),
}

impl Outcome {
    /// The answer is larger than Lambda hands on.
    pub(super) fn too_large() -> Self {
        let error = json!({
            "errorType": "Function.ResponseSizeTooLarge",
            "errorMessage": format!("Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes)."),
        });
        Self::Error(Bytes::from(error.to_string()))
    }

    /// Must the process go?
    pub(super) fn ends_environment(&self) -> bool {
        !matches!(self, Self::Answered(_) | Self::Error(_))
    }

    /// AWS's error object, with the word of `X-Amz-Function-Error`; none when it answered.
    pub(in crate::lambda) fn error(&self, request_id: &str) -> Option<(&'static str, Value)> {
        let unhandled = |value| Some(("Unhandled", value));
        match self {
            Self::Answered(_) => None,
            Self::Error(bytes) => {
                let value = serde_json::from_slice(bytes)
                    .unwrap_or_else(|_| json!({ "errorMessage": String::from_utf8_lossy(bytes) }));
                unhandled(value)
            }
            Self::TimedOut(timeout) => unhandled(json!({
                "errorType": "Sandbox.Timedout",
                "errorMessage": format!("RequestId: {request_id} Error: Task timed out after {:.2} seconds", timeout.as_secs_f64()),
            })),
            Self::Exited(how) => unhandled(json!({
                "errorType": "Runtime.ExitError",
                "errorMessage": format!("RequestId: {request_id} Error: Runtime exited {how}"),
            })),
            Self::InitFailed(value) => unhandled(value.clone()),
        }
    }
}

/// How a process ended, in the words of `Runtime.ExitError`.
pub(super) fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(0), _) => "without providing a reason".to_owned(),
        (Some(code), _) => format!("with error: exit status {code}"),
        (None, Some(signal)) => {
            let dumped = if status.core_dumped() {
                " (core dumped)"
            } else {
                ""
            };
            format!("with error: signal: {}{dumped}", signal_name(signal))
        }
        (None, None) => "with error: unknown".to_owned(),
    }
}

/// The name that Lambda's platform gives a signal.
fn signal_name(signal: i32) -> String {
    use rustix::process::Signal;
    let names = [
        (Signal::HUP, "hangup"),
        (Signal::INT, "interrupt"),
        (Signal::QUIT, "quit"),
        (Signal::ILL, "illegal instruction"),
        (Signal::TRAP, "trace/breakpoint trap"),
        (Signal::ABORT, "aborted"),
        (Signal::BUS, "bus error"),
        (Signal::FPE, "floating point exception"),
        (Signal::KILL, "killed"),
        (Signal::USR1, "user defined signal 1"),
        (Signal::SEGV, "segmentation fault"),
        (Signal::USR2, "user defined signal 2"),
        (Signal::PIPE, "broken pipe"),
        (Signal::ALARM, "alarm clock"),
        (Signal::TERM, "terminated"),
    ];
    names
        .iter()
        .find(|(known, _)| known.as_raw() == signal)
        .map_or_else(|| signal.to_string(), |(_, name)| (*name).to_owned())
}

/// An invocation whose process could not be started at all.
pub(super) fn not_started(request_id: &str, error: std::io::Error) -> Finished {
    let text = format!("Error: cannot run bootstrap: {error}");
    Finished {
        log_tail: format!("RequestId: {request_id} {text}\n"),
        outcome: Outcome::InitFailed(json!({
            "errorType": "Runtime.InvalidEntrypoint",
            "errorMessage": format!("RequestId: {request_id} {text}"),
        })),
    }
}

/// AWS's report line. // aws-behaviours L19
pub(super) fn report(
    request_id: &str,
    took: Duration,
    memory_mb: u32,
    peak_mb: u64,
    init: Option<Duration>,
) -> String {
    let ms = |duration: Duration| duration.as_secs_f64() * 1_000.0;
    // Custom runtimes are billed for their init, too.
    let billed = (ms(took) + init.map_or(0.0, ms)).ceil();
    let init = init.map_or_else(String::new, |init| {
        format!("\tInit Duration: {:.2} ms", ms(init))
    });
    format!(
        "REPORT RequestId: {request_id}\tDuration: {:.2} ms\tBilled Duration: {billed:.0} ms\tMemory Size: {memory_mb} MB\tMax Memory Used: {peak_mb} MB{init}",
        ms(took)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// aws-behaviours L19
    #[test]
    fn the_report_line_is_that_of_aws() {
        let cold = report(
            "r",
            Duration::from_micros(1_234),
            256,
            12,
            Some(Duration::from_millis(20)),
        );
        assert_eq!(
            cold,
            "REPORT RequestId: r\tDuration: 1.23 ms\tBilled Duration: 22 ms\tMemory Size: 256 MB\tMax Memory Used: 12 MB\tInit Duration: 20.00 ms"
        );
        assert!(!report("r", Duration::ZERO, 128, 1, None).contains("Init"));
    }

    #[test]
    fn errors_carry_the_types_of_aws() {
        let kind = |outcome: Outcome| {
            let (word, error) = outcome.error("r").expect("an error");
            assert_eq!(word, "Unhandled");
            error["errorType"].as_str().unwrap_or_default().to_owned()
        };
        assert_eq!(
            kind(Outcome::TimedOut(Duration::from_secs(3))),
            "Sandbox.Timedout"
        );
        assert_eq!(
            kind(Outcome::Exited(how(ExitStatus::from_raw(256)))),
            "Runtime.ExitError"
        );
        assert_eq!(
            kind(Outcome::Error(Bytes::from_static(
                br#"{"errorType":"Mine"}"#
            ))),
            "Mine"
        );
        assert!(Outcome::Answered(Bytes::new()).error("r").is_none());
        assert_eq!(how(ExitStatus::from_raw(256)), "with error: exit status 1");
        let ended = |raw| how(ExitStatus::from_raw(raw));
        assert_eq!(ended(9), "with error: signal: killed");
        assert_eq!(ended(6 | 0x80), "with error: signal: aborted (core dumped)");
    }
}
