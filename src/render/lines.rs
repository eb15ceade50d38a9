//! Events in words: what stays on the screen of each. Plain functions of the event, so that recorded
//! events give the same text again.

use console::StyledObject;

use super::package::because;
use super::style::{bad, bytes, dim, duration, good, hint, plural, warn};
use crate::event::{Event, Stretch};
use crate::plan::Action;

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detail {
    /// Also what is otherwise left out.
    pub verbose: bool,
    /// Something live shows what is going on: lines that only say so are left out.
    pub live: bool,
}

/// The line that stays of an event, if one does.
pub fn line(event: &Event, detail: Detail) -> Option<String> {
    let verbose = detail.verbose;
    match event {
        // Where nothing is live, a build that takes its time is seen by what it compiles.
        Event::CargoSaid { line } => {
            let compiles = line.trim_start().starts_with("Compiling");
            (verbose || (!detail.live && compiles)).then(|| dim(line).to_string())
        }
        Event::ArtifactReady {
            function,
            zip_bytes,
            built: true,
            why,
            elapsed,
        } => {
            let reason = if verbose {
                format!(" {}", dim(because(why, true)))
            } else {
                String::new()
            };
            Some(format!(
                "{} {function}, {} zipped, in {}{reason}",
                good("packaged"),
                bytes(*zip_bytes),
                duration(*elapsed)
            ))
        }
        Event::ArtifactReady {
            function,
            zip_bytes,
            built: false,
            why,
            ..
        } => verbose.then(|| {
            format!(
                "{} {function}, {} {}",
                dim("unchanged"),
                bytes(*zip_bytes),
                dim(because(why, false))
            )
        }),
        // Where nothing is live, the ends of its parts say how far it is.
        Event::BenchProgressed {
            files,
            of,
            failed,
            on_their_way,
            p50_ms,
        } => {
            verbose.then(|| super::bench::progress((*files, *of), *failed, *on_their_way, *p50_ms))
        }
        Event::BenchStageEnded {
            what,
            files,
            failed,
            p50_ms,
        } => Some(super::bench::stage(what, *files, *failed, *p50_ms)),
        Event::BenchLeft { what } => Some(format!("{} {what}", warn("left:"))),
        Event::CycleRoundEnded {
            n,
            of,
            first_up_ms,
            no_op_ms,
            code_change_ms,
            down_ms,
        } => Some(format!(
            "{} {n} of {of}: first up {}, no-op {}, code change {}, down {}",
            good("round"),
            crate::number::ms(*first_up_ms),
            crate::number::ms(*no_op_ms),
            crate::number::ms(*code_change_ms),
            crate::number::ms(*down_ms)
        )),
        Event::CopyChanged {
            target,
            copy,
            what,
            elapsed,
        } => Some(format!(
            "{} {target}: {copy} in {}",
            good(what),
            duration(*elapsed)
        )),
        Event::ScenarioPlayed {
            target,
            scenario,
            seen,
            n,
            of,
            elapsed,
        } => (verbose || !detail.live || !seen).then(|| {
            let word = if *seen {
                good("played")
            } else {
                bad("not played to its end")
            };
            format!(
                "{word} {target}: {scenario} in {} {}",
                duration(*elapsed),
                dim(format!("({n} of {of})"))
            )
        }),
        Event::CostEstimated { target, usd, of } => Some(format!(
            "{} {target}: about ${usd:.2} at most ({of})",
            hint("cost")
        )),
        Event::EmbeddedStarted { endpoint, pid } => Some(format!(
            "{} the embedded target at {} (pid {pid})",
            good("started"),
            hint(endpoint)
        )),
        Event::EmbeddedStopped { pid } => Some(format!(
            "{} the embedded target (pid {pid})",
            good("stopped")
        )),
        Event::AccountUsed { account, region } => {
            Some(format!("{} {account} in {region}", hint("account")))
        }
        Event::LearnerLabUsed {
            role,
            max_concurrency,
        } => {
            let role = role.as_ref().map_or_else(String::new, |role| {
                let name = role.rsplit('/').next().unwrap_or(role);
                format!("functions run with its {name}; ")
            });
            Some(format!(
                "{} {role}a mapping runs {max_concurrency} invocations at most; what is up when the session ends goes on costing",
                warn("Learner Lab:")
            ))
        }
        Event::ClocksDiffered { place, ahead_s } => Some(format!(
            "{} the clock of {place} is {} s {} this machine's; times are taken as that clock tells them",
            warn("clocks differ:"),
            ahead_s.abs(),
            if *ahead_s > 0 { "ahead of" } else { "behind" }
        )),
        Event::StackMissed {
            place,
            product,
            was,
        } => Some(match was {
            Some(was) => format!(
                "{} nothing of the stack is at {place}: it was {was}, and is {product} now; all is made anew",
                warn("gone:")
            ),
            None => format!(
                "{} nothing of the stack is at {place} any more: {product} was probably started anew; all is made anew",
                warn("gone:")
            ),
        }),
        Event::Tuned { id, product } => Some(format!(
            "{} {id}: a batching window, which {product} uses as a long poll; --no-tuning leaves it out",
            hint("tuned")
        )),
        Event::PartNotMade { id, part, kind } => Some(format!(
            "{} {part} of {id}: the endpoint does not know {kind}",
            warn("not made")
        )),
        Event::Unread { id, fields } => Some(format!(
            "{} {id}: {} may not be read with these credentials; taken to be as wanted",
            warn("unknown"),
            fields.join(", ")
        )),
        Event::Skipped { id, why } => Some(format!("{} {id}: {why}", warn("skipped"))),
        Event::StepRetried {
            id,
            cause,
            error,
            pause,
            notable,
        } => {
            // Short ones come and go with every race; what takes long is told, once.
            (verbose || *notable).then(|| {
                format!(
                    "{} {id}: waiting for {}, {} {}",
                    warn("again"),
                    cause.waiting_for(),
                    duration(*pause),
                    dim(error)
                )
            })
        }
        Event::StepFinished {
            id,
            name,
            action,
            elapsed,
        } => Some(format!(
            "{} {id} {} {}",
            signed(*action),
            dim(name),
            dim(duration(*elapsed))
        )),
        Event::StepFailed {
            id, action, error, ..
        } => Some(format!(
            "{} {id} {} {error}",
            bad(action.sign()),
            bad("failed:")
        )),
        Event::StepInterrupted { id, what } => {
            Some(format!("{} {id}, which waited for {what}", warn("stopped")))
        }
        Event::StepSkipped { id, because } => Some(format!(
            "{} {id}, because {because} failed",
            warn("skipped")
        )),
        Event::LogGroupMissed { function, group } => Some(format!(
            "{} {function}: its log group {group} is not there; the first invocation or `pipectl up` makes it",
            warn("no logs")
        )),
        Event::Interrupted => Some(format!(
            "{}: finishing what is on its way; once more ends at once",
            warn("interrupted")
        )),
        Event::Applied { .. } => Some(applied(event, verbose)),
        Event::Uploaded { file, key, elapsed } => verbose.then(|| {
            format!(
                "{} {file} as {} in {}",
                good("uploaded"),
                hint(key),
                duration(*elapsed)
            )
        }),
        Event::StepEmptied { id, objects } => {
            // One line per page of 1,000 where nothing is live.
            (!detail.live && *objects >= 1_000).then(|| {
                format!(
                    "{} {id}: {} so far",
                    dim("deleted"),
                    plural(*objects as usize, "object")
                )
            })
        }
        Event::DeadLettersSettled { queue, done, of } => {
            // One line per hundred where nothing is live; the end is told by the command.
            let round = *done > 0 && done % 100 == 0 && done < of;
            (!detail.live && round).then(|| format!("{} {queue}: {done} of {of}", dim("so far")))
        }
        Event::PackagingStarted { .. }
        | Event::CargoProgressed { .. }
        | Event::Planned { .. }
        | Event::StepStarted { .. }
        | Event::StepWaiting { .. }
        | Event::UploadStarted { .. }
        | Event::UploadProgressed { .. }
        | Event::ResultSeen { .. } => None,
    }
}

/// The sign of an action that was carried out.
fn signed(action: Action) -> StyledObject<&'static str> {
    match action {
        Action::Delete | Action::Replace => warn(action.sign()),
        _ => good(action.sign()),
    }
}

/// The last line of a plan that was carried out.
fn applied(event: &Event, verbose: bool) -> String {
    let Event::Applied {
        done,
        failed,
        skipped,
        not_started,
        elapsed,
        critical_path,
    } = event
    else {
        return String::new();
    };
    let mut text = format!("{} done in {}", plural(*done, "change"), duration(*elapsed));
    for (count, word) in [
        (*failed, "failed"),
        (*skipped, "not tried because of that"),
        (*not_started, "left to do"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {count} {word}"));
        }
    }
    if verbose && !critical_path.is_empty() {
        let chain: Vec<String> = critical_path
            .iter()
            .map(|Stretch { id, elapsed }| format!("{id} {}", duration(*elapsed)))
            .collect();
        text.push_str(&format!(
            "\n{} {}",
            dim("critical path:"),
            chain.join(" → ")
        ));
    }
    text
}
