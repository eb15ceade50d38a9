//! All scenarios: what each needs of a stack, and what AWS does in it, with the source of that.

use std::borrow::Cow;
use std::time::Duration;

use futures::future::LocalBoxFuture;
use serde::{Deserialize, Serialize};

use super::parts::{Need, Parts};
use super::seen::Played;
use super::world::World;
use super::{changes, events, files, functions, infrastructure, own, queues, tables};
use crate::stack::model::{Stack, Test};

/// What a scenario is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Files of every kind.
    Files,
    /// Events of S3.
    Events,
    /// Messages.
    Queues,
    /// Functions.
    Functions,
    /// Tables.
    Tables,
    /// The stack itself.
    Infrastructure,
    /// The stack file's own tests.
    Own,
}

impl Group {
    /// For people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Events => "events",
            Self::Queues => "queues",
            Self::Functions => "functions",
            Self::Tables => "tables",
            Self::Infrastructure => "infrastructure",
            Self::Own => "own tests",
        }
    }
}

/// What AWS does: a fact, its value, and who says so: a row of docs/aws-behaviours.md, or what the log pipeline
/// itself promises.
pub type OfAws = (&'static str, &'static str, &'static str);

type Known = for<'w> fn(&'w World) -> LocalBoxFuture<'w, Played>;

/// How a scenario is played.
enum Play {
    Known(Known),
    Own(Box<Test>),
}

/// A scenario.
pub struct Scenario {
    /// Its name.
    pub name: Cow<'static, str>,
    /// What it is about.
    pub group: Group,
    /// What is tried, for people.
    pub title: Cow<'static, str>,
    /// What it needs of the stack.
    pub need: Need,
    /// It changes the copy: nothing else is played meanwhile.
    pub alone: bool,
    /// What AWS does.
    pub aws: &'static [OfAws],
    play: Play,
}

impl Scenario {
    /// Plays it.
    pub async fn play(&self, world: &World) -> Played {
        match &self.play {
            Play::Known(play) => play(world).await,
            Play::Own(test) => Box::pin(own::play(world, test)).await,
        }
    }

    /// How long it may take beyond what any scenario may.
    pub fn takes(&self) -> Duration {
        match &self.play {
            Play::Known(_) => Duration::ZERO,
            Play::Own(test) => {
                Duration::from_secs(u64::from(test.within.0)) * test.expect.len() as u32
            }
        }
    }

    /// What has to be of a fact, and who says so: what AWS does, or what the stack file expects.
    pub fn expected(&self, fact: &str) -> Option<(&'static str, &'static str)> {
        if let Play::Own(_) = self.play {
            return Some(("yes", "tests of the stack file"));
        }
        let mut of_aws = self.aws.iter();
        of_aws
            .find(|(one, _, _)| *one == fact)
            .map(|(_, value, source)| (*value, *source))
    }
}

macro_rules! scenarios {
    ($($group:ident { $($name:literal, $title:literal, $need:ident, $alone:literal, $play:path, [$($aws:expr),* $(,)?];)* })*) => {
        vec![$($(Scenario {
            name: Cow::Borrowed($name),
            group: Group::$group,
            title: Cow::Borrowed($title),
            need: Need::$need,
            alone: $alone,
            aws: &[$($aws),*],
            play: Play::Known(|world| Box::pin($play(world))),
        },)*)*]
    };
}

/// Where the log pipeline says what comes of a file.
const PIPELINE: &str = "the log pipeline's contract";
/// The catalogue.
pub fn all() -> Vec<Scenario> {
    scenarios! {
        Files {
            "file-100-lines", "a file of 100 lines", Pipeline, false, files::lines_100, [
                ("status", "done", PIPELINE), ("lines", "100", PIPELINE), ("malformed", "0", PIPELINE)];
            "file-1000-lines", "a file of 1,000 lines", Pipeline, false, files::lines_1000, [
                ("status", "done", PIPELINE), ("lines", "1000", PIPELINE), ("malformed", "0", PIPELINE)];
            "file-gzip", "a gzip file", Pipeline, false, files::gzip, [
                ("status", "done", PIPELINE), ("lines", "200", PIPELINE)];
            "file-malformed-lines", "a file with malformed lines", Pipeline, false, files::malformed, [
                ("status", "done", PIPELINE), ("lines", "100", PIPELINE), ("malformed", "10", PIPELINE)];
            "file-empty", "an empty file", Pipeline, false, files::empty, [
                ("status", "rejected", PIPELINE), ("reason", "empty", PIPELINE)];
            "file-wrong-suffix", "a file that is no log by its name", AnySuffix, false, files::wrong_suffix, [
                ("status", "rejected", PIPELINE), ("reason", "wrong_suffix", PIPELINE)];
            "file-outside-prefix", "a file outside of the prefix", Outside, false, files::outside_prefix, [
                ("invocations for the file outside", "0", "S10"),
                ("one inside that came after it starts the function", "yes", "S12")];
            "file-odd-keys", "keys that have to be encoded", Pipeline, false, files::odd_keys, [
                ("key with space", "done", "S13"), ("key with plus", "done", "S13"),
                ("key with %2B", "done", "S13"), ("key with ü", "done", "S13"),
                ("key with emoji", "done", "S13"), ("key with signs", "done", "S13")];
            "file-long-key", "a key of 1,000 characters", Pipeline, false, files::long_key, [
                ("status", "done", PIPELINE), ("key in the result, characters", "1000", "S13")];
            "file-20-mb", "a file of 20 MB", Pipeline, false, files::mb_20, [
                ("status", "done", PIPELINE), ("malformed", "0", PIPELINE)];
            "file-too-large", "a file over the size limit", Pipeline, false, files::too_large, [
                ("status", "rejected", PIPELINE), ("reason", "too_large", PIPELINE)];
            "file-crlf-bom", "a file with CRLF and a byte order mark", Pipeline, false, files::crlf_and_bom, [
                ("status", "done", PIPELINE), ("lines", "50", PIPELINE), ("malformed", "0", PIPELINE)];
        }
        Events {
            "event-same-bytes", "the same bytes twice under one key", Event, false, events::same_bytes_twice, [
                ("invocations", "2", "S12")];
            "event-overwritten-key", "a key that is overwritten", Versions, false, events::overwritten, [
                ("invocations", "2", "S12"), ("first: lines", "8", PIPELINE), ("second: lines", "9", PIPELINE)];
            "event-duplicate", "the same event twice", PipelineWithOutside, false, events::duplicate, [
                ("invocations that failed", "0", PIPELINE), ("status", "done", PIPELINE),
                ("messages handled", "2", "Q11"), ("the result stays as it was", "yes", "D20")];
            "event-two-in-one", "two events in one invocation", PipelineWithOutside, false, events::two_in_one, [
                ("function error", "none", PIPELINE), ("first: lines", "4", PIPELINE), ("second: lines", "5", PIPELINE)];
            "event-multipart", "an upload in parts fires once", Creations, false, events::multipart, [
                ("invocations", "1", "S12"), ("events", "ObjectCreated:CompleteMultipartUpload", "S12")];
            "event-copy", "a copy fires", CreationsWithOutside, false, events::copy, [
                ("invocations", "1", "S12"), ("events", "ObjectCreated:Copy", "S12")];
            "event-delete", "a deletion does not fire", NoRemovals, false, events::delete, [
                ("invocations", "1", "S12"), ("events", "ObjectCreated:Put", "S12")];
            "event-test", "S3's test event is ignored", Pipeline, false, events::test_event, [
                ("function error", "none", "S15"), ("messages", "0", "S15")];
        }
        Queues {
            "queue-batch", "ten messages at once", Batches, false, queues::batch, [
                ("messages handled", "10", "E8"), ("several in one invocation", "yes", "E8"),
                ("more than ten in one", "no", "E8"), ("receives of each", "1, 1, 1, 1, 1, 1, 1, 1, 1, 1", "E9")];
            "queue-partial-failure", "one message of a batch fails", Batches, false, queues::partial_failure, [
                ("receives of those that did not fail", "1, 1", "E9"),
                ("receives of the one that failed once", "2", "E9"), ("dead letters", "0", "Q7")];
            "queue-poison", "a file that can never be read", PipelineWithDeadLetters, false, queues::poison, [
                ("status", "failed", PIPELINE), ("reason", "no_record", PIPELINE), ("dead letters", "1", PIPELINE),
                ("receives of the message", "1", PIPELINE)];
            "queue-max-receives", "a message that fails each time", DeadLetters, false, queues::max_receives, [
                ("receives by the function", "2", "Q7"), ("dead letters", "1", "Q7"),
                ("the letter tells its queue", "yes", "Q7"), ("the body is the message's", "yes", "Q7")];
            "queue-visible-again", "a message that failed is visible again", Queue, false, queues::visible_again, [
                ("receives", "2", "Q10"), ("receive counts", "1, 2", "Q10"), ("the same message", "yes", "Q10")];
            "queue-50-files", "50 files at once, in any order", Pipeline, true, queues::many_files, [
                ("done", "50", PIPELINE), ("with the lines of their own file", "50", PIPELINE),
                ("lines in all", "1275", PIPELINE)];
            "queue-redrive", "a dead letter is redriven after a fix", DeadLetters, true, queues::redriven, [
                ("dead letters before the fix", "1", "Q7"), ("receives by the function before", "2", "Q7"),
                ("redriven", "1", "Q14"), ("nothing is left in the queue", "yes", "Q14")];
        }
        Functions {
            "function-timeout", "a function runs out of time", Function, false, functions::timeout, [
                ("record in the on-failure queue", "there", "L23"), ("condition", "RetriesExhausted", "L23"), ("invoke count", "1", "L23"),
                ("function error", "Unhandled", "L23"), ("error type", "Sandbox.Timedout", "L24"),
                ("error message", "Task timed out after 3.00 seconds", "L24"), ("invocations", "1", "L21"),
                ("log", "Task timed out after 3.00 seconds", "L24")];
            "function-crash", "a function ends with exit status 1", Function, false, functions::crash, [
                ("record in the on-failure queue", "there", "L23"), ("condition", "RetriesExhausted", "L23"), ("invoke count", "1", "L23"),
                ("function error", "Unhandled", "L23"), ("error type", "Runtime.ExitError", "L24"),
                ("error message", "Runtime exited with error: exit status 1", "L24"), ("invocations", "1", "L21"),
                ("log", "Runtime exited with error: exit status 1", "L24")];
            "function-panic", "a function panics", Function, false, functions::panic, [
                ("record in the on-failure queue", "there", "L23"),
                ("condition", "RetriesExhausted", "L23"), ("invoke count", "1", "L23"),
                ("function error", "Unhandled", "L23"), ("error type", "Runtime.ExitError", "L24"),
                ("error message", "Runtime exited with error: exit status 101", "L24"), ("invocations", "1", "L21"),
                ("log", "Runtime exited with error: exit status 101", "L24"),
                ("the panic's message is in the log", "yes", "L24")];
            "function-memory", "a function runs out of memory", Function, false, functions::memory, [
                ("record in the on-failure queue", "there", "L23"), ("goes on beyond its memory", "no", "L24"),
                ("condition", "RetriesExhausted", "L23"), ("invoke count", "1", "L23"),
                ("function error", "Unhandled", "L23"), ("error type", "Runtime.ExitError", "L24"),
                ("error message", "Runtime exited with error: signal: killed", "L24"), ("invocations", "1", "L21"),
                ("log", "Runtime exited with error: signal: killed", "L24")];
            "function-init-error", "a function fails before it is ready", Function, true, changes::init_error, [
                ("function error", "Unhandled", "L24"), ("error type", "Pipectl.Init", "L24"),
                ("event: record in the on-failure queue", "there", "L23"),
                ("event: condition", "RetriesExhausted", "L23"), ("event: invoke count", "1", "L23"),
                ("event: function error", "Unhandled", "L23"), ("event: error type", "Pipectl.Init", "L24"),
                ("event: error message", "asked to fail before it is ready", "L24"),
                ("works again without the fault", "yes", "L24")];
            "function-async-failure", "an event fails and uses up its retry", OnFailure, true, changes::async_failure, [
                ("invocations", "2", "L21"), ("with the same request id", "yes", "L21"),
                ("record in the on-failure queue", "there", "L23"), ("error message", "asked to fail", "L23"),
                ("condition", "RetriesExhausted", "L23"), ("invoke count", "2", "L23"),
                ("function error", "Unhandled", "L23"), ("error type", "Pipectl.Asked", "L23"),
                ("version", "1.0", "L23"), ("has a timestamp", "yes", "L23"),
                ("tells the invocation's id", "yes", "L23"), ("qualifier of the function", ":$LATEST", "L23"),
                ("has the event", "yes", "L23"), ("status code", "200", "L23"),
                ("executed version", "$LATEST", "L23")];
            "function-environment", "what a function finds around it", Function, false, functions::environment, [
                ("function error", "none", "L25"), ("variables of AWS that are missing", "none", "L25"),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST", "L25"),
                ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand", "L25"),
                ("LAMBDA_RUNTIME_DIR", "/var/runtime", "L25"), ("LANG", "en_US.UTF-8", "L25"),
                ("TZ", ":UTC", "L25"), ("region of the target", "yes", "L25"),
                ("name of the function", "yes", "L25"), ("memory of the function", "yes", "L25"),
                ("log group of the function", "yes", "L25"), ("finds its code", "yes", "L25"),
                ("works in its code", "yes", "L25"),
                ("variables of the stack that are not as it says", "none", "L8")];
            "function-logs", "what a function writes is in its log", Function, false, functions::log_lines, [
                ("the function's line is there", "yes", "C5"), ("START of the invocation", "yes", "L19"),
                ("END of the invocation", "yes", "L19"), ("REPORT of the invocation", "yes", "L19"),
                ("log stream", "0000/00/00/[$LATEST]<32 hex digits>", "L25")];
            "function-no-concurrency", "no invocation is allowed for a while", Function, true, changes::no_concurrency, [
                ("an invocation is refused with", "TooManyRequestsException", "L14"),
                ("invocations meanwhile", "0", "L22"), ("event meanwhile: record in the on-failure queue", "there", "L22"),
                ("event meanwhile: condition", "ZeroReservedConcurrency", "L22"),
                ("event meanwhile: invoke count", "0", "L22"),
                ("an invocation works again", "yes", "L16"), ("the next event starts it", "yes", "L16")];
            "function-code-update", "the next file meets the new code", Function, true, changes::code_update, [
                ("next file: status", "done", PIPELINE), ("code that handled it", "second × 1", "L3")];
        }
        Tables {
            "table-second-writer", "a condition refuses the second writer", Table, false, tables::second_writer, [
                ("first writer", "written", "D20"), ("second writer", "ConditionalCheckFailedException", "D20"),
                ("the item is of the", "first", "D20")];
            "table-ttl", "items expire", Ttl, false, tables::ttl, [
                ("status", "ENABLED", "D5"), ("attribute of the stack", "yes", "D5"), ("a result is kept, s", "604800", "D6")];
            "table-index", "the day's query finds the result", DayIndex, false, tables::index, [
                ("the day's query finds the result", "yes", PIPELINE), ("and finds all of it", "yes", PIPELINE),
                ("under the day it was processed", "yes", PIPELINE)];
        }
        Infrastructure {
            "second-up", "a second up has nothing to do", Nothing, true, infrastructure::second_up, [
                ("changes", "none", "L10")];
            "drift-repaired", "what was changed by hand is put right", Queue, true, infrastructure::drift, [
                ("repaired", "yes", "Q4")];
            "down-leaves-nothing", "down leaves nothing", Nothing, true, infrastructure::down, [
                ("everything is gone", "yes", "L12"), ("left", "nothing", "L12")];
            "up-at-once", "up again at once", Nothing, true, infrastructure::up_at_once, [
                ("changes then", "none", "Q1"), ("next file: status", "done", PIPELINE)];
        }
    }
}

/// The scenarios of a stack: the catalogue's, and its own tests.
pub fn of(stack: &Stack) -> Vec<Scenario> {
    let mut scenarios = all();
    let own = stack.tests.iter().map(|test| Scenario {
        name: Cow::Owned(format!("test-{}", test.name)),
        group: Group::Own,
        title: Cow::Owned(format!("tests.{} of the stack file", test.name)),
        need: Need::Event,
        // What they look for could be another scenario's.
        alone: true,
        aws: &[],
        play: Play::Own(Box::new(test.clone())),
    });
    scenarios.extend(own);
    scenarios
}

/// Those that the stack has the parts for, as it is for both targets.
pub fn fitting(
    scenarios: Vec<Scenario>,
    parts: &[Parts; 2],
) -> (Vec<Scenario>, Vec<(Scenario, &'static str)>) {
    let mut fit = Vec::new();
    let mut others = Vec::new();
    for scenario in scenarios {
        if parts.iter().all(|parts| scenario.need.is_met(parts)) {
            fit.push(scenario);
        } else {
            let missing = scenario.need.words();
            others.push((scenario, missing));
        }
    }
    (fit, others)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_scenario_has_a_name_of_its_own_and_says_what_aws_does() {
        let all = all();
        let names: BTreeSet<&str> = all.iter().map(|one| &*one.name).collect();
        assert_eq!(names.len(), all.len());
        assert_eq!(all.len(), 44);
        for one in &all {
            assert!(!one.aws.is_empty(), "{}", one.name);
            let facts: BTreeSet<&str> = one.aws.iter().map(|(fact, _, _)| *fact).collect();
            assert_eq!(facts.len(), one.aws.len(), "{}", one.name);
        }
    }

    /// A source is a row of docs/aws-behaviours.md, or what is promised for every target.
    #[test]
    fn sources_are_there() {
        let table = include_str!("../../docs/aws-behaviours.md");
        for one in all() {
            for (fact, _, source) in one.aws {
                let is_row = table.contains(&format!("\n| {source} |"));
                assert!(
                    is_row || *source == PIPELINE,
                    "{}: {fact}: {source}",
                    one.name
                );
            }
        }
    }
}
