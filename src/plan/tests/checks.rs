use super::*;

#[test]
fn the_check_finds_what_a_broken_planner_would_do() {
    let case = Case::new(vec![
        wanted("a", &["b"]),
        wanted("b", &[]),
        wanted("c", &["b"]),
    ])
    .seen("a", Observed::Owned(live("a", 2, "k")));
    let request = case.request();
    let good = case.up();
    let find = |plan: &Plan| check(plan, &request, Purpose::Up);
    let changed = |change: &dyn Fn(&mut Step)| {
        let mut plan = good.clone();
        plan.steps.iter_mut().for_each(change);
        plan
    };

    let mut reversed = good.clone();
    reversed.steps.reverse();
    assert!(matches!(
        find(&reversed)[..],
        [Violation::Order { .. }, Violation::Order { .. }]
    ));

    let mut without = good.clone();
    without.steps.retain(|step| step.id != id("b"));
    assert!(matches!(
        find(&without)[..],
        [
            Violation::Missing { .. },
            Violation::Missing { .. },
            Violation::Forgotten { .. }
        ]
    ));

    let mut twice = good.clone();
    twice.steps.push(good.steps[0].clone());
    assert_eq!(find(&twice), [Violation::Twice { id: id("b") }]);

    let unseen = changed(&|step| step.live = None);
    assert!(find(&unseen).contains(&Violation::Unseen { id: id("a") }));

    let unordered = changed(&|step| step.after.clear());
    let waits = |name: &str| Violation::Unordered {
        id: id(name),
        dependency: id("b"),
    };
    assert_eq!(find(&unordered), [waits("a"), waits("c")]);

    let deleting = changed(&|step| {
        if step.id == id("a") {
            step.action = Action::Delete;
        }
    });
    assert!(find(&deleting).contains(&Violation::Kept { id: id("a") }));

    let touching = changed(&|step| {
        if step.id == id("b") {
            step.action = Action::Update;
            step.live = Some(Live::default());
        }
    });
    assert!(find(&touching).contains(&Violation::Foreign { id: id("b") }));
}

#[test]
fn the_check_finds_losses_and_early_deletions() {
    let seen = |name: &str| Observed::Owned(live(name, 1, "k"));
    let case = Case::new(vec![wanted("a", &["b"]), wanted("b", &[])])
        .seen("a", seen("a"))
        .seen("b", seen("b"))
        .traits(store)
        .consent(false, true);
    let plan = case.down();
    let silent = Case {
        consent: Consent::default(),
        ..case
    };
    let found = check(&plan, &silent.request(), Purpose::Down);
    let losses = ["a", "b"].map(|name| Violation::DataLoss { id: id(name) });
    assert_eq!(found, losses);

    let silent = Case {
        traits: no_traits,
        ..silent
    };
    let mut early = plan;
    for step in &mut early.steps {
        step.after.clear();
    }
    assert_eq!(
        check(&early, &silent.request(), Purpose::Down),
        [Violation::Early {
            id: id("b"),
            dependant: id("a"),
        }]
    );

    // Something of somebody else's under a wanted name.
    let foreign = Case::new(vec![wanted("q", &[])]).seen("q", Observed::Unowned(foreign(1, &[])));
    let mut plan = one(Observed::Absent).up();
    let found = check(&plan, &foreign.request(), Purpose::Up);
    assert_eq!(found, [Violation::Foreign { id: id("q") }]);
    plan.steps[0].action = Action::Adopt;
    plan.steps[0].live = Some(Live::default());
    let found = check(&plan, &foreign.request(), Purpose::Up);
    assert_eq!(found, [Violation::Foreign { id: id("q") }], "nobody agreed");
}
