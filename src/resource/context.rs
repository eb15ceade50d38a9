//! What every call needs: clients, the place, whose resources are ours, and a way to say what is
//! waited for.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use super::attrs::{self, Attrs, Live, Observed, Owner, Resolved, Tags, Wanted};
use super::{CallError, Place};
use crate::target::Clients;
use crate::wait::{self, Look};

/// Services that calls go to, each with a limit of its own on calls at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// S3.
    S3,
    /// SQS.
    Sqs,
    /// DynamoDB.
    DynamoDb,
    /// Lambda.
    Lambda,
    /// CloudWatch Logs.
    Logs,
    /// IAM.
    Iam,
    /// CloudFormation.
    CloudFormation,
}

/// Something that happens in the middle of a step, for those who watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// It is waited for something.
    Waiting {
        /// For what, e.g. `table active`.
        what: &'static str,
        /// The last state seen.
        last: String,
    },
    /// A part of it was passed over: the endpoint does not know its type.
    NotMade {
        /// Logical id in the template.
        part: String,
        /// Type.
        kind: String,
    },
    /// Objects were deleted.
    Emptied {
        /// How many so far.
        objects: u64,
    },
}

/// What calls need.
#[derive(Debug, Clone)]
pub struct Context {
    /// SDK clients.
    pub clients: Clients,
    /// Where.
    pub place: Place,
    /// Name of the stack: whose resources are ours.
    pub stack: String,
    /// Cancelled when somebody interrupts: waits end then.
    pub stop: CancellationToken,
    /// Who hears what happens in the middle of a step.
    pub notes: Option<UnboundedSender<Note>>,
    /// Megabytes of code that may be on their way at once.
    pub code: Arc<Semaphore>,
}

/// Megabytes of code on their way at once. A request holds its zip about three times (as read, in base64,
/// and in its body), so this bounds the memory of an `up` however many functions there are.
pub(super) const CODE_AT_ONCE: u32 = 8;

impl Context {
    /// For the stack called `stack`; nobody listens and nobody interrupts.
    pub fn new(place: Place, stack: impl Into<String>) -> Self {
        Self {
            clients: Clients::new(&place.target),
            place,
            stack: stack.into(),
            stop: CancellationToken::new(),
            notes: None,
            code: Arc::new(Semaphore::new(CODE_AT_ONCE as usize)),
        }
    }

    /// The tags of a resource with all wanted attributes applied.
    pub fn tags(&self, wanted: &Resolved) -> Tags {
        attrs::our_tags(&self.stack, &wanted.id, &wanted.attrs)
    }

    /// The tags of a resource that was made with these attributes so far.
    pub fn tags_with(&self, wanted: &Resolved, attrs: &Attrs) -> Tags {
        attrs::our_tags(&self.stack, &wanted.id, attrs)
    }

    /// What a resource that is there counts as, by its tags. CloudFormation passes the tags of a template on to
    /// what the template makes: such a thing is the template's, and its id tells so.
    pub fn owned_by_tags(&self, wanted: &Wanted, live: Live) -> Observed {
        let kind = live.tagged_id().map(|id| id.kind);
        let is_of_kind = kind.is_none_or(|kind| kind == wanted.id.kind);
        if is_of_kind && live.owner() == Owner::Stack(self.stack.clone()) {
            Observed::Owned(live)
        } else {
            Observed::Unowned(live)
        }
    }

    /// Says what happens in the middle of a step.
    pub fn note(&self, note: Note) {
        if let Some(notes) = &self.notes {
            // Whoever listened may have gone: then nobody wants to know.
            let _ = notes.send(note);
        }
    }

    /// Waits until `look` finds that it has happened, or the deadline has passed, or somebody
    /// interrupts.
    pub async fn wait<T, F, Fut>(
        &self,
        what: &'static str,
        deadline: Duration,
        mut look: F,
    ) -> Result<T, CallError>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<Look<T>, CallError>>,
    {
        let poll = self.place.target.row.deadlines.poll;
        wait::until(what, deadline, poll, || {
            let looked = look();
            async move {
                let looked = looked.await?;
                if let Look::NotYet(last) = &looked {
                    if self.stop.is_cancelled() {
                        return Err(CallError::interrupted(what));
                    }
                    let last = last.clone();
                    self.note(Note::Waiting { what, last });
                }
                Ok(looked)
            }
        })
        .await
    }
}
