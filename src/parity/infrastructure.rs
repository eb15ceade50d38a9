//! The copy itself: made again, put right, taken down, made at once again.

use model::sample::{SEED, sample};

use super::adjust::VISIBILITY_S;
use super::files::tell;
use super::letters;
use super::seen::{Played, Seen, Trouble};
use super::world::World;
use crate::converge;
use crate::plan::{Action, Consent, Plan, Purpose};
use crate::resource::error::failed;

/// What `up` would do now.
async fn plan(world: &World) -> Result<Plan, Trouble> {
    let proposal = converge::propose(&world.copy, &world.cx, Purpose::Up, Consent::default()).await;
    let proposal = proposal.map_err(|error| error.to_string())?;
    Ok(proposal.plan)
}

/// Its changes, in words.
fn changes(plan: &Plan) -> String {
    let changes: Vec<String> = plan
        .changes()
        .map(|step| {
            let fields: Vec<&str> = step
                .changes
                .iter()
                .map(|change| change.field.as_str())
                .collect();
            format!("{} {} {}", step.action.verb(), step.id, fields.join(" "))
                .trim_end()
                .to_owned()
        })
        .collect();
    if changes.is_empty() {
        "none".to_owned()
    } else {
        changes.join(", ")
    }
}

pub async fn second_up(world: &World) -> Played {
    // What scenarios before this changed is as the stack says.
    world.change(|_| {}, &[]).await?;
    let mut seen = Seen::new();
    seen.fact("changes", changes(&plan(world).await?));
    Ok(seen)
}

pub async fn drift(world: &World) -> Played {
    // What is found is this change alone.
    world.change(|_| {}, &[]).await?;
    let queue = world.queue_named(&world.queue()?.queue);
    let url = letters::url(&world.cx, &queue).await?;
    let set = world.cx.clients.sqs.set_queue_attributes().queue_url(url);
    let name = aws_sdk_sqs::types::QueueAttributeName::VisibilityTimeout;
    let set = set.attributes(name, (VISIBILITY_S + 12).to_string());
    set.send().await.map_err(failed("SetQueueAttributes"))?;
    let mut seen = Seen::new();
    // It takes up to a minute until everybody sees it. // aws-behaviours Q4
    let found = world.until(world.pace.patience, || async {
        let plan = plan(world).await?;
        Ok((!plan.is_empty()).then_some(plan))
    });
    let found = found.await?;
    seen.fact("found", found.as_ref().map_or("none".to_owned(), changes));
    world.up(&|_| true).await?;
    let after = world.until(world.pace.patience, || async {
        let plan = plan(world).await?;
        Ok(plan.is_empty().then_some(plan))
    });
    seen.is("repaired", after.await?.is_some());
    Ok(seen)
}

pub async fn down(world: &World) -> Played {
    world.take_down().await?;
    let mut seen = Seen::new();
    // Deletions take a while until everybody sees them. // aws-behaviours Q6, D14, C2
    let patience = world.pace.settle * 10;
    let gone = world.until(patience, || async {
        let plan = plan(world).await?;
        let gone = plan.steps.iter().all(|step| step.action == Action::Create);
        Ok(gone.then_some(()))
    });
    let gone = gone.await?.is_some();
    let plan = plan(world).await?;
    let left = plan
        .steps
        .iter()
        .filter(|step| step.action != Action::Create);
    let left: Vec<String> = left.map(|step| step.id.to_string()).collect();
    seen.is("everything is gone", gone);
    seen.fact(
        "left",
        if left.is_empty() {
            "nothing".to_owned()
        } else {
            left.join(", ")
        },
    );
    Ok(seen)
}

pub async fn up_at_once(world: &World) -> Played {
    // Gone already, where that was a scenario before.
    world.take_down().await?;
    let begun = tokio::time::Instant::now();
    world.up(&|_| true).await?;
    let mut seen = Seen::new();
    seen.note("after", format!("{} ms", begun.elapsed().as_millis()));
    let calm = world.until(world.pace.promptly, || async {
        Ok(plan(world).await?.is_empty().then_some(()))
    });
    let calm = calm.await?.is_some();
    let then = if calm {
        "none".to_owned()
    } else {
        changes(&plan(world).await?)
    };
    seen.fact("changes then", then);
    world.first_file("up-at-once-first").await?;
    if world.pipeline.is_some() {
        let stored = world
            .put(
                &world.key("up-at-once", "go", ".ndjson")?,
                sample(SEED + 80, 14, false),
            )
            .await?;
        let result = world.result(&stored).await?;
        tell(&mut seen, "next file", result.as_ref());
    }
    Ok(seen)
}
