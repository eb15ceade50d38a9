//! Stage 2: the kinds of resource. One kind, one file: what a stack wants of it, how it is
//! observed, ensured, synced and deleted. [`KINDS`] is the registry that every later stage goes
//! through.

pub mod attrs;
mod bucket;
mod bucket_contents;
mod bucket_settings;
mod cause;
mod code;
mod context;
pub mod error;
mod function;
mod log_group;
mod mapping;
mod notification;
mod permission;
mod place;
mod policy;
mod queue;
mod role;
mod role_policy;
mod table;
mod template;
mod template_changes;
mod template_state;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use crate::stack::model::{Kind, LogicalId, Stack};

pub use attrs::{
    AtLeast, Attrs, Change, Identities, Identity, Live, Observed, Owner, Resolved, Survey, Tags,
    Want, Wanted, differing,
};
pub use cause::{Cause, cause};
pub use context::{Context, Note, Service};
pub use error::CallError;
pub use function::{unreserved_concurrency, wait_updated};
pub use mapping::tuned;
pub use place::Place;

/// All kinds that pipectl provisions by itself.
pub const KINDS: &[&dyn ResourceKind] = &[
    &bucket::BucketKind,
    &queue::QueueKind,
    &table::TableKind,
    &role::RoleKind,
    &log_group::LogGroupKind,
    &function::FunctionKind,
    &permission::PermissionKind,
    &notification::NotificationKind,
    &mapping::MappingKind,
    &template::TemplateKind,
];

/// The implementation of a kind. Kinds that pipectl does not provision have none.
pub fn of(kind: Kind) -> Option<&'static dyn ResourceKind> {
    KINDS
        .iter()
        .copied()
        .find(|implementation| implementation.kind() == kind)
}

/// Something of ours by its name, as a listing tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Logical id and identity, with what the kind needs in order to observe it.
    pub wanted: Wanted,
    /// What the listing tells of it, where that is all that a look at it would tell, but for tags.
    pub live: Option<Live>,
}

/// What an update would do inside of something that only the target can look into.
#[derive(Debug, Default)]
pub struct Preview {
    /// It would do nothing at all.
    pub nothing: bool,
    /// What it would change.
    pub changes: Vec<Change>,
    /// What it would delete or make anew although it may hold data of the user's, in words.
    pub loses: Vec<String>,
}

/// One kind of resource: all there is to know of it.
///
/// Every method may be called again after it failed in the middle, or after it succeeded: the end
/// state is the same.
#[async_trait]
pub trait ResourceKind: Sync {
    /// Which kind.
    fn kind(&self) -> Kind;

    /// The service whose calls it makes.
    fn service(&self) -> Service;

    /// What the stack wants, without asking anybody.
    fn wanted(&self, stack: &Stack, place: &Place) -> Vec<Wanted>;

    /// Fields that cannot be changed in place.
    fn fixed_fields(&self) -> &'static [&'static str] {
        &[]
    }

    /// Fields that are shown also when it is made: what they say is worth reading before it is done. A field
    /// stands for those below it.
    fn shown_when_made(&self) -> &'static [&'static str] {
        &[]
    }

    /// Can one of nobody's be taken over, where somebody asks for it?
    fn adoptable(&self) -> bool {
        true
    }

    /// Can replacing or deleting it lose data of the user?
    fn stores_data(&self) -> bool {
        false
    }

    /// The kind that it is a part of. Such a kind has no list of its own.
    fn within(&self) -> Option<Kind> {
        None
    }

    /// Everything at the target whose name begins as ours do: of this kind, or with
    /// [`ResourceKind::within`], of this kind within one resource of the other.
    async fn list(&self, cx: &Context, within: Option<&Wanted>) -> Result<Vec<Listed>, CallError>;

    /// What the target has under the wanted identity. `listed` is what a listing told of it a moment
    /// ago, if it did.
    async fn observe(
        &self,
        cx: &Context,
        wanted: &Wanted,
        listed: Option<&Live>,
    ) -> Result<Observed, CallError>;

    /// Is there data of the user in it?
    async fn holds_data(&self, _cx: &Context, _live: &Live) -> Result<bool, CallError> {
        Ok(false)
    }

    /// Makes it exist, owned from the first moment; returns what is live now, which
    /// [`ResourceKind::sync`] then completes. Fails with what [`cause`] calls [`Cause::Taken`] when it
    /// is there already.
    async fn ensure(&self, cx: &Context, wanted: &Resolved) -> Result<Live, CallError>;

    /// What an update would do inside of it, where only the target knows. What was prepared for that is noted
    /// in `live`, which [`ResourceKind::sync`] then gets.
    async fn preview(
        &self,
        _cx: &Context,
        _wanted: &Resolved,
        _live: &mut Live,
    ) -> Result<Preview, CallError> {
        Ok(Preview::default())
    }

    /// Takes back what a preview prepared and nobody carries out.
    async fn forget_preview(&self, _cx: &Context, _live: &Live) -> Result<(), CallError> {
        Ok(())
    }

    /// The identity of what is as wanted now: what others refer to.
    async fn completed(&self, _cx: &Context, live: &Live) -> Result<Identity, CallError> {
        Ok(live.identity.clone())
    }

    /// Makes every field as wanted; makes no call for those that already are.
    async fn sync(&self, cx: &Context, wanted: &Resolved, live: &Live) -> Result<(), CallError>;

    /// Sets tags; all others stay. Never called where [`Live::tags`] is none.
    async fn tag(&self, _cx: &Context, _live: &Live, _tags: &Tags) -> Result<(), CallError> {
        Ok(())
    }

    /// Removes it; success when it is not there. What it holds goes along only if `lose_data`.
    async fn delete(&self, cx: &Context, live: &Live, lose_data: bool) -> Result<(), CallError>;
}

/// All that a stack wants, in the order of [`KINDS`], and the identities known beforehand.
pub fn wanted(stack: &Stack, place: &Place) -> (Vec<Wanted>, Identities) {
    let mut all: Vec<Wanted> = KINDS
        .iter()
        .flat_map(|kind| kind.wanted(stack, place))
        .collect();
    let identities: Identities = all
        .iter()
        .map(|wanted| (wanted.id.clone(), wanted.identity.clone()))
        .collect();
    for wanted in &mut all {
        // Names and ARNs are known beforehand: only what is not must be waited for.
        let unknown: Vec<LogicalId> = wanted.unknown_references(&identities).cloned().collect();
        wanted.depends_on.extend(unknown);
    }
    start_last(&mut all);
    (all, identities)
}

/// What starts functions comes after everything that they work with.
fn start_last(all: &mut [Wanted]) {
    let used: BTreeMap<LogicalId, BTreeSet<LogicalId>> = all
        .iter()
        .filter(|wanted| wanted.id.kind == Kind::Function)
        .map(|function| (function.id.clone(), function.uses.clone()))
        .collect();
    for wanted in all {
        if !matches!(wanted.id.kind, Kind::Mapping | Kind::Notification) {
            continue;
        }
        let own = wanted.id.clone();
        let needed: Vec<LogicalId> = wanted
            .depends_on
            .iter()
            .filter_map(|id| used.get(id))
            .flatten()
            .filter(|id| **id != own)
            .cloned()
            .collect();
        wanted.depends_on.extend(needed);
    }
}
