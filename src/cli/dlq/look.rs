//! `pipectl dlq ls` and `show`.

use model::JobResult;
use serde::Serialize;

use super::office::{Office, not_interrupted};
use super::{Ended, ShowArgs};
use crate::apply::Cancel;
use crate::operate::dead_letters::read::{self, Detail};
use crate::operate::dead_letters::{
    DeadLetter, DeadLetterError, Look, Meant, choose, explain, look,
};
use crate::render::{Renderer, human};
use crate::stack::model::LogicalId;

/// Letters of one queue that a list shows.
const MOST_LISTED: usize = 1_000;

/// One queue with what waits in it.
#[derive(Debug, Serialize)]
struct QueueData {
    queue: LogicalId,
    name: String,
    dead_letters_of: Vec<LogicalId>,
    letters: Vec<DeadLetter>,
    /// Messages that are hidden, and so not listed.
    hidden: u64,
    /// Was the list ended before everything was seen?
    more: bool,
}

#[derive(Debug, Serialize)]
struct LsData {
    stack: String,
    target: String,
    queues: Vec<QueueData>,
}

#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    detail: Detail,
    result: Option<JobResult>,
}

#[derive(Debug, Serialize)]
struct ShowData {
    stack: String,
    target: String,
    letters: Vec<Shown>,
}

pub(super) async fn ls(office: &Office, renderer: &Renderer, cancel: &Cancel) -> Ended {
    let mut seen = office.read_all(MOST_LISTED, cancel).await?;
    for (queue, (_, letters)) in office.queues.iter().zip(&mut seen) {
        explain(&office.cx, queue, letters).await;
    }
    let queues = office.queues.iter().zip(seen);
    let data = LsData {
        stack: office.stack.name.clone(),
        target: office.target(),
        queues: queues
            .map(|(queue, (look, letters))| QueueData {
                queue: queue.id.clone(),
                name: queue.queue.name.clone(),
                dead_letters_of: queue.of(),
                letters,
                hidden: look.hidden,
                more: look.more,
            })
            .collect(),
    };
    renderer.data(&data, || {
        let shown = office.queues.iter().zip(&data.queues);
        let shown = shown.map(|(queue, data)| {
            let (hidden, more) = (data.hidden, data.more);
            (queue, Look { hidden, more }, &data.letters[..])
        });
        human::dead_letters(&shown.collect::<Vec<_>>())
    });
    Ok(())
}

pub(super) async fn show(
    office: &Office,
    args: ShowArgs,
    renderer: &Renderer,
    cancel: &Cancel,
) -> Ended {
    let id = &args.id;
    let mut details = Vec::new();
    let draining = cancel.drain();
    for queue in &office.queues {
        let see = |message: &_| {
            let letter = read::letter(message, queue);
            let mut ids = letter.files.iter().map(|file| &file.job_id);
            if letter.message_id.starts_with(id) || ids.any(|job| job.starts_with(id)) {
                details.push(read::detail(message, queue));
            }
        };
        let looked = look(&office.cx, &queue.queue, usize::MAX, cancel, see).await;
        office.there(queue, looked)?;
    }
    drop(draining);
    not_interrupted(cancel)?;
    let letters: Vec<DeadLetter> = details.iter().map(|d| d.letter.clone()).collect();
    let chosen = choose(&letters, &Meant::Ids(vec![id.clone()]))?;
    if chosen.messages.is_empty() {
        return Err(DeadLetterError::NoSuchLetter { id: id.clone() }.into());
    }
    details.retain(|detail| chosen.messages.contains(&detail.letter.message_id));
    let mut data = ShowData {
        stack: office.stack.name.clone(),
        target: office.target(),
        letters: Vec::new(),
    };
    for mut detail in details {
        if let Some(queue) = office.queues.iter().find(|q| q.id == detail.letter.queue) {
            explain(&office.cx, queue, std::slice::from_mut(&mut detail.letter)).await;
        }
        let result = office.result(&detail.letter).await?;
        data.letters.push(Shown { detail, result });
    }
    renderer.data(&data, || {
        let texts = data.letters.iter();
        let texts = texts.map(|shown| human::dead_letter(&shown.detail, shown.result.as_ref()));
        texts.collect::<Vec<_>>().join("\n\n")
    });
    Ok(())
}
