//! Where resources are: what their names and ARNs are made of, known before anything exists.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::{Identity, log_group};
use crate::package::Artifact;
use crate::stack::model::{Function, Stack};
use crate::target::Target;

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
pub(super) const ROLES: &str = "/pipectl/";
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
