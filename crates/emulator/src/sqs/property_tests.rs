//! Random sequences of calls, after each of which the service's store must be what the reference
//! model says: every message in its queue and state, none lost and none twice. What is random is
//! here, the calls are in `property_world_tests`.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::model_tests::{Settings, Which};
use super::property_world_tests::World;

/// What happens.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Send(Which, Option<i64>),
    /// A batch to the jobs, by delays.
    SendBatch(Vec<Option<i64>>),
    Receive(Which, usize, Option<i64>),
    /// Any handle that was ever given out; the second: by the URL of the other queue.
    Delete(Index, bool),
    DeleteBatch(Vec<Index>),
    ChangeVisibility(Index, i64),
    ChangeVisibilityBatch(Vec<(Index, i64)>),
    Advance(i64),
    Purge(Which),
    MoveBack,
    Sweep,
    /// A stop and a start.
    Restart,
    /// A start over the files as they were on the disk while the service ran.
    Crash,
}

fn which() -> impl Strategy<Value = Which> {
    prop_oneof![4 => Just(Which::Jobs), 1 => Just(Which::Dead)]
}

fn delay() -> impl Strategy<Value = Option<i64>> {
    option::weighted(0.3, select(vec![0, 1, 20, 900]))
}

fn visibility() -> impl Strategy<Value = i64> {
    prop_oneof![3 => Just(0), 4 => 1..60_i64, 1 => Just(43_200)]
}

fn step() -> impl Strategy<Value = Step> {
    let changes = vec((any::<Index>(), visibility()), 1..=4);
    prop_oneof![
        6 => (which(), delay()).prop_map(|(queue, delay)| Step::Send(queue, delay)),
        3 => vec(delay(), 1..=10).prop_map(Step::SendBatch),
        14 => (which(), 1..=10_usize, option::weighted(0.3, visibility()))
            .prop_map(|(queue, max, visibility)| Step::Receive(queue, max, visibility)),
        4 => (any::<Index>(), prop::bool::weighted(0.1))
            .prop_map(|(handle, foreign)| Step::Delete(handle, foreign)),
        1 => vec(any::<Index>(), 1..=4).prop_map(Step::DeleteBatch),
        5 => (any::<Index>(), visibility())
            .prop_map(|(handle, seconds)| Step::ChangeVisibility(handle, seconds)),
        1 => changes.prop_map(Step::ChangeVisibilityBatch),
        9 => select(vec![1, 1_000, 4_999, 5_000, 30_000, 59_999, 60_000])
            .prop_map(Step::Advance),
        1 => which().prop_map(Step::Purge),
        1 => Just(Step::MoveBack),
        1 => Just(Step::Sweep),
        1 => Just(Step::Restart),
        1 => Just(Step::Crash),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    (
        select(vec![0, 5, 30]),
        select(vec![0, 0, 3]),
        select(vec![60, 120, 345_600]),
        select(vec![60, 300, 345_600]),
        option::weighted(0.9, 1..=3_i64),
    )
        .prop_map(
            |(visibility_s, delay_s, retention_s, dead_retention_s, max_receives)| Settings {
                visibility_s,
                delay_s,
                retention_s,
                dead_retention_s,
                max_receives,
            },
        )
}

async fn run(settings: &Settings, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut world = World::new(settings).await;
    for step in steps {
        world.take(step).await?;
        world.check()?;
    }
    world.drain().await
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_service_does_what_the_model_does(settings in settings(), steps in vec(step(), 1..80)) {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime")
            .block_on(run(&settings, &steps))?;
    }
}
