//! How errors look that are about two places.

use super::shown::shown;

#[test]
fn dead_letters_in_a_ring() {
    let text = "\
stack: a
queues:
  jobs: { dead_letter: { queue: failed } }
  failed: { dead_letter: { queue: jobs } }
";
    insta::assert_snapshot!(shown(text), @r"
    Error: stack::cycle

      × dead letters would go round: failed → jobs → failed
       ╭─[stacks/test.yaml:4:35]
     2 │ queues:
     3 │   jobs: { dead_letter: { queue: failed } }
       ·                                 ───┬──
       ·                                    ╰── where `jobs` sends them
     4 │   failed: { dead_letter: { queue: jobs } }
       ·                                   ──┬─
       ·                                     ╰── where `failed` sends them
       ╰────
      help: send the dead letters of the last queue nowhere, or to a queue outside of the ring
    ");
}

/// aws-behaviours Q10
#[test]
fn a_queue_that_shows_messages_too_early() {
    let text = "\
stack: a
queues:
  jobs: { visibility_timeout: 30s }
functions:
  worker: { crate: functions/worker, timeout: 60s }
wiring:
  - { from: queues.jobs, to: functions.worker }
";
    insta::assert_snapshot!(shown(text), @r"
    Error: stack::visibility_below_timeout

      × the queue `jobs` shows a message again before `worker` must be done with it
       ╭─[stacks/test.yaml:3:31]
     2 │ queues:
     3 │   jobs: { visibility_timeout: 30s }
       ·                               ─┬─
       ·                                ╰── hidden for 30s
     4 │ functions:
     5 │   worker: { crate: functions/worker, timeout: 60s }
       ·                                               ─┬─
       ·                                                ╰── may take 60s
     6 │ wiring:
       ╰────
      help: set `visibility_timeout` to at least 60s; AWS advises six times the timeout: `360s`
    ");
}

/// aws-behaviours S10
#[test]
fn overlapping_notifications() {
    let text = "\
stack: a
buckets: { uploads: {} }
functions: { f: { crate: functions/trigger } }
wiring:
  - { from: buckets.uploads, to: functions.f, events: [object-created], prefix: logs/ }
  - { from: buckets.uploads, to: functions.f, events: [object-created-put], prefix: logs/app/ }
";
    insta::assert_snapshot!(shown(text), @r"
    Error: stack::overlapping_notifications

      × two wirings of the bucket `uploads` overlap: both want `s3:ObjectCreated:Put`
       ╭─[stacks/test.yaml:6:85]
     4 │ wiring:
     5 │   - { from: buckets.uploads, to: functions.f, events: [object-created], prefix: logs/ }
       ·                                                                                 ──┬──
       ·                                                                                   ╰── keys that begin with `logs/`
     6 │   - { from: buckets.uploads, to: functions.f, events: [object-created-put], prefix: logs/app/ }
       ·                                                                                     ────┬────
       ·                                                                                         ╰── keys that begin with `logs/app/`
       ╰────
      help: give them prefixes or suffixes of which none covers another, or wire one function that
            does both
    ");
}

/// aws-behaviours S21
#[test]
fn a_function_that_triggers_itself() {
    let text = "\
stack: a
buckets: { uploads: {} }
functions:
  f: { crate: functions/trigger, access: [{ write: buckets.uploads }] }
wiring:
  - { from: buckets.uploads, to: functions.f, events: [object-created] }
";
    insta::assert_snapshot!(shown(text), @r"
    Error: stack::self_trigger

      × `f` may write to the bucket `uploads`, which triggers it
       ╭─[stacks/test.yaml:4:52]
     3 │ functions:
     4 │   f: { crate: functions/trigger, access: [{ write: buckets.uploads }] }
       ·                                                    ───────┬───────
       ·                                                           ╰── writes here
     5 │ wiring:
     6 │   - { from: buckets.uploads, to: functions.f, events: [object-created] }
       ·             ───────┬───────
       ·                    ╰── is triggered from here
       ╰────
      help: let it write to another bucket: what it writes here would start it again, without end
    ");
}

#[test]
fn a_field_of_the_other_wiring() {
    let text = "\
stack: a
buckets: { uploads: {} }
functions: { f: { crate: functions/trigger } }
wiring:
  - { from: buckets.uploads, to: functions.f, events: [object-created], batch: 10 }
";
    insta::assert_snapshot!(shown(text), @r"
    Error: stack::field_not_for_kind

      × a wiring from a bucket has no `batch`
       ╭─[stacks/test.yaml:5:73]
     4 │ wiring:
     5 │   - { from: buckets.uploads, to: functions.f, events: [object-created], batch: 10 }
       ·             ───────┬───────                                             ──┬──
       ·                    │                                                      ╰── for a queue
       ·                    ╰── this is a bucket
       ╰────
      help: remove `batch`: it is for wiring from a queue
    ");
}

/// aws-behaviours Q9
#[test]
fn dead_letters_that_expire_first() {
    let text = "\
stack: a
queues:
  jobs: { dead_letter: { queue: failed } }
  failed: { retention: 1d }
";
    insta::assert_snapshot!(shown(text), @r"
    Error: stack::dead_letter_retention

      × `failed` keeps messages for less time than `jobs`
       ╭─[stacks/test.yaml:4:24]
     2 │ queues:
     3 │   jobs: { dead_letter: { queue: failed } }
       ·   ──┬─
       ·     ╰── kept 4d by default
     4 │   failed: { retention: 1d }
       ·                        ─┬
       ·                         ╰── kept 1d
       ╰────
      help: set `retention: 14d` on `failed`: a dead letter keeps the age it had before, and would be
            lost early
    ");
}

#[test]
fn keys_that_contradict() {
    let text = "\
stack: a
tables:
  t:
    partition_key: { name: at, type: number }
    indexes: { by_at: { partition_key: at } }
";
    insta::assert_snapshot!(shown(text), @r"
    Error: stack::key_conflict

      × `at` is a string here and a number there
       ╭─[stacks/test.yaml:5:40]
     3 │   t:
     4 │     partition_key: { name: at, type: number }
       ·     ──────┬──────
       ·           ╰── number
     5 │     indexes: { by_at: { partition_key: at } }
       ·                                        ─┬
       ·                                         ╰── string
       ╰────
      help: give it one type: write `{ name: at, type: … }` alike at both places
    ");
}

#[test]
fn a_crate_that_is_not_there() {
    let text = "\
stack: a
functions:
  f: { crate: functions/wroker }
";
    insta::assert_snapshot!(shown(text), @r"
    Error: stack::crate_not_found

      × there is no directory `functions/wroker`
       ╭─[stacks/test.yaml:3:15]
     2 │ functions:
     3 │   f: { crate: functions/wroker }
       ·               ────────┬───────
       ·                       ╰── no crate here
       ╰────
      help: did you mean `functions/worker`?
    ");
}

#[test]
fn an_override_of_nothing() {
    let text = "\
stack: a
queues: { jobs: {} }
targets:
  aws: { queues: { jbos: { delay: 5s } } }
";
    insta::assert_snapshot!(shown(text), @r"
    Error: stack::unknown_override

      × the target `aws` overrides `queues.jbos`, which the stack does not have
       ╭─[stacks/test.yaml:4:20]
     3 │ targets:
     4 │   aws: { queues: { jbos: { delay: 5s } } }
       ·                    ──┬─
       ·                      ╰── not in the stack
       ╰────
      help: did you mean `jobs`?
    ");
}
