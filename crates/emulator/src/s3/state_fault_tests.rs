//! Faults: the disk refuses at every step, the process dies at every step, files are left over.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rustix::io::Errno;

use super::state::Versioning;
use super::state_body::Swept;
use super::state_conditions::Precondition;
use super::state_multipart_tests::description;
use super::state_steps::Step;
use super::state_tests::{BUCKET, Fixture, open};
use crate::config::Durability;
use crate::error::AwsError;

/// Every step of a write that can fail, with a promise to survive a power cut.
const STEPS: [Step; 5] = [
    Step::Create,
    Step::Write,
    Step::Flush,
    Step::Rename,
    Step::FlushFolder,
];

/// Writes an object the way a handler does.
fn put(fixture: &Fixture, key: &str, content: &[u8]) -> Result<(), AwsError> {
    let written = fixture.put_if(key, content, Precondition::default());
    written.map(|_| ())
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("made");
    for entry in std::fs::read_dir(from).expect("read") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}

#[test]
fn a_disk_that_refuses_at_any_step_leaves_nothing_and_the_store_goes_on() {
    let fixture = Fixture::with(Versioning::Unversioned, Durability::Power);
    put(&fixture, "k", b"before").expect("put");
    for (errno, status, code) in [
        (Errno::NOSPC, 507, "InsufficientStorage"),
        (Errno::DQUOT, 507, "InsufficientStorage"),
        (Errno::FBIG, 507, "InsufficientStorage"),
        (Errno::MFILE, 503, "SlowDown"),
        (Errno::NFILE, 503, "SlowDown"),
        (Errno::IO, 500, "InternalFailure"),
    ] {
        for step in STEPS {
            fixture.store.bodies.steps.fail(step, errno.raw_os_error());
            for key in ["k", "new"] {
                let error = put(&fixture, key, b"after").expect_err("refused");
                assert_eq!((error.status, error.code.as_str()), (status, code));
            }
            fixture.store.bodies.steps.unhook();
            assert_eq!(fixture.read("k", None), Ok("before".to_owned()));
            assert_eq!(fixture.read("new", None), Err("NoSuchKey".to_owned()));
            assert_eq!(fixture.body_files(), 1, "{step:?}: nothing half is left");
        }
    }
    put(&fixture, "k", b"after").expect("there is room again");
    assert_eq!(fixture.read("k", None), Ok("after".to_owned()));
}

#[test]
fn a_database_that_is_full_refuses_the_object_and_goes_on_when_there_is_room() {
    let fixture = Fixture::new(Versioning::Enabled);
    let limit = |pages: i64| {
        let inner = fixture.store.lock();
        inner
            .connection
            .query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
            .expect("limited");
    };
    limit(1);
    let mut written = 0;
    let full = loop {
        match put(&fixture, &format!("{written:0900}"), b"x") {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 10_000, "it never fills up");
    };
    assert_eq!(
        (full.status, full.code.as_str()),
        (507, "InsufficientStorage")
    );
    assert_eq!(fixture.body_files(), written, "the refused body is gone");
    let key = format!("{written:0900}");
    assert_eq!(fixture.read(&key, None), Err("NoSuchKey".to_owned()));
    limit(1_000_000);
    put(&fixture, &key, b"x").expect("there is room again");
    assert_eq!(fixture.read(&key, None), Ok("x".to_owned()));
}

#[test]
fn too_many_open_files_while_reading_is_told_and_passes() {
    let fixture = Fixture::new(Versioning::Unversioned);
    fixture.put("k", b"content");
    let steps = &fixture.store.bodies.steps;
    steps.fail(Step::Read, Errno::MFILE.raw_os_error());
    let error = fixture.store.find(BUCKET, "k", None).map(|_| ());
    let error = error.expect_err("no file can be opened");
    assert_eq!((error.status, error.code.as_str()), (503, "SlowDown"));
    assert!(error.message.contains("ulimit -n"), "{error}");

    // A part that cannot be read now is not a part that is not there.
    let id = fixture
        .store
        .create_upload(BUCKET, "big", &description())
        .expect("made");
    let body = fixture.body(b"part");
    let part = super::state_multipart::NamedPart {
        number: 1,
        etag: hex::encode(body.md5),
        checksums: Vec::new(),
    };
    fixture
        .store
        .put_part(BUCKET, "big", &id, 1, body)
        .expect("put");
    let upload = fixture.store.upload(BUCKET, "big", &id).expect("there");
    let made = fixture
        .store
        .assemble(&upload, std::slice::from_ref(&part))
        .map(|_| ());
    assert!(made.is_err_and(|error| error.code == "SlowDown"));
    steps.unhook();
    assert_eq!(fixture.read("k", None), Ok("content".to_owned()));
    assert!(fixture.store.assemble(&upload, &[part]).is_ok());
}

/// What a store holds that is opened over what was on the disk when the process died.
#[test]
fn a_crash_at_any_step_shows_the_old_object_or_the_new_one_and_nothing_half() {
    for (versioning, old) in [
        (Versioning::Unversioned, None),
        (Versioning::Unversioned, Some("old")),
        (Versioning::Enabled, Some("old")),
    ] {
        let fixture = Fixture::with(versioning, Durability::Power);
        if let Some(old) = old {
            fixture.put("k", old.as_bytes());
        }
        let crashes = tempfile::tempdir().expect("a temporary directory");
        let reached: Arc<Mutex<Vec<Step>>> = Arc::default();
        let (from, to) = (fixture.dir.path().to_owned(), crashes.path().to_owned());
        let steps = Arc::clone(&reached);
        fixture.store.bodies.steps.hook(move |step| {
            copy(&from, &to.join(format!("{step:?}")));
            steps.lock().expect("no panic").push(step);
            Ok(())
        });
        put(&fixture, "k", b"new").expect("put");
        fixture.store.bodies.steps.unhook();
        let reached = reached.lock().expect("no panic").clone();
        assert_eq!(reached, [&STEPS[..], &[Step::Committed]].concat());

        for step in reached {
            let dir = crashes.path().join(format!("{step:?}"));
            let store = open(&dir, &fixture.clock, Durability::Power);
            let found = match store.find(BUCKET, "k", None) {
                Ok(found) => Some(io::read_to_string(found.file.expect("a body")).expect("read")),
                Err(error) => {
                    assert_eq!(error.code, "NoSuchKey");
                    None
                }
            };
            let expected = if step == Step::Committed {
                Some("new")
            } else {
                old
            };
            assert_eq!(found.as_deref(), expected, "{step:?}");
            let files = std::fs::read_dir(dir.join("objects"))
                .expect("read")
                .count();
            let kept = match (versioning, step) {
                (Versioning::Enabled, Step::Committed) => 2,
                _ => usize::from(expected.is_some()),
            };
            assert_eq!(files, kept, "{step:?}: what no row names is swept");
        }
    }
}

#[test]
fn a_body_that_is_gone_is_told_as_damage_and_costs_only_its_object() {
    let fixture = Fixture::new(Versioning::Unversioned);
    fixture.put("kept", b"kept");
    let kept = fixture
        .store
        .find(BUCKET, "kept", None)
        .expect("there")
        .version
        .body
        .expect("a body");
    fixture.put("lost", b"lost");
    let objects = fixture.dir.path().join("objects");
    for entry in std::fs::read_dir(&objects).expect("read") {
        let entry = entry.expect("an entry");
        if entry.file_name().to_str() != Some(&kept) {
            std::fs::remove_file(entry.path()).expect("removed");
        }
    }
    let fixture = fixture.reopened();
    let names = [kept, "gone".to_owned()].into();
    let expected = Swept {
        removed: 0,
        missing: 1,
    };
    let swept = fixture.store.bodies.sweep(&names).expect("swept");
    assert_eq!(swept, expected);
    let lost = fixture.store.find(BUCKET, "lost", None).map(|_| ());
    assert!(lost.is_err_and(|error| error.message.contains("damaged")));
    assert_eq!(fixture.read("kept", None), Ok("kept".to_owned()));
    fixture.delete("lost", None);
    put(&fixture, "lost", b"again").expect("put");
    assert_eq!(fixture.read("lost", None), Ok("again".to_owned()));
}

#[test]
fn a_salvaged_store_without_its_counter_goes_on_counting() {
    for lost in ["DELETE FROM counter", "UPDATE counter SET value = 1"] {
        let fixture = Fixture::new(Versioning::Enabled);
        for content in ["one", "two", "three"] {
            put(&fixture, "k", content.as_bytes()).expect("put");
        }
        let inner = fixture.store.lock();
        inner.connection.execute(lost, []).expect("lost");
        drop(inner);
        let fixture = fixture.reopened();
        put(&fixture, "k", b"four").expect("it is written");
        assert_eq!(fixture.read("k", None), Ok("four".to_owned()), "{lost}");
    }
}
