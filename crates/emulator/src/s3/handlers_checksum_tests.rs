//! Checksums over HTTP: every algorithm, on objects, parts, completions, copies, and what is told
//! of them.

use http::StatusCode;

use super::state_checksum::{Algorithm, value};
use super::test_fixture::{Answer, Fixture};

const PART: usize = 5 * 1024 * 1024;
const MODE: (&str, &str) = ("x-amz-checksum-mode", "ENABLED");

/// The element that carries a value, e.g. `ChecksumCRC32`.
fn element(algorithm: Algorithm) -> String {
    format!("Checksum{}", algorithm.name())
}

/// Uploads two parts by one algorithm and returns what the completion names, part by part.
async fn upload_parts(fixture: &Fixture, id: &str, algorithm: Algorithm) -> Vec<(String, String)> {
    let mut parts = Vec::new();
    for (number, content) in [(1, vec![b'a'; PART]), (2, b"tail".to_vec())] {
        let sum = value(algorithm, &content);
        let uri = format!("/uploads/k?partNumber={number}&uploadId={id}");
        let headers = [(algorithm.header(), sum.as_str())];
        let put = fixture.call("PUT", &uri, &headers, content).await;
        assert_eq!(put.status, StatusCode::OK, "{}", put.text());
        assert_eq!(put.header(algorithm.header()), sum);
        parts.push((put.header("etag").to_owned(), sum));
    }
    parts
}

async fn complete(
    fixture: &Fixture,
    id: &str,
    parts: &[(String, Option<String>)],
    algorithm: Algorithm,
    headers: &[(&str, &str)],
) -> Answer {
    let element = element(algorithm);
    let parts: Vec<String> = parts
        .iter()
        .enumerate()
        .map(|(index, (etag, sum))| {
            let sum = sum
                .as_ref()
                .map(|sum| format!("<{element}>{sum}</{element}>"))
                .unwrap_or_default();
            let number = index + 1;
            format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag>{sum}</Part>")
        })
        .collect();
    let parts = parts.concat();
    let document = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    let uri = format!("/uploads/k?uploadId={id}");
    fixture.call("POST", &uri, headers, document).await
}

#[tokio::test]
async fn every_algorithm_is_verified_and_given_back() {
    let fixture = Fixture::with_bucket().await;
    for algorithm in Algorithm::ALL {
        let header = algorithm.header();
        let right = value(algorithm, b"content");
        let wrong = value(algorithm, b"something else");
        for (sum, code) in [
            (wrong.as_str(), "BadDigest"),
            ("AAAA", "InvalidRequest"),
            ("not base64", "InvalidRequest"),
        ] {
            let put = fixture
                .call("PUT", "/uploads/k", &[(header, sum)], "content")
                .await;
            assert_eq!(put.code(), code, "{header}: {sum}");
        }
        let named = [
            (header, right.as_str()),
            ("x-amz-sdk-checksum-algorithm", algorithm.name()),
        ];
        let put = fixture.call("PUT", "/uploads/k", &named, "content").await;
        assert_eq!(put.status, StatusCode::OK, "{}", put.text());
        assert_eq!(put.header(header), right);
        assert_eq!(put.header("x-amz-checksum-type"), "FULL_OBJECT");
        for method in ["GET", "HEAD"] {
            let got = fixture.call(method, "/uploads/k", &[MODE], "").await;
            assert_eq!(got.header(header), right, "{method}");
            let silent = fixture.call(method, "/uploads/k", &[], "").await;
            assert_eq!(silent.header(header), "", "{method} without the mode");
            let part = [MODE, ("range", "bytes=0-1")];
            let ranged = fixture.call(method, "/uploads/k", &part, "").await;
            assert_eq!(ranged.header(header), "", "{method} of a range");
        }
        // A copy keeps the algorithm, or gets the one that is asked for.
        let from = ("x-amz-copy-source", "/uploads/k");
        let copied = fixture.call("PUT", "/uploads/copy", &[from], "").await;
        assert_eq!(copied.element(&element(algorithm)), right);
        let asked = [from, ("x-amz-checksum-algorithm", "SHA256")];
        let copied = fixture.call("PUT", "/uploads/copy", &asked, "").await;
        let expected = value(Algorithm::Sha256, b"content");
        assert_eq!(copied.element("ChecksumSHA256"), expected);
    }
    // Unasked, it is CRC-64/NVME.
    fixture.call("PUT", "/uploads/k", &[], "content").await;
    let got = fixture.call("GET", "/uploads/k", &[MODE], "").await;
    let expected = value(Algorithm::Crc64Nvme, b"content");
    assert_eq!(got.header("x-amz-checksum-crc64nvme"), expected);
}

#[tokio::test]
async fn claims_that_contradict_themselves_are_refused() {
    let fixture = Fixture::with_bucket().await;
    let crc = value(Algorithm::Crc32, b"content");
    let sha = value(Algorithm::Sha1, b"content");
    let crc_header = ("x-amz-checksum-crc32", crc.as_str());
    for (headers, code) in [
        (
            vec![crc_header, ("x-amz-checksum-sha1", sha.as_str())],
            "InvalidRequest",
        ),
        (
            vec![crc_header, ("x-amz-sdk-checksum-algorithm", "SHA1")],
            "InvalidRequest",
        ),
        (
            vec![("x-amz-sdk-checksum-algorithm", "CRC32")],
            "InvalidRequest",
        ),
        (
            vec![("x-amz-sdk-checksum-algorithm", "ROT13")],
            "InvalidRequest",
        ),
        (vec![("x-amz-checksum-xxhash64", "AAAA")], "NotImplemented"),
        (vec![("x-amz-trailer", "x-other")], "InvalidRequest"),
        // It is announced, and never comes.
        (
            vec![("x-amz-trailer", "x-amz-checksum-crc32")],
            "MalformedTrailerError",
        ),
    ] {
        let put = fixture.call("PUT", "/uploads/k", &headers, "content").await;
        assert_eq!(put.code(), code, "{headers:?}");
    }
    let got = fixture.call("GET", "/uploads/k", &[], "").await;
    assert_eq!(got.code(), "NoSuchKey");
}

#[tokio::test]
async fn a_composite_checksum_is_made_of_those_of_the_parts() {
    let fixture = Fixture::with_bucket().await;
    for algorithm in [
        Algorithm::Crc32,
        Algorithm::Crc32c,
        Algorithm::Sha1,
        Algorithm::Sha256,
    ] {
        let asked = [("x-amz-checksum-algorithm", algorithm.name())];
        let id = fixture.begin("k", &asked).await;
        let uri = format!("/uploads/k?partNumber=1&uploadId={id}");
        let other = value(Algorithm::Crc64Nvme, b"x");
        for headers in [vec![], vec![("x-amz-checksum-crc64nvme", other.as_str())]] {
            let put = fixture.call("PUT", &uri, &headers, "x").await;
            assert_eq!(put.code(), "InvalidRequest");
            assert!(put.element("Message").contains("mismatch"));
        }
        let parts = upload_parts(&fixture, &id, algorithm).await;
        let named: Vec<_> = parts
            .iter()
            .map(|(etag, sum)| (etag.clone(), Some(sum.clone())))
            .collect();
        let mut bare = named.clone();
        bare[1].1 = None;
        let done = complete(&fixture, &id, &bare, algorithm, &[]).await;
        assert_eq!(done.code(), "InvalidRequest");
        assert!(done.element("Message").contains("missing for part 2"));
        let mut wrong = named.clone();
        wrong[1].1.clone_from(&named[0].1);
        let done = complete(&fixture, &id, &wrong, algorithm, &[]).await;
        assert_eq!(done.code(), "InvalidPart");
        for (headers, code) in [
            (
                vec![("x-amz-checksum-type", "FULL_OBJECT")],
                "InvalidRequest",
            ),
            (vec![("x-amz-mp-object-size", "1")], "InvalidRequest"),
            (
                vec![(algorithm.header(), named[0].1.as_deref().unwrap_or(""))],
                "BadDigest",
            ),
        ] {
            let done = complete(&fixture, &id, &named, algorithm, &headers).await;
            assert_eq!(done.code(), code, "{headers:?}");
        }
        let mut bytes = Vec::new();
        for (_, sum) in &parts {
            use base64::Engine as _;
            let sum = base64::engine::general_purpose::STANDARD.decode(sum);
            bytes.extend(sum.expect("base64"));
        }
        let expected = value(algorithm, &bytes);
        let size = (PART + 4).to_string();
        let headers = [
            (algorithm.header(), expected.as_str()),
            ("x-amz-mp-object-size", size.as_str()),
        ];
        let done = complete(&fixture, &id, &named, algorithm, &headers).await;
        assert_eq!(done.status, StatusCode::OK, "{}", done.text());
        let shown = format!("{expected}-2");
        assert_eq!(done.element(&element(algorithm)), shown);
        let got = fixture.call("HEAD", "/uploads/k", &[MODE], "").await;
        assert_eq!(got.header(algorithm.header()), shown);
        assert_eq!(got.header("x-amz-checksum-type"), "COMPOSITE");

        let wanted = [(
            "x-amz-object-attributes",
            "Checksum,ObjectParts,ObjectSize,ETag",
        )];
        let told = fixture
            .call("GET", "/uploads/k?attributes", &wanted, "")
            .await;
        assert_eq!(told.status, StatusCode::OK, "{}", told.text());
        assert_eq!(told.element(&element(algorithm)), expected);
        assert_eq!(told.element("ChecksumType"), "COMPOSITE");
        assert_eq!(told.element("ObjectSize"), size);
        assert!(told.text().contains(&parts[1].1), "{}", told.text());
        assert!(!told.text().contains("StorageClass"));
    }
}

#[tokio::test]
async fn a_full_object_checksum_is_of_the_bytes() {
    let fixture = Fixture::with_bucket().await;
    let mut content = vec![b'a'; PART];
    content.extend(b"tail");
    for (algorithm, asked) in [
        (Algorithm::Crc64Nvme, false),
        (Algorithm::Crc64Nvme, true),
        (Algorithm::Crc32, true),
    ] {
        let headers = [
            ("x-amz-checksum-algorithm", algorithm.name()),
            ("x-amz-checksum-type", "FULL_OBJECT"),
        ];
        let headers = if asked { &headers[..] } else { &[] };
        let id = fixture.begin("k", headers).await;
        let parts = upload_parts(&fixture, &id, algorithm).await;
        let named: Vec<_> = parts.into_iter().map(|(etag, _)| (etag, None)).collect();
        let expected = value(algorithm, &content);
        let wrong = value(algorithm, b"x");
        let done = complete(
            &fixture,
            &id,
            &named,
            algorithm,
            &[(algorithm.header(), &wrong)],
        )
        .await;
        assert_eq!(done.code(), "BadDigest");
        let done = complete(&fixture, &id, &named, algorithm, &[]).await;
        assert_eq!(done.element(&element(algorithm)), expected);
        assert_eq!(done.element("ChecksumType"), "FULL_OBJECT");
    }
    for (algorithm, kind) in [("CRC64NVME", "COMPOSITE"), ("SHA256", "FULL_OBJECT")] {
        let headers = [
            ("x-amz-checksum-algorithm", algorithm),
            ("x-amz-checksum-type", kind),
        ];
        let begun = fixture
            .call("POST", "/uploads/k?uploads", &headers, "")
            .await;
        assert_eq!(begun.code(), "InvalidRequest", "{algorithm} {kind}");
    }
}

#[tokio::test]
async fn attributes_are_those_that_are_asked_for() {
    let fixture = Fixture::with_bucket().await;
    fixture.call("PUT", "/uploads/k", &[], "content").await;
    let ask = |attributes: &'static str| {
        let fixture = &fixture;
        async move {
            let headers = [("x-amz-object-attributes", attributes)];
            fixture
                .call("GET", "/uploads/k?attributes", &headers, "")
                .await
        }
    };
    let told = ask("ETag,StorageClass,ObjectParts").await;
    let etag = told.element("ETag").trim_matches('"');
    assert_eq!(etag, "9a0364b9e99bb480dd25e1f0284c8555");
    assert_eq!(told.element("StorageClass"), "STANDARD");
    assert!(
        !told.text().contains("ObjectParts"),
        "it was put as a whole"
    );
    assert!(!told.text().contains("ObjectSize"));
    assert_eq!(ask("Colour").await.code(), "InvalidArgument");
    let none = fixture.call("GET", "/uploads/k?attributes", &[], "").await;
    assert_eq!(none.status, StatusCode::BAD_REQUEST);
}
