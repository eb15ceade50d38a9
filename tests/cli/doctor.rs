//! `pipectl doctor`: every finding has a verdict, and what is bad has its fix.

use serde_json::Value;

use super::{empty, project};

fn finding<'d>(data: &'d Value, what: &str) -> &'d Value {
    let findings = data["data"]["findings"].as_array().expect("findings");
    let found = findings.iter().find(|finding| finding["what"] == what);
    found.unwrap_or_else(|| panic!("no {what} in {data:#}"))
}

#[test]
fn a_sound_project_has_nothing_to_mend() {
    let env = project();
    let data = env
        .pipectl(&["doctor", "--output", "json"])
        .expect_success()
        .json();
    for what in ["cargo", "rustc", "C compiler", "disk", "stack on embedded"] {
        assert_eq!(finding(&data, what)["verdict"], "good", "{data:#}");
    }
    let shown = env.pipectl(&["doctor"]).expect_success();
    assert!(
        shown.stdout.contains("good  cargo") && !shown.stdout.contains("BAD"),
        "{}",
        shown.unredacted()
    );
    assert!(!env.root().join(".pipectl").exists(), "it only looks");
}

#[test]
fn what_is_bad_has_its_fix_and_the_command_fails() {
    let env = empty();
    env.write(
        "stacks/demo.yaml",
        "stack: demo\nqueues: { q: { delay: 5 } }\n",
    );
    let shown = env
        .invocation(&["doctor", "--output", "json"])
        .env("PATH", env.root())
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        .run()
        .expect_code(1);
    let data = shown.json();
    for (what, fix) in [
        ("cargo", "rustup.rs"),
        ("C compiler", "build-essential"),
        ("AWS_ENDPOINT_URL", "unset the variable"),
        ("stack on embedded", "pipectl --target embedded plan"),
    ] {
        let found = finding(&data, what);
        assert_eq!(found["verdict"], "bad", "{data:#}");
        let told = found["fix"].as_str().expect("a fix");
        assert!(told.contains(fix), "{told}");
    }
    assert_eq!(data["error"]["code"], "doctor::unwell", "{data:#}");
}

#[test]
fn without_a_stack_it_looks_at_the_rest() {
    let env = empty();
    let data = env
        .pipectl(&["doctor", "--output", "json"])
        .expect_success()
        .json();
    assert_eq!(finding(&data, "stack")["verdict"], "optional");
}
