//! `pipectl dlq`: looking at dead letters ([`look`]), and redriving or deleting them ([`settle`]).

mod look;
mod office;
mod settle;

use clap::Subcommand;
use clap::builder::NonEmptyStringValueParser;

use super::{Ended, Global, Stop, change, session};
use crate::apply::Cancel;
use crate::operate::dead_letters::{Meant, queues};
use crate::render::Renderer;
use office::Office;

/// See, redrive and delete dead letters: of queues, and of asynchronous invocations that failed
#[derive(Debug, clap::Args)]
pub struct DlqArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Ls(LsArgs),
    Show(ShowArgs),
    Redrive(RedriveArgs),
    Drop(DropArgs),
}

/// List dead letters: which file, since when, how often tried, why; nothing is taken away
#[derive(Debug, clap::Args)]
struct LsArgs {
    /// Only of this dead letter queue
    #[arg(value_name = "QUEUE")]
    queue: Option<String>,
}

/// Show all that is on a dead letter: reason, history, attributes, body
#[derive(Debug, clap::Args)]
struct ShowArgs {
    /// Id of the message or of the job, or the beginning of one
    #[arg(value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    id: String,
}

/// Which letters.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// All that wait now
    #[arg(long)]
    all: bool,
    /// Ids of messages or of jobs, or the beginnings of some
    #[arg(value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    ids: Vec<String>,
}

/// Of which queue.
#[derive(Debug, clap::Args)]
struct Of {
    /// Only of this dead letter queue
    #[arg(long, value_name = "QUEUE")]
    queue: Option<String>,
}

impl Which {
    fn meant(self) -> Meant {
        if self.all {
            Meant::All
        } else {
            Meant::Ids(self.ids)
        }
    }
}

/// Send dead letters through the pipeline again: messages to their queue, failed invocations to their function
#[derive(Debug, clap::Args)]
struct RedriveArgs {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    of: Of,
    /// At most so many in a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=500))]
    rate: Option<u32>,
}

/// Delete dead letters for good
#[derive(Debug, clap::Args)]
struct DropArgs {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    of: Of,
    /// Delete without asking
    #[arg(long)]
    force: bool,
}

impl DlqArgs {
    /// As the envelope of JSON names it.
    pub(super) fn name(&self) -> &'static str {
        match self.verb {
            Verb::Ls(_) => "dlq ls",
            Verb::Show(_) => "dlq show",
            Verb::Redrive(_) => "dlq redrive",
            Verb::Drop(_) => "dlq drop",
        }
    }

    /// The only queue that is meant, if one is named.
    fn queue(&self) -> Option<&str> {
        match &self.verb {
            Verb::Ls(args) => args.queue.as_deref(),
            Verb::Show(_) => None,
            Verb::Redrive(args) => args.of.queue.as_deref(),
            Verb::Drop(args) => args.of.queue.as_deref(),
        }
    }
}

pub(super) async fn run(
    global: &Global,
    args: DlqArgs,
    renderer: &Renderer,
    cancel: &Cancel,
) -> Ended {
    let (stack, row) = session::recorded_row(global)?;
    let target = session::reach(global, &stack, &row, false, renderer).await?;
    if matches!(args.verb, Verb::Redrive(_) | Verb::Drop(_)) {
        session::agree(global, &stack, &target, renderer).await?;
    }
    let mut cx = session::context(&stack, target, None);
    cx.stop = cancel.token();
    // Before any message is received: a name that is none does nothing.
    let queues = queues::named(queues::all(&stack, &cx.place), args.queue())?;
    let office = Office {
        is_one_named: args.queue().is_some(),
        queues,
        stack,
        cx,
    };
    match args.verb {
        Verb::Ls(_) => look::ls(&office, renderer, cancel).await,
        Verb::Show(args) => look::show(&office, args, renderer, cancel).await,
        Verb::Redrive(args) => settle::redrive(&office, args, renderer, cancel).await,
        Verb::Drop(args) => settle::discard(&office, args, renderer, cancel).await,
    }
}
