use super::*;
use crate::resource::attrs::Identity;

fn id(name: &str) -> LogicalId {
    LogicalId::new(Kind::Queue, name)
}

fn wanted(name: &str, after: &[&str]) -> Wanted {
    let identity = Identity {
        name: format!("s-{name}"),
        ..Identity::default()
    };
    let mut wanted = Wanted::new(id(name), identity)
        .with("size", 1)
        .with("key", "k");
    wanted.depends_on = after.iter().map(|name| id(name)).collect();
    wanted
}

fn live(size: i64, key: &str) -> Live {
    Live {
        attrs: [
            ("size".to_owned(), size.into()),
            ("key".to_owned(), key.into()),
        ]
        .into(),
        ..Live::default()
    }
}

fn no_traits(_: Kind) -> Traits {
    Traits::default()
}

fn fixed_key(_: Kind) -> Traits {
    Traits {
        fixed_fields: &["key"],
        stores_data: false,
    }
}

fn fixed_key_with_data(_: Kind) -> Traits {
    Traits {
        fixed_fields: &["key"],
        stores_data: true,
    }
}

/// observed → (action or refusal, number of changes)
#[test]
fn every_observation_has_its_action() {
    type Case = (Observed, fn(Kind) -> Traits, Option<Action>, usize);
    let cases: [Case; 7] = [
        (Observed::Absent, no_traits, Some(Action::Create), 0),
        (
            Observed::Owned(live(1, "k")),
            no_traits,
            Some(Action::Keep),
            0,
        ),
        (
            Observed::Owned(live(2, "k")),
            no_traits,
            Some(Action::Update),
            1,
        ),
        (
            Observed::Owned(live(2, "x")),
            no_traits,
            Some(Action::Update),
            2,
        ),
        (
            Observed::Owned(live(1, "x")),
            fixed_key,
            Some(Action::Replace),
            1,
        ),
        (Observed::Owned(live(1, "x")), fixed_key_with_data, None, 0),
        (Observed::Unowned(live(1, "k")), no_traits, None, 0),
    ];
    for (observed, traits, action, changes) in cases {
        let wanted = [wanted("q", &[])];
        let snapshot = BTreeMap::from([(id("q"), observed.clone())]);
        let plan = up(&wanted, &snapshot, &Identities::new(), traits);
        assert_eq!(check(&plan, &wanted, traits), [], "{observed:?}");
        match action {
            Some(action) => {
                assert_eq!(plan.steps.len(), 1, "{observed:?}");
                assert_eq!(plan.steps[0].action, action, "{observed:?}");
                assert_eq!(plan.steps[0].changes.len(), changes, "{observed:?}");
                assert!(plan.refusals.is_empty());
            }
            None => assert_eq!(
                (plan.steps.len(), plan.refusals.len()),
                (0, 1),
                "{observed:?}"
            ),
        }
    }
}

#[test]
fn up_goes_along_the_dependencies_and_down_against_them() {
    let wanted = [
        wanted("a", &["b", "c"]),
        wanted("b", &["c"]),
        wanted("c", &[]),
    ];
    let order = |plan: &Plan| {
        plan.steps
            .iter()
            .map(|step| step.id.name.clone())
            .collect::<Vec<_>>()
    };

    let plan = up(&wanted, &BTreeMap::new(), &Identities::new(), no_traits);
    assert_eq!(order(&plan), ["c", "b", "a"]);
    assert_eq!(check(&plan, &wanted, no_traits), []);

    let snapshot: BTreeMap<_, _> = ["a", "b", "c"]
        .map(|name| (id(name), Observed::Owned(live(1, "k"))))
        .into();
    let plan = down(&wanted, &snapshot);
    assert_eq!(order(&plan), ["a", "b", "c"]);
    assert_eq!(check(&plan, &[], no_traits), []);
}

#[test]
fn down_leaves_what_is_foreign_absent_or_retained() {
    let mut kept = wanted("kept", &[]);
    kept.retain = true;
    let all = [
        wanted("foreign", &[]),
        wanted("absent", &[]),
        kept,
        wanted("ours", &[]),
    ];
    let snapshot = BTreeMap::from([
        (id("foreign"), Observed::Unowned(live(1, "k"))),
        (id("kept"), Observed::Owned(live(1, "k"))),
        (id("ours"), Observed::Owned(live(1, "k"))),
    ]);
    let plan = down(&all, &snapshot);
    let actions: Vec<_> = plan
        .steps
        .iter()
        .map(|step| (step.id.name.as_str(), step.action))
        .collect();
    assert_eq!(actions, [("kept", Action::Keep), ("ours", Action::Delete)]);
}

#[test]
fn the_check_finds_what_a_broken_planner_would_do() {
    let wanted = [wanted("a", &["b"]), wanted("b", &[]), wanted("c", &["b"])];
    let snapshot = BTreeMap::from([(id("a"), Observed::Owned(live(2, "k")))]);
    let good = up(&wanted, &snapshot, &Identities::new(), no_traits);
    assert_eq!(check(&good, &wanted, no_traits), []);

    let mut reversed = good.clone();
    reversed.steps.reverse();
    assert!(matches!(
        check(&reversed, &wanted, no_traits)[..],
        [Violation::Order { .. }, Violation::Order { .. }]
    ));

    let mut without = good.clone();
    without.steps.retain(|step| step.id != id("b"));
    let found = check(&without, &wanted, no_traits);
    assert!(matches!(
        found[..],
        [
            Violation::Missing { .. },
            Violation::Missing { .. },
            Violation::Forgotten { .. }
        ]
    ));

    let mut twice = good.clone();
    twice.steps.push(good.steps[0].clone());
    assert_eq!(
        check(&twice, &wanted, no_traits),
        [Violation::Twice { id: id("b") }]
    );

    let mut unseen = good.clone();
    for step in &mut unseen.steps {
        step.live = None;
    }
    assert_eq!(
        check(&unseen, &wanted, no_traits),
        [Violation::Unseen { id: id("a") }]
    );

    let mut lossy = good;
    for step in &mut lossy.steps {
        if step.id == id("a") {
            step.action = Action::Replace;
        }
    }
    assert_eq!(
        check(&lossy, &wanted, fixed_key_with_data),
        [Violation::DataLoss { id: id("a") }]
    );
}
