//! IAM roles, one per function: Lambda takes it on, and it allows what the stack says and nothing else. Only
//! where the target has roles and lets us make them; elsewhere functions name one that is there.

use async_trait::async_trait;
use aws_sdk_iam::types::{Role, Tag};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::error::{absent, failed, permitted};
use super::policy::{same_statement, statements};
use super::{
    Attrs, CallError, Context, Listed, Live, Observed, Place, Resolved, ResourceKind, Service,
    Tags, Wanted, role_policy,
};
use crate::stack::model::{Kind, LogicalId, Stack};

/// IAM roles.
pub struct RoleKind;

const GONE: &[&str] = &["NoSuchEntity"];
/// Name of the one policy inside of a role.
const POLICY: &str = "pipectl";
/// Field of the trust policy.
const TRUST: &str = "trust";
/// Field of the path: the ARN that functions are given has it.
const PATH: &str = "path";
/// Field of the permissions boundary.
const BOUNDARY: &str = "permissions_boundary";
/// What the fields of the policy's statements begin with.
pub(super) const STATEMENTS: &str = "policy";

#[async_trait]
impl ResourceKind for RoleKind {
    fn kind(&self) -> Kind {
        Kind::Role
    }

    fn service(&self) -> Service {
        Service::Iam
    }

    fn wanted(&self, stack: &Stack, place: &Place) -> Vec<Wanted> {
        if !place.makes_roles() {
            return Vec::new();
        }
        let boundary = stack
            .permissions_boundary
            .as_ref()
            .map(|named| place.iam_arn("policy", named));
        stack
            .functions
            .iter()
            .filter(|function| function.role.is_none())
            .map(|function| {
                let id = LogicalId::new(Kind::Role, &function.name);
                let mut wanted = Wanted::new(id, place.role(stack, &function.name))
                    .with(PATH, place.role_path(&stack.name))
                    .with(TRUST, role_policy::trust())
                    .with_some(BOUNDARY, boundary.clone());
                for (sid, statement) in role_policy::statements(stack, place, function) {
                    wanted = wanted.with(format!("{STATEMENTS}.{sid}"), statement);
                }
                wanted.tagged = true;
                wanted
            })
            .collect()
    }

    fn fixed_fields(&self) -> &'static [&'static str] {
        &[PATH]
    }

    fn shown_when_made(&self) -> &'static [&'static str] {
        &[STATEMENTS, BOUNDARY]
    }

    async fn list(&self, cx: &Context, _within: Option<&Wanted>) -> Result<Vec<Listed>, CallError> {
        if !cx.place.makes_roles() {
            return Ok(Vec::new());
        }
        let path = cx.place.role_path(&cx.stack);
        // An account may have thousands. Where lists are all that is looked at, what is elsewhere and has a name
        // of ours must be seen too: it is in the way.
        let everywhere = cx.place.target.capabilities().current_lists;
        let prefix = (!everywhere).then(|| path.clone());
        let pages = cx.clients.iam.list_roles().set_path_prefix(prefix);
        let roles: Result<Vec<_>, _> = pages
            .into_paginator()
            .items()
            .send()
            .collect::<Result<_, _>>()
            .await
            .map_err(failed("ListRoles"));
        // Whoever names roles of their own need not be allowed to look for ours.
        let roles: Vec<_> = permitted(roles)?.unwrap_or_default();
        let in_the_way = |role: &Role| {
            // Those below are of other stacks, or of this one in other regions.
            !role.path.starts_with(super::place::ROLES)
                && cx.place.role_in_stack(&cx.stack, &role.role_name).is_some()
        };
        let ours = roles
            .into_iter()
            .filter(|role| role.path == path || in_the_way(role));
        let listed = ours.map(|role| {
            let name = cx.place.role_in_stack(&cx.stack, &role.role_name);
            let id = LogicalId::new(Kind::Role, name.unwrap_or(&role.role_name));
            let wanted = Wanted::new(id, cx.place.role_named(&cx.stack, role.role_name));
            Listed { wanted, live: None }
        });
        Ok(listed.collect())
    }

    async fn observe(
        &self,
        cx: &Context,
        wanted: &Wanted,
        _listed: Option<&Live>,
    ) -> Result<Observed, CallError> {
        let name = &wanted.identity.name;
        let role = async {
            let answer = cx.clients.iam.get_role().role_name(name).send().await;
            answer.map_err(failed("GetRole"))
        };
        let (role, policy) = futures::join!(role, read_policy(cx, name));
        let Some(role) = absent(role, GONE)?.and_then(|answer| answer.role) else {
            return Ok(Observed::Absent);
        };
        let resolved = wanted.resolve(&super::Identities::new());
        let mut attrs = Attrs::new();
        attrs.insert(PATH.to_owned(), role.path.clone().into());
        let trust = decoded("GetRole", role.assume_role_policy_document())?;
        attrs.insert(
            TRUST.to_owned(),
            match &statements(&trust)[..] {
                [one] => as_wanted(resolved.attrs.get(TRUST), one),
                other => other.into(),
            },
        );
        let boundary = role.permissions_boundary;
        if let Some(arn) = boundary.and_then(|boundary| boundary.permissions_boundary_arn) {
            attrs.insert(BOUNDARY.to_owned(), arn.into());
        }
        // One that may not be read is told as such; of a foreign role nothing of it matters.
        let policy = permitted(policy)?;
        let unread = policy.is_none();
        for (number, statement) in statements(&policy.unwrap_or_default())
            .into_iter()
            .enumerate()
        {
            let sid = statement["Sid"].as_str().map(str::to_owned);
            let field = format!("{STATEMENTS}.{}", sid.unwrap_or_else(|| number.to_string()));
            let value = as_wanted(resolved.attrs.get(&field), &statement);
            attrs.insert(field, value);
        }
        let tags = role.tags.unwrap_or_default();
        let mut live = Live {
            identity: wanted.identity.clone(),
            attrs,
            state: "Available".to_owned(),
            tags: Some(tags.into_iter().map(|tag| (tag.key, tag.value)).collect()),
            ..Live::default()
        };
        live.identity.arn = Some(role.arn);
        if unread {
            let fields = resolved
                .attrs
                .keys()
                .filter(|field| field.starts_with(STATEMENTS));
            let fields: Vec<&str> = fields.map(String::as_str).collect();
            live.leave_unread(wanted, &fields);
        }
        Ok(cx.owned_by_tags(wanted, live))
    }

    async fn ensure(&self, cx: &Context, wanted: &Resolved) -> Result<Live, CallError> {
        let trust = wanted.attrs.get(TRUST).cloned().unwrap_or_default();
        let attrs: Attrs = wanted
            .attrs
            .iter()
            .filter(|(field, _)| [PATH, TRUST, BOUNDARY].contains(&field.as_str()))
            .map(|(field, value)| (field.clone(), value.clone()))
            .collect();
        let tags = cx.tags_with(wanted, &attrs);
        // aws-behaviours I6
        let answer = cx
            .clients
            .iam
            .create_role()
            .role_name(&wanted.identity.name)
            .path(cx.place.role_path(&cx.stack))
            .description(format!("{} of {}, made by pipectl", wanted.id, cx.stack))
            .assume_role_policy_document(role_policy::document([("Lambda", &trust)]))
            .set_permissions_boundary(wanted.text(BOUNDARY).map(str::to_owned))
            .set_tags(Some(tag_list("CreateRole", &tags)?))
            .send()
            .await
            .map_err(failed("CreateRole"))?;
        let mut live = Live {
            identity: wanted.identity.clone(),
            attrs,
            tags: Some(tags),
            ..Live::default()
        };
        live.identity.arn = answer.role.map(|role| role.arn).or(live.identity.arn);
        Ok(live)
    }

    async fn sync(&self, cx: &Context, wanted: &Resolved, live: &Live) -> Result<(), CallError> {
        let changes = super::differing(wanted, &live.attrs);
        let name = &wanted.identity.name;
        let iam = &cx.clients.iam;
        if changes.contains(TRUST) {
            let trust = wanted.attrs.get(TRUST).cloned().unwrap_or_default();
            iam.update_assume_role_policy()
                .role_name(name)
                .policy_document(role_policy::document([("Lambda", &trust)]))
                .send()
                .await
                .map_err(failed("UpdateAssumeRolePolicy"))?;
        }
        // The boundary first: at no moment does the role allow more than it bounds.
        if changes.contains(BOUNDARY) {
            sync_boundary(cx, wanted).await?;
        }
        let prefix = format!("{STATEMENTS}.");
        if changes.iter().any(|field| field.starts_with(&prefix)) {
            iam.put_role_policy()
                .role_name(name)
                .policy_name(POLICY)
                .policy_document(role_policy::document(wanted.below(STATEMENTS)))
                .send()
                .await
                .map_err(failed("PutRolePolicy"))?;
        }
        Ok(())
    }

    async fn tag(&self, cx: &Context, live: &Live, tags: &Tags) -> Result<(), CallError> {
        cx.clients
            .iam
            .tag_role()
            .role_name(&live.identity.name)
            .set_tags(Some(tag_list("TagRole", tags)?))
            .send()
            .await
            .map_err(failed("TagRole"))?;
        Ok(())
    }

    async fn delete(&self, cx: &Context, live: &Live, _lose_data: bool) -> Result<(), CallError> {
        let name = &live.identity.name;
        // aws-behaviours I7
        if absent(take_off(cx, name).await, GONE)?.is_none() {
            return Ok(());
        }
        let answer = cx.clients.iam.delete_role().role_name(name).send().await;
        absent(answer.map_err(failed("DeleteRole")), GONE).map(|_| ())
    }
}

/// Takes every policy off a role, also those that others put on: it cannot be deleted with them.
async fn take_off(cx: &Context, name: &str) -> Result<(), CallError> {
    let iam = &cx.clients.iam;
    let inside = iam.list_role_policies().role_name(name).into_paginator();
    let attached = iam.list_attached_role_policies().role_name(name);
    let (inside, attached) = futures::join!(
        inside.items().send().collect::<Result<Vec<_>, _>>(),
        attached
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
    );
    for policy in inside.map_err(failed("ListRolePolicies"))? {
        let answer = iam
            .delete_role_policy()
            .role_name(name)
            .policy_name(policy)
            .send()
            .await;
        absent(answer.map_err(failed("DeleteRolePolicy")), GONE)?;
    }
    for policy in attached.map_err(failed("ListAttachedRolePolicies"))? {
        let answer = iam
            .detach_role_policy()
            .role_name(name)
            .set_policy_arn(policy.policy_arn)
            .send()
            .await;
        absent(answer.map_err(failed("DetachRolePolicy")), GONE)?;
    }
    Ok(())
}

async fn sync_boundary(cx: &Context, wanted: &Resolved) -> Result<(), CallError> {
    let name = &wanted.identity.name;
    if let Some(arn) = wanted.text(BOUNDARY) {
        cx.clients
            .iam
            .put_role_permissions_boundary()
            .role_name(name)
            .permissions_boundary(arn)
            .send()
            .await
            .map_err(failed("PutRolePermissionsBoundary"))?;
    } else {
        cx.clients
            .iam
            .delete_role_permissions_boundary()
            .role_name(name)
            .send()
            .await
            .map_err(failed("DeleteRolePermissionsBoundary"))?;
    }
    Ok(())
}

/// Our policy inside of a role; null when there is none.
async fn read_policy(cx: &Context, role: &str) -> Result<Value, CallError> {
    let answer = cx
        .clients
        .iam
        .get_role_policy()
        .role_name(role)
        .policy_name(POLICY)
        .send()
        .await
        .map_err(failed("GetRolePolicy"));
    match absent(answer, GONE)? {
        Some(answer) => decoded("GetRolePolicy", Some(&answer.policy_document)),
        None => Ok(Value::Null),
    }
}

/// A policy document as IAM gives it: percent-encoded JSON.
fn decoded(operation: &'static str, document: Option<&str>) -> Result<Value, CallError> {
    let Some(document) = document else {
        return Ok(Value::Null);
    };
    let unreadable = |error: String| CallError::local(operation, format!("the policy {error}"));
    let text = percent_decode_str(document)
        .decode_utf8()
        .map_err(|error| unreadable(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| unreadable(format!("is not JSON: {error}")))
}

/// A live statement in the words of the wanted one, where both say the same; without its Sid otherwise.
fn as_wanted(wanted: Option<&Value>, live: &Value) -> Value {
    let mut bare = live.clone();
    if let Some(fields) = bare.as_object_mut() {
        fields.shift_remove("Sid");
    }
    match wanted {
        Some(wanted) if same_statement(wanted, &bare) => wanted.clone(),
        _ => bare,
    }
}

fn tag_list(operation: &'static str, tags: &Tags) -> Result<Vec<Tag>, CallError> {
    tags.iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect::<Result<_, _>>()
        .map_err(|error| CallError::local(operation, error.to_string()))
}
