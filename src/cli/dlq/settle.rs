//! `pipectl dlq redrive` and `drop`.

use serde::Serialize;

use super::office::Office;
use super::{DropArgs, Ended, RedriveArgs, Stop, change};
use crate::apply::Cancel;
use crate::operate::dead_letters::{
    DeadLetterError, DeadLetterQueue, Desk, Meant, Report, discard, redrive,
};
use crate::render::{Renderer, human, style::plural};
use crate::resource::CallError;
use crate::stack::model::LogicalId;

/// Ids that are told when somebody interrupted: more of them is nothing to copy.
const MOST_IDS: usize = 20;

#[derive(Debug, Serialize)]
struct SettledData {
    stack: String,
    target: String,
    queues: Vec<Report>,
    /// Ids that are of no letter.
    not_found: Vec<String>,
}

pub(super) async fn redrive(
    office: &Office,
    args: RedriveArgs,
    renderer: &Renderer,
    cancel: &Cancel,
) -> Ended {
    let _draining = cancel.drain();
    let desk = Desk {
        cx: &office.cx,
        cancel,
        rate: args.rate,
        sink: renderer,
    };
    let meant = args.which.meant();
    let mut data = SettledData::new(office);
    if meant == Meant::All {
        for queue in &office.queues {
            if cancel.is_asked() {
                data.queues.push(Report::untouched(&queue.id));
                continue;
            }
            let report = redrive::all(&desk, queue).await;
            data.add(office, queue, report)?;
        }
    } else {
        let (chosen, of_queue) = office.chosen(&meant, cancel).await?;
        data.not_found = chosen.missing;
        for (queue, (letters, _)) in office.queues.iter().zip(of_queue) {
            if !letters.is_empty() {
                let report = redrive::some(&desk, queue, letters).await;
                data.add(office, queue, report)?;
            }
        }
    }
    let ending = Ending {
        verb: "redriven",
        meant: &meant,
        of: office.named(),
    };
    ending.verdict(&data, renderer, cancel)
}

pub(super) async fn discard(
    office: &Office,
    args: DropArgs,
    renderer: &Renderer,
    cancel: &Cancel,
) -> Ended {
    let meant = args.which.meant();
    let draining = cancel.drain();
    let (chosen, of_queue) = office.chosen(&meant, cancel).await?;
    drop(draining);
    let mut data = SettledData::new(office);
    data.not_found = chosen.missing;
    if !args.force && !chosen.messages.is_empty() {
        let letters = plural(chosen.messages.len(), "dead letter");
        if !renderer.can_ask() {
            return Err(DeadLetterError::NotForced { letters }.into());
        }
        let question =
            format!("{letters} will be deleted for good. Type the stack's name to delete: ");
        change::confirm(&office.stack, &question, renderer).await?;
    }
    // Only what was asked about: what came meanwhile stays.
    let _draining = cancel.drain();
    let desk = Desk {
        cx: &office.cx,
        cancel,
        rate: None,
        sink: renderer,
    };
    for (queue, (letters, more)) in office.queues.iter().zip(of_queue) {
        if !letters.is_empty() {
            let report = discard::some(&desk, queue, letters).await;
            let report = report.map(|report| report.map(|report| Report { more, ..report }));
            data.add(office, queue, report)?;
        }
    }
    let ending = Ending {
        verb: "deleted",
        meant: &meant,
        of: office.named(),
    };
    ending.verdict(&data, renderer, cancel)
}

impl SettledData {
    fn new(office: &Office) -> Self {
        Self {
            stack: office.stack.name.clone(),
            target: office.target(),
            queues: Vec::new(),
            not_found: Vec::new(),
        }
    }

    /// Takes what became of the letters of one queue. Once something was done, a failure does not end the
    /// command without telling of it.
    fn add(
        &mut self,
        office: &Office,
        queue: &DeadLetterQueue,
        report: Result<Option<Report>, CallError>,
    ) -> Result<(), Stop> {
        let report = match report {
            Err(error) if self.queues.iter().any(|report| report.done > 0) => {
                Report::impossible(&queue.id, &error)
            }
            other => office.there(queue, other)?,
        };
        self.queues.push(report);
        Ok(())
    }
}

/// What was asked for.
struct Ending<'a> {
    verb: &'static str,
    meant: &'a Meant,
    of: Option<&'a LogicalId>,
}

impl Ending<'_> {
    /// Tells what was done; exit 75 when somebody interrupted and some are left, 1 when some could not be
    /// dealt with.
    fn verdict(&self, data: &SettledData, renderer: &Renderer, cancel: &Cancel) -> Ended {
        let verb = self.verb;
        let sum = |count: fn(&Report) -> u64| data.queues.iter().map(count).sum::<u64>();
        let (done, left) = (sum(|report| report.done), sum(|report| report.left));
        let failed = sum(|report| report.failed.len() as u64) as usize + data.not_found.len();
        let unfinished = left > 0 || data.queues.iter().any(|report| report.more);
        let words = || human::settled(verb, &data.queues, &data.not_found, self.of);
        let error = if cancel.is_asked() && unfinished {
            DeadLetterError::Interrupted {
                verb,
                done,
                left,
                go_on: self.go_on(data),
            }
        } else if failed > 0 {
            DeadLetterError::Failed {
                verb,
                failed: plural(failed, "dead letter"),
                done,
            }
        } else {
            renderer.data(data, words);
            return Ok(());
        };
        renderer.human(words);
        Err(Stop::with_data(error, data))
    }

    /// How to continue. Of ids that were given, the same command would not find those that are done.
    fn go_on(&self, data: &SettledData) -> String {
        let left = data.queues.iter().flat_map(|report| &report.left_ids);
        let left: Vec<&str> = left.map(String::as_str).collect();
        match self.meant {
            Meant::Ids(_) if left.len() <= MOST_IDS => {
                format!(
                    "run it again with the ids that are left: {}",
                    left.join(" ")
                )
            }
            Meant::Ids(_) => format!(
                "run the same command again to continue; ids that it does not find then were {} now",
                self.verb
            ),
            Meant::All => "run the same command again to continue".to_owned(),
        }
    }
}
