use super::*;
use crate::resource::attrs::{AtLeast, Identity, TAG_STACK, Tags, our_tags};

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
    wanted.tagged = true;
    wanted
}

/// What is live with these values, after these were applied.
fn live_after(name: &str, (size, key): (i64, &str), applied: (i64, &str)) -> Live {
    let attrs = |size: i64, key: &str| {
        crate::resource::Attrs::from([
            ("size".to_owned(), size.into()),
            ("key".to_owned(), key.into()),
        ])
    };
    Live {
        attrs: attrs(size, key),
        tags: Some(our_tags("s", &id(name), &attrs(applied.0, applied.1))),
        ..Live::default()
    }
}

/// What is live with these values, which were applied.
fn live(name: &str, size: i64, key: &str) -> Live {
    live_after(name, (size, key), (size, key))
}

fn foreign(size: i64, tags: &[(&str, &str)]) -> Live {
    let tags: Tags = tags
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    Live {
        tags: Some(tags),
        ..live("q", size, "k")
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

fn store(_: Kind) -> Traits {
    Traits {
        fixed_fields: &["key"],
        stores_data: true,
    }
}

/// A survey and what a plan is made from, with everything else at its simplest.
struct Case {
    wanted: Vec<Wanted>,
    survey: Survey,
    identities: Identities,
    traits: fn(Kind) -> Traits,
    consent: Consent,
}

impl Case {
    fn new(wanted: Vec<Wanted>) -> Self {
        Self {
            wanted,
            survey: Survey::default(),
            identities: Identities::new(),
            traits: no_traits,
            consent: Consent::default(),
        }
    }

    fn seen(mut self, name: &str, observed: Observed) -> Self {
        self.survey.observed.insert(id(name), observed);
        self
    }

    fn leftover(mut self, leftover: Wanted, live: Live) -> Self {
        let id = leftover.id.clone();
        self.survey.observed.insert(id, Observed::Owned(live));
        self.survey.leftovers.push(leftover);
        self
    }

    fn traits(mut self, traits: fn(Kind) -> Traits) -> Self {
        self.traits = traits;
        self
    }

    fn consent(mut self, adopt: bool, lose_data: bool) -> Self {
        let losses = if lose_data { Losses::Any } else { Losses::None };
        self.consent = Consent { adopt, losses };
        self
    }

    fn request(&self) -> Request<'_> {
        Request {
            stack: "s",
            wanted: &self.wanted,
            survey: &self.survey,
            identities: &self.identities,
            traits: self.traits,
            consent: &self.consent,
        }
    }

    /// The plan of an `up`, which the checker finds nothing wrong with.
    fn up(&self) -> Plan {
        let plan = up(&self.request());
        assert_eq!(check(&plan, &self.request(), Purpose::Up), []);
        plan
    }

    /// The plan of a `down`, likewise.
    fn down(&self) -> Plan {
        let plan = down(&self.request());
        assert_eq!(check(&plan, &self.request(), Purpose::Down), []);
        plan
    }
}

fn one(observed: Observed) -> Case {
    Case::new(vec![wanted("q", &[])]).seen("q", observed)
}

/// `q create`, one per step.
fn actions(plan: &Plan) -> Vec<String> {
    let steps = plan.steps.iter();
    steps
        .map(|step| format!("{} {}", step.id.name, step.action.verb()))
        .collect()
}

/// The only step: what is done and why.
fn only(plan: &Plan) -> (Action, &str) {
    assert!(plan.refusals.is_empty(), "{:?}", plan.refusals);
    let [step] = &plan.steps[..] else {
        panic!("{:?}", plan.steps)
    };
    (step.action, &step.why)
}

/// The only refusal: its reason and what would help.
fn refusal(plan: &Plan) -> (&str, Remedy) {
    assert!(plan.steps.is_empty(), "{:?}", plan.steps);
    let [refusal] = &plan.refusals[..] else {
        panic!("{:?}", plan.refusals)
    };
    (&refusal.why, refusal.remedy)
}

#[test]
fn what_is_absent_is_created() {
    let plan = one(Observed::Absent).up();
    assert_eq!(only(&plan), (Action::Create, "it is not there"));
}

#[test]
fn what_is_as_wanted_is_kept() {
    let plan = one(Observed::Owned(live("q", 1, "k"))).up();
    assert_eq!(only(&plan), (Action::Keep, "it is as wanted"));
    assert!(plan.is_empty());
}

#[test]
fn a_change_in_the_stack_is_an_update_field_by_field() {
    let plan = one(Observed::Owned(live("q", 2, "x"))).up();
    assert_eq!(only(&plan), (Action::Update, "the stack was changed"));
    let fields: Vec<_> = plan.steps[0]
        .changes
        .iter()
        .map(|change| (change.field.as_str(), change.origin))
        .collect();
    assert_eq!(
        fields,
        [
            ("key", Origin::Stack),
            ("size", Origin::Stack),
            ("tags.pipectl:applied", Origin::Stack)
        ]
    );
}

#[test]
fn a_change_outside_is_told_as_such() {
    let drifted = live_after("q", (2, "k"), (1, "k"));
    let plan = one(Observed::Owned(drifted)).up();
    assert_eq!(
        only(&plan),
        (Action::Update, "it was changed outside pipectl")
    );
    let [change] = &plan.steps[0].changes[..] else {
        panic!("{plan:?}")
    };
    assert_eq!(
        (change.origin, change.from.clone(), change.to.clone()),
        (Origin::Outside, Some(2.into()), Some(1.into()))
    );
}

#[test]
fn changes_on_both_sides_are_told_as_such() {
    let plan = one(Observed::Owned(live_after("q", (3, "k"), (2, "k")))).up();
    let why = "the stack was changed, and it was changed outside pipectl";
    assert_eq!(only(&plan), (Action::Update, why));
    assert_eq!(plan.steps[0].changes[0].origin, Origin::Both);
}

#[test]
fn without_a_record_of_what_was_applied_nobody_is_blamed() {
    let mut unrecorded = live("q", 2, "k");
    unrecorded.tags = Some([(TAG_STACK.to_owned(), "s".to_owned())].into());
    let plan = one(Observed::Owned(unrecorded)).up();
    assert_eq!(only(&plan), (Action::Update, "it is not as wanted"));
}

#[test]
fn an_old_record_of_what_was_applied_is_renewed() {
    let plan = one(Observed::Owned(live_after("q", (1, "k"), (2, "k")))).up();
    let why = "the record of what was applied is missing or old";
    assert_eq!(only(&plan), (Action::Update, why));
}

#[test]
fn a_kind_without_tags_is_compared_by_its_fields_alone() {
    let mut untagged = live("q", 1, "k");
    untagged.tags = None;
    let plan = one(Observed::Owned(untagged)).up();
    assert_eq!(only(&plan).0, Action::Keep);
}

#[test]
fn a_field_that_cannot_be_changed_in_place_is_a_replacement() {
    let plan = one(Observed::Owned(live("q", 1, "x")))
        .traits(fixed_key)
        .up();
    let why = "`key` cannot be changed in place";
    assert_eq!(only(&plan), (Action::Replace, why));
}

#[test]
fn a_store_with_data_is_replaced_with_consent_only() {
    let full = |holds_data| Live {
        holds_data,
        ..live("q", 1, "x")
    };
    let case = |holds_data| one(Observed::Owned(full(holds_data))).traits(store);
    for holds_data in [None, Some(true)] {
        let plan = case(holds_data).up();
        let (why, remedy) = refusal(&plan);
        assert!(why.contains("would lose its data"), "{why}");
        assert_eq!(remedy, Remedy::SaveData);
        assert_eq!(plan.at_risk(), [id("q")].into());
        let plan = case(holds_data).consent(false, true).up();
        assert_eq!(only(&plan).0, Action::Replace);
        assert!(plan.steps[0].lose_data);
    }
    let plan = case(Some(false)).up();
    assert_eq!(only(&plan).0, Action::Replace, "an empty one loses nothing");
    assert!(!plan.steps[0].lose_data, "what comes meanwhile is not lost");
}

#[test]
fn what_is_within_a_replaced_resource_is_made_anew() {
    let part = wanted("part", &[]).within(id("q"));
    let plan = Case::new(vec![wanted("q", &[]), part])
        .seen("q", Observed::Owned(live("q", 1, "x")))
        .seen("part", Observed::Owned(live("part", 1, "k")))
        .traits(|_| Traits {
            fixed_fields: &["key"],
            stores_data: false,
        })
        .up();
    assert_eq!(actions(&plan), ["q replace", "part create"]);
}

#[test]
fn a_foreign_resource_is_refused() {
    let plan = one(Observed::Unowned(foreign(1, &[("team", "x")]))).up();
    let why = "a resource of that name is there and does not belong to this stack";
    assert_eq!(refusal(&plan), (why, Remedy::Adopt));
}

#[test]
fn a_resource_of_nobody_is_adopted_when_asked() {
    let plan = one(Observed::Unowned(foreign(2, &[("team", "x")])))
        .consent(true, false)
        .up();
    assert_eq!(only(&plan).0, Action::Adopt);
    let changes = &plan.steps[0].changes;
    assert_eq!((changes.len(), changes[0].field.as_str()), (1, "size"));
}

#[test]
fn what_cannot_be_changed_in_place_is_not_adopted() {
    let mut other = foreign(1, &[]);
    other.attrs.insert("key".to_owned(), "x".into());
    let plan = one(Observed::Unowned(other))
        .traits(fixed_key)
        .consent(true, true)
        .up();
    assert_eq!(refusal(&plan).1, Remedy::Rename);
}

#[test]
fn a_resource_of_another_stack_is_never_adopted() {
    let tags = [
        (TAG_STACK, "other", "belongs to the stack `other`"),
        (
            "aws:cloudformation:stack-name",
            "cfn",
            "belongs to the CloudFormation stack `cfn`",
        ),
    ];
    for (tag, owner, words) in tags {
        let plan = one(Observed::Unowned(foreign(1, &[(tag, owner)])))
            .consent(true, true)
            .up();
        let (why, remedy) = refusal(&plan);
        assert!(why.ends_with(words), "{why}");
        assert_eq!(remedy, Remedy::Rename);
    }
}

#[test]
fn what_is_not_in_the_stack_any_more_is_deleted_after_everything_else() {
    let case = Case::new(vec![wanted("new", &[])])
        .leftover(wanted("old", &[]), live("old", 1, "k"))
        .leftover(wanted("older", &["old"]), live("older", 1, "k"));
    let plan = case.up();
    assert_eq!(
        actions(&plan),
        ["new create", "older delete", "old delete"],
        "and what works with another goes before it"
    );
    assert_eq!(plan.steps[1].why, "it is not in the stack any more");
}

#[test]
fn a_leftover_store_with_data_is_deleted_with_consent_only() {
    let full = Live {
        holds_data: Some(true),
        ..live("old", 1, "k")
    };
    let case = || {
        Case::new(Vec::new())
            .leftover(wanted("old", &[]), full.clone())
            .traits(store)
    };
    let plan = case().up();
    assert_eq!(
        refusal(&plan),
        ("there is still data in it", Remedy::SaveData)
    );
    let plan = case().consent(false, true).up();
    assert_eq!(only(&plan).0, Action::Delete);
}

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
