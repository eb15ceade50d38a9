//! Listings of the state: keys, versions, uploads.

use super::state::Versioning;
use super::state_list::{Query, Start};
use super::state_tests::{BUCKET, Fixture};

#[test]
fn listing_rolls_up_and_pages() {
    let fixture = Fixture::new(Versioning::Unversioned);
    for key in ["a", "logs/1", "logs/2", "logs/x/1", "logs/x/2", "m/1", "z"] {
        fixture.put(key, b"");
    }
    let query = |prefix, delimiter, max| Query {
        prefix,
        delimiter,
        max,
    };
    let text = |keys: &[&str]| keys.iter().map(|&key| key.to_owned()).collect::<Vec<_>>();
    assert_eq!(
        fixture.keys(&query("", "/", 10), &Start::Beginning),
        (text(&["a", "z"]), text(&["logs/", "m/"]), false)
    );
    assert_eq!(
        fixture.keys(&query("logs/", "/", 10), &Start::Beginning),
        (text(&["logs/1", "logs/2"]), text(&["logs/x/"]), false)
    );
    assert_eq!(
        fixture.keys(&query("", "/", 10), &Start::After("logs/")),
        (text(&["z"]), text(&["m/"]), false)
    );
    assert_eq!(
        fixture.keys(&query("logs/", "", 10), &Start::After("logs/2")),
        (text(&["logs/x/1", "logs/x/2"]), vec![], false)
    );
    assert_eq!(
        fixture.keys(&query("", "/", 0), &Start::Beginning),
        (vec![], vec![], false)
    );
    // One entry per page gives the same, in order.
    let mut start = Start::Beginning;
    let mut seen = Vec::new();
    loop {
        let page = fixture
            .store
            .list(BUCKET, &query("", "/", 1), &start)
            .expect("listed");
        seen.extend(page.entries.into_iter().map(|entry| entry.key));
        seen.extend(page.prefixes);
        let Some(next) = page.next else { break };
        start = Start::At(next.position);
    }
    assert_eq!(seen, ["a", "logs/", "m/", "z"]);
}

#[test]
fn versions_page_inside_a_key() {
    let fixture = Fixture::new(Versioning::Enabled);
    let mut expected = Vec::new();
    for key in ["a", "b"] {
        let ids: Vec<_> = (0..3)
            .map(|_| fixture.put(key, b"x").version_id.expect("a version"))
            .collect();
        expected.extend(ids.into_iter().rev().map(|id| (key.to_owned(), id)));
    }
    let query = Query {
        max: 2,
        ..Query::default()
    };
    let mut seen = Vec::new();
    let mut marker: Option<(String, Option<String>)> = None;
    loop {
        let start = marker
            .as_ref()
            .map_or(Start::Beginning, |(key, _)| Start::After(key));
        let after = marker.as_ref().and_then(|(_, id)| id.as_deref());
        let page = fixture.versions(&query, &start, after);
        seen.extend(page.entries.into_iter().map(|v| (v.key, v.version_id)));
        let Some(next) = page.next else { break };
        marker = Some((next.last, next.last_version));
    }
    assert_eq!(seen, expected);
}

#[test]
fn more_than_a_batch_is_listed_whole() {
    let fixture = Fixture::new(Versioning::Enabled);
    for _ in 0..1_005 {
        let guard = fixture.store.lock();
        guard
            .connection
            .execute(
                "INSERT INTO versions SELECT (SELECT ifnull(max(seq), 0) + 1 FROM versions),
                    ?1, x'6b', hex(randomblob(8)), 0, 1, NULL, 0, '', 0, '', '{}', '[]', NULL, '[]', '[]'",
                [BUCKET],
            )
            .expect("inserted");
    }
    let query = Query {
        max: 5_000,
        ..Query::default()
    };
    let page = fixture.versions(&query, &Start::Beginning, None);
    assert_eq!((page.entries.len(), page.next), (1_005, None));
}
