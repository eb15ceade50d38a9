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
use sha2::{Digest as _, Sha256};

use crate::package::Artifact;
use crate::stack::model::{Function, Kind, LogicalId, Stack};
use crate::target::Target;

pub use attrs::{
    AtLeast, Attrs, Change, Identities, Identity, Live, Observed, Owner, Resolved, Survey, Tags,
    Want, Wanted, differing,
};
pub use cause::{Cause, cause};
pub use context::{Context, Note, Service};
pub use error::CallError;
pub use function::unreserved_concurrency;
pub use mapping::tuned;

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

    /// What the physical name of everything of the stack begins with.
    pub fn prefix(stack: &str) -> String {
        format!("{stack}-")
    }

    /// Physical name of a queue, table or function, and of a bucket where names are per account.
    pub fn name(&self, stack: &Stack, name: &str) -> String {
        format!("{}{name}", Self::prefix(&stack.name))
    }

    /// What the name of a bucket ends with where names are shared with every other account.
    fn bucket_suffix(&self) -> String {
        if self.target.capabilities().global_bucket_names {
            format!("-{}-{}", self.target.account, self.target.region())
        } else {
            String::new()
        }
    }

    /// A bucket's name with what it has to end with.
    pub fn with_bucket_suffix(&self, name: String) -> String {
        name + &self.bucket_suffix()
    }

    /// Identity of the bucket `name` of the stack.
    pub fn bucket(&self, stack: &Stack, name: &str) -> Identity {
        self.bucket_named(self.with_bucket_suffix(self.name(stack, name)))
    }

    /// Identity of a bucket by its physical name.
    pub fn bucket_named(&self, physical: String) -> Identity {
        Identity {
            arn: Some(format!("arn:{}:s3:::{physical}", self.target.partition())),
            name: physical,
            ..Identity::default()
        }
    }

    /// Name in the stack of something called `physical`; none for what does not begin as the stack's.
    pub fn name_in_stack<'a>(&self, stack: &str, physical: &'a str) -> Option<&'a str> {
        physical
            .strip_prefix(&Self::prefix(stack))
            .filter(|name| !name.is_empty())
    }

    /// As [`Place::name_in_stack`], of a bucket.
    pub fn bucket_in_stack<'a>(&self, stack: &str, physical: &'a str) -> Option<&'a str> {
        self.name_in_stack(stack, physical.strip_suffix(&self.bucket_suffix())?)
    }

    /// Identity of the queue `name` of the stack.
    pub fn queue(&self, stack: &Stack, name: &str) -> Identity {
        self.queue_named(self.name(stack, name))
    }

    /// Identity of a queue by its physical name.
    pub fn queue_named(&self, physical: String) -> Identity {
        let target = &self.target;
        let known = target.capabilities().queue_url_from_endpoint;
        let endpoint = target.endpoint().filter(|_| known);
        Identity {
            url: endpoint.map(|endpoint| format!("{endpoint}/{}/{physical}", target.account)),
            arn: Some(self.arn("sqs", &physical)),
            name: physical,
            ..Identity::default()
        }
    }

    /// Identity of the table `name` of the stack.
    pub fn table(&self, stack: &Stack, name: &str) -> Identity {
        self.table_named(self.name(stack, name))
    }

    /// Identity of a table by its physical name.
    pub fn table_named(&self, physical: String) -> Identity {
        Identity {
            arn: Some(self.arn("dynamodb", &format!("table/{physical}"))),
            name: physical,
            ..Identity::default()
        }
    }

    /// Identity of the function `name` of the stack.
    pub fn function(&self, stack: &Stack, name: &str) -> Identity {
        self.function_named(self.name(stack, name))
    }

    /// Identity of a function by its physical name.
    pub fn function_named(&self, physical: String) -> Identity {
        Identity {
            arn: Some(self.arn("lambda", &format!("function:{physical}"))),
            name: physical,
            ..Identity::default()
        }
    }

    /// Are the roles of functions made here, and by us?
    pub fn makes_roles(&self) -> bool {
        let capabilities = self.target.capabilities();
        capabilities.roles && !capabilities.learner_lab
    }

    /// ARN of the role that a function runs with.
    pub fn role_of(&self, stack: &Stack, function: &Function) -> String {
        if let Some(named) = &function.role {
            return self.iam_arn("role", named);
        }
        if let Some(shared) = &self.target.shared_role {
            return shared.clone();
        }
        if self.makes_roles() {
            return self.role(stack, &function.name).arn.unwrap_or_default();
        }
        // Nobody looks whether it is there.
        self.iam_arn("role", &self.name(stack, &function.name))
    }

    /// Identity of the role of the function `name` of the stack. Roles are of the whole account, so their
    /// names carry the region.
    pub fn role(&self, stack: &Stack, name: &str) -> Identity {
        let whole = format!("{}{}", self.name(stack, name), self.role_suffix());
        self.role_named(&stack.name, fitting(whole, ROLE_NAME))
    }

    /// Identity of a role of the stack by its physical name.
    pub fn role_named(&self, stack: &str, physical: String) -> Identity {
        let path = self.role_path(stack);
        Identity {
            arn: Some(self.iam_arn("role", &format!("{}{physical}", &path[1..]))),
            name: physical,
            ..Identity::default()
        }
    }

    /// Path of all roles of a stack in this region: they are listed by it.
    pub fn role_path(&self, stack: &str) -> String {
        format!("{ROLES}{stack}/{}/", self.target.region())
    }

    /// As [`Place::name_in_stack`], of a role; none also for a name that had to be cut.
    pub fn role_in_stack<'a>(&self, stack: &str, physical: &'a str) -> Option<&'a str> {
        self.name_in_stack(stack, physical.strip_suffix(&self.role_suffix())?)
    }

    fn role_suffix(&self) -> String {
        format!("-{}", self.target.region())
    }

    /// ARN of a role or policy of this account; one that is written as an ARN is it.
    pub fn iam_arn(&self, kind: &str, named: &str) -> String {
        if named.starts_with("arn:") {
            return named.to_owned();
        }
        let (partition, account) = (self.target.partition(), &self.target.account);
        format!("arn:{partition}:iam::{account}:{kind}/{named}")
    }

    /// Identity of the log group of the function `name` of the stack.
    pub fn log_group(&self, stack: &Stack, name: &str) -> Identity {
        self.log_group_named(format!("{}{}", log_group::FOLDER, self.name(stack, name)))
    }

    /// Identity of the log group called `name`.
    pub fn log_group_named(&self, name: String) -> Identity {
        Identity {
            arn: Some(self.arn("logs", &format!("log-group:{name}"))),
            name,
            ..Identity::default()
        }
    }
}

/// What the paths of all roles that pipectl makes begin with.
const ROLES: &str = "/pipectl/";
/// Longest name of a role. Source: IAM API reference, CreateRole.
const ROLE_NAME: usize = 64;

/// A name that fits: one that is too long is cut, and ends with what tells it from others that are cut alike.
fn fitting(whole: String, longest: usize) -> String {
    if whole.len() <= longest {
        return whole;
    }
    let print = hex::encode(&Sha256::digest(whole.as_bytes())[..4]);
    // Names are ASCII here: any place is one to cut at.
    format!("{}-{print}", &whole[..longest - print.len() - 1])
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
