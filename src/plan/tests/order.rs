use super::*;

#[test]
fn up_goes_along_the_dependencies_and_down_against_them() {
    let all = vec![
        wanted("a", &["b", "c"]),
        wanted("b", &["c"]),
        wanted("c", &[]),
    ];
    let case = Case::new(all.clone());
    assert_eq!(actions(&case.up()), ["c create", "b create", "a create"]);
    let mut case = Case::new(all);
    for name in ["a", "b", "c"] {
        case = case.seen(name, Observed::Owned(live(name, 1, "k")));
    }
    assert_eq!(actions(&case.down()), ["a delete", "b delete", "c delete"]);
}

#[test]
fn what_is_only_used_need_not_be_waited_for_but_outlives_its_user() {
    let writer = wanted("a", &[]).using(id("z"));
    let case = Case::new(vec![writer.clone(), wanted("z", &[])]);
    assert!(case.up().steps.iter().all(|step| step.after.is_empty()));
    let case = Case::new(vec![writer, wanted("z", &[])])
        .seen("a", Observed::Owned(live("a", 1, "k")))
        .seen("z", Observed::Owned(live("z", 1, "k")));
    let plan = case.down();
    assert_eq!(actions(&plan), ["a delete", "z delete"]);
    assert_eq!(plan.steps[1].after, [id("a")].into());
}

#[test]
fn down_leaves_what_is_foreign_absent_or_retained() {
    let mut kept = wanted("kept", &[]);
    kept.retain = true;
    let all = vec![
        wanted("foreign", &[]),
        wanted("absent", &[]),
        kept,
        wanted("ours", &[]),
    ];
    let plan = Case::new(all)
        .seen("foreign", Observed::Unowned(foreign(1, &[])))
        .seen("kept", Observed::Owned(live("kept", 1, "k")))
        .seen("ours", Observed::Owned(live("ours", 1, "k")))
        .leftover(wanted("old", &[]), live("old", 1, "k"))
        .down();
    assert_eq!(actions(&plan), ["kept keep", "old delete", "ours delete"]);
}

#[test]
fn down_refuses_to_lose_data_without_consent() {
    let full = |holds_data| {
        Observed::Owned(Live {
            holds_data,
            ..live("q", 1, "k")
        })
    };
    for holds_data in [None, Some(true)] {
        let case = || one(full(holds_data)).traits(store);
        assert_eq!(refusal(&case().down()).1, Remedy::LoseData);
        let plan = case().consent(false, true).down();
        assert_eq!(only(&plan).0, Action::Delete);
    }
    let plan = one(full(Some(false))).traits(store).down();
    assert_eq!(only(&plan).0, Action::Delete);
    assert!(!plan.steps[0].lose_data);
}

#[test]
fn only_what_somebody_was_asked_about_may_be_lost() {
    let full = |name: &str| {
        Observed::Owned(Live {
            holds_data: Some(true),
            ..live(name, 1, "k")
        })
    };
    let mut case = Case::new(vec![wanted("a", &[]), wanted("b", &[])])
        .seen("a", full("a"))
        .seen("b", full("b"))
        .traits(store);
    case.consent.losses = Losses::Of([id("a")].into());
    let plan = case.down();
    assert_eq!(actions(&plan), ["a delete"]);
    assert_eq!(plan.at_risk(), [id("b")].into());
}

#[test]
fn what_is_retained_keeps_what_it_needs_and_is_not_replaced() {
    let mut kept = wanted("kept", &["needed"]);
    kept.retain = true;
    let all = vec![kept.clone(), wanted("needed", &[]), wanted("other", &[])];
    let case = all.iter().fold(Case::new(all.clone()), |case, one| {
        let name = one.id.name.as_str();
        case.seen(name, Observed::Owned(live(name, 1, "k")))
    });
    let down = ["kept keep", "needed keep", "other delete"];
    assert_eq!(actions(&case.down()), down);
    // And when what it needed has gone all the same.
    let case = Case::new(all).seen("kept", Observed::Owned(live("kept", 1, "k")));
    assert_eq!(actions(&case.down()), ["kept keep"]);

    let mut kept = wanted("q", &[]);
    kept.retain = true;
    let plan = Case::new(vec![kept])
        .seen("q", Observed::Owned(live("q", 1, "x")))
        .traits(fixed_key)
        .consent(false, true)
        .up();
    assert_eq!(refusal(&plan).1, Remedy::Release);
}

/// aws-behaviours L12, E4
#[test]
fn a_leftover_mapping_goes_before_its_function_is_changed() {
    let mut mapping = Wanted::new(LogicalId::new(Kind::Mapping, "old"), Identity::default());
    mapping = mapping.after(id("function")).after(id("gone"));
    let plan = Case::new(vec![wanted("function", &[])])
        .seen("function", Observed::Owned(live("function", 2, "k")))
        .leftover(mapping, live("old", 1, "k"))
        .leftover(wanted("gone", &[]), live("gone", 1, "k"))
        .up();
    assert_eq!(
        actions(&plan),
        ["old delete", "function update", "gone delete"]
    );
}

/// Its function was deleted by hand, and is made anew while its old mapping goes.
/// aws-behaviours L12, E4
#[test]
fn a_leftover_mapping_of_something_that_is_gone_goes_all_the_same() {
    let mut mapping = Wanted::new(LogicalId::new(Kind::Mapping, "old"), Identity::default());
    mapping = mapping.after(id("function"));
    let plan = Case::new(vec![wanted("function", &[])])
        .leftover(mapping, live("old", 1, "k"))
        .up();
    assert_eq!(actions(&plan), ["old delete", "function create"]);
}

/// An order that would close a ring by way of a third resource is not asked for.
#[test]
fn the_order_of_two_changes_never_closes_a_ring() {
    let mut mapping = wanted("mapping", &["jobs", "worker"]);
    mapping.at_least = Some(AtLeast {
        high: (id("jobs"), "size"),
        low: (id("worker"), "size"),
    });
    let jobs = wanted("jobs", &[]).with("size", 30);
    let all = vec![
        jobs,
        wanted("retry", &["jobs"]),
        wanted("worker", &["retry"]).with("size", 10),
        mapping,
    ];
    let plan = Case::new(all)
        .seen("jobs", Observed::Owned(live("jobs", 300, "k")))
        .seen("retry", Observed::Owned(live("retry", 1, "k")))
        .seen("worker", Observed::Owned(live("worker", 10, "k")))
        .seen("mapping", Observed::Owned(live("mapping", 1, "k")))
        .up();
    assert_eq!(plan.changes().count(), 1);
}

/// (live size of queue and function) → (wanted) → which goes first
/// aws-behaviours Q10
#[test]
fn the_queue_hides_messages_for_longer_than_the_function_runs_at_every_moment() {
    type Sizes = (i64, i64);
    let cases: [(Sizes, Sizes, &[&str]); 4] = [
        ((30, 10), (300, 100), &["queue", "function"]),
        ((300, 100), (30, 10), &["function", "queue"]),
        ((30, 10), (30, 20), &["function"]),
        ((30, 10), (20, 10), &["queue"]),
    ];
    for (from, to, expected) in cases {
        let sized = |name: &str, size: i64| wanted(name, &[]).with("size", size);
        let mut mapping = wanted("mapping", &["queue", "function"]);
        mapping.at_least = Some(AtLeast {
            high: (id("queue"), "size"),
            low: (id("function"), "size"),
        });
        // The function refers to the queue, and must go first all the same when both go down.
        let function = sized("function", to.1).after(id("queue"));
        let plan = Case::new(vec![sized("queue", to.0), function, mapping])
            .seen("queue", Observed::Owned(live("queue", from.0, "k")))
            .seen("function", Observed::Owned(live("function", from.1, "k")))
            .seen("mapping", Observed::Owned(live("mapping", 1, "k")))
            .up();
        let order: Vec<_> = plan.changes().map(|step| step.id.name.as_str()).collect();
        assert_eq!(order, expected, "{from:?} → {to:?}");
    }
}
