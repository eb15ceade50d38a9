//! CloudWatch Logs log groups, one per function: made before the function, so that the group has
//! its retention and our tags from the first line on. // aws-behaviours C2, C3

use async_trait::async_trait;

use super::error::{absent, failed};
use super::{
    Attrs, CallError, Context, Listed, Live, Observed, Owner, Place, Resolved, ResourceKind,
    Service, Tags, Wanted,
};
use crate::stack::model::{Kind, LogicalId, Stack};

/// Log groups.
pub struct LogGroupKind;

const GONE: &[&str] = &["ResourceNotFoundException"];
/// Where Lambda looks for a function's log group.
pub(super) const FOLDER: &str = "/aws/lambda/";

#[async_trait]
impl ResourceKind for LogGroupKind {
    fn kind(&self) -> Kind {
        Kind::LogGroup
    }

    fn service(&self) -> Service {
        Service::Logs
    }

    fn wanted(&self, stack: &Stack, place: &Place) -> Vec<Wanted> {
        stack
            .functions
            .iter()
            .map(|function| {
                let id = LogicalId::new(Kind::LogGroup, &function.name);
                let mut wanted = Wanted::new(id, place.log_group(stack, &function.name))
                    .with("retention_days", function.log_retention.0)
                    .belonging_to(LogicalId::new(Kind::Function, &function.name));
                wanted.tagged = true;
                wanted
            })
            .collect()
    }

    async fn list(&self, cx: &Context, _within: Option<&Wanted>) -> Result<Vec<Listed>, CallError> {
        let groups = groups(cx, &format!("{FOLDER}{}", Place::prefix(&cx.stack))).await?;
        let ours = groups.into_iter().filter_map(|(physical, attrs)| {
            let function = physical.strip_prefix(FOLDER)?;
            let name = cx.place.name_in_stack(&cx.stack, function)?;
            let id = LogicalId::new(Kind::LogGroup, name);
            let wanted = Wanted::new(id, cx.place.log_group_named(physical.clone()))
                .belonging_to(LogicalId::new(Kind::Function, name));
            let live = live(&wanted, attrs);
            Some(Listed {
                wanted,
                live: Some(live),
            })
        });
        Ok(ours.collect())
    }

    async fn observe(
        &self,
        cx: &Context,
        wanted: &Wanted,
        listed: Option<&Live>,
    ) -> Result<Observed, CallError> {
        let name = &wanted.identity.name;
        let group = async {
            if let Some(listed) = listed {
                return Ok::<_, CallError>(Some(listed.clone()));
            }
            let found = groups(cx, name).await?.into_iter();
            Ok(found
                .filter(|(found, _)| found == name)
                .map(|(_, attrs)| live(wanted, attrs))
                .next())
        };
        let (group, tags) = futures::join!(group, tags(cx, wanted));
        let (Some(mut group), Some(tags)) = (group?, absent(tags, GONE)?) else {
            return Ok(Observed::Absent);
        };
        group.tags = Some(tags);
        // A group that names nobody is one that late log deliveries of a deleted function made again
        // under our function's name; whose that is, is seen by the function. // aws-behaviours C2
        Ok(match group.owner() {
            Owner::Nobody => Observed::Owned(group),
            _ => cx.owned_by_tags(wanted, group),
        })
    }

    async fn ensure(&self, cx: &Context, wanted: &Resolved) -> Result<Live, CallError> {
        let tags = cx.tags_with(wanted, &Attrs::new());
        // aws-behaviours C1
        cx.clients
            .logs
            .create_log_group()
            .log_group_name(&wanted.identity.name)
            .set_tags(Some(tags.clone().into_iter().collect()))
            .send()
            .await
            .map_err(failed("CreateLogGroup"))?;
        Ok(Live {
            identity: wanted.identity.clone(),
            tags: Some(tags),
            ..Live::default()
        })
    }

    async fn sync(&self, cx: &Context, wanted: &Resolved, live: &Live) -> Result<(), CallError> {
        let days = wanted.number("retention_days");
        if live
            .attrs
            .get("retention_days")
            .and_then(serde_json::Value::as_i64)
            == days
        {
            return Ok(());
        }
        cx.clients
            .logs
            .put_retention_policy()
            .log_group_name(&wanted.identity.name)
            .retention_in_days(days.unwrap_or_default() as i32)
            .send()
            .await
            .map_err(failed("PutRetentionPolicy"))?;
        Ok(())
    }

    async fn tag(&self, cx: &Context, live: &Live, tags: &Tags) -> Result<(), CallError> {
        cx.clients
            .logs
            .tag_resource()
            .resource_arn(live.identity.arn.as_deref().unwrap_or_default())
            .set_tags(Some(tags.clone().into_iter().collect()))
            .send()
            .await
            .map_err(failed("TagResource"))?;
        Ok(())
    }

    async fn delete(&self, cx: &Context, live: &Live, _lose_data: bool) -> Result<(), CallError> {
        let answer = cx
            .clients
            .logs
            .delete_log_group()
            .log_group_name(&live.identity.name)
            .send()
            .await;
        absent(answer.map_err(failed("DeleteLogGroup")), GONE).map(|_| ())
    }
}

/// Names and attributes of the groups whose names begin so.
async fn groups(cx: &Context, prefix: &str) -> Result<Vec<(String, Attrs)>, CallError> {
    let pages = cx
        .clients
        .logs
        .describe_log_groups()
        .log_group_name_prefix(prefix)
        .into_paginator();
    let groups: Vec<_> = pages
        .items()
        .send()
        .collect::<Result<_, _>>()
        .await
        .map_err(failed("DescribeLogGroups"))?;
    let named = groups.into_iter().filter_map(|group| {
        let days = group
            .retention_in_days
            .map(|days| ("retention_days".to_owned(), days.into()));
        Some((group.log_group_name?, days.into_iter().collect()))
    });
    Ok(named.collect())
}

async fn tags(cx: &Context, wanted: &Wanted) -> Result<Tags, CallError> {
    let answer = cx
        .clients
        .logs
        .list_tags_for_resource()
        .resource_arn(wanted.identity.arn.as_deref().unwrap_or_default())
        .send()
        .await
        .map_err(failed("ListTagsForResource"))?;
    Ok(answer.tags.unwrap_or_default().into_iter().collect())
}

fn live(wanted: &Wanted, attrs: Attrs) -> Live {
    Live {
        identity: wanted.identity.clone(),
        attrs,
        state: "Available".to_owned(),
        ..Live::default()
    }
}
