//! Multipart uploads, carried on where a kill cut them, and uploads that a kill cuts in their body.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use md5::{Digest as _, Md5};
use pipectl_testkit::probe::{Probe, element, expect};

use crate::BUCKET;
use crate::load::{Lane, Load, Scope, acknowledged};
use crate::objects::{LogFile, check_whole};
use crate::random::{bytes, log_file};

/// Uploads that are completed in one round.
const UPLOADS: usize = 3;
/// Smallest part that may have another behind it, bytes.
const SMALLEST: usize = 5 * 1024 * 1024;
/// So many uploads have such a part: each takes its room on the disk.
const LARGE: usize = 8;

#[derive(Debug)]
struct Upload {
    id: u64,
    round: usize,
    key: String,
    upload_id: String,
    /// Entity tags of the parts.
    parts: Vec<String>,
    /// How many parts the answers acknowledged.
    there: usize,
    completing: bool,
    version: Option<String>,
}

impl Upload {
    fn part(&self, index: usize) -> Vec<u8> {
        if self.key.starts_with("logs/") {
            return log_file(self.id, self.lines());
        }
        let last = index + 1 == self.parts.len();
        bytes(
            self.id * 16 + index as u64,
            if last { 10_000 } else { SMALLEST },
        )
    }

    fn lines(&self) -> usize {
        1 + (self.id % 5) as usize
    }

    fn body(&self) -> Vec<u8> {
        (0..self.parts.len())
            .flat_map(|index| self.part(index))
            .collect()
    }

    /// MD5 of the parts' MD5s, and their number.
    fn etag(&self) -> String {
        let mut all = Md5::new();
        for part in &self.parts {
            all.update(hex::decode(part).expect("hex"));
        }
        format!("{}-{}", hex::encode(all.finalize()), self.parts.len())
    }
}

/// The lane.
#[derive(Debug, Default)]
pub struct Multipart {
    next: u64,
    large: usize,
    /// Carried on in the next round.
    open: Option<Upload>,
    /// Completed, or attempted to be.
    closed: Vec<Upload>,
}

impl Multipart {
    pub fn acknowledged(&self) -> usize {
        let uploads = self.closed.iter();
        uploads.filter(|upload| upload.version.is_some()).count()
    }

    pub fn log_files(&self, probe: &Probe) -> Vec<LogFile> {
        let versions = probe.versions(BUCKET, "logs/multipart/").into_iter();
        let files = versions.map(|version| {
            let upload = self.closed.iter().find(|upload| upload.key == version.key);
            let upload = upload.unwrap_or_else(|| panic!("never attempted: {version:?}"));
            LogFile {
                key: version.key,
                version_id: version.version_id,
                lines: upload.lines(),
            }
        });
        files.collect()
    }

    fn begin(&mut self, load: &mut Load<'_>) -> Option<Upload> {
        let id = self.next;
        self.next += 1;
        let log = id.is_multiple_of(UPLOADS as u64);
        let large = !log && self.large < LARGE && load.random.once_in(4);
        self.large += usize::from(large);
        let folder = if log { "logs" } else { "other" };
        let key = format!("{folder}/multipart/{}/{id}.ndjson", load.round);
        let path = format!("/{BUCKET}/{key}?uploads");
        let answer = acknowledged(load.probe.request("POST", &path, &[], b""))?;
        let mut upload = Upload {
            id,
            round: load.round,
            upload_id: element(&answer.text(), "UploadId")
                .expect("an id")
                .to_owned(),
            key,
            parts: vec![String::new(); if large { 2 } else { 1 }],
            there: 0,
            completing: false,
            version: None,
        };
        let tags =
            (0..upload.parts.len()).map(|index| hex::encode(Md5::digest(upload.part(index))));
        upload.parts = tags.collect();
        Some(upload)
    }

    fn put_part(upload: &mut Upload, load: &Load<'_>) -> Option<()> {
        let index = upload.there;
        let path = format!(
            "/{BUCKET}/{}?partNumber={}&uploadId={}",
            upload.key,
            index + 1,
            upload.upload_id
        );
        let answer = load.probe.request("PUT", &path, &[], &upload.part(index));
        let answer = acknowledged(answer)?;
        let etag = answer.header("etag").unwrap_or_default().trim_matches('"');
        assert_eq!(etag, upload.parts[index], "{upload:?}");
        upload.there += 1;
        Some(())
    }

    fn complete(upload: &mut Upload, load: &Load<'_>) -> Option<()> {
        let mut parts = String::new();
        for (number, etag) in (1..).zip(&upload.parts) {
            parts.push_str(&format!(
                "<Part><PartNumber>{number}</PartNumber><ETag>\"{etag}\"</ETag></Part>"
            ));
        }
        let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
        let path = format!("/{BUCKET}/{}?uploadId={}", upload.key, upload.upload_id);
        upload.completing = true;
        let answer = load.probe.request("POST", &path, &[], body.as_bytes());
        let answer = acknowledged(answer)?;
        // It may answer 200 with an error in its body.
        let text = answer.text();
        assert!(text.contains(&upload.etag()), "{upload:?}: {text}");
        upload.version = answer.header("x-amz-version-id").map(str::to_owned);
        assert!(upload.version.is_some(), "{upload:?}");
        Some(())
    }
}

impl Lane for Multipart {
    fn load(&mut self, load: &mut Load<'_>) {
        let mut completed = 0;
        while !load.over() && completed < UPLOADS {
            let Some(mut upload) = self.open.take().or_else(|| self.begin(load)) else {
                continue;
            };
            if upload.there < upload.parts.len() {
                let _ = Self::put_part(&mut upload, load);
                self.open = Some(upload);
                continue;
            }
            completed += 1;
            let _ = Self::complete(&mut upload, load);
            self.closed.push(upload);
        }
    }

    fn check(&mut self, probe: &Probe, scope: Scope) {
        if let Some(upload) = &self.open {
            let path = format!("/{BUCKET}/{}?uploadId={}", upload.key, upload.upload_id);
            let listed = expect(probe.request("GET", &path, &[], b"")).text();
            for etag in &upload.parts[..upload.there] {
                assert!(
                    listed.contains(etag),
                    "a part is lost: {upload:?}: {listed}"
                );
            }
        }
        let here = |upload: &&Upload| scope == Scope::All || scope == Scope::Round(upload.round);
        let prefixes = match scope {
            Scope::Round(round) => vec![
                format!("logs/multipart/{round}/"),
                format!("other/multipart/{round}/"),
            ],
            Scope::All => vec!["logs/multipart/".to_owned(), "other/multipart/".to_owned()],
        };
        let found: Vec<_> = prefixes
            .iter()
            .flat_map(|prefix| probe.versions(BUCKET, prefix))
            .collect();
        for version in &found {
            let upload = self.closed.iter().find(|upload| upload.key == version.key);
            let upload = upload.unwrap_or_else(|| panic!("never completed: {version:?}"));
            assert!(upload.completing);
            assert_eq!(version.etag, upload.etag(), "{upload:?}");
            if let Some(acknowledged) = &upload.version {
                assert_eq!(&version.version_id, acknowledged, "{upload:?}");
            }
            let of_key = found.iter().filter(|other| other.key == version.key);
            assert_eq!(of_key.count(), 1, "there twice: {upload:?}");
            check_whole(probe, version, &upload.body());
        }
        for upload in self.closed.iter().filter(here) {
            let there = found.iter().any(|version| version.key == upload.key);
            assert!(
                there || upload.version.is_none(),
                "acknowledged and lost: {upload:?}"
            );
        }
    }
}

/// Uploads that never send all of their body: none may ever be there.
#[derive(Debug, Default)]
pub struct Cut {
    pub attempted: usize,
}

impl Lane for Cut {
    fn load(&mut self, load: &mut Load<'_>) {
        let folder = if load.round.is_multiple_of(2) {
            "logs"
        } else {
            "other"
        };
        let authority = load.probe.endpoint().trim_start_matches("http://");
        let Ok(mut stream) = TcpStream::connect(authority) else {
            return;
        };
        self.attempted += 1;
        let body = log_file(load.round as u64, 1_000);
        let head = format!(
            "PUT /{BUCKET}/{folder}/cut/{}.ndjson HTTP/1.1\r\nhost: {authority}\r\ncontent-length: {}\r\n\r\n",
            load.round,
            body.len()
        );
        let sent = stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(&body[..body.len() - 1]))
            .and_then(|()| stream.set_read_timeout(Some(Duration::from_secs(30))));
        // Ends with the emulator.
        let mut answer = Vec::new();
        let read = sent.and_then(|()| stream.read_to_end(&mut answer));
        assert!(
            answer.is_empty(),
            "an upload without its end was answered: {read:?} {}",
            String::from_utf8_lossy(&answer)
        );
    }

    fn check(&mut self, probe: &Probe, _scope: Scope) {
        for prefix in ["logs/cut/", "other/cut/"] {
            assert_eq!(probe.versions(BUCKET, prefix), [], "half an object");
        }
    }
}
