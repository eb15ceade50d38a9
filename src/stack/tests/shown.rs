//! How errors look: without colour, 100 columns wide.

use miette::{GraphicalReportHandler, GraphicalTheme};

use super::resolve;

pub(super) fn shown(text: &str) -> String {
    let errors = resolve(text, "embedded").expect_err(text);
    let mut out = String::new();
    GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
        .with_width(100)
        .render_report(&mut out, &errors)
        .expect("writing to a string");
    // The frame of the file is the same everywhere.
    let frame = out.find("Error: ").expect("an error in the file");
    out[frame..]
        .lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_whole_report_begins_with_the_file_and_how_much_is_wrong() {
    let errors = resolve("stack: a\nqueue: {}\nbucket: {}\n", "embedded").expect_err("two errors");
    let mut out = String::new();
    GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
        .with_width(100)
        .render_report(&mut out, &errors)
        .expect("writing to a string");
    insta::assert_snapshot!(out.trim_end(), @r"
    stack::invalid

      × stacks/test.yaml is not valid: 2 errors
      help: nothing was changed; correct the file and run the command again

    Error: stack::unknown_section

      × a stack file has no section `queue`
       ╭─[stacks/test.yaml:2:1]
     1 │ stack: a
     2 │ queue: {}
       · ──┬──
       ·   ╰── unknown section
     3 │ bucket: {}
       ╰────
      help: did you mean `queues`?

    Error: stack::unknown_section

      × a stack file has no section `bucket`
       ╭─[stacks/test.yaml:3:1]
     2 │ queue: {}
     3 │ bucket: {}
       · ───┬──
       ·    ╰── unknown section
       ╰────
      help: did you mean `buckets`?
    ");
}

#[test]
fn broken_yaml() {
    let text = "\
stack: a
queues: [
buckets: {}
";
    insta::assert_snapshot!(shown(text), @r"
    Error: stack::syntax

      × this is not YAML that can be read: unclosed bracket '['
       ╭─[stacks/test.yaml:2:9]
     1 │ stack: a
     2 │ queues: [
       ·         ┬
       ·         ╰── here
     3 │ buckets: {}
       ╰────
      help: correct the line; indent with spaces, and put text with `: `, `#` or a leading `*`, `&`,
            `!` in quotes
    ");
}

#[test]
fn a_key_twice() {
    let text = "\
stack: a
queues:
  jobs: { delay: 1s }
  jobs: {}
";
    insta::assert_snapshot!(shown(text), @r"
    Error: stack::duplicate_key

      × `jobs` is there twice
       ╭─[stacks/test.yaml:4:3]
     2 │ queues:
     3 │   jobs: { delay: 1s }
       ·   ──┬─
       ·     ╰── first here
     4 │   jobs: {}
       ·   ──┬─
       ·     ╰── again here
       ╰────
      help: keep one of the two; if both are meant, give one another name
    ");
}

#[test]
fn an_unknown_section() {
    let text = "\
stack: a
queu: {}
";
    insta::assert_snapshot!(shown(text), @r"
    Error: stack::unknown_section

      × a stack file has no section `queu`
       ╭─[stacks/test.yaml:2:1]
     1 │ stack: a
     2 │ queu: {}
       · ──┬─
       ·   ╰── unknown section
       ╰────
      help: did you mean `queues`?
    ");
}

#[test]
fn an_unknown_field() {
    let text = "\
stack: a
queues:
  jobs: { visiblity_timeout: 180s }
";
    insta::assert_snapshot!(shown(text), @r"
    Error: stack::unknown_field

      × a queue has no field `visiblity_timeout`
       ╭─[stacks/test.yaml:3:11]
     2 │ queues:
     3 │   jobs: { visiblity_timeout: 180s }
       ·           ────────┬────────
       ·                   ╰── unknown field
       ╰────
      help: did you mean `visibility_timeout`?
    ");
}

#[test]
fn a_missing_field() {
    let text = "\
stack: a
tables:
  results: { ttl: expires_at }
";
    insta::assert_snapshot!(shown(text), @r"
    Error: stack::missing_field

      × a table has no `partition_key`
       ╭─[stacks/test.yaml:3:3]
     2 │ tables:
     3 │   results: { ttl: expires_at }
       ·   ───┬───
       ·      ╰── `partition_key` is missing here
       ╰────
      help: add `partition_key: …`
    ");
}

#[test]
fn a_wrong_type() {
    let text = "\
stack: a
buckets:
  uploads: { versioning: yes }
";
    insta::assert_snapshot!(shown(text), @r"
    Error: stack::wrong_type

      × `versioning` must be true or false, not text
       ╭─[stacks/test.yaml:3:26]
     2 │ buckets:
     3 │   uploads: { versioning: yes }
       ·                          ─┬─
       ·                           ╰── true or false is expected here
       ╰────
      help: write `true` or `false`
    ");
}

#[test]
fn a_number_without_unit() {
    let text = "\
stack: a
queues:
  jobs: { visibility_timeout: 180 }
";
    insta::assert_snapshot!(shown(text), @r"
    Error: stack::bad_unit

      × `visibility_timeout`: `180` has no unit
       ╭─[stacks/test.yaml:3:31]
     2 │ queues:
     3 │   jobs: { visibility_timeout: 180 }
       ·                               ─┬─
       ·                                ╰── this value
       ╰────
      help: write `180s`
    ");
}

#[test]
fn milliseconds() {
    let text = "\
stack: a
queues:
  jobs: { delay: 500ms }
";
    insta::assert_snapshot!(shown(text), @r"
    Error: stack::bad_unit

      × `delay`: AWS counts this in whole seconds, not milliseconds
       ╭─[stacks/test.yaml:3:18]
     2 │ queues:
     3 │   jobs: { delay: 500ms }
       ·                  ──┬──
       ·                    ╰── this value
       ╰────
      help: write `30s`, `5m`, `2h` or `14d`
    ");
}

#[test]
fn a_value_out_of_range() {
    let text = "\
stack: a
queues:
  jobs: { retention: 15d }
";
    insta::assert_snapshot!(shown(text), @r"
    Error: stack::out_of_range

      × `retention`: `15d` is out of range
       ╭─[stacks/test.yaml:3:22]
     2 │ queues:
     3 │   jobs: { retention: 15d }
       ·                      ─┬─
       ·                       ╰── this value
       ╰────
      help: use 60s to 14d
    ");
}

#[test]
fn an_illegal_bucket_name() {
    let text = "\
stack: log-pipeline
buckets:
  uploads-of-all-the-customers: {}
";
    insta::assert_snapshot!(shown(text), @r"
    Error: stack::bad_name

      × the bucket's name `log-pipeline-uploads-of-all-the-customers` has 41 characters; 63 are
      │ allowed and AWS needs 28 of them for account and region
       ╭─[stacks/test.yaml:3:3]
     2 │ buckets:
     3 │   uploads-of-all-the-customers: {}
       ·   ──────────────┬─────────────
       ·                 ╰── this name
       ╰────
      help: shorten it or the stack's name by 6
    ");
}

#[test]
fn a_variable_of_lambdas() {
    let text = "\
stack: a
functions:
  f: { crate: functions/worker, environment: { AWS_REGION: eu-west-1 } }
";
    insta::assert_snapshot!(shown(text), @r"
    Error: stack::bad_variable

      × `AWS_REGION` is set by Lambda itself
       ╭─[stacks/test.yaml:3:48]
     2 │ functions:
     3 │   f: { crate: functions/worker, environment: { AWS_REGION: eu-west-1 } }
       ·                                                ─────┬────
       ·                                                     ╰── this name
       ╰────
      help: remove it, or give your variable a name of its own
    ");
}

#[test]
fn a_dangling_reference() {
    let text = "\
stack: a
queues: { jobs: {} }
outputs: { url: \"see ${queues.jbos.url}\" }
";
    insta::assert_snapshot!(shown(text), @r#"
    Error: stack::unknown_reference

      × there is no queue `jbos`
       ╭─[stacks/test.yaml:3:22]
     2 │ queues: { jobs: {} }
     3 │ outputs: { url: "see ${queues.jbos.url}" }
       ·                      ─────────┬────────
       ·                               ╰── leads nowhere
       ╰────
      help: did you mean `jobs`?
    "#);
}

#[test]
fn an_attribute_that_a_kind_does_not_have() {
    let text = "\
stack: a
buckets: { uploads: {} }
outputs: { url: \"${buckets.uploads.url}\" }
";
    insta::assert_snapshot!(shown(text), @r#"
    Error: stack::attribute_not_available

      × a bucket has no `url`
       ╭─[stacks/test.yaml:3:18]
     2 │ buckets: { uploads: {} }
     3 │ outputs: { url: "${buckets.uploads.url}" }
       ·                  ───────────┬──────────
       ·                             ╰── this attribute
       ╰────
      help: use one of `name`, `arn`
    "#);
}
