//! The roles that pipectl makes allow enough, and not more: on an endpoint that holds every call to the
//! policies of its caller the pipeline works with them, fails without any one statement, and what is not said
//! there is refused.
//!
//! [`table`] has the statements and what is seen without each, [`world`] the pipeline as files show it,
//! [`calls`] what is done past pipectl, [`refused`] what no statement allows.

mod calls;
mod refused;
mod table;
mod world;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Stage;
use super::project::{Project, actions, updates};
use calls::Calls;
use table::{NEEDED, Needed};
use world::World;

/// aws-behaviours C2, I6, I7, L21
pub fn enough_and_not_more(stage: &Stage<'_>) {
    let project = Project::with_roles(stage, "policies");
    // Short, so that what has failed is soon tried again.
    project.edit(&[
        ("visibility_timeout: 180s", "visibility_timeout: 3s"),
        (" timeout: 30s", " timeout: 3s"),
        ("max_receives: 5", "max_receives: 20"),
    ]);
    let calls = Calls::to(stage);
    somebody_elses_is_left_alone(&project, &calls);
    a_cut_name_is_kept(stage, &calls);
    let made = project.up();
    let roles = made.iter().filter(|(id, _)| id.starts_with("roles."));
    assert_eq!(roles.count(), 2, "{made:#?}");
    assert_eq!(project.up(), [], "nothing is left to do");
    let world = World { project, calls };
    world.every_outcome();
    all_are_in_the_table(&world);
    for round in 1.. {
        let rows: Vec<&Needed> = NEEDED.iter().filter(|row| row.round == round).collect();
        if rows.is_empty() {
            break;
        }
        without(&world, &rows);
    }
    refused::all(&world);
    // They go with the role.
    world.calls.add_policies(&world.role("worker"));
    world.project.down();
    assert_eq!(world.calls.roles(&world.project.name), [] as [String; 0]);
}

/// A role that is there already under the name of ours, in another path: functions would not find it as ours.
fn somebody_elses_is_left_alone(project: &Project<'_>, calls: &Calls) {
    let name = format!("{}-us-east-1", project.physical("worker"));
    calls.make_role(&name);
    for up in [&["up"][..], &["up", "--adopt"]] {
        let told = project.json_of(up, 77);
        let error = told["error"].to_string();
        assert!(error.contains("roles.worker"), "{told:#}");
        assert_eq!(
            error.contains("`path` cannot be changed"),
            up.len() == 2,
            "{told:#}"
        );
        assert_eq!(calls.roles(&project.name), [&name[..]], "nothing was made");
    }
    calls.delete_role(&name);
}

/// A role whose name had to be cut is known again, although its name does not tell whose it is.
fn a_cut_name_is_kept(stage: &Stage<'_>, calls: &Calls) {
    let project = Project::with_roles(stage, "cut");
    let function = "f".repeat(60);
    project.env.write("dist/idle.zip", &stage.artifacts.idle[0]);
    let stack = format!("stack: cut\nfunctions: {{ {function}: {{ artifact: dist/idle.zip }} }}\n");
    project.env.write("stacks/log-pipeline.yaml", stack);
    assert!(!project.up().is_empty());
    let roles = calls.roles(&project.name);
    assert!(matches!(&roles[..], [one] if one.len() == 64), "{roles:?}");
    assert_eq!(project.up(), [], "nothing is left to do");
    let _ = project.json(&["down", "--force"]);
    assert_eq!(calls.roles(&project.name), [] as [String; 0]);
}

fn all_are_in_the_table(world: &World<'_>) {
    for function in ["trigger", "worker"] {
        let policy = world.calls.policy(&world.role(function));
        let has: BTreeSet<&str> = policy
            .iter()
            .filter_map(|one| one["Sid"].as_str())
            .collect();
        let named = NEEDED.iter().filter(|row| row.function == function);
        let named: BTreeSet<&str> = named.map(|row| row.sid).collect();
        assert_eq!(
            has, named,
            "every statement of {function} has its row, and every row its statement"
        );
    }
}

/// Takes statements of different roles away at once, sees what fails, and has pipectl mend it.
fn without(world: &World<'_>, rows: &[&Needed]) {
    let before: Vec<Vec<Value>> = rows
        .iter()
        .map(|row| {
            let role = world.role(row.function);
            let policy = world.calls.policy(&role);
            let others: Vec<Value> = policy
                .iter()
                .filter(|one| one["Sid"] != row.sid)
                .cloned()
                .collect();
            assert_eq!(others.len() + 1, policy.len(), "{row}");
            world.calls.put_policy(&role, &others);
            policy
        })
        .collect();
    for row in rows {
        world.say(&format!("without {row}: {}", row.missing));
        (row.without)(world, row);
    }

    let mut roles: Vec<String> = rows
        .iter()
        .map(|row| format!("roles.{}", row.function))
        .collect();
    roles.sort();
    let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
    let planned = world.project.json_of(&["plan", "--detailed-exitcode"], 2);
    assert_eq!(actions(&planned), updates(&roles), "{planned:#}");
    let steps = planned["data"]["plan"]["steps"].as_array().expect("steps");
    for (row, policy) in rows.iter().zip(&before) {
        let id = format!("roles.{}", row.function);
        let step = steps
            .iter()
            .find(|step| step["id"] == id[..])
            .expect("its step");
        let mut statement = policy
            .iter()
            .find(|one| one["Sid"] == row.sid)
            .cloned()
            .expect("it was there");
        let fields = statement.as_object_mut().expect("an object");
        fields.shift_remove("Sid");
        let change = json!([{
            "field": format!("policy.{}", row.sid), "from": null, "to": statement, "origin": "outside",
        }]);
        assert_eq!(step["changes"], change, "{row}: {step:#}");
    }

    assert_eq!(world.project.up(), updates(&roles));
    for (row, policy) in rows.iter().zip(before) {
        assert_eq!(
            world.calls.policy(&world.role(row.function)),
            policy,
            "{row}: as it was"
        );
        (row.with)(world, row);
    }
}
