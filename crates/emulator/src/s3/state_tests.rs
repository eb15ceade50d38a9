//! The state, driven without HTTP.

use std::path::Path;
use std::sync::Arc;

use super::state::{Document, Store, Versioning};
use super::state_body::StoredBody;
use super::state_checksum::Algorithm;
use super::state_conditions::Precondition;
use super::state_events::Caller;
use super::state_list::{Page, Query, Start};
use super::state_objects::{Deleted, NewObject, Written};
use super::state_rows::{Attributes, Version};
use super::state_rules::Rule;
use crate::clock::ManualClock;
use crate::config::Durability;
use crate::error::AwsError;

pub(super) const BUCKET: &str = "uploads";

pub(super) fn open(dir: &Path, clock: &Arc<ManualClock>, durability: Durability) -> Store {
    let clock: Arc<ManualClock> = Arc::clone(clock);
    Store::open(dir, clock, durability).expect("the store opens")
}

pub(super) fn caller() -> Caller {
    Caller {
        request_id: "R".to_owned(),
        id_2: "I".to_owned(),
        source_ip: "127.0.0.1".to_owned(),
    }
}

pub(super) struct Fixture {
    pub(super) dir: tempfile::TempDir,
    pub(super) clock: Arc<ManualClock>,
    pub(super) store: Store,
}

impl Fixture {
    pub(super) fn new(versioning: Versioning) -> Self {
        Self::with(versioning, Durability::Process)
    }

    pub(super) fn with(versioning: Versioning, durability: Durability) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let clock = Arc::new(ManualClock::new(1_700_000_000_000));
        let store = open(dir.path(), &clock, durability);
        assert!(store.create_bucket(BUCKET, &[]).expect("made"));
        if versioning != Versioning::Unversioned {
            store.set_versioning(BUCKET, versioning).expect("set");
        }
        Self { dir, clock, store }
    }

    /// The same directory, opened anew.
    pub(super) fn reopened(self) -> Self {
        let Self { dir, clock, store } = self;
        drop(store);
        let store = open(dir.path(), &clock, Durability::Process);
        Self { dir, clock, store }
    }

    pub(super) fn body(&self, content: &[u8]) -> StoredBody {
        self.try_body(content).expect("a body")
    }

    fn try_body(&self, content: &[u8]) -> Result<StoredBody, AwsError> {
        let bodies = &self.store.bodies;
        let mut writer = bodies.create(Algorithm::Crc64Nvme, None)?;
        writer.write(content)?;
        writer.finish()
    }

    pub(super) fn put_if(
        &self,
        key: &str,
        content: &[u8],
        precondition: Precondition,
    ) -> Result<Written, AwsError> {
        let body = self.try_body(content)?;
        self.store.put(NewObject {
            bucket: BUCKET,
            key,
            etag: hex::encode(body.md5),
            checksum: body.checksum.clone(),
            body,
            storage_class: "STANDARD".to_owned(),
            attributes: Attributes::default(),
            tags: Vec::new(),
            part_sizes: Vec::new(),
            part_checksums: Vec::new(),
            precondition,
            event: "s3:ObjectCreated:Put",
            caller: &caller(),
            upload_id: None,
        })
    }

    pub(super) fn put(&self, key: &str, content: &[u8]) -> Written {
        self.put_if(key, content, Precondition::default())
            .expect("put")
    }

    pub(super) fn delete(&self, key: &str, version_id: Option<&str>) -> Deleted {
        self.store
            .delete(BUCKET, key, version_id, &Precondition::default(), &caller())
            .expect("deleted")
    }

    pub(super) fn read(&self, key: &str, version_id: Option<&str>) -> Result<String, String> {
        let found = self
            .store
            .find(BUCKET, key, version_id)
            .map_err(|error| error.code)?;
        let file = found.file.ok_or("marker")?;
        std::io::read_to_string(file).map_err(|error| error.to_string())
    }

    pub(super) fn keys(
        &self,
        query: &Query<'_>,
        start: &Start<'_>,
    ) -> (Vec<String>, Vec<String>, bool) {
        let page = self.store.list(BUCKET, query, start).expect("listed");
        let keys = page.entries.into_iter().map(|entry| entry.key).collect();
        (keys, page.prefixes, page.next.is_some())
    }

    pub(super) fn versions(
        &self,
        query: &Query<'_>,
        start: &Start<'_>,
        after: Option<&str>,
    ) -> Page<Version> {
        self.store
            .list_versions(BUCKET, query, start, after)
            .expect("listed")
    }

    pub(super) fn body_files(&self) -> usize {
        std::fs::read_dir(self.dir.path().join("objects"))
            .expect("the folder is there")
            .count()
    }
}

pub(super) fn all() -> Query<'static> {
    Query {
        max: 1_000,
        ..Query::default()
    }
}

#[test]
fn an_unversioned_overwrite_replaces_the_object_and_its_file() {
    let fixture = Fixture::new(Versioning::Unversioned);
    assert_eq!(fixture.put("k", b"one").version_id, None);
    fixture.put("k", b"two");
    assert_eq!(fixture.read("k", None), Ok("two".to_owned()));
    assert_eq!(fixture.read("k", Some("null")), Ok("two".to_owned()));
    assert_eq!(fixture.body_files(), 1);
    let deleted = fixture.delete("k", None);
    assert!(!deleted.delete_marker && deleted.version_id.is_none());
    assert_eq!(fixture.read("k", None), Err("NoSuchKey".to_owned()));
    assert_eq!(fixture.body_files(), 0);
    fixture.delete("k", None);
    fixture.store.delete_bucket(BUCKET).expect("empty");
    assert_eq!(fixture.store.count_buckets(), Ok(0));
}

#[test]
fn versions_stay_and_markers_hide_them() {
    let fixture = Fixture::new(Versioning::Enabled);
    let first = fixture.put("k", b"one").version_id.expect("a version");
    let second = fixture.put("k", b"two").version_id.expect("a version");
    assert_ne!(first, second);
    assert_eq!(fixture.read("k", None), Ok("two".to_owned()));
    assert_eq!(fixture.read("k", Some(&first)), Ok("one".to_owned()));

    let marker = fixture.delete("k", None);
    assert!(marker.delete_marker);
    let marker_id = marker.version_id.expect("a version");
    assert_eq!(fixture.read("k", None), Err("marker".to_owned()));
    assert_eq!(
        fixture.keys(&all(), &Start::Beginning),
        (vec![], vec![], false)
    );
    let history = fixture.versions(&all(), &Start::Beginning, None).entries;
    let ids: Vec<&str> = history.iter().map(|v| v.version_id.as_str()).collect();
    assert_eq!(ids, [&marker_id, &second, &first]);
    assert!(history[0].is_latest && history[0].delete_marker && !history[1].is_latest);

    let refused = fixture.store.delete_bucket(BUCKET);
    assert!(refused.is_err_and(|error| error.code == "BucketNotEmpty"));
    let undeleted = fixture.delete("k", Some(&marker_id));
    assert!(undeleted.delete_marker);
    assert_eq!(fixture.read("k", None), Ok("two".to_owned()));
    fixture.delete("k", Some(&second));
    assert_eq!(fixture.read("k", None), Ok("one".to_owned()));
    assert_eq!(
        fixture.read("k", Some(&second)),
        Err("NoSuchVersion".to_owned())
    );
    assert_eq!(fixture.body_files(), 1);
}

#[test]
fn suspended_writes_replace_only_the_null_version() {
    let fixture = Fixture::new(Versioning::Unversioned);
    fixture.put("k", b"null one");
    fixture
        .store
        .set_versioning(BUCKET, Versioning::Enabled)
        .expect("set");
    let kept = fixture.put("k", b"kept").version_id.expect("a version");
    assert_eq!(fixture.read("k", Some("null")), Ok("null one".to_owned()));
    fixture
        .store
        .set_versioning(BUCKET, Versioning::Suspended)
        .expect("set");
    let written = fixture.put("k", b"null two");
    assert_eq!(written.version_id.as_deref(), Some("null"));
    assert_eq!(fixture.read("k", None), Ok("null two".to_owned()));
    assert_eq!(fixture.read("k", Some(&kept)), Ok("kept".to_owned()));
    let marker = fixture.delete("k", None);
    assert_eq!(marker.version_id.as_deref(), Some("null"));
    assert_eq!(fixture.body_files(), 1);
    let history = fixture.versions(&all(), &Start::Beginning, None).entries;
    assert_eq!(history.len(), 2);
}

#[test]
fn awkward_keys_are_keys_and_never_paths() {
    let fixture = Fixture::new(Versioning::Unversioned);
    let keys = [
        "../../etc/passwd",
        "..//",
        "a b",
        "a+b",
        "a/../b",
        "ü",
        "🦀/x",
        "\u{10FFFF}",
        "/leading",
    ];
    for key in keys {
        fixture.put(key, key.as_bytes());
    }
    for key in keys {
        assert_eq!(fixture.read(key, None), Ok(key.to_owned()));
    }
    let mut sorted: Vec<String> = keys.iter().map(|&key| key.to_owned()).collect();
    sorted.sort();
    assert_eq!(fixture.keys(&all(), &Start::Beginning).0, sorted);
    assert_eq!(fixture.body_files(), keys.len());
}

#[test]
fn conditional_writes_are_checked_against_the_current_object() {
    let fixture = Fixture::new(Versioning::Unversioned);
    let absent = || Precondition {
        if_none_match: Some("*".to_owned()),
        ..Precondition::default()
    };
    let same = |etag: &str| Precondition {
        if_match: Some(etag.to_owned()),
        ..Precondition::default()
    };
    let code = |result: Result<Written, AwsError>| result.map(|_| ()).map_err(|error| error.code);
    assert_eq!(
        code(fixture.put_if("k", b"one", same("x"))),
        Err("NoSuchKey".to_owned())
    );
    assert_eq!(code(fixture.put_if("k", b"one", absent())), Ok(()));
    let failed = Err("PreconditionFailed".to_owned());
    assert_eq!(code(fixture.put_if("k", b"two", absent())), failed);
    assert_eq!(code(fixture.put_if("k", b"two", same("x"))), failed);
    let etag = hex::encode(super::state_checksum::md5(b"one"));
    assert_eq!(code(fixture.put_if("k", b"two", same(&etag))), Ok(()));
    assert_eq!(fixture.body_files(), 1, "refused bodies are gone");
}

#[test]
fn what_was_committed_survives_and_leftovers_are_swept() {
    let fixture = Fixture::new(Versioning::Enabled);
    let rule = Rule {
        id: "rule".to_owned(),
        function_arn: "arn:f".to_owned(),
        events: vec!["s3:ObjectCreated:*".to_owned()],
        prefix: Some("logs/".to_owned()),
        suffix: None,
    };
    let document = serde_json::to_string(&[&rule]).expect("JSON");
    fixture
        .store
        .put_notification(BUCKET, &document, vec![rule])
        .expect("put");
    fixture.put("other", b"no event");
    let written = fixture.put("logs/a", b"kept");
    assert_eq!(written.deliveries.len(), 1);
    let objects = fixture.dir.path().join("objects");
    std::fs::write(objects.join("tmp-half"), b"ha").expect("written");
    std::fs::write(objects.join("renamed-but-not-committed"), b"x").expect("written");

    let fixture = fixture.reopened();
    let store = &fixture.store;
    assert_eq!(store.outbox(), Ok(written.deliveries.clone()));
    store.settle(written.deliveries[0].id).expect("settled");
    assert_eq!(store.outbox(), Ok(vec![]));
    assert_eq!(fixture.read("logs/a", None), Ok("kept".to_owned()));
    assert_eq!(fixture.body_files(), 2);
    // The rules are back, and sequencers go on growing.
    let later = fixture.put("logs/a", b"again").deliveries;
    let sequencer = |payload: &str| {
        let event: serde_json::Value = serde_json::from_str(payload).expect("JSON");
        event["Records"][0]["s3"]["object"]["sequencer"].to_string()
    };
    assert!(sequencer(&later[0].payload) > sequencer(&written.deliveries[0].payload));
    let kind = Document::Notification;
    assert_eq!(fixture.store.document(BUCKET, kind), Ok(Some(document)));
}
