//! Items in a table that only this test uses: put once, written over, counted up, written in pairs.

use std::collections::BTreeMap;
use std::time::Duration;

use pipectl_testkit::probe::{Probe, expect, parsed};
use pipectl_testkit::until;
use serde_json::{Value, json};

use crate::load::{Lane, Load, Scope, acknowledged};

const TABLE: &str = "kill-items";
/// Items of one round that are put once.
const ONCE: usize = 12;
/// Items that are written over again and again.
const HOT: u64 = 4;

/// Last version of an item: attempted, and acknowledged (0: none).
#[derive(Debug, Clone, Copy, Default)]
struct Written {
    attempted: u64,
    acknowledged: u64,
}

/// The lane.
#[derive(Debug)]
pub struct Items {
    written: BTreeMap<String, Written>,
    /// Counted up by one each.
    counter: Written,
    /// Written together, in a transaction.
    pair: Written,
    acknowledged: usize,
}

impl Items {
    pub fn new(probe: &Probe) -> Self {
        let request = json!({
            "TableName": TABLE, "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
            "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
        });
        expect(probe.dynamodb("CreateTable", &request));
        until("the table is active", Duration::from_secs(30), || {
            let request = json!({ "TableName": TABLE });
            let table = parsed(&expect(probe.dynamodb("DescribeTable", &request)));
            let status = &table["Table"]["TableStatus"];
            if status == "ACTIVE" {
                Ok(())
            } else {
                Err(status.to_string())
            }
        });
        Self {
            written: BTreeMap::new(),
            counter: Written::default(),
            pair: Written::default(),
            acknowledged: 0,
        }
    }

    pub fn acknowledged(&self) -> usize {
        self.acknowledged
    }

    fn put(&mut self, load: &Load<'_>, id: String) {
        let written = self.written.entry(id.clone()).or_default();
        written.attempted += 1;
        let version = written.attempted;
        let request = json!({ "TableName": TABLE, "Item": item(&id, version) });
        if acknowledged(load.probe.dynamodb("PutItem", &request)).is_some() {
            written.acknowledged = version;
            self.acknowledged += 1;
        }
    }

    fn count_up(&mut self, load: &Load<'_>) {
        self.counter.attempted += 1;
        let request = json!({
            "TableName": TABLE, "Key": { "id": { "S": "counter" } },
            "UpdateExpression": "ADD version :one",
            "ExpressionAttributeValues": { ":one": { "N": "1" } },
        });
        if acknowledged(load.probe.dynamodb("UpdateItem", &request)).is_some() {
            self.counter.acknowledged += 1;
            self.acknowledged += 1;
        }
    }

    fn put_pair(&mut self, load: &Load<'_>) {
        self.pair.attempted += 1;
        let version = self.pair.attempted;
        let put = |id: &str| json!({ "Put": { "TableName": TABLE, "Item": item(id, version) } });
        let request = json!({ "TransactItems": [put("pair-a"), put("pair-b")] });
        if acknowledged(load.probe.dynamodb("TransactWriteItems", &request)).is_some() {
            self.pair.acknowledged = version;
            self.acknowledged += 2;
        }
    }

    fn compare(&self, id: &str, found: Option<&Value>) -> u64 {
        let (least, most) = match id {
            "counter" => (self.counter.acknowledged, self.counter.attempted),
            "pair-a" | "pair-b" => (self.pair.acknowledged, self.pair.attempted),
            _ => {
                let written = self.written.get(id);
                let written = written.unwrap_or_else(|| panic!("never attempted: {found:?}"));
                (written.acknowledged, written.attempted)
            }
        };
        let version = found.map_or(0, |item| {
            let text = item["version"]["N"].as_str();
            text.and_then(|text| text.parse().ok()).expect("a number")
        });
        assert!(
            (least..=most).contains(&version),
            "{id} has version {version}, acknowledged is {least}, attempted {most}"
        );
        if let Some(found) = found.filter(|_| id != "counter") {
            assert_eq!(*found, item(id, version), "other content than was sent");
        }
        version
    }

    fn check_one(&self, probe: &Probe, id: &str) -> u64 {
        let request =
            json!({ "TableName": TABLE, "Key": { "id": { "S": id } }, "ConsistentRead": true });
        let answer = parsed(&expect(probe.dynamodb("GetItem", &request)));
        self.compare(id, Some(&answer["Item"]).filter(|item| !item.is_null()))
    }
}

impl Lane for Items {
    fn load(&mut self, load: &mut Load<'_>) {
        let mut done = 0;
        while !load.over() {
            match load.random.below(4) {
                0 => self.count_up(load),
                1 => self.put_pair(load),
                _ if done < ONCE => {
                    self.put(load, format!("{}-{done}", load.round));
                    done += 1;
                }
                _ => {
                    let hot = load.random.below(HOT);
                    self.put(load, format!("hot-{hot}"));
                }
            }
        }
    }

    fn check(&mut self, probe: &Probe, scope: Scope) {
        let one = self.check_one(probe, "pair-a");
        let other = self.check_one(probe, "pair-b");
        assert_eq!(one, other, "half a transaction");
        self.check_one(probe, "counter");
        match scope {
            Scope::Round(round) => {
                let own = format!("{round}-");
                let ids = self.written.keys();
                for id in ids.filter(|id| id.starts_with(&own) || id.starts_with("hot-")) {
                    self.check_one(probe, id);
                }
            }
            Scope::All => {
                let mut found = BTreeMap::new();
                for item in probe.scan(TABLE) {
                    let id = item["id"]["S"].as_str().expect("an id").to_owned();
                    self.compare(&id, Some(&item));
                    assert!(found.insert(id, item).is_none(), "there twice");
                }
                for id in self.written.keys() {
                    self.compare(id, found.get(id));
                }
            }
        }
    }
}

/// An item whose content belongs to one version of it only.
fn item(id: &str, version: u64) -> Value {
    let text = format!("{id} {version} ").repeat((version % 40) as usize + 1);
    json!({
        "id": { "S": id }, "version": { "N": version.to_string() }, "text": { "S": text },
        "parts": { "L": [{ "BOOL": true }, { "M": { "n": { "N": "0.5" } } }, { "NULL": true }] },
    })
}
