//! CloudFormation templates that a stack includes, each a stack of CloudFormation's own. What is compared is
//! what a template says, and not how it is written: comments and the order of keys are no change there, either.

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_sdk_cloudformation::types::{Capability, Parameter, Stack as Deployed, StackStatus, Tag};

use super::attrs::STATE;
use super::error::{absent, failed, permitted};
use super::{
    Attrs, CallError, Context, Identity, Listed, Live, Observed, Place, Preview, Resolved,
    ResourceKind, Service, Tags, Wanted, template_changes, template_state,
};
use crate::stack::model::{Kind, LogicalId, Stack, Template};
use crate::stack::{TemplateContent as Content, ascii};

/// CloudFormation templates.
pub struct TemplateKind;

/// Field: what the template says, as a fingerprint.
const TEMPLATE: &str = "template";
/// The text of the template, which calls carry.
const BODY: &str = "body";
/// Capabilities that the stack consents to, which are of a call and not of what it makes.
const CAPABILITIES: &str = "capabilities";
/// Fields of parameters begin so.
const PARAMETERS: &str = "parameters";
/// Fields of parameters that are secrets begin so. What CloudFormation has of them nobody is told.
const SECRETS: &str = "secret_parameters";
/// Field that is there while something goes on with the stack, or has to go on.
const BUSY: &str = "in_progress";
/// Fields of resources begin so.
pub(super) const RESOURCES: &str = "resources";

/// Status of a stack whose rollback of an update failed: only CloudFormation can go on with it, and whoever tries an
/// update is told how. // aws-behaviours F4
const STUCK: &str = "UPDATE_ROLLBACK_FAILED";

/// What the statuses of a stack end with while something goes on with it.
pub(super) const IN_PROGRESS: &str = "_IN_PROGRESS";

#[async_trait]
impl ResourceKind for TemplateKind {
    fn kind(&self) -> Kind {
        Kind::Template
    }

    fn service(&self) -> Service {
        Service::CloudFormation
    }

    fn wanted(&self, stack: &Stack, place: &Place) -> Vec<Wanted> {
        if !place.target.capabilities().templates {
            return Vec::new();
        }
        stack
            .templates
            .iter()
            .map(|template| wanted_template(stack, place, template))
            .collect()
    }

    fn fixed_fields(&self) -> &'static [&'static str] {
        &[STATE]
    }

    fn shown_when_made(&self) -> &'static [&'static str] {
        &[RESOURCES]
    }

    fn stores_data(&self) -> bool {
        true
    }

    fn adoptable(&self) -> bool {
        false
    }

    async fn list(&self, cx: &Context, _within: Option<&Wanted>) -> Result<Vec<Listed>, CallError> {
        if !cx.place.target.capabilities().templates {
            return Ok(Vec::new());
        }
        // Deleted ones are listed for months. // aws-behaviours F6
        let there = StackStatus::values()
            .iter()
            .filter(|status| **status != StackStatus::DeleteComplete.as_str());
        let call = cx.clients.cloudformation.list_stacks();
        let call =
            call.set_stack_status_filter(Some(there.map(|s| StackStatus::from(*s)).collect()));
        let found: Result<Vec<_>, _> = call
            .into_paginator()
            .items()
            .send()
            .collect::<Result<_, _>>()
            .await
            .map_err(failed("ListStacks"));
        // A stack without templates needs no right to look for any.
        let found: Vec<_> = permitted(found)?.unwrap_or_default();
        let ours = found.into_iter().filter_map(|one| {
            // Some endpoints do not filter.
            if one.stack_status == Some(StackStatus::DeleteComplete) {
                return None;
            }
            // One within another one is that one's.
            if one.parent_id.is_some() {
                return None;
            }
            let physical = one.stack_name?;
            let name = cx.place.name_in_stack(&cx.stack, &physical)?;
            let id = LogicalId::new(Kind::Template, name);
            let identity = Identity {
                name: physical.clone(),
                ..Identity::default()
            };
            Some(Listed {
                wanted: Wanted::new(id, identity),
                live: None,
            })
        });
        Ok(ours.collect())
    }

    async fn observe(
        &self,
        cx: &Context,
        wanted: &Wanted,
        _listed: Option<&Live>,
    ) -> Result<Observed, CallError> {
        let name = &wanted.identity.name;
        let body = async {
            let call = cx.clients.cloudformation.get_template();
            let answer = call.stack_name(name).send().await;
            let answer = absent_stack(answer.map_err(failed("GetTemplate")))?;
            Ok::<_, CallError>(answer.and_then(|answer| answer.template_body))
        };
        let (deployed, body, parts) = futures::join!(
            template_state::describe(cx, name),
            body,
            template_state::parts(cx, name)
        );
        // What is being deleted is gone; making it anew is refused until it is.
        let there = deployed?
            .filter(|deployed| deployed.stack_status() != Some(&StackStatus::DeleteInProgress));
        let Some(deployed) = there else {
            return Ok(Observed::Absent);
        };
        let resolved = wanted.resolve(&super::Identities::new());
        let mut live = live(&resolved.attrs, deployed, body?.as_deref());
        let parts = parts?;
        let made = parts.iter().filter(|part| part.is_made()).count();
        live.facts.insert("resources".to_owned(), made.into());
        if made < parts.len() {
            let not_made = parts.len() - made;
            live.facts.insert("not_made".to_owned(), not_made.into());
        }
        Ok(cx.owned_by_tags(wanted, live))
    }

    async fn holds_data(&self, cx: &Context, live: &Live) -> Result<bool, CallError> {
        let parts = template_state::parts(cx, &live.identity.name).await?;
        Ok(parts.iter().any(template_state::Part::stores_data))
    }

    async fn preview(
        &self,
        cx: &Context,
        wanted: &Resolved,
        live: &mut Live,
    ) -> Result<Preview, CallError> {
        // What goes on there is waited for when the plan is carried out.
        if is_busy(live) {
            return Ok(Preview::default());
        }
        template_changes::preview(cx, wanted, live).await
    }

    async fn forget_preview(&self, cx: &Context, live: &Live) -> Result<(), CallError> {
        match &live.handle {
            Some(change_set) => template_changes::forget(cx, change_set).await,
            None => Ok(()),
        }
    }

    async fn ensure(&self, cx: &Context, wanted: &Resolved) -> Result<Live, CallError> {
        let tags = cx.tags(wanted);
        let name = &wanted.identity.name;
        cx.clients
            .cloudformation
            .create_stack()
            .stack_name(name)
            .template_body(body(wanted))
            .set_parameters(Some(parameters(wanted)))
            .set_capabilities(Some(capabilities(wanted)))
            .set_tags(Some(tag_list(&tags)))
            .send()
            .await
            .map_err(failed("CreateStack"))?;
        let deployed = template_state::settled(cx, name, "template made").await?;
        Ok(live(&wanted.attrs, deployed, Some(body(wanted))))
    }

    async fn sync(&self, cx: &Context, wanted: &Resolved, live: &Live) -> Result<(), CallError> {
        // Somebody else's change, or the one of a run that was cut, first.
        if is_busy(live) {
            let name = &live.identity.name;
            let deployed = template_state::free(cx, name, "template free").await?;
            let status = deployed.stack_status().map_or("", StackStatus::as_str);
            if template_state::is_dead_end(status) {
                let reason = template_state::why(cx, &deployed).await;
                return Err(CallError::ended_badly("template free", status, &reason));
            }
        }
        let mut changes = super::differing(wanted, &live.attrs);
        changes.retain(|field| !live.hidden.contains(field));
        if changes.is_empty() && live.handle.is_none() {
            return Ok(());
        }
        template_changes::carry_out(cx, wanted, live).await
    }

    async fn completed(&self, cx: &Context, live: &Live) -> Result<Identity, CallError> {
        let name = &live.identity.name;
        let (deployed, parts) = futures::join!(
            template_state::describe(cx, name),
            template_state::parts(cx, name)
        );
        // aws-behaviours §11
        for part in parts?.into_iter().filter(|part| !part.is_made()) {
            cx.note(super::Note::NotMade {
                part: part.id,
                kind: part.kind,
            });
        }
        Ok(deployed?.map_or_else(|| live.identity.clone(), |deployed| identity(&deployed)))
    }

    async fn tag(&self, cx: &Context, live: &Live, tags: &Tags) -> Result<(), CallError> {
        template_changes::tag(cx, live, tags).await
    }

    async fn delete(&self, cx: &Context, live: &Live, lose_data: bool) -> Result<(), CallError> {
        if !lose_data && self.holds_data(cx, live).await? {
            return Err(CallError::holds_data("DeleteStack"));
        }
        template_state::delete(cx, &live.identity).await
    }
}

fn wanted_template(stack: &Stack, place: &Place, template: &Template) -> Wanted {
    let id = LogicalId::new(Kind::Template, &template.name);
    let identity = Identity {
        name: place.name(stack, &template.name),
        ..Identity::default()
    };
    let content = Content::of(&template.body);
    let mut wanted = Wanted::new(id, identity)
        .with(TEMPLATE, content.meaning)
        .carrying(BODY, template.body.clone())
        .carrying(CAPABILITIES, template.capabilities.clone());
    for (name, kind) in &template.resources {
        wanted = wanted.with(format!("{RESOURCES}.{name}"), kind.clone());
    }
    for (name, text) in &template.parameters {
        let section = if content.secrets.contains(name) {
            SECRETS
        } else {
            PARAMETERS
        };
        wanted = wanted.with_text(format!("{section}.{name}"), text);
    }
    wanted.tagged = true;
    wanted
}

/// What is live in the fields of what is wanted.
fn live(wanted: &Attrs, deployed: Deployed, body: Option<&str>) -> Live {
    let mut attrs = Attrs::new();
    let content = Content::of(body.unwrap_or_default());
    if body.is_some() {
        attrs.insert(TEMPLATE.to_owned(), content.meaning.into());
        for (name, kind) in content.resources {
            attrs.insert(format!("{RESOURCES}.{name}"), kind.into());
        }
    }
    let mut hidden = BTreeSet::new();
    for parameter in deployed.parameters() {
        let name = parameter.parameter_key().unwrap_or_default();
        let value = parameter.parameter_value().unwrap_or_default();
        let field = format!("{PARAMETERS}.{name}");
        let secret = format!("{SECRETS}.{name}");
        if wanted.contains_key(&secret) {
            // A value is there, and which one nobody is told.
            hidden.insert(secret);
        } else if let Some(wanted) = wanted.get(&field) {
            let same = wanted.as_str().is_some_and(|wanted| ascii(wanted) == value);
            attrs.insert(field, if same { wanted.clone() } else { value.into() });
        } else if !content.secrets.iter().any(|secret| secret == name)
            && !content
                .defaults
                .iter()
                .any(|(of, default)| of == name && same_text(default, value))
        {
            attrs.insert(field, value.into());
        }
    }
    let status = deployed.stack_status().map_or("", StackStatus::as_str);
    if template_state::is_dead_end(status) {
        attrs.insert(STATE.to_owned(), status.into());
    } else if status.ends_with(IN_PROGRESS) || status == STUCK {
        attrs.insert(BUSY.to_owned(), status.into());
    }
    let tags = deployed.tags().iter().filter_map(|tag| {
        let (key, value) = (tag.key()?, tag.value()?);
        Some((key.to_owned(), value.to_owned()))
    });
    Live {
        attrs,
        hidden,
        state: status.to_owned(),
        tags: Some(tags.collect()),
        identity: identity(&deployed),
        ..Live::default()
    }
}

fn is_busy(live: &Live) -> bool {
    live.attrs.contains_key(BUSY)
}

/// Numbers are the same however they are written.
fn same_text(one: &str, other: &str) -> bool {
    let number = |text: &str| text.parse::<f64>().ok();
    one == other
        || matches!((number(one), number(other)), (Some(one), Some(other)) if one.total_cmp(&other).is_eq())
}

fn identity(deployed: &Deployed) -> Identity {
    let outputs = deployed.outputs().iter().filter_map(|output| {
        let (key, value) = (output.output_key()?, output.output_value()?);
        Some((key.to_owned(), value.to_owned()))
    });
    Identity {
        name: deployed.stack_name().unwrap_or_default().to_owned(),
        arn: deployed.stack_id().map(str::to_owned),
        url: None,
        outputs: outputs.collect(),
    }
}

/// The text that calls carry.
pub(super) fn body(wanted: &Resolved) -> &str {
    let body = wanted.carried.get(BODY).and_then(serde_json::Value::as_str);
    body.unwrap_or_default()
}

pub(super) fn parameters(wanted: &Resolved) -> Vec<Parameter> {
    wanted
        .below(PARAMETERS)
        .chain(wanted.below(SECRETS))
        .map(|(name, value)| {
            Parameter::builder()
                .parameter_key(name)
                .parameter_value(value.as_str().unwrap_or_default())
                .build()
        })
        .collect()
}

pub(super) fn capabilities(wanted: &Resolved) -> Vec<Capability> {
    let list = wanted
        .carried
        .get(CAPABILITIES)
        .and_then(|value| value.as_array());
    let names = list.into_iter().flatten().filter_map(|name| name.as_str());
    names.map(Capability::from).collect()
}

pub(super) fn tag_list(tags: &Tags) -> Vec<Tag> {
    tags.iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

/// `Ok(None)` for a stack that is not there: CloudFormation has no code of its own for it.
/// aws-behaviours F6
pub(super) fn absent_stack<T>(result: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match absent(result, &["ChangeSetNotFound"]) {
        Err(error) if error.is("ValidationError") && error.says("does not exist") => Ok(None),
        other => other,
    }
}
