//! Stage 2: the kinds of resource. One kind, one file: what a stack wants of it, how it is
//! observed, ensured, synced and deleted. [`KINDS`] is the registry that every later stage goes
//! through.

pub mod attrs;
mod bucket;
pub mod error;
mod function;
mod log_group;
mod mapping;
mod notification;
mod permission;
mod queue;
mod table;

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::package::Artifact;
use crate::stack::model::{Kind, LogicalId, Stack};
use crate::target::{Clients, Target};

pub use attrs::{
    Attrs, Change, Identities, Identity, Live, Observed, Resolved, Want, Wanted, compare,
};
pub use error::CallError;

/// All kinds that pipectl provisions by itself.
pub const KINDS: &[&dyn ResourceKind] = &[
    &bucket::BucketKind,
    &queue::QueueKind,
    &table::TableKind,
    &log_group::LogGroupKind,
    &function::FunctionKind,
    &permission::PermissionKind,
    &notification::NotificationKind,
    &mapping::MappingKind,
];

/// The implementation of a kind. Kinds that pipectl does not provision have none.
pub fn of(kind: Kind) -> Option<&'static dyn ResourceKind> {
    KINDS
        .iter()
        .copied()
        .find(|implementation| implementation.kind() == kind)
}

/// What names and ARNs are made of, and what was packaged: all that "wanted" depends on besides
/// the stack.
#[derive(Debug, Clone)]
pub struct Place {
    /// The target.
    pub target: Target,
    /// Artifacts by function name. None while only identities matter (`status`, `down`): then the
    /// code is not compared.
    pub artifacts: Option<BTreeMap<String, Artifact>>,
}

impl Place {
    /// ARN of a resource in this account and region.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!(
            "arn:{}:{service}:{}:{}:{resource}",
            self.target.partition(),
            self.target.region(),
            self.target.account
        )
    }

    /// Physical name of a queue, table or function, and of a bucket where names are per account.
    pub fn name(&self, stack: &Stack, name: &str) -> String {
        format!("{}-{name}", stack.name)
    }

    /// Identity of the bucket `name` of the stack.
    pub fn bucket(&self, stack: &Stack, name: &str) -> Identity {
        let mut physical = self.name(stack, name);
        if self.target.capabilities().global_bucket_names {
            physical = format!(
                "{physical}-{}-{}",
                self.target.account,
                self.target.region()
            );
        }
        Identity {
            arn: Some(format!("arn:{}:s3:::{physical}", self.target.partition())),
            name: physical,
            url: None,
        }
    }

    /// Identity of the queue `name` of the stack.
    pub fn queue(&self, stack: &Stack, name: &str) -> Identity {
        let physical = self.name(stack, name);
        let url = self.target.capabilities().queue_url_from_endpoint.then(|| {
            format!(
                "{}/{}/{physical}",
                self.target.endpoint, self.target.account
            )
        });
        Identity {
            arn: Some(self.arn("sqs", &physical)),
            name: physical,
            url,
        }
    }

    /// Identity of the table `name` of the stack.
    pub fn table(&self, stack: &Stack, name: &str) -> Identity {
        let physical = self.name(stack, name);
        Identity {
            arn: Some(self.arn("dynamodb", &format!("table/{physical}"))),
            name: physical,
            url: None,
        }
    }

    /// Identity of the function `name` of the stack.
    pub fn function(&self, stack: &Stack, name: &str) -> Identity {
        let physical = self.name(stack, name);
        Identity {
            arn: Some(self.arn("lambda", &format!("function:{physical}"))),
            name: physical,
            url: None,
        }
    }
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
}

/// Tag that names the stack a resource belongs to.
pub const TAG_STACK: &str = "pipectl:stack";
/// Tag that names the logical id of a resource.
pub const TAG_ID: &str = "pipectl:id";

impl Context {
    /// The tags that make a resource ours.
    pub fn tags(&self, id: &LogicalId) -> [(String, String); 2] {
        [
            (TAG_STACK.to_owned(), self.stack.clone()),
            (TAG_ID.to_owned(), id.to_string()),
        ]
    }

    /// What a resource that is there counts as, by its tags.
    pub fn owned_by<'a>(
        &self,
        tags: impl IntoIterator<Item = (&'a str, &'a str)>,
        live: Live,
    ) -> Observed {
        if self.owns(tags) {
            Observed::Owned(live)
        } else {
            Observed::Unowned(live)
        }
    }

    /// Are these the tags of a resource of ours?
    pub fn owns<'a>(&self, tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> bool {
        tags.into_iter()
            .any(|(key, value)| key == TAG_STACK && value == self.stack)
    }
}

/// One kind of resource: all there is to know of it.
///
/// Every method may be called again after it failed in the middle, or after it succeeded: the end
/// state is the same.
#[async_trait]
pub trait ResourceKind: Sync {
    /// Which kind.
    fn kind(&self) -> Kind;

    /// What the stack wants, without asking anybody.
    fn wanted(&self, stack: &Stack, place: &Place) -> Vec<Wanted>;

    /// Fields that cannot be changed in place.
    fn fixed_fields(&self) -> &'static [&'static str] {
        &[]
    }

    /// Does replacing or deleting it lose data of the user?
    fn stores_data(&self) -> bool {
        false
    }

    /// What the target has under the wanted identity.
    async fn observe(&self, cx: &Context, wanted: &Wanted) -> Result<Observed, CallError>;

    /// Is there data of the user in it?
    async fn holds_data(&self, _cx: &Context, _identity: &Identity) -> Result<bool, CallError> {
        Ok(false)
    }

    /// Makes it exist; returns what is live now, which [`ResourceKind::sync`] then completes.
    async fn ensure(&self, cx: &Context, wanted: &Resolved) -> Result<Live, CallError>;

    /// Makes every field as wanted; makes no call for those that already are.
    async fn sync(&self, cx: &Context, wanted: &Resolved, live: &Live) -> Result<(), CallError>;

    /// Removes it with all it holds; success when it is not there.
    async fn delete(&self, cx: &Context, live: &Live) -> Result<(), CallError>;
}

/// All that a stack wants, in the order of [`KINDS`], and the identities known beforehand.
pub fn wanted(stack: &Stack, place: &Place) -> (Vec<Wanted>, Identities) {
    let all: Vec<Wanted> = KINDS
        .iter()
        .flat_map(|kind| kind.wanted(stack, place))
        .collect();
    let identities = all
        .iter()
        .map(|wanted| (wanted.id.clone(), wanted.identity.clone()))
        .collect();
    (all, identities)
}
