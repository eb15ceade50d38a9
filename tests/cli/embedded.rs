//! How the embedded target is served, and what becomes of damage.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::time::Duration;

use pipectl_testkit::{Probe, TestEnv, free_port, http, process};

use super::{empty, succeed};

const QUEUES: &str = "stack: demo\nqueues: { jobs: {}, other: {} }\n";

fn health(env: &TestEnv) -> serde_json::Value {
    let emulator = env.emulator().expect("an emulator");
    let answer = http::get(&emulator.endpoint, "/_pipectl/health").expect("an answer");
    answer.json().expect("JSON")
}

#[test]
fn the_project_says_how_long_things_take_and_what_is_promised() {
    let env = empty();
    env.write("stacks/demo.yaml", QUEUES);
    succeed(&env, &["up"]);
    let usual = health(&env);
    assert_eq!(
        (&usual["behaviour"], &usual["durability"]),
        (&"instant".into(), &"process".into())
    );
    succeed(&env, &["down"]);

    env.write(
        "pipectl.yaml",
        "embedded: { behaviour: aws, durability: power }\n",
    );
    succeed(&env, &["up"]);
    let chosen = health(&env);
    assert_eq!(
        (&chosen["behaviour"], &chosen["durability"]),
        (&"aws".into(), &"power".into())
    );
    succeed(&env, &["down"]);

    env.write("pipectl.yaml", "embedded: { behaviour: awz }\n");
    let refused = env.pipectl(&["up"]);
    assert_eq!(refused.code, Some(65), "{}", refused.unredacted());
    assert!(
        refused
            .stderr
            .contains("`behaviour` is one of `instant`, `aws`")
    );
    assert!(env.emulator().is_none(), "nothing was started");
}

#[test]
fn a_damaged_store_is_reported_and_what_was_saved_is_put_in_place() {
    let env = empty();
    env.write("stacks/demo.yaml", QUEUES);
    succeed(&env, &["up"]);
    // A stop writes the log back; before it, everything would still be whole in the log.
    env.stop_emulator();
    succeed(&env, &["up"]);
    let emulator = env.emulator().expect("an emulator");
    process::signal(emulator.pid, "KILL");
    assert!(process::gone(emulator.pid, Duration::from_secs(10)));
    let store = env.data().join("sqs.sqlite");
    let mut file = std::fs::File::options()
        .write(true)
        .open(&store)
        .expect("the store");
    file.seek(SeekFrom::Start(0)).expect("its start");
    file.write_all(b"not a database at all").expect("damage");
    let damaged = std::fs::read(&store).expect("the store");

    let refused = env.pipectl(&["up"]);
    assert_eq!(refused.code, Some(1), "{}", refused.unredacted());
    for told in [
        "embedded::damaged",
        "sqs.sqlite",
        "pipectl emulator --data .pipectl/embedded --use-salvaged",
    ] {
        assert!(
            refused.stderr.contains(told),
            "{told}: {}",
            refused.unredacted()
        );
    }
    let message = env.pipectl(&["up", "--output", "json"]).json()["error"]["message"].clone();
    let message = message.as_str().expect("a message");
    assert!(
        message.ends_with("and keeps them") && message.contains("queues 2;"),
        "{message}"
    );
    let after = std::fs::read(&store).expect("the store");
    assert!(after == damaged, "it is left alone");

    let mut serving = env.serve_with(free_port(), &["--use-salvaged"]);
    serving.ready();
    let probe = Probe::new(serving.endpoint());
    for queue in ["demo-jobs", "demo-other"] {
        assert_eq!(probe.depth(queue).all(), 0);
    }
    let kept = std::fs::read_dir(env.data())
        .expect("listed")
        .filter_map(Result::ok)
        .find(|entry| {
            let name = entry.file_name();
            let when = name
                .to_str()
                .and_then(|name| name.strip_prefix("sqs.sqlite.damaged-"));
            when.is_some_and(|when| when.bytes().all(|byte| byte.is_ascii_digit()))
        });
    let kept = std::fs::read(kept.expect("the damaged file is kept").path());
    assert!(kept.expect("it") == damaged, "it is kept as it was");
}
