//! Uploads in parts, driven without HTTP.

use super::state::Versioning;
use super::state_checksum::{Algorithm, md5};
use super::state_conditions::Precondition;
use super::state_list::Query;
use super::state_multipart::{Description, NamedPart};
use super::state_objects::NewObject;
use super::state_rows::Attributes;
use super::state_tests::{BUCKET, Fixture, caller};
use crate::error::AwsError;

pub(super) fn description() -> Description {
    Description {
        attributes: Attributes::default(),
        tags: Vec::new(),
        storage_class: "STANDARD".to_owned(),
        algorithm: Algorithm::Crc64Nvme,
        asked: false,
        composite: false,
    }
}

fn complete(
    fixture: &Fixture,
    key: &str,
    upload_id: &str,
    precondition: Precondition,
) -> Result<(), AwsError> {
    let store = &fixture.store;
    let upload = store.upload(BUCKET, key, upload_id)?;
    let parts = store.parts(upload_id, 0)?;
    let named: Vec<NamedPart> = parts
        .into_iter()
        .map(|part| NamedPart {
            number: part.number,
            etag: part.etag,
            checksums: Vec::new(),
        })
        .collect();
    let made = store.assemble(&upload, &named)?;
    let written = store.put(NewObject {
        bucket: BUCKET,
        key,
        body: made.body,
        etag: made.etag,
        storage_class: "STANDARD".to_owned(),
        attributes: Attributes::default(),
        tags: Vec::new(),
        checksum: made.checksum,
        part_sizes: made.part_sizes,
        part_checksums: made.part_checksums,
        precondition,
        event: "s3:ObjectCreated:CompleteMultipartUpload",
        caller: &caller(),
        upload_id: Some(upload_id),
    });
    written.map(|_| ())
}

#[test]
fn what_happens_to_the_key_meanwhile_is_a_conflict_for_a_conditional_completion() {
    let fixture = Fixture::new(Versioning::Unversioned);
    let begin = || {
        let id = fixture
            .store
            .create_upload(BUCKET, "k", &description())
            .expect("made");
        let body = fixture.body(b"part");
        fixture
            .store
            .put_part(BUCKET, "k", &id, 1, body)
            .expect("put");
        id
    };
    let absent = || Precondition {
        if_none_match: Some("*".to_owned()),
        ..Precondition::default()
    };
    let same = |content: &[u8]| Precondition {
        if_match: Some(hex::encode(md5(content))),
        ..Precondition::default()
    };
    let code = |result: Result<(), AwsError>| result.map_err(|error| (error.status, error.code));
    let conflict = Err((409, "ConditionalRequestConflict".to_owned()));

    fixture.put("k", b"one");
    let id = begin();
    let failed = Err((412, "PreconditionFailed".to_owned()));
    assert_eq!(code(complete(&fixture, "k", &id, absent())), failed);
    fixture.delete("k", None);
    assert_eq!(code(complete(&fixture, "k", &id, absent())), conflict);
    // An upload that begins after the deletion has nothing to conflict with.
    let id = begin();
    assert_eq!(code(complete(&fixture, "k", &id, absent())), Ok(()));

    fixture.put("k", b"two");
    let id = begin();
    fixture.put("k", b"three");
    let failed = Err((412, "PreconditionFailed".to_owned()));
    assert_eq!(code(complete(&fixture, "k", &id, same(b"two"))), failed);
    assert_eq!(code(complete(&fixture, "k", &id, same(b"three"))), conflict);
    let id = begin();
    assert_eq!(code(complete(&fixture, "k", &id, same(b"three"))), Ok(()));
    let id = begin();
    fixture.delete("k", None);
    let gone = Err((404, "NoSuchKey".to_owned()));
    assert_eq!(code(complete(&fixture, "k", &id, same(b"three"))), gone);
}

#[test]
fn uploads_are_listed_by_key_then_time_and_rolled_up() {
    let fixture = Fixture::new(Versioning::Unversioned);
    let mut expected = Vec::new();
    for key in ["a", "logs/1", "logs/2", "logs/2", "logs/x/1", "z"] {
        let id = fixture
            .store
            .create_upload(BUCKET, key, &description())
            .expect("made");
        fixture.clock.advance(1);
        expected.push((key.to_owned(), id));
    }
    let pages = |prefix: &str, delimiter: &str, max: usize| {
        let mut seen = Vec::new();
        let mut marker: Option<(String, String)> = None;
        loop {
            let (key, id) = marker.as_ref().map_or(("", None), |(key, id)| {
                (key.as_str(), Some(id.as_str()).filter(|id| !id.is_empty()))
            });
            let query = Query {
                prefix,
                delimiter,
                max,
            };
            let page = fixture
                .store
                .uploads(BUCKET, &query, key, id)
                .expect("listed");
            assert!(page.uploads.len() + page.prefixes.len() <= max);
            seen.extend(page.uploads.into_iter().map(|u| (u.key, u.upload_id)));
            seen.extend(page.prefixes.into_iter().map(|p| (p, "prefix".to_owned())));
            let Some(next) = page.next else { break seen };
            marker = Some(next);
        }
    };
    for max in [1, 2, 100] {
        assert_eq!(pages("", "", max), expected, "{max} at a time");
    }
    assert_eq!(pages("logs/", "", 2), expected[1..5]);
    let rolled: Vec<String> = pages("", "/", 1).into_iter().map(|(key, _)| key).collect();
    assert_eq!(rolled, ["a", "logs/", "z"]);
    let rolled: Vec<String> = pages("logs/", "/", 1).into_iter().map(|(k, _)| k).collect();
    assert_eq!(rolled, ["logs/1", "logs/2", "logs/2", "logs/x/"]);
}

#[test]
fn parts_make_an_object() {
    let fixture = Fixture::new(Versioning::Unversioned);
    let description = description();
    let store = &fixture.store;
    let id = store
        .create_upload(BUCKET, "k", &description)
        .expect("made");
    let first = vec![b'x'; 5 * 1024 * 1024];
    let mut etags = Vec::new();
    for (number, content) in [
        (1, &b"replaced"[..]),
        (1, &first),
        (3, b"end"),
        (4, b"unused"),
    ] {
        let body = fixture.body(content);
        etags.push(hex::encode(body.md5));
        store.put_part(BUCKET, "k", &id, number, body).expect("put");
    }
    let upload = store.upload(BUCKET, "k", &id).expect("there");
    let part = |number, etag: &str| NamedPart {
        number,
        etag: etag.to_owned(),
        checksums: Vec::new(),
    };
    let refused = |parts: &[NamedPart]| match store.assemble(&upload, parts) {
        Ok(_) => "accepted".to_owned(),
        Err(error) => error.code,
    };
    assert_eq!(refused(&[]), "MalformedXML");
    assert_eq!(refused(&[part(1, &etags[0])]), "InvalidPart");
    assert_eq!(
        refused(&[part(3, &etags[2]), part(1, &etags[1])]),
        "InvalidPartOrder"
    );
    assert_eq!(
        refused(&[part(3, &etags[2]), part(4, &etags[3])]),
        "EntityTooSmall"
    );
    let made = store
        .assemble(&upload, &[part(1, &etags[1]), part(3, &etags[2])])
        .expect("assembled");
    assert!(made.etag.ends_with("-2"));
    assert_eq!(made.part_sizes, [first.len() as u64, 3]);
    assert!(!made.checksum.composite);
    let put = |body, upload_id| {
        store.put(NewObject {
            bucket: BUCKET,
            key: "k",
            body,
            etag: made.etag.clone(),
            storage_class: "STANDARD".to_owned(),
            attributes: Attributes::default(),
            tags: Vec::new(),
            checksum: made.checksum.clone(),
            part_sizes: made.part_sizes.clone(),
            part_checksums: Vec::new(),
            precondition: Precondition::default(),
            event: "s3:ObjectCreated:CompleteMultipartUpload",
            caller: &caller(),
            upload_id,
        })
    };
    put(made.body, Some(id.as_str())).expect("completed");
    let content = fixture.read("k", None).expect("read");
    assert_eq!(content.len(), first.len() + 3);
    assert!(content.ends_with("xend"));
    assert_eq!(fixture.body_files(), 1, "the parts are gone");
    let again = put(fixture.body(b"again"), Some(id.as_str()));
    assert!(again.is_err_and(|error| error.code == "NoSuchUpload"));
    assert_eq!(fixture.read("k", None).expect("read"), content);
}
