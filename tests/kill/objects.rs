//! Objects: log files that become results, others that do not, versions that are deleted again.

use std::collections::BTreeMap;

use md5::{Digest as _, Md5};
use pipectl_testkit::probe::{Probe, Version};

use crate::BUCKET;
use crate::load::{Lane, Load, Scope, acknowledged};
use crate::random::{bytes, log_file};

/// Log files and other objects of one round that stay; what comes after them is deleted again.
const LOGS: usize = 3;
const OTHERS: usize = 12;
/// Longest of the other objects, bytes.
const LONGEST: u64 = 64 * 1024;

/// What became of a request to delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    None,
    Attempted,
    Acknowledged,
}

/// One put, made once.
#[derive(Debug)]
struct Put {
    id: u64,
    key: String,
    kind: Kind,
    etag: String,
    /// The version of the answer.
    version: Option<String>,
    deletion: Deletion,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Log { lines: usize },
    Other { length: usize },
}

impl Put {
    fn body(&self) -> Vec<u8> {
        match self.kind {
            Kind::Log { lines } => log_file(self.id, lines),
            Kind::Other { length } => bytes(self.id, length),
        }
    }
}

/// A log file that is wholly there, and what its result must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFile {
    pub key: String,
    pub version_id: String,
    pub lines: usize,
}

/// The lane.
#[derive(Debug)]
pub struct Objects {
    name: &'static str,
    next: u64,
    rounds: BTreeMap<usize, Vec<Put>>,
}

impl Objects {
    /// Lanes of different numbers make different content.
    pub fn new(name: &'static str, number: u64) -> Self {
        Self {
            name,
            next: number << 48,
            rounds: BTreeMap::new(),
        }
    }

    pub fn acknowledged(&self) -> usize {
        let puts = self.rounds.values().flatten();
        puts.filter(|put| put.version.is_some()).count()
    }

    fn prefixes(&self, round: usize) -> [String; 2] {
        let name = self.name;
        [
            format!("logs/{name}/{round}/"),
            format!("other/{name}/{round}/"),
        ]
    }

    /// Log files that are there, as far as the ledger allows them.
    pub fn log_files(&self, probe: &Probe) -> Vec<LogFile> {
        let mut files = Vec::new();
        for version in probe.versions(BUCKET, &format!("logs/{}/", self.name)) {
            let mut puts = self.rounds.values().flatten();
            let put = puts.find(|put| put.key == version.key && put.etag == version.etag);
            let put = put.unwrap_or_else(|| panic!("never attempted: {version:?}"));
            if let Kind::Log { lines } = put.kind {
                files.push(LogFile {
                    key: version.key,
                    version_id: version.version_id,
                    lines,
                });
            }
        }
        files
    }

    fn attempt(&mut self, load: &mut Load<'_>, done: usize) -> usize {
        let id = self.next;
        self.next += 1;
        let [logs, others] = self.prefixes(load.round);
        let (key, kind) = if done < LOGS {
            let lines = 1 + load.random.below(9) as usize;
            (format!("{logs}{id}.ndjson"), Kind::Log { lines })
        } else {
            let length = 8 + load.random.below(LONGEST) as usize;
            // Some write over one another.
            let stays = done < LOGS + OTHERS;
            let name = if stays && id.is_multiple_of(4) { 0 } else { id };
            (format!("{others}{name}.bin"), Kind::Other { length })
        };
        let mut put = Put {
            id,
            key,
            kind,
            etag: String::new(),
            version: None,
            deletion: Deletion::None,
        };
        let body = put.body();
        put.etag = hex::encode(Md5::digest(&body));
        let puts = self.rounds.entry(load.round).or_default();
        let index = puts.len();
        let (key, etag) = (put.key.clone(), put.etag.clone());
        puts.push(put);
        if let Some(answer) = acknowledged(load.probe.put_object(BUCKET, &key, &body)) {
            let header = |name| answer.header(name).unwrap_or_default().to_owned();
            assert_eq!(header("etag").trim_matches('"'), etag, "{key}");
            puts[index].version = Some(header("x-amz-version-id"));
        }
        index
    }

    fn delete(&mut self, load: &Load<'_>, index: usize) {
        let put = &mut self.rounds.entry(load.round).or_default()[index];
        let Some(version) = &put.version else { return };
        put.deletion = Deletion::Attempted;
        let path = format!("/{BUCKET}/{}?versionId={version}", put.key);
        if acknowledged(load.probe.request("DELETE", &path, &[], b"")).is_some() {
            put.deletion = Deletion::Acknowledged;
        }
    }
}

impl Lane for Objects {
    fn load(&mut self, load: &mut Load<'_>) {
        let mut done = 0;
        while !load.over() {
            let index = self.attempt(load, done);
            if done >= LOGS + OTHERS {
                self.delete(load, index);
            }
            done += 1;
        }
    }

    fn check(&mut self, probe: &Probe, scope: Scope) {
        let rounds: Vec<usize> = match scope {
            Scope::Round(round) => vec![round],
            Scope::All => self.rounds.keys().copied().collect(),
        };
        let none = Vec::new();
        for round in rounds {
            let puts = self.rounds.get(&round).unwrap_or(&none);
            for prefix in self.prefixes(round) {
                let puts: Vec<&Put> = puts
                    .iter()
                    .filter(|put| put.key.starts_with(&prefix))
                    .collect();
                compare(probe, &puts, &probe.versions(BUCKET, &prefix));
            }
        }
    }
}

fn compare(probe: &Probe, puts: &[&Put], found: &[Version]) {
    for version in found {
        let same = |put: &&&Put| put.key == version.key && put.etag == version.etag;
        let put = puts.iter().find(same);
        let put = put.unwrap_or_else(|| panic!("never attempted: {version:?}"));
        if let Some(acknowledged) = &put.version {
            assert_eq!(
                &version.version_id, acknowledged,
                "another version of {put:?}"
            );
        }
        assert_ne!(put.deletion, Deletion::Acknowledged, "came back: {put:?}");
        let twice = found
            .iter()
            .filter(|other| other.key == version.key && other.etag == version.etag);
        assert_eq!(twice.count(), 1, "there twice: {put:?}");
        check_whole(probe, version, &put.body());
        if version.latest {
            let later = puts
                .iter()
                .filter(|other| other.key == put.key && other.id > put.id);
            let lost: Vec<_> = later
                .filter(|other| other.version.is_some() && other.deletion == Deletion::None)
                .collect();
            assert!(
                lost.is_empty(),
                "{version:?} is the latest, in spite of {lost:?}"
            );
        }
    }
    for put in puts {
        let there = found
            .iter()
            .any(|version| put.version.as_ref() == Some(&version.version_id));
        assert!(
            put.version.is_none() || put.deletion != Deletion::None || there,
            "acknowledged and lost: {put:?}"
        );
    }
}

/// The object can be read to its end, and is what was sent.
pub fn check_whole(probe: &Probe, version: &Version, body: &[u8]) {
    let answer = probe.get_version(BUCKET, version).expect("an answer");
    assert_eq!(answer.status, 200, "{version:?}: {}", answer.text());
    assert_eq!(version.size, body.len(), "{version:?}");
    assert!(
        answer.body == body,
        "{version:?} has other bytes than were sent"
    );
    let etag = answer.header("etag").unwrap_or_default();
    assert_eq!(etag.trim_matches('"'), version.etag, "{version:?}");
}
