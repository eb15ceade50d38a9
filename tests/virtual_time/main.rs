//! What waiting costs on AWS, in virtual time: nobody sleeps, and every run takes the same time to the
//! millisecond. AWS's measured delays are injected, and a run must take the longest path of its waits and
//! not their sum. `cargo test --test virtual_time -- --nocapture` prints the figures.

mod figures;
mod services;
mod world;

use std::time::Duration;

use pipectl::stack::model::Kind;
use pipectl::wait;
use pipectl_testkit::simulated::Delays;

use world::{LARGE, Run, World};

const AWS: Delays = Delays::AWS;
/// Longest pause between two tries while a role is not seen yet. // aws-behaviours I1
const ROLE_LATE: Duration = Duration::from_secs(2);
/// The same while a queue's name is kept. // aws-behaviours Q1
const NAME_LATE: Duration = Duration::from_secs(5);

/// It took as long as `longest` and its calls; what has happened is seen `late` at most.
#[track_caller]
fn took(run: &Run, longest: Duration, late: Duration) {
    let bound = longest + late + run.calls_on_path();
    let took = run.took;
    assert!(took >= longest && took <= bound, "{took:?} of {bound:?}");
}

/// aws-behaviours I1, L1, L2, D1, D2
#[tokio::test(start_paused = true)]
async fn a_first_up_takes_the_longest_path_of_its_waits() {
    let world = World::new().await;
    let up = world.up("one").await;
    up.print("first up");
    assert!(up.took <= Duration::from_secs(20));
    // Nobody waits for the mapping to be there, and the table is ready long before.
    let longest = AWS.role + AWS.function;
    assert!(longest > AWS.table && longest > AWS.stack);
    took(&up, longest, ROLE_LATE + world.late());
    let sum = up.sum() + AWS.role * world.given_roles;
    assert!(up.took < sum / 2, "{:?} of {sum:?}", up.took);
    let kinds = up.critical_kinds();
    assert!(kinds.contains(&Kind::Function), "{kinds:?}");
    assert!(!kinds.contains(&Kind::Table), "{kinds:?}");
    // Lambda did refuse the roles, and nothing was made twice.
    let functions = world.stack.functions.len();
    assert_eq!(up.answered("CreateFunction", 201), functions);
    assert!(up.answered("CreateFunction", 400) >= functions);
}

/// aws-behaviours I1, D1
#[tokio::test(start_paused = true)]
async fn whichever_wait_is_the_longest_it_is_the_one_that_counts() {
    let s = Duration::from_secs;
    for (role, function, table) in [(0, 3, 30), (20, 1, 6), (3, 25, 6), (30, 20, 49)] {
        let delays = Delays {
            role: s(role),
            function: s(function),
            table: s(table),
            ..AWS
        };
        let world = World::with(delays).await;
        let up = world.up("one").await;
        up.print(&format!(
            "role {role} s, function {function} s, table {table} s"
        ));
        let longest = delays.table.max(delays.role + delays.function);
        let longest = longest.max(delays.stack);
        took(&up, longest, ROLE_LATE + world.late());
    }
}

#[tokio::test(start_paused = true)]
async fn code_on_a_slow_line_comes_late_by_its_own_time() {
    for megabits in [100, 20] {
        let delays = Delays {
            line: Some(megabits * 1_000_000 / 8),
            ..AWS
        };
        let world = World::with(delays).await;
        let up = world.up(LARGE).await;
        up.print(&format!("first up at {megabits} Mbit/s"));
        // Every try carries the code again: when Lambda sees the role at last, one may just be on its way.
        let functions = world.stack.functions.len();
        let made = up.calls.iter().filter(|call| call.status == 201);
        let code: usize = made.map(|call| call.bytes).sum();
        assert!(code > functions * 3_000_000);
        let code_takes = Duration::from_secs_f64(code as f64 * 8.0 / f64::from(megabits) / 1e6);
        let late = ROLE_LATE + world.late() + code_takes * 2;
        took(&up, AWS.role + AWS.function, late);
    }
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

/// aws-behaviours L3
#[tokio::test(start_paused = true)]
async fn a_code_change_takes_one_update() {
    let world = World::deployed().await;
    let up = world.up("two").await;
    up.print("code change");
    assert_eq!(up.changes, world.stack.functions.len());
    took(&up, AWS.update, world.late());
    assert!(up.took < up.sum(), "{:?}", up.took);
}

/// aws-behaviours I7, D14
#[tokio::test(start_paused = true)]
async fn a_down_takes_the_longest_path_of_its_waits() {
    let world = World::deployed().await;
    let down = world.down().await;
    down.print("down");
    // Nobody waits for the mapping to be gone; the names of template and table must be free again.
    // What a template has may write to the table, and goes before it.
    took(&down, AWS.stack + AWS.table_deleting, world.late() * 2);
    assert!(down.took < down.sum(), "{:?}", down.took);
    assert_eq!(world.cloud.resources(), world.given_roles as usize);
}

/// aws-behaviours E3
#[tokio::test(start_paused = true)]
async fn a_down_at_once_waits_for_the_mapping_and_then_for_the_table() {
    let world = World::new().await;
    let _ = world.up("one").await;
    let down = world.down().await;
    down.print("down right after up");
    // Writers go before stores.
    let longest = AWS.stack + AWS.table_deleting;
    took(&down, longest, AWS.mapping + world.late() * 2);
    assert_eq!(world.cloud.resources(), world.given_roles as usize);
}

/// aws-behaviours Q1
#[tokio::test(start_paused = true)]
async fn an_up_right_after_a_down_waits_for_names_of_queues_side_by_side() {
    let world = World::deployed().await;
    let down = world.down().await;
    let up = world.up("one").await;
    up.print("up right after down");
    let kept = Duration::from_secs(60);
    let late = NAME_LATE + ROLE_LATE + world.late();
    // A part of the minute has passed in `down`.
    took(
        &up,
        kept.saturating_sub(down.took),
        down.took + AWS.function + late,
    );
    assert!(up.took < kept + AWS.role + AWS.function, "{:?}", up.took);
}

/// aws-behaviours L6, I6
#[tokio::test(start_paused = true)]
async fn two_ups_at_once_wait_for_what_the_other_one_makes() {
    let world = World::new().await;
    let (one, other) = tokio::join!(world.up("one"), world.up("one"));
    one.print("one of two ups");
    other.print("the other one");
    // Both end when the template, which one of them made, is there for both.
    assert!(one.took >= AWS.stack && other.took >= AWS.stack);
    world.settle().await;
    assert_eq!(world.up("one").await.changes, 0, "nothing is there twice");
}

#[tokio::test(start_paused = true)]
async fn what_a_cut_run_left_in_progress_is_waited_for() {
    let world = World::new().await;
    // Cut while the template is being made.
    let soon = AWS.call * 20;
    assert!(wait::at_most(soon, world.up("one")).await.is_none());
    let up = world.up("one").await;
    up.print("up after a cut up");
    assert!(up.took + soon >= AWS.stack, "{:?}", up.took);
    world.settle().await;
    assert_eq!(world.up("one").await.changes, 0);
    // And while it is being deleted.
    assert!(wait::at_most(soon, world.down()).await.is_none());
    let up = world.up("one").await;
    up.print("up after a cut down");
    world.settle().await;
    assert_eq!(
        world.up("one").await.changes,
        0,
        "it was made again, and stays"
    );
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
