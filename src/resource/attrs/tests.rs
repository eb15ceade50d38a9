use super::*;
use crate::stack::model::{Kind, Reference};

fn url_of_jobs() -> Text {
    Text {
        parts: vec![
            Part::Literal("at ".to_owned()),
            Part::Reference(Reference {
                id: LogicalId::new(Kind::Queue, "jobs"),
                attribute: Attribute::Url,
            }),
        ],
    }
}

#[test]
fn a_reference_stays_as_written_until_its_identity_is_known() {
    let jobs = LogicalId::new(Kind::Queue, "jobs");
    let wanted = Wanted::new(LogicalId::new(Kind::Function, "f"), Identity::default())
        .with("memory", 128)
        .with_text("environment.URL", &url_of_jobs());
    assert!(wanted.needs(&jobs));

    let mut identities = Identities::new();
    let before = wanted.resolve(&identities);
    assert_eq!(
        before.text("environment.URL"),
        Some("at ${queues.jobs.url}")
    );
    assert!(before.unknown.contains("environment.URL"));
    assert_eq!(
        wanted.unknown_references(&identities).collect::<Vec<_>>(),
        [&jobs]
    );

    let url = Some("http://q".to_owned());
    let identity = Identity {
        url,
        ..Identity::default()
    };
    identities.insert(jobs, identity);
    let after = wanted.resolve(&identities);
    assert_eq!(after.text("environment.URL"), Some("at http://q"));
    assert!(after.unknown.is_empty());
    assert_eq!(after.below("environment").count(), 1);
    assert_eq!(wanted.unknown_references(&identities).count(), 0);
}

fn queue() -> Wanted {
    let mut wanted = Wanted::new(LogicalId::new(Kind::Queue, "q"), Identity::default())
        .with("same", 1)
        .with("changed", 2)
        .with("added", 3);
    wanted.tagged = true;
    wanted
}

fn live(tags: Option<Tags>) -> Live {
    Live {
        attrs: Attrs::from([
            ("same".to_owned(), 1.into()),
            ("changed".to_owned(), 1.into()),
            ("removed".to_owned(), 4.into()),
        ]),
        tags,
        ..Live::default()
    }
}

#[test]
fn comparing_finds_changed_added_and_removed_fields_and_where_they_came_from() {
    let wanted = queue().resolve(&Identities::new());
    // Applied was what is wanted, so everything else came from outside.
    let tags = our_tags("s", &wanted.id, &wanted.attrs);
    let changes = compare(&wanted, &live(Some(tags)), "s");
    let found: Vec<_> = changes
        .iter()
        .map(|c| (c.field.as_str(), c.from.is_some(), c.to.is_some(), c.origin))
        .collect();
    assert_eq!(
        found,
        [
            ("added", false, true, Origin::Outside),
            ("changed", true, true, Origin::Outside),
            ("removed", true, false, Origin::Outside)
        ]
    );

    let untold = compare(&wanted, &live(None), "s");
    assert!(untold.iter().all(|c| c.origin == Origin::Unknown));
    assert_eq!(untold.len(), 3, "no tags, no change of tags");
}

#[test]
fn tags_of_ours_are_wanted_and_those_of_others_left_alone() {
    let wanted = queue().resolve(&Identities::new());
    let mut same = live(None);
    same.attrs.clone_from(&wanted.attrs);
    let mut tags = our_tags("s", &wanted.id, &wanted.attrs);
    tags.insert("team".to_owned(), "logs".to_owned());
    same.tags = Some(tags.clone());
    assert_eq!(compare(&wanted, &same, "s"), []);

    tags.insert(TAG_ID.to_owned(), "queues.other".to_owned());
    tags.insert(TAG_APPLIED.to_owned(), String::new());
    same.tags = Some(tags);
    let changes = compare(&wanted, &same, "s");
    let fields: Vec<_> = changes.iter().map(|change| change.field.as_str()).collect();
    assert_eq!(fields, ["tags.pipectl:applied", "tags.pipectl:id"]);
    assert!(changes[0].is_record() && !changes[1].is_record());
}

#[test]
fn an_output_of_a_template_is_known_with_the_template() {
    let id = LogicalId::new(Kind::Template, "alarms");
    let reference = Reference {
        id: id.clone(),
        attribute: Attribute::Output("TopicArn".to_owned()),
    };
    let text = Text {
        parts: vec![Part::Reference(reference)],
    };
    let mut identity = Identity::default();
    let mut resolve = |outputs: &[(&str, &str)]| {
        let outputs = outputs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        identity.outputs = outputs.collect();
        resolve_text(&text, &Identities::from([(id.clone(), identity.clone())]))
    };
    let written = "${templates.alarms.outputs.TopicArn}".to_owned();
    assert_eq!(resolve(&[("Other", "x")]), (written, false));
    assert_eq!(resolve(&[("TopicArn", "arn")]), ("arn".to_owned(), true));
}
