//! What waiting costs on AWS, in virtual time: nobody sleeps, and every run takes the same time to the
//! millisecond. AWS's measured delays are injected, and a run must take the longest path of its waits and
//! not their sum. `cargo test --test virtual_time -- --nocapture` prints the figures.

mod figures;
mod services;
mod world;

use std::time::Duration;

use pipectl::stack::model::Kind;
use pipectl_testkit::simulated::Delays;

use world::World;

const AWS: Delays = Delays::AWS;
/// Longest pause between two tries while a role is not seen yet. // aws-behaviours I1
const ROLE_LATE: Duration = Duration::from_secs(2);

#[tokio::test(start_paused = true)]
async fn a_first_up_takes_the_longest_path_of_its_waits() {
    let world = World::new().await;
    let up = world.up("one").await;
    up.print("first up");
    assert!(up.took <= Duration::from_secs(20));
    // Nobody waits for the mapping to be there, and the table is ready long before.
    let longest = AWS.role + AWS.function;
    assert!(longest > AWS.table && longest > AWS.stack);
    let bound = longest + ROLE_LATE + world.late() + up.calls_on_path(&AWS);
    assert!(up.took >= longest, "{:?}", up.took);
    assert!(up.took <= bound, "{:?} of {bound:?}", up.took);
    let sum = up.sum(&AWS) + AWS.role * world.given_roles;
    assert!(up.took < sum / 2, "{:?} of {sum:?}", up.took);
    let kinds = up.critical_kinds();
    assert!(kinds.contains(&Kind::Function), "{kinds:?}");
    assert!(!kinds.contains(&Kind::Table), "{kinds:?}");
    // Functions are told of only once they can be invoked.
    let refused = |status| {
        let calls = up.calls.iter();
        let made = calls.filter(|call| call.operation == "CreateFunction");
        made.filter(|call| call.status == status).count()
    };
    assert_eq!(refused(201), world.stack.functions.len());
    assert!(refused(400) >= world.stack.functions.len());
}

#[tokio::test(start_paused = true)]
async fn an_up_with_nothing_to_do_reads_side_by_side() {
    let world = World::deployed().await;
    let up = world.up("one").await;
    up.print("no-op up");
    assert_eq!((up.changes, up.writes()), (0, 0));
    assert!(up.took <= Duration::from_millis(1_500), "{:?}", up.took);
    // However many resources there are: a look, and another one by what it found.
    assert!(up.took <= AWS.call * 3, "{:?}", up.took);
}

#[tokio::test(start_paused = true)]
async fn a_code_change_takes_one_update() {
    let world = World::deployed().await;
    let up = world.up("two").await;
    up.print("code change");
    assert_eq!(up.changes, world.stack.functions.len());
    let bound = AWS.update + world.late() + up.calls_on_path(&AWS);
    assert!(up.took >= AWS.update, "{:?}", up.took);
    assert!(up.took <= bound, "{:?} of {bound:?}", up.took);
    assert!(up.took < up.sum(&AWS), "{:?}", up.took);
}

#[tokio::test(start_paused = true)]
async fn a_down_takes_the_longest_path_of_its_waits() {
    let world = World::deployed().await;
    let down = world.down().await;
    down.print("down");
    // Nobody waits for the mapping to be gone; the table's name must be free again.
    let bound = AWS.table_deleting + world.late() + down.calls_on_path(&AWS);
    assert!(down.took >= AWS.table_deleting, "{:?}", down.took);
    assert!(down.took <= bound, "{:?} of {bound:?}", down.took);
    assert!(down.took < down.sum(&AWS), "{:?}", down.took);
    assert_eq!(world.cloud.resources(), world.given_roles as usize);
}

#[tokio::test(start_paused = true)]
async fn every_run_takes_the_same_time() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let world = World::new().await;
        let run = world.up("one").await;
        runs.push((run.took, run.outcome.ran));
    }
    assert_eq!(runs[0], runs[1]);
}
