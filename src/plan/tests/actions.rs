use super::*;
use crate::resource::attrs::Owner;

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
            shown_when_made: &[],
            never_adopted: false,
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

/// aws-behaviours F8
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

/// aws-behaviours L16
#[test]
fn concurrency_that_the_account_has_not_left_is_refused() {
    let reserving =
        |name: &str, reserved: i64| wanted(name, &[]).with(RESERVED_CONCURRENCY, reserved);
    let live_with = |name: &str, reserved: i64| {
        let mut live = live(name, 1, "k");
        live.attrs
            .insert(RESERVED_CONCURRENCY.to_owned(), reserved.into());
        Observed::Owned(live)
    };
    // 900 are unreserved beside the 50 that `old` has.
    let plan = |old: i64, new: i64| {
        let mut case = Case::new(vec![reserving("old", old), reserving("new", new)])
            .seen("old", live_with("old", 50));
        case.survey.unreserved_concurrency = Some(900);
        case.up()
    };
    assert_eq!(plan(50, 800).refusals, [], "100 are left");
    let refused = plan(50, 801);
    let refusals = &refused.refusals[..];
    let [only] = refusals else {
        panic!("{refusals:?}")
    };
    assert_eq!(only.id, id("new"), "what has its share keeps it");
    assert_eq!(only.remedy, Remedy::ReserveLess);
    assert!(only.why.contains("would have 99 left"), "{}", only.why);
    assert_eq!(plan(0, 850).refusals, [], "what is given back counts");
    // Nobody told what is left: then Lambda says it.
    let unknown = Case::new(vec![reserving("new", 9_999)]).up();
    assert_eq!(unknown.refusals, []);
}

#[test]
fn what_is_worth_reading_is_shown_before_it_is_made() {
    let role = wanted("q", &[])
        .with("policy.Read", "all")
        .with("policies", "x");
    let plan = Case::new(vec![role]).traits(fixed_key).up();
    let shown: Vec<_> = plan.steps[0]
        .changes
        .iter()
        .map(|change| change.field.as_str())
        .collect();
    assert_eq!(
        (only(&plan).0, shown),
        (Action::Create, vec!["policy.Read"])
    );
}

/// aws-behaviours I8
#[test]
fn what_may_not_be_read_is_no_drift() {
    let mut found = Live::default();
    found.leave_unread(&wanted("q", &[]), &["size", "other"]);
    found.attrs.insert("key".to_owned(), "k".into());
    found.tags = live("q", 1, "k").tags;
    let plan = one(Observed::Owned(found.clone())).up();
    assert_eq!(only(&plan).0, Action::Keep);
    assert_eq!(found.unread.len(), 2, "and it is known that nobody looked");
}

#[test]
fn a_kind_that_is_never_adopted_is_refused() {
    let plan = one(Observed::Unowned(foreign(1, &[])))
        .traits(|_| Traits {
            never_adopted: true,
            ..Traits::default()
        })
        .consent(true, true)
        .up();
    assert_eq!(refusal(&plan).1, Remedy::Rename);
}

#[test]
fn a_function_whose_role_is_made_anew_is_sent_again() {
    let id = |kind| LogicalId::new(kind, "f");
    let role = Wanted::new(id(Kind::Role), Identity::default());
    let function = Wanted::new(id(Kind::Function), Identity::default()).after(id(Kind::Role));
    let mut case = Case::new(vec![role, function]);
    let observed = Observed::Owned(Live::default());
    case.survey
        .observed
        .insert(id(Kind::Function), observed.clone());
    let plan = case.up();
    let step = plan
        .steps
        .iter()
        .find(|step| step.id.kind == Kind::Function);
    let step = step.expect("a step");
    assert_eq!(
        (step.action, step.why.as_str()),
        (Action::Update, "its role is made anew")
    );
    let live = step.live.as_ref().expect("what is live");
    assert!(
        live.attrs.contains_key("state"),
        "so that all of it is sent"
    );
    case.survey.observed.insert(id(Kind::Role), observed);
    assert!(
        case.up().is_empty(),
        "with the role that it has, nothing is to do"
    );
}

/// aws-behaviours F8
#[test]
fn what_cloudformation_made_is_not_ours_whatever_its_tags() {
    let of_cloudformation = foreign(
        1,
        &[(TAG_STACK, "s"), ("aws:cloudformation:stack-name", "s-t")],
    );
    assert_eq!(
        of_cloudformation.owner(),
        Owner::CloudFormation("s-t".to_owned())
    );
    // Some endpoints do not show its tags; ours tell that they are a template's.
    let passed_on = foreign(1, &[(TAG_STACK, "s"), ("pipectl:id", "templates.t")]);
    assert_eq!(
        passed_on.tagged_id(),
        Some(LogicalId::new(Kind::Template, "t"))
    );
}
