//! CloudFormation templates.

use super::reader::{Reader, wrong_type};
use super::texts;
use crate::stack::checker::Checker;
use crate::stack::error::{Code, StackError};
use crate::stack::fields::TEMPLATE;
use crate::stack::model::Template;
use crate::stack::names;
use crate::stack::source::{Entry, Node};
use crate::stack::suggest::{did_you_mean, quoted};

/// What CloudFormation wants consent to.
pub(in crate::stack) const CAPABILITIES: [&str; 3] = [
    "CAPABILITY_IAM",
    "CAPABILITY_NAMED_IAM",
    "CAPABILITY_AUTO_EXPAND",
];

pub(super) fn read(cx: &Checker<'_>, entry: &Entry, path: &[&str]) -> Option<Template> {
    let reader = Reader::open(cx, entry, path, &TEMPLATE)?;
    let found = cx.template(&entry.key.value);
    let found = found.as_deref();
    let template = Template {
        name: entry.key.value.clone(),
        file: reader.text("file").unwrap_or_default().into(),
        parameters: texts(&reader, "parameters", |name| {
            (Code::BadName, names::parameter(name))
        }),
        capabilities: capabilities(cx, &reader),
        // A template that was refused has had its error.
        body: found.map_or_else(String::new, |file| file.body.clone()),
        resources: found.map_or_else(Vec::new, |file| file.resources.clone()),
        outputs: found.map_or_else(Vec::new, |file| file.outputs.clone()),
    };
    reader.finish();
    Some(template)
}

fn capabilities(cx: &Checker<'_>, reader: &Reader<'_, '_>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for item in reader.list("capabilities") {
        let Node::Text(word) = &item.value else {
            let help = format!("write {}", quoted(CAPABILITIES));
            cx.push(wrong_type(
                item.mark(),
                "a capability",
                "text",
                &item.value,
                &help,
            ));
            cx.unsound(&reader.path("capabilities"));
            continue;
        };
        if !CAPABILITIES.contains(&word.as_str()) {
            let help = did_you_mean(word, CAPABILITIES, || {
                format!("use one of {}", quoted(CAPABILITIES))
            });
            cx.push(
                StackError::new(
                    Code::UnknownValue,
                    format!("there is no capability `{word}`"),
                    help,
                )
                .at(item.span, "unknown capability"),
            );
            cx.unsound(&reader.path("capabilities"));
        } else if !all.contains(word) {
            all.push(word.clone());
        }
    }
    all
}
