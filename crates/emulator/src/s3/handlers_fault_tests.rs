//! What a client sees when the disk refuses.

use http::StatusCode;
use rustix::io::Errno;

use super::state_steps::Step;
use super::test_fixture::Fixture;
use crate::config::Durability;

#[tokio::test]
async fn a_full_disk_answers_507_and_leaves_no_half_object() {
    let fixture = Fixture::durable(Durability::Power);
    fixture.make_bucket().await;
    let steps = fixture.service.core.store.bodies.steps.clone();
    let large = vec![b'x'; 3 * 1024 * 1024];
    let id = fixture.begin("big", &[]).await;
    let part = format!("/uploads/big?partNumber=1&uploadId={id}");
    fixture.call("PUT", "/uploads/source", &[], "source").await;
    for step in [
        Step::Create,
        Step::Write,
        Step::Flush,
        Step::Rename,
        Step::FlushFolder,
    ] {
        steps.fail(step, Errno::NOSPC.raw_os_error());
        let copy = [("x-amz-copy-source", "/uploads/source")];
        for answer in [
            fixture.call("PUT", "/uploads/small", &[], "small").await,
            fixture
                .call("PUT", "/uploads/large", &[], large.clone())
                .await,
            fixture.call("PUT", "/uploads/copy", &copy, "").await,
            fixture.call("PUT", &part, &[], "part").await,
            fixture.call("PUT", &part, &copy, "").await,
        ] {
            assert_eq!(answer.status.as_u16(), 507, "{step:?}: {}", answer.text());
            assert_eq!(answer.code(), "InsufficientStorage");
        }
        steps.unhook();
        let listed = fixture.call("GET", "/uploads?list-type=2", &[], "").await;
        assert_eq!(listed.text().matches("<Key>").count(), 1, "{step:?}");
        let uri = format!("/uploads/big?uploadId={id}");
        let parts = fixture.call("GET", &uri, &[], "").await;
        assert!(!parts.text().contains("<Part>"), "{}", parts.text());
    }
    let files = std::fs::read_dir(fixture.dir.path().join("s3/objects"));
    assert_eq!(files.expect("read").count(), 1);
    for (uri, body) in [("/uploads/large", large), (&part, b"part".to_vec())] {
        let put = fixture.call("PUT", uri, &[], body).await;
        assert_eq!(put.status, StatusCode::OK, "{}", put.text());
    }
}

#[tokio::test]
async fn too_many_open_files_answer_503_and_pass() {
    let fixture = Fixture::with_bucket().await;
    let steps = fixture.service.core.store.bodies.steps.clone();
    fixture.call("PUT", "/uploads/k", &[], "content").await;
    for (step, method) in [(Step::Create, "PUT"), (Step::Read, "GET")] {
        steps.fail(step, Errno::MFILE.raw_os_error());
        let answer = fixture.call(method, "/uploads/k", &[], "").await;
        assert_eq!((answer.status.as_u16(), answer.code()), (503, "SlowDown"));
        assert!(answer.element("Message").contains("ulimit -n"));
        steps.unhook();
        let got = fixture.call("GET", "/uploads/k", &[], "").await;
        assert_eq!(got.text(), "content");
    }
}
