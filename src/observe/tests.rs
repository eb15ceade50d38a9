use super::leftovers::uses_of_leftovers;
use super::lists::Lists;
use super::*;
use crate::resource::attrs::TAG_STACK;
use crate::resource::{Identity, Listed};
use crate::stack::model::Kind;

fn leftover(kind: Kind, name: &str) -> Wanted {
    Wanted::new(LogicalId::new(kind, name), Identity::default())
}

fn live(stack: Option<&str>) -> Live {
    let tags = stack.map(|stack| [(TAG_STACK.to_owned(), stack.to_owned())].into());
    Live {
        tags,
        ..Live::default()
    }
}

#[test]
fn what_another_stack_has_under_a_longer_name_is_no_leftover() {
    let queue = leftover(Kind::Queue, "pipeline-jobs");
    let function = leftover(Kind::Function, "pipeline-worker");
    let mapping = leftover(Kind::Mapping, "pipeline-jobs-pipeline-worker")
        .belonging_to(queue.id.clone())
        .belonging_to(function.id.clone());
    let old = leftover(Kind::Queue, "old");
    let observed = Snapshot::from([
        (
            queue.id.clone(),
            Observed::Unowned(live(Some("log-pipeline"))),
        ),
        (
            function.id.clone(),
            Observed::Unowned(live(Some("log-pipeline"))),
        ),
        (mapping.id.clone(), Observed::Owned(live(None))),
        (old.id.clone(), Observed::Owned(live(Some("log")))),
    ]);
    let survey = sorted_out(observed, &[], vec![queue, function, mapping, old.clone()]);
    assert_eq!(survey.leftovers, std::slice::from_ref(&old));
    assert_eq!(survey.observed.keys().collect::<Vec<_>>(), [&old.id]);
}

#[test]
fn what_is_listed_by_a_name_that_was_cut_is_no_leftover() {
    let named = |id: &str| {
        let mut wanted = leftover(Kind::Role, id);
        wanted.identity.name = "s-lon-1a2b3c4d".to_owned();
        wanted
    };
    // No listing can tell what was cut off.
    let mut lists = Lists(vec![Listed {
        wanted: named("s-lon-1a2b3c4d"),
        live: None,
    }]);
    let wanted = [named("long")];
    lists.tell_apart(&wanted);
    assert_eq!(lists.unwanted(&wanted).count(), 0);
    assert!(lists.look(&wanted[0]).is_some());
}

#[test]
fn what_has_no_tags_is_not_ours_when_what_it_is_of_is_not() {
    let function = leftover(Kind::Function, "f");
    let group = leftover(Kind::LogGroup, "f").belonging_to(function.id.clone());
    let of = |function_is: Observed, tags: Option<&str>| {
        let mut observed = Snapshot::from([
            (function.id.clone(), function_is),
            (group.id.clone(), Observed::Owned(live(tags))),
        ]);
        disown(&mut observed, [&function, &group].into_iter());
        matches!(observed[&group.id], Observed::Owned(_))
    };
    assert!(!of(Observed::Unowned(live(None)), None));
    assert!(of(Observed::Owned(live(Some("s"))), None));
    assert!(of(Observed::Absent, None), "late deliveries of our own");
    assert!(
        of(Observed::Unowned(live(None)), Some("s")),
        "it says so itself"
    );
}

#[test]
fn what_is_listed_under_a_wanted_id_and_is_something_else_is_told_apart() {
    let named = |id: &str, name: &str, within: Option<&str>| {
        let mut wanted = leftover(Kind::Permission, id);
        wanted.identity.name = name.to_owned();
        wanted.within = within.map(|name| LogicalId::new(Kind::Function, name));
        wanted
    };
    let listed = |wanted: Wanted| Listed { wanted, live: None };
    let wanted = [named("a-b-c", "sid", Some("c"))];
    let mut lists = Lists(vec![
        listed(named("a-b-c", "sid", Some("b-c"))),
        listed(named("a-b-c", "sid", Some("c"))),
        // Named twice, as at a boundary between two pages.
        listed(named("a-b-c", "sid", Some("c"))),
    ]);
    lists.tell_apart(&wanted);
    let unwanted: Vec<_> = lists
        .unwanted(&wanted)
        .map(|w| w.id.name.as_str())
        .collect();
    assert_eq!(unwanted, ["a-b-c of functions.b-c"]);
    assert!(lists.look(&wanted[0]).is_some());
}

/// aws-behaviours L12
#[test]
fn a_leftover_function_goes_before_every_store() {
    let mut leftovers = [
        leftover(Kind::Function, "f"),
        leftover(Kind::Table, "t"),
        leftover(Kind::LogGroup, "f"),
        leftover(Kind::Notification, "b"),
    ];
    let wanted = [leftover(Kind::Queue, "q"), leftover(Kind::Function, "g")];
    uses_of_leftovers(&mut leftovers, &wanted);
    for store in [&leftovers[1], &leftovers[2], &wanted[0]] {
        assert!(leftovers[0].needs(&store.id));
    }
    assert!(leftovers[3].needs(&leftovers[0].id) && leftovers[3].needs(&wanted[1].id));
    assert!(leftovers[1].uses.is_empty());
}
