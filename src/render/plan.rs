//! A plan in words, and as a graph.

use serde_json::Value;

use super::style::{bad, dim, good, hint, warn};
use crate::graph;
use crate::plan::{Action, Plan, Step};
use crate::resource::attrs::{Change, Origin};
use crate::stack::model::LogicalId;

/// Longest value of a field that is shown whole, characters.
const LONGEST_VALUE: usize = 100;

/// In which language a plan is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// Graphviz.
    Dot,
    /// Mermaid.
    Mermaid,
}

/// What a plan will do: one line per change with its reason, and each changed field below.
pub fn plan(plan: &Plan) -> String {
    lines(plan, |_| true)
}

/// The same before it is carried out: what is only made or taken down as a whole is counted, because
/// each is told when it is done.
pub fn plan_in_short(plan: &Plan) -> String {
    let partly = plan.counts().len() > 1;
    lines(plan, |step| match step.action {
        Action::Create => false,
        Action::Delete => partly,
        _ => true,
    })
}

fn lines(plan: &Plan, shown: impl Fn(&Step) -> bool) -> String {
    let mut text = format!("plan: {}", summary(plan));
    for step in plan.changes().filter(|step| shown(step)) {
        // What is only made, and nothing else, needs no reason.
        let line = match step.action {
            Action::Create => format!("{} {} {}", sign(step), step.id, dim(&step.name)),
            _ => format!(
                "{} {} {} {}",
                sign(step),
                step.id,
                dim(&step.name),
                hint(format!("({})", step.why))
            ),
        };
        text.push_str(&format!("\n  {line}"));
        for change in step.changes.iter().filter(|change| !change.is_record()) {
            let line = match (&change.to, step.action) {
                (Some(value), Action::Create) => format!("{}: {}", change.field, short(value)),
                _ => field(change),
            };
            text.push_str(&format!("\n      {line}"));
        }
    }
    for refusal in &plan.refusals {
        text.push_str(&format!(
            "\n  {} {} {} {}",
            bad("!"),
            refusal.id,
            dim(&refusal.name),
            bad(format!("({})", refusal.why))
        ));
    }
    text
}

/// `2 to create, 1 to delete, 9 as wanted`.
fn summary(plan: &Plan) -> String {
    let counts = plan.counts();
    let mut words: Vec<String> = Action::ALL
        .iter()
        .filter_map(|action| {
            let count = counts.get(action)?;
            Some(match action {
                Action::Keep => format!("{count} as wanted"),
                action => format!("{count} to {}", action.verb()),
            })
        })
        .collect();
    if !plan.refusals.is_empty() {
        words.push(format!("{} refused", plan.refusals.len()));
    }
    if words.is_empty() {
        words.push("nothing".to_owned());
    }
    words.join(", ")
}

fn sign(step: &Step) -> String {
    let sign = step.action.sign();
    match step.action {
        Action::Create | Action::Adopt => good(sign).to_string(),
        Action::Update | Action::Replace => warn(sign).to_string(),
        Action::Delete => bad(sign).to_string(),
        Action::Keep => sign.to_owned(),
    }
}

/// `timeout: 10 → 30 (changed outside pipectl)`.
fn field(change: &Change) -> String {
    let side = |value: &Option<Value>| value.as_ref().map_or_else(|| "absent".to_owned(), short);
    let (mut from, mut to) = (side(&change.from), side(&change.to));
    if from == to {
        // What is left out is what differs: another account, another region.
        let whole =
            |value: &Option<Value>| value.as_ref().map_or_else(String::new, Value::to_string);
        (from, to) = (whole(&change.from), whole(&change.to));
    }
    let text = format!("{}: {from} → {to}", change.field);
    match change.origin {
        Origin::Outside => format!("{text} {}", warn("(changed outside pipectl)")),
        Origin::Both => format!(
            "{text} {}",
            warn("(changed in the stack and outside pipectl)")
        ),
        Origin::Stack | Origin::Unknown => text,
    }
}

/// A value without the quotes of a plain text, cut when it is long. What a policy allows is shown whole.
pub(super) fn short(value: &Value) -> String {
    if value.get("Effect").is_some() {
        return plain(value);
    }
    console::truncate_str(&plain(value), LONGEST_VALUE, "…").into_owned()
}

/// Lists and objects as people write them; what is empty in an object is left out.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(fields) if fields.contains_key("Effect") => statement(fields),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name, plain(value)))
            .filter(|(_, value)| !value.is_empty())
            // Of an ARN in the middle of others the name is enough.
            .map(|(name, value)| match value.rsplit_once(':') {
                Some((arn, last)) if arn.starts_with("arn:") => format!("{name} {last}"),
                _ => format!("{name} {value}"),
            })
            .collect::<Vec<_>>()
            .join(", "),
        other => other.to_string(),
    }
}

/// A statement of a policy: `Allow s3:GetObject on demo-uploads/*`.
fn statement(fields: &serde_json::Map<String, Value>) -> String {
    let words = |value: &Value| {
        let items = match value {
            Value::Array(items) => items.as_slice(),
            single => std::slice::from_ref(single),
        };
        let words: Vec<String> = items.iter().map(|item| of_arn(&plain(item))).collect();
        words.join(", ")
    };
    let mut text = String::new();
    for (name, value) in fields {
        let word = match name.as_str() {
            "Effect" | "Action" => String::new(),
            "Resource" => "on ".to_owned(),
            other => format!("{other} "),
        };
        let space = if text.is_empty() { "" } else { " " };
        text.push_str(&format!("{space}{word}{}", words(value)));
    }
    text
}

/// What an ARN names, without service, region and account.
fn of_arn(text: &str) -> String {
    match text.splitn(6, ':').collect::<Vec<_>>()[..] {
        ["arn", _, _, _, _, named] => named.to_owned(),
        _ => text.to_owned(),
    }
}

/// The steps that do something, each with an arrow to what it waits for.
pub fn plan_graph(plan: &Plan, language: Language) -> String {
    let changes = Plan {
        steps: plan.changes().cloned().collect(),
        refusals: Vec::new(),
    };
    let drawn = changes.graph();
    let label = |id: &LogicalId| {
        let step = changes.steps.iter().find(|step| &step.id == id);
        step.map_or_else(
            || id.to_string(),
            |step| format!("{} {id}", step.action.sign()),
        )
    };
    match language {
        Language::Dot => graph::dot(&drawn, label),
        Language::Mermaid => graph::mermaid(&drawn, label),
    }
}
