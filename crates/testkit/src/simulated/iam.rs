//! As much of IAM as making and deleting roles with inline policies takes: the query protocol, and
//! answers in XML with policies percent-encoded, as AWS gives them.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use hyper::Response;
use hyper::body::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::Instant;

use super::answer::{self, Refused, element, list};
use crate::fault::operation::Query;

const NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";

/// A role.
#[derive(Debug, Clone)]
struct Role {
    path: String,
    name: String,
    arn: String,
    trust: String,
    description: Option<String>,
    session: String,
    boundary: Option<String>,
    tags: BTreeMap<String, String>,
    policies: BTreeMap<String, String>,
    made: Instant,
}

/// The roles of an account.
#[derive(Debug)]
pub struct Iam {
    account: String,
    roles: Mutex<BTreeMap<String, Role>>,
}

impl Iam {
    /// With no roles.
    pub fn new(account: &str) -> Self {
        Self {
            account: account.to_owned(),
            roles: Mutex::default(),
        }
    }

    /// How many roles there are.
    ///
    /// # Panics
    /// Never, unless another user of it did.
    pub fn roles(&self) -> usize {
        self.roles.lock().expect("no holder panics").len()
    }

    /// Makes a role now, by its ARN, past the API.
    ///
    /// # Panics
    /// For what is no ARN of a role.
    pub fn make(&self, arn: &str) {
        let (_, path) = arn.split_once(":role").expect("an ARN of a role");
        let (path, name) = path.rsplit_once('/').expect("an ARN of a role");
        let form = Query::of(&format!("RoleName={name}&Path={path}/"));
        self.create(&form).expect("a new role");
    }

    /// How long ago the role of an ARN was made; none where there is none.
    ///
    /// # Panics
    /// Never, unless another user of it did.
    pub fn age(&self, arn: &str) -> Option<Duration> {
        let roles = self.roles.lock().expect("no holder panics");
        let role = roles.values().find(|role| role.arn == arn)?;
        Some(role.made.elapsed())
    }

    /// Answers a call.
    pub(super) fn answer(&self, operation: &str, form: &Query) -> Response<Bytes> {
        let result = match operation {
            "CreateRole" => self.create(form),
            "ListRoles" => Ok(self.list(form)),
            "DeleteRole" => self.delete(form),
            _ => self.on_role(operation, form),
        };
        answer::query(NAMESPACE, operation, result)
    }

    fn create(&self, form: &Query) -> Result<String, Refused> {
        let name = field(form, "RoleName")?;
        let mut roles = self.roles.lock().expect("no holder panics");
        if roles.contains_key(name) {
            let message = format!("Role with name {name} already exists.");
            return Err(Refused::new(409, "EntityAlreadyExists", message));
        }
        let path = form.value("Path").unwrap_or("/");
        let role = Role {
            path: path.to_owned(),
            name: name.to_owned(),
            arn: format!("arn:aws:iam::{}:role{path}{name}", self.account),
            trust: form
                .value("AssumeRolePolicyDocument")
                .unwrap_or("{}")
                .into(),
            description: form.value("Description").map(str::to_owned),
            session: form.value("MaxSessionDuration").unwrap_or("3600").into(),
            boundary: form.value("PermissionsBoundary").map(str::to_owned),
            tags: tags(form).collect(),
            policies: BTreeMap::new(),
            made: Instant::now(),
        };
        let told = told(&role, true);
        roles.insert(name.to_owned(), role);
        Ok(told)
    }

    /// Neither tags nor boundaries are in a list.
    fn list(&self, form: &Query) -> String {
        let prefix = form.value("PathPrefix").unwrap_or("/");
        let roles = self.roles.lock().expect("no holder panics");
        let found = roles.values().filter(|role| role.path.starts_with(prefix));
        list("Roles", found.map(|role| inside(role, false))) + "<IsTruncated>false</IsTruncated>"
    }

    fn delete(&self, form: &Query) -> Result<String, Refused> {
        let name = field(form, "RoleName")?;
        let mut roles = self.roles.lock().expect("no holder panics");
        let role = roles.get(name).ok_or_else(|| no_role(name))?;
        // aws-behaviours I7
        if !role.policies.is_empty() {
            let message = "Cannot delete entity, must delete policies first.";
            return Err(Refused::new(409, "DeleteConflict", message));
        }
        roles.remove(name);
        Ok(String::new())
    }

    fn on_role(&self, operation: &str, form: &Query) -> Result<String, Refused> {
        let name = field(form, "RoleName")?;
        let mut roles = self.roles.lock().expect("no holder panics");
        let role = roles.get_mut(name).ok_or_else(|| no_role(name))?;
        let not_truncated = "<IsTruncated>false</IsTruncated>";
        match operation {
            "GetRole" => return Ok(told(role, true)),
            "ListRoleTags" => return Ok(list_tags(role) + not_truncated),
            "TagRole" => role.tags.extend(tags(form)),
            "UntagRole" => {
                for key in numbered(form, |n| format!("TagKeys.member.{n}")) {
                    role.tags.remove(key);
                }
            }
            "ListRolePolicies" => {
                let names = role.policies.keys().map(|name| answer_text(name));
                return Ok(list("PolicyNames", names) + not_truncated);
            }
            "ListAttachedRolePolicies" => {
                return Ok(list("AttachedPolicies", std::iter::empty()) + not_truncated);
            }
            "GetRolePolicy" => {
                let policy = field(form, "PolicyName")?;
                let document = role.policies.get(policy);
                let document = document.ok_or_else(|| no_policy(policy))?;
                return Ok(element("RoleName", Some(name))
                    + &element("PolicyName", Some(policy))
                    + &element("PolicyDocument", Some(&encoded(document))));
            }
            "PutRolePolicy" => {
                let policy = field(form, "PolicyName")?.to_owned();
                let document = field(form, "PolicyDocument")?.to_owned();
                role.policies.insert(policy, document);
            }
            "DeleteRolePolicy" => {
                let policy = field(form, "PolicyName")?;
                let gone = role.policies.remove(policy);
                gone.ok_or_else(|| no_policy(policy))?;
            }
            "UpdateAssumeRolePolicy" => field(form, "PolicyDocument")?.clone_into(&mut role.trust),
            "UpdateRole" => {
                role.description = form.value("Description").map(str::to_owned);
                if let Some(session) = form.value("MaxSessionDuration") {
                    session.clone_into(&mut role.session);
                }
            }
            "PutRolePermissionsBoundary" => {
                role.boundary = Some(field(form, "PermissionsBoundary")?.to_owned());
            }
            "DeleteRolePermissionsBoundary" => role.boundary = None,
            other => {
                let message = format!("the simulated IAM does not know {other}");
                return Err(Refused::new(501, "NotImplemented", message));
            }
        }
        Ok(String::new())
    }
}

fn no_role(name: &str) -> Refused {
    let message = format!("The role with name {name} cannot be found.");
    Refused::new(404, "NoSuchEntity", message)
}

fn no_policy(name: &str) -> Refused {
    let message = format!("The role policy with name {name} cannot be found.");
    Refused::new(404, "NoSuchEntity", message)
}

fn field<'f>(form: &'f Query, name: &str) -> Result<&'f str, Refused> {
    form.value(name).ok_or_else(|| {
        let message = format!("the field {name} is missing");
        Refused::new(400, "ValidationError", message)
    })
}

/// The values of fields that are numbered from 1.
fn numbered<'f>(
    form: &'f Query,
    name: impl Fn(usize) -> String + 'f,
) -> impl Iterator<Item = &'f str> {
    (1..).map_while(move |n| form.value(&name(n)))
}

fn tags(form: &Query) -> impl Iterator<Item = (String, String)> {
    let keys = numbered(form, |n| format!("Tags.member.{n}.Key"));
    let values = numbered(form, |n| format!("Tags.member.{n}.Value"));
    keys.zip(values)
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
}

fn encoded(document: &str) -> String {
    utf8_percent_encode(document, NON_ALPHANUMERIC).to_string()
}

fn answer_text(text: &str) -> String {
    // Names of policies have no characters that XML minds.
    text.to_owned()
}

fn told(role: &Role, whole: bool) -> String {
    format!("<Role>{}</Role>", inside(role, whole))
}

fn inside(role: &Role, whole: bool) -> String {
    let mut told = element("Path", Some(&role.path))
        + &element("RoleName", Some(&role.name))
        + &element("RoleId", Some("AROASIMULATED00000001"))
        + &element("Arn", Some(&role.arn))
        + &element("CreateDate", Some("2026-01-01T00:00:00Z"))
        + &element("AssumeRolePolicyDocument", Some(&encoded(&role.trust)))
        + &element("Description", role.description.as_deref())
        + &element("MaxSessionDuration", Some(&role.session));
    if whole {
        if let Some(boundary) = &role.boundary {
            let kind = element("PermissionsBoundaryType", Some("Policy"));
            let arn = element("PermissionsBoundaryArn", Some(boundary));
            told += &format!("<PermissionsBoundary>{kind}{arn}</PermissionsBoundary>");
        }
        told += &list_tags(role);
    }
    told
}

fn list_tags(role: &Role) -> String {
    let tags = role.tags.iter();
    let tags = tags.map(|(key, value)| element("Key", Some(key)) + &element("Value", Some(value)));
    list("Tags", tags)
}
